"""How long one callback holds the service's event loop, in CPU time of its thread, while the service is loaded.

The service is the real one, in a process of its own, before the sandbox's central signer and authority; only the method of
asyncio that runs callbacks is measured. Requests of every kind come at once: small documents in every form, large ones raw and
as JSON, a hundred digests a call, lists, and such that are refused. The goal is 10 ms; a longer one ends the command with 1.

    .venv/bin/python -m benchmarks.event_loop [--json FILE] [--seconds N] [--connections N] [--only NAME]
"""

import argparse
import asyncio
import base64
import hashlib
import heapq
import json
import os
import platform
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from proxy.app import serve
from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.invoice import make_invoice
from proxy.sandbox.run import running_sandbox
from proxy.settings import load_settings

GOAL_MS = 10.0
SHOWN = 8
CERTIFICATE = "legal-person-rsa"

Request = Callable[[aiohttp.ClientSession], Awaitable[int]]


class Watch:
    """Measures every callback of the event loop; keeps the longest."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest: list[tuple[float, str]] = []

    def install(self) -> None:
        run = asyncio.Handle._run  # noqa: SLF001 - the one place through which every callback passes

        def measured(handle: asyncio.Handle) -> None:
            begun = time.thread_time()
            run(handle)
            took = time.thread_time() - begun
            self.count += 1
            self.total += took
            if len(self.longest) < SHOWN or took > self.longest[0][0]:
                entry = (took, _name(handle))
                (heapq.heappush if len(self.longest) < SHOWN else heapq.heapreplace)(self.longest, entry)

        asyncio.Handle._run = measured  # type: ignore[method-assign]  # noqa: SLF001 - see above

    def report(self) -> dict[str, object]:
        longest = [
            {"milliseconds": round(took * 1000, 2), "callback": name} for took, name in sorted(self.longest, reverse=True)
        ]
        return {"callbacks": self.count, "seconds": round(self.total, 2), "longest": longest}


def _name(handle: asyncio.Handle) -> str:
    callback = handle._callback  # type: ignore[attr-defined]  # noqa: SLF001 - for its name alone
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return f"task {getattr(task.get_coro(), '__qualname__', '?')} at {_place(task)}"
    return str(getattr(callback, "__qualname__", callback))[:120]


def _place(task: "asyncio.Task[object]") -> str:
    """Where it waits now: just behind what took so long."""
    stack = task.get_stack(limit=1)
    return f"{Path(stack[0].f_code.co_filename).name}:{stack[0].f_lineno}" if stack else "its end"


def watched_service(settings: Path, report: Path) -> int:
    """Serve until SIGTERM, then tell what was measured from the first SIGUSR1 on."""
    watch = Watch()

    def begin(_number: int, _frame: object) -> None:
        watch.count, watch.total = 0, 0.0
        watch.longest.clear()

    signal.signal(signal.SIGUSR1, begin)
    watch.install()
    try:
        return serve(load_settings(settings))
    finally:
        report.write_text(json.dumps(watch.report()), encoding="utf-8")


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


async def load(info: SandboxInfo, url: str, document: bytes, arguments: argparse.Namespace) -> Counter[str]:
    """Ask for everything in turn, on so many connections, for so long; gives how often each was answered how."""
    kinds = [(name, ask) for name, ask in requests(document).items() if arguments.only in (None, name)]
    tls = ssl.create_default_context(cafile=info.ca_file)
    tls.load_cert_chain(info.client_certificate, info.client_key)
    answered: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        for name, ask in kinds:
            answered[f"{name}: {await ask(session)}"] += 1
        os.kill(int(os.environ["WATCHED"]), signal.SIGUSR1)
        end = time.monotonic() + arguments.seconds

        async def work(number: int) -> None:
            turn = number
            while time.monotonic() < end:
                name, ask = kinds[turn % len(kinds)]
                answered[f"{name}: {await ask(session)}"] += 1
                turn += 1

        await asyncio.gather(*(work(number) for number in range(arguments.connections)))
    return answered


def measure(arguments: argparse.Namespace) -> tuple[dict[str, object], Counter[str]]:
    """The report of the watched service, and what it was asked."""
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name) / "state") as info:
        folder = Path(name)
        make_invoice(folder / "invoice.pdf", datetime.now(UTC).date())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = Path(name) / "state" / "proxy.toml"
        overlay = {
            "SIGNPROXY__LISTENER__PORT": str(port),
            "SIGNPROXY__ADMIN__PORT": "0",
            "SIGNPROXY__STORES__TRANSACTION_LOG": json.dumps(str(folder / "transactions.sqlite")),
            "SIGNPROXY__STORES__IDEMPOTENCY": json.dumps(str(folder / "idempotency.sqlite")),
            "SIGNPROXY__LOG__LEVEL": '"error"',
        }
        report = folder / "report.json"
        command = [sys.executable, "-m", "benchmarks.event_loop", "--watch", str(settings), str(report)]
        process = subprocess.Popen(command, env=os.environ | overlay)
        try:
            os.environ["WATCHED"] = str(process.pid)
            asyncio.run(_until_it_serves(info, f"https://127.0.0.1:{port}", process))
            document = (folder / "invoice.pdf").read_bytes()
            answered = asyncio.run(load(info, f"https://127.0.0.1:{port}", document, arguments))
        finally:
            process.terminate()
            process.wait(60)
        return json.loads(report.read_bytes()), answered


async def _until_it_serves(info: SandboxInfo, url: str, process: "subprocess.Popen[bytes]") -> None:
    tls = ssl.create_default_context(cafile=info.ca_file)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=tls)) as session:
        while process.poll() is None:
            try:
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass  # not there yet
            await asyncio.sleep(0.1)
    raise SystemExit("the service did not start")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="The longest callback on the service's event loop under load.")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", metavar="NAME", help="one kind of request instead of all, by its name in the output")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--watch", nargs=2, type=Path, metavar=("SETTINGS", "REPORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        return watched_service(*arguments.watch)
    report, answered = measure(arguments)
    for name, count in sorted(answered.items()):
        print(f"  {count:6} × {name}")
    longest = report["longest"]
    assert isinstance(longest, list)
    print(f"{report['callbacks']} callbacks, {report['seconds']} s of CPU; the longest:")
    for entry in longest:
        print(f"  {entry['milliseconds']:7.2f} ms  {entry['callback']}")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "answered": answered, **report}, indent=1) + "\n")
    return int(longest[0]["milliseconds"] > GOAL_MS)


if __name__ == "__main__":
    sys.exit(main())
