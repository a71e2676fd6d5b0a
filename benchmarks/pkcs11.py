"""What the port costs on the way to a PKCS #11 token: signatures a second through it, against bare python-pkcs11.

The token is SoftHSM's. All sides sign with the same keys in as many processes, each with one session. Bare python-pkcs11 is
there twice: behind a pool of processes of ``concurrent.futures``, which like the port hands digests over and values back, and
in loops that sign for nobody. They run in turns, many times; what counts is the ratio of their medians.

Here the token's work is the processor's too, and what a side costs is taken from it. A token in hardware leaves the processor
to the port.

    .venv/bin/python -m benchmarks.pkcs11 [--json FILE] [--rounds N] [--processes N] [--seconds N]
"""

import argparse
import asyncio
import functools
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11

from proxy.call import Call, Deadline
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.ports import SystemClock
from proxy.settings import PKCS11Settings
from proxy.signers.pkcs11.keys import PKCS11Keys
from tests.support.keys import PrivateKey, ec_key, rsa_key
from tests.support.softhsm import MODULE, PIN, SoftHSM

LABEL = "benchmark"
AT_ONCE = 32
KINDS: dict[str, tuple[PrivateKey, SignAlgorithm, int]] = {
    "RSA-2048": (rsa_key(2048), SignAlgorithm.RSASSA_PKCS1_V1_5, 1500),
    "RSA-3072": (rsa_key(3072), SignAlgorithm.RSASSA_PKCS1_V1_5, 500),
    "P-256": (ec_key("secp256r1"), SignAlgorithm.ECDSA, 8000),
}
"""Keys, what they sign by, and about how many signatures a second make a round of as many seconds as asked for."""

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@functools.cache
def session() -> Any:
    """Of a process of the bare sides: one, and one login."""
    return pkcs11.lib(str(MODULE)).get_token(token_label=LABEL).open(rw=True, user_pin=PIN)


@functools.cache
def held(kind: str) -> Any:
    """A key, looked up once."""
    return session().get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=kind)


def sign_barely(kind: str, digest: bytes) -> bytes:
    """In a process of the bare sides."""
    if kind == "P-256":
        return bytes(held(kind).sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
    return bytes(held(kind).sign(DIGEST_INFO + digest, mechanism=pkcs11.Mechanism.RSA_PKCS))


def loop_barely(kind: str, count: int) -> int:
    """The same, so often."""
    return sum(bool(sign_barely(kind, bytes(32))) for _ in range(count))


@contextmanager
def bare_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes, each of which has its session."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=session) as pool:
        list(pool.map(time.sleep, [0.5] * count))  # each is there before the first signature
        yield pool


def pool_rate(pool: ProcessPoolExecutor, kind: str, count: int) -> float:
    """Signatures a second, each handed over and back."""
    digests = [Digest.of(number.to_bytes(4), HashAlgorithm.SHA256).value for number in range(count)]
    begun = time.perf_counter()
    assert len(list(pool.map(sign_barely, [kind] * count, digests))) == count
    return count / (time.perf_counter() - begun)


def loop_rate(pool: ProcessPoolExecutor, kind: str, count: int, processes: int) -> float:
    """Signatures a second in loops, all processes together."""
    begun = time.perf_counter()
    made = sum(pool.map(loop_barely, [kind] * processes, [count // processes] * processes))
    return made / (time.perf_counter() - begun)


async def port_rate(keys: PKCS11Keys, kind: str, count: int) -> float:
    """Signatures a second, by calls of one digest each, many at a time."""
    key = await keys.get_key(new_call(), f"pkcs11:object={kind}")
    waiting = iter(range(count))

    async def work() -> None:
        for number in waiting:
            await keys.sign(new_call(), key, KINDS[kind][1], [Digest.of(number.to_bytes(4), HashAlgorithm.SHA256)])

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - begun)


def new_call() -> Call:
    return Call("benchmark", "", "hash", SystemClock().now(), Deadline.after(60))


async def measure(hsm: SoftHSM, arguments: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    processes = arguments.processes
    keys = PKCS11Keys(PKCS11Settings.model_validate(hsm.settings(processes=processes)), SystemClock())
    rates: dict[str, dict[str, list[float]]] = {}
    try:
        await keys.start()
        while len(keys.pids) < processes:  # noqa: ASYNC110 - nobody else needs to know
            await asyncio.sleep(0.1)
        with bare_processes(processes) as bare:
            for kind, (_, _, per_second) in KINDS.items():
                sides: dict[str, list[float]] = {"port": [], "pool": [], "loop": []}
                for turn in range(arguments.rounds + 1):
                    count = int(per_second * arguments.seconds) if turn else 200
                    once = (
                        await port_rate(keys, kind, count),
                        await asyncio.to_thread(pool_rate, bare, kind, count),
                        await asyncio.to_thread(loop_rate, bare, kind, count, processes),
                    )
                    if turn:  # the first is for warming up
                        for side, rate in zip(sides.values(), once, strict=True):
                            side.append(rate)
                rates[kind] = sides
    finally:
        await keys.close()
    return rates


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Signatures a second through the PKCS #11 port and by bare python-pkcs11.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder) / "hsm")
        hsm.add_token(LABEL)
        for number, (kind, (key, *_)) in enumerate(KINDS.items()):
            hsm.add_key(LABEL, key, kind, bytes([number]))
        os.environ.update(hsm.environment)
        rates = asyncio.run(measure(hsm, arguments))
    for kind, sides in rates.items():
        port, pool, loop = (statistics.median(sides[side]) for side in ("port", "pool", "loop"))
        what = f"PKCS #11, {kind}, {arguments.processes} processes: port {port:.0f}/s"
        print(f"{what}   python-pkcs11 {pool:.0f}/s, ratio {port / pool:.2f}   in loops {loop:.0f}/s, ratio {port / loop:.2f}")
    print("Read the ratios: all sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "signatures_per_second": rates}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
