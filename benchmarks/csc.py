"""What the port costs on the way to a CSC provider: signatures a second through it, against bare HTTP calls of the same shape.

All sides make the two exchanges of a signature, `credentials/authorize` and `signatures/signHash`, over mutual TLS, on as many
connections, with one server of ours on loopback, in a process of its own, that answers with made-up values: at once, so that
what is compared is what the client side costs, and after 20 ms, as a provider with an HSM might. The bare sides post JSON and
bound, check and record nothing: one by urllib3 on threads, which is what Amazon's SDK stands on (`benchmarks.kms`), one by
aiohttp, which is what the port stands on. They run in turns, several times; what counts is the ratio of their medians.

    .venv/bin/python -m benchmarks.csc [--json FILE] [--rounds N] [--connections N] [--signatures N]
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import platform
import ssl
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import urllib3
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proxy.call import Call, Deadline
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.ports import SystemClock
from proxy.settings import CSCSettings
from proxy.signers.csc import CSCSigner
from tests.support.keys import ec_key, self_signed
from tests.support.tls_files import TLSFiles, make_tls_files

CREDENTIAL_ID = "GX0112348"
SHA256, ECDSA = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2"
HEADERS = {"Authorization": "Bearer " + "t" * 43}
PIN, SECRET = "12345678", "c2VjcmV0IG9mIHRoZSBjbGllbnQ"


def serve(pipe: Connection, tls: TLSFiles, certificate: bytes, seconds: float) -> None:
    """A provider as far as it is needed, on a free port of loopback."""
    encoded = base64.b64encode(certificate).decode()
    made_up = encode_dss_signature(1 << 254, 1 << 253)
    answers = {
        "/oauth2/token": {"access_token": "t" * 43, "token_type": "Bearer", "expires_in": 3600},
        "/csc/v2/credentials/info": {
            "key": {"status": "enabled", "algo": [ECDSA], "len": 256},
            "cert": {"certificates": [encoded]},
            "auth": {"mode": "explicit"},
            "SCAL": "2",
            "multisign": 100,
        },
        "/csc/v2/credentials/authorize": {"SAD": "s" * 43, "expiresIn": 300},
        "/csc/v2/signatures/signHash": {"signatures": [base64.b64encode(made_up).decode()]},
    }
    bodies = {path: json.dumps(members).encode() for path, members in answers.items()}

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        return web.Response(body=bodies[request.path], content_type="application/json")

    async def run() -> None:
        application = web.Application()
        application.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        context = tls.server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def digests(count: int) -> list[Digest]:
    return [Digest.of(number.to_bytes(4), HashAlgorithm.SHA256) for number in range(count)]


def authorizing(digest: Digest) -> dict[str, object]:
    return {**asking(digest), "numSignatures": 1, "authData": [{"id": "PIN", "value": PIN}]}


def asking(digest: Digest) -> dict[str, object]:
    hashed = base64.b64encode(digest.value).decode()
    return {"credentialID": CREDENTIAL_ID, "hashes": [hashed], "hashAlgorithmOID": SHA256}


def by_urllib3(pool: urllib3.PoolManager, threads: ThreadPoolExecutor, url: str, count: int) -> float:
    """Signatures a second by bare calls on a pool of threads."""

    def post(method: str, members: dict[str, object]) -> dict[str, object]:
        answer = pool.request("POST", f"{url}/{method}", json=members, headers=HEADERS)
        assert answer.status == 200
        got: dict[str, object] = answer.json()
        return got

    def sign(digest: Digest) -> object:
        authorized = post("credentials/authorize", authorizing(digest))
        asked = {**asking(digest), "signAlgo": ECDSA, "SAD": authorized["SAD"]}
        return post("signatures/signHash", asked)["signatures"]

    begun = time.perf_counter()
    assert all(threads.map(sign, digests(count)))
    return count / (time.perf_counter() - begun)


async def by_aiohttp(session: aiohttp.ClientSession, url: str, connections: int, count: int) -> float:
    """Signatures a second by as many workers in one event loop."""
    waiting = iter(digests(count))

    async def post(method: str, members: dict[str, object]) -> dict[str, object]:
        async with session.post(f"{url}/{method}", json=members, headers=HEADERS) as answer:
            answer.raise_for_status()
            got: dict[str, object] = await answer.json()
            return got

    async def work() -> None:
        for digest in waiting:
            authorized = await post("credentials/authorize", authorizing(digest))
            asked = {**asking(digest), "signAlgo": ECDSA, "SAD": authorized["SAD"]}
            signed = await post("signatures/signHash", asked)
            assert signed["signatures"]

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return count / (time.perf_counter() - begun)


async def through_the_port(signer: CSCSigner, credential: Credential, connections: int, count: int) -> float:
    """Signatures a second by as many calls of one digest at a time."""
    waiting = iter(digests(count))

    async def work() -> None:
        for digest in waiting:
            await signer.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, [digest])

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return count / (time.perf_counter() - begun)


def new_call() -> Call:
    return Call("benchmark", "", "hash", SystemClock().now(), Deadline.after(60))


async def measure(port: int, folder: Path, tls: TLSFiles, rounds: int, connections: int, count: int) -> dict[str, list[float]]:
    url = f"https://127.0.0.1:{port}/csc/v2"
    settings = CSCSettings.model_validate(
        {
            "url": url,
            "token_url": f"https://127.0.0.1:{port}/oauth2/token",
            "ca": tls.ca,
            "client_certificate": tls.client,
            "client_key": tls.client_key,
            "client_id": "benchmark",
            "client_secret": f"file:{folder / 'secret'}",
            "auth_data": {"PIN": f"file:{folder / 'pin'}"},
            "credentials": [{"id": CREDENTIAL_ID}],
        }
    )
    signer = CSCSigner(settings, connections, SystemClock())
    credential = await signer.get_credential(new_call(), CREDENTIAL_ID)
    context = ssl.create_default_context(cafile=tls.ca)
    context.load_cert_chain(tls.client, tls.client_key)
    rates: dict[str, list[float]] = {"port": [], "urllib3": [], "aiohttp": []}
    pool = urllib3.PoolManager(maxsize=connections, block=True, ssl_context=context)
    connector = aiohttp.TCPConnector(limit=connections, ssl=context)
    with ThreadPoolExecutor(connections) as threads:
        async with aiohttp.ClientSession(connector=connector) as session:
            for number in range(rounds + 1):
                once = {
                    "port": await through_the_port(signer, credential, connections, count),
                    "urllib3": await asyncio.to_thread(by_urllib3, pool, threads, url, count),
                    "aiohttp": await by_aiohttp(session, url, connections, count),
                }
                if number:  # the first is for warming up
                    for side, rate in once.items():
                        rates[side].append(rate)
    pool.clear()
    await signer.close()
    return rates


def run(seconds: float, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Both sides against a server that takes so long for an answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pin").write_text(PIN)
        (folder / "secret").write_text(SECRET)
        tls = make_tls_files(folder)
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        server = context.Process(target=serve, args=(there, tls, self_signed(ec_key()), seconds), daemon=True)
        server.start()
        try:
            port = here.recv()
            return asyncio.run(measure(port, folder, tls, arguments.rounds, arguments.connections, arguments.signatures))
        finally:
            server.kill()
            server.join()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Signatures a second through the CSC port and by bare HTTP calls.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=30)
    parser.add_argument("--signatures", type=int, default=600)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {}
    for says, seconds in (("at once", 0.0), ("in 20 ms", 0.02)):
        found[says] = rates = run(seconds, arguments)
        port, threads, loop = (statistics.median(rates[side]) for side in ("port", "urllib3", "aiohttp"))
        print(
            f"CSC, {arguments.connections} at a time, answers {says:8}: port {port:.0f}/s   urllib3 {threads:.0f}/s"
            f" (ratio {port / threads:.2f})   aiohttp {loop:.0f}/s (ratio {port / loop:.2f})"
        )
    print("Read the ratios: all sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "signatures_per_second": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
