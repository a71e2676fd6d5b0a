"""What it pays to send the digests of concurrent calls together, and that a lone call loses nothing by it.

The service is the real one, before the sandbox's central signer, with a relay between that holds back every byte for half of an
artificial round trip. Callers ask for hash signatures, one digest each, as fast as they are answered. One service has
``limits.coalesce_milliseconds`` as it is by default, another one 0; they are asked in turns.

    .venv/bin/python -m benchmarks.coalescing [--json FILE] [--rounds N] [--seconds N] [--milliseconds N] [--callers N ...]
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import platform
import secrets
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from proxy.sandbox.info import SandboxInfo
from proxy.sandbox.run import running_sandbox

CERTIFICATE = "legal-person-rsa"
WAYS = {"together": {}, "alone": {"SIGNPROXY__LIMITS__COALESCE_MILLISECONDS": "0"}}
"""Settings beside those that both have."""


@asynccontextmanager
async def relay(url: str, milliseconds: float) -> AsyncIterator[int]:
    """Hand on what goes to and comes from an address, half of the round trip later; gives the port to go to instead."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    one_way = milliseconds / 2000

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                # Bytes do not wait for those before them to arrive.
                loop.call_later(one_way, writer.write, data)
        loop.call_later(one_way, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(parts.hostname, parts.port)
        with suppress(asyncio.CancelledError):  # at the end, when all is measured
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def service(info: SandboxInfo, folder: Path, central_port: int, way: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A proxy before the relay, and its client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    overlay = {
        "SIGNPROXY__LISTENER__PORT": str(port),
        "SIGNPROXY__ADMIN__PORT": "0",
        "SIGNPROXY__CENTRAL__URL": json.dumps(f"https://127.0.0.1:{central_port}"),
        "SIGNPROXY__STORES__TRANSACTION_LOG": json.dumps(str(folder / f"{way}.sqlite")),
        "SIGNPROXY__STORES__IDEMPOTENCY": json.dumps(str(folder / f"{way}-idempotency.sqlite")),
        "SIGNPROXY__ENGINE__PROCESSES": "1",
        # As many as there are callers, of whom the central signer lets in 30 at a time.
        "SIGNPROXY__LIMITS__REQUESTS_IN_FLIGHT": "1000",
        "SIGNPROXY__LIMITS__PER_CLIENT": "1000",
        "SIGNPROXY__LOG__LEVEL": '"error"',
        **WAYS[way],
    }
    command = [sys.executable, "-m", "proxy", "serve", "--settings", str(info.settings["proxy"])]
    process = subprocess.Popen(command, env=os.environ | overlay)  # noqa: ASYNC220 - at the start, when nothing is measured
    tls = ssl.create_default_context(cafile=info.ca_file)
    tls.load_cert_chain(info.client_certificate, info.client_key)
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    try:
        async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=connector) as session:
            while process.poll() is None:
                with suppress(aiohttp.ClientError):
                    async with session.get("/readyz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.1)
            yield session
    finally:
        process.terminate()
        process.wait(60)


@dataclass
class Run:
    """What was measured of one way with so many callers.

    Attributes:
        signatures_per_second: As said.
        milliseconds: Median of what a caller waited.
        digests_per_question: How many digests the central signer had at a time, in the mean.
    """

    signatures_per_second: float
    milliseconds: float
    digests_per_question: float


async def ask(session: aiohttp.ClientSession) -> float:
    """One hash signature; gives the seconds it took."""
    digest = base64.b64encode(hashlib.sha256(secrets.token_bytes(16)).digest()).decode()
    body = {
        "certificateId": CERTIFICATE,
        "hashAlgorithm": "SHA-256",
        "signAlgorithm": "RSASSA-PKCS1-v1_5",
        "hashes": [digest],
    }
    begun = time.perf_counter()
    async with session.post("/v1/signatures/hash", json=body) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()
    return time.perf_counter() - begun


async def run(session: aiohttp.ClientSession, log: Path, callers: int, seconds: float) -> Run:
    """Have so many callers ask for so long."""
    took: list[float] = []
    before, begun = questions(log), time.perf_counter()

    async def call() -> None:
        while time.perf_counter() - begun < seconds:
            took.append(await ask(session))

    await asyncio.gather(*(call() for _ in range(callers)))
    elapsed = time.perf_counter() - begun
    return Run(len(took) / elapsed, statistics.median(took) * 1000, len(took) / (questions(log) - before))


def questions(log: Path) -> int:
    """How many the central signer had up to now, by its own transaction log."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT COUNT(DISTINCT transaction_id) FROM record").fetchone()[0])


async def measure(info: SandboxInfo, folder: Path, arguments: argparse.Namespace) -> dict[int, dict[str, list[Run]]]:
    """All runs by number of callers and way."""
    found: dict[int, dict[str, list[Run]]] = {callers: {way: [] for way in WAYS} for callers in arguments.callers}
    log = info.transaction_logs["central"]
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(relay(info.central, arguments.milliseconds))
        sessions = {way: await stack.enter_async_context(service(info, folder, port, way)) for way in WAYS}
        for session in sessions.values():
            await run(session, log, max(arguments.callers), 1)  # connections are open, and caches filled
        for _ in range(arguments.rounds):
            for callers in arguments.callers:
                for way, session in sessions.items():
                    found[callers][way].append(await run(session, log, callers, arguments.seconds))
    return found


def main() -> int:
    """Run and print; 1 where coalescing costs more than it brings."""
    parser = argparse.ArgumentParser(description="Hash signatures a second, digests together and each alone.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each run")
    parser.add_argument("--milliseconds", type=float, default=150, help="the artificial round trip to the central signer")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32, 96])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name) / "state") as info:
        found = asyncio.run(measure(info, Path(name), arguments))
    print(f"Hash signatures over a round trip of {arguments.milliseconds:g} ms, 30 questions at a time to the central signer:")
    ratios = {}
    for callers, ways in found.items():
        middle = {way: statistics.median(one.signatures_per_second for one in runs) for way, runs in ways.items()}
        ratios[callers] = middle["together"] / middle["alone"]
        for way, runs in ways.items():
            waited = statistics.median(one.milliseconds for one in runs)
            many = statistics.median(one.digests_per_question for one in runs)
            print(
                f"  {callers:4} callers, {way:8}: {middle[way]:6.0f}/s, each {waited:5.0f} ms, {many:4.1f} digests a question"
            )
        print(f"       ratio {ratios[callers]:.2f}")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        told = {
            str(callers): {way: [asdict(one) for one in runs] for way, runs in ways.items()} for callers, ways in found.items()
        }
        report = {"machine": machine, "milliseconds": arguments.milliseconds, "runs": told}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(max(ratios.values()) < 1 or ratios.get(1, 1.0) < 0.95)


if __name__ == "__main__":
    sys.exit(main())
