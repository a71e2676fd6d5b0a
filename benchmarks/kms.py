"""What the port costs on the way to AWS KMS: signatures a second through it, against Amazon's own SDK on as many threads.

Both sides ask one server of ours on loopback, in a process of its own, that answers at once with a made-up value, so that what
is compared is what the client side costs. They run in turns, several times; what counts is the ratio of their medians.

    .venv/bin/python -m benchmarks.kms [--json FILE] [--rounds N] [--threads N] [--signatures N]
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
from aiohttp import web
from botocore.config import Config
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.call import Call, Deadline
from proxy.model import Digest, HashAlgorithm, HeldKey, SignAlgorithm
from proxy.ports import SystemClock
from proxy.settings import KMSSettings
from proxy.signers.kms import KMSKeys
from tests.support.keys import ec_key

REGION = "eu-central-1"
KEY_ID = "11111111-1111-4111-8111-111111111111"
ARN = f"arn:aws:kms:{REGION}:111122223333:key/{KEY_ID}"
ALGORITHM = "ECDSA_SHA_256"


def serve(pipe: Connection) -> None:
    """KMS as far as it is needed, on a free port of loopback."""
    public = ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    described = {"Arn": ARN, "KeyId": KEY_ID, "KeyUsage": "SIGN_VERIFY", "KeyState": "Enabled", "KeySpec": "ECC_NIST_P256"}
    answers = {
        "DescribeKey": {"KeyMetadata": described},
        "GetPublicKey": {
            "KeyId": ARN,
            "PublicKey": base64.b64encode(public).decode(),
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": [ALGORITHM],
        },
        "Sign": {"KeyId": ARN, "Signature": base64.b64encode(bytes(70)).decode(), "SigningAlgorithm": ALGORITHM},
    }
    bodies = {action: json.dumps(members).encode() for action, members in answers.items()}

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        action = request.headers["X-Amz-Target"].rpartition(".")[2]
        return web.Response(body=bodies[action], content_type="application/x-amz-json-1.1")

    async def run() -> None:
        application = web.Application()
        application.router.add_post("/", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def digests(count: int) -> list[Digest]:
    return [Digest.of(number.to_bytes(4), HashAlgorithm.SHA256) for number in range(count)]


def bare(client: Any, pool: ThreadPoolExecutor, count: int) -> float:
    """Signatures a second by the SDK's client on a pool of threads."""

    def sign(digest: Digest) -> bytes:
        answer = client.sign(KeyId=ARN, Message=digest.value, MessageType="DIGEST", SigningAlgorithm=ALGORITHM)
        return bytes(answer["Signature"])

    begun = time.perf_counter()
    assert len(list(pool.map(sign, digests(count)))) == count
    return count / (time.perf_counter() - begun)


async def through_the_port(keys: KMSKeys, key: HeldKey, threads: int, count: int) -> float:
    """Signatures a second by as many calls of one digest at a time."""
    waiting = iter(digests(count))

    async def work() -> None:
        for digest in waiting:
            await keys.sign(new_call(), key, SignAlgorithm.ECDSA, [digest])

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(threads)))
    return count / (time.perf_counter() - begun)


def new_call() -> Call:
    return Call("benchmark", "", "hash", SystemClock().now(), Deadline.after(60))


async def measure(url: str, rounds: int, threads: int, count: int) -> dict[str, list[float]]:
    os.environ.update(AWS_ACCESS_KEY_ID="benchmark", AWS_SECRET_ACCESS_KEY="benchmark")
    client = boto3.client("kms", region_name=REGION, endpoint_url=url, config=Config(max_pool_connections=threads, proxies={}))
    keys = KMSKeys(KMSSettings(region=REGION, endpoint_url=url, keys=(KEY_ID,)), threads, SystemClock())
    key = await keys.get_key(new_call(), KEY_ID)
    rates: dict[str, list[float]] = {"port": [], "SDK": []}
    with ThreadPoolExecutor(threads) as pool:
        for number in range(rounds + 1):
            once = await through_the_port(keys, key, threads, count), await asyncio.to_thread(bare, client, pool, count)
            if number:  # the first is for warming up
                rates["port"].append(once[0])
                rates["SDK"].append(once[1])
    await keys.close()
    return rates


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Signatures a second through the KMS port and by the bare SDK.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=30)
    parser.add_argument("--signatures", type=int, default=600)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{here.recv()}"
        rates = asyncio.run(measure(url, arguments.rounds, arguments.threads, arguments.signatures))
    finally:
        server.kill()
        server.join()
    port, sdk = statistics.median(rates["port"]), statistics.median(rates["SDK"])
    print(f"AWS KMS, {arguments.threads} at a time: port {port:.0f}/s   SDK {sdk:.0f}/s   ratio {port / sdk:.2f}")
    print("Read the ratio: both sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "signatures_per_second": rates}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
