"""How long one callback holds the service's event loop, in CPU time of its thread, while the service is loaded.

The service is the real one, in a process of its own, before the sandbox's central signer and authority (see
``benchmarks.watched_service``). Requests of every kind come at once on 32 connections: small documents in every form, large
ones raw and as JSON, a hundred digests a call, lists, and such that are refused.

    .venv/bin/python -m benchmarks.event_loop
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from benchmarks.frame.case import Case, Goal, Measure, Sample, Sides
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Service, Surroundings
from proxy.sandbox.invoice import make_invoice

CONNECTIONS = 32
SECONDS, QUICK_SECONDS = 20.0, 4.0
LOADED = "longest callback"

Request = Callable[[aiohttp.ClientSession], Awaitable[int]]


def requests(document: bytes) -> dict[str, Request]:
    """What is asked, by name; each gives the status that came."""
    large = document + b"\n%" + random.randbytes(20_000_000).hex().encode()
    digests = [base64.b64encode(hashlib.sha256(bytes([number])).digest()).decode() for number in range(100)]
    as_json = json.dumps({"certificateId": CERTIFICATE, "document": base64.b64encode(large[:20_000_000]).decode()}).encode()
    hashes = {"certificateId": CERTIFICATE, "hashAlgorithm": "SHA-256", "signAlgorithm": "RSASSA-PKCS1-v1_5"}

    def signing(form: str, body: bytes, media_type: str = "application/pdf", **parameters: str) -> Request:
        async def ask(session: aiohttp.ClientSession) -> int:
            query = {"certificateId": CERTIFICATE, **parameters} if media_type == "application/pdf" else {}
            headers = {"Content-Type": media_type}
            async with session.post(f"/v1/signatures/{form}", params=query, data=body, headers=headers) as answer:
                async for _ in answer.content.iter_chunked(1 << 18):
                    pass
                return answer.status

        return ask

    async def hash_signatures(session: aiohttp.ClientSession) -> int:
        async with session.post("/v1/signatures/hash", json={**hashes, "hashes": digests}) as answer:
            await answer.read()
            return answer.status

    async def listing(session: aiohttp.ClientSession) -> int:
        async with session.get("/v1/operations") as answer:
            await answer.read()
            return answer.status

    return {
        "ES": signing("es", document),
        "ES-T": signing("es-t", document),
        "ES-T ltv": signing("es-t", document, ltv="true"),
        "MDP": signing("mdp", document),
        "ES-A": signing("es-a", document),
        "ES, 40 MB": signing("es", large),
        "ES, 27 MB as JSON": signing("es", as_json, "application/json"),
        "100 digests": hash_signatures,
        "list": listing,
        "no PDF": signing("es", b"no document"),
    }


async def load(around: Surroundings, service: Service, document: bytes) -> Counter[str]:
    """Ask for everything in turn, for so long; gives how often each was answered how."""
    kinds = list(requests(document).items())
    answered: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=0, ssl=around.client_tls())
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(service.url, connector=connector, timeout=timeout) as session:
        for name, ask in kinds:
            answered[f"{name}: {await ask(session)}"] += 1
        os.kill(service.pid, signal.SIGUSR1)
        end = time.monotonic() + (QUICK_SECONDS if around.quick else SECONDS)

        async def work(number: int) -> None:
            turn = number
            while time.monotonic() < end:
                name, ask = kinds[turn % len(kinds)]
                answered[f"{name}: {await ask(session)}"] += 1
                turn += 1

        await asyncio.gather(*(work(number) for number in range(CONNECTIONS)))
    return answered


def measure(around: Surroundings) -> Sample:
    """Load a service of its own, and tell of its longest callback; what else there was goes to standard error."""
    invoice, report = around.folder / "invoice.pdf", around.folder / "callbacks.json"
    make_invoice(invoice, datetime.now(UTC).date())

    def watched(settings: Path) -> list[str]:
        return ["-m", "benchmarks.watched_service", str(settings), str(report)]

    with around.service(watched) as service:
        answered = asyncio.run(load(around, service, invoice.read_bytes()))
    told = json.loads(report.read_bytes())
    for name, count in sorted(answered.items()):
        print(f"  {count:6} × {name}", file=sys.stderr)
    print(f"  {told['callbacks']} callbacks, {told['seconds']} s of CPU; the longest:", file=sys.stderr)
    for entry in told["longest"]:
        print(f"  {entry['milliseconds']:7.2f} ms  {entry['callback']}", file=sys.stderr)
    return Sample(cpu=told["longest"][0]["milliseconds"] / 1000)


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    yield {LOADED: lambda: measure(around)}


CASE = Case(
    name="event_loop",
    title="32 connections asking for everything at once: longest callback of the event loop",
    open=_open,
    goals=(Goal("≤ 10 ms of its thread's processor time", LOADED, Measure.CPU, 0.010),),
    tls=True,
    rounds=1,
    quick_rounds=1,
    warm_up=False,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
