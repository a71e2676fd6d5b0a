"""What the port costs on the way to a PKCS #11 token: signatures a second through it, against bare python-pkcs11.

The token is SoftHSM's. All sides sign with the same keys in as many processes, each with one session, for 32 callers at a time
who want one signature each, or 25. They are

- the port as a key backend has it (``signers.pkcs11``), and as operations have it (``signers.verified``): there each value is
  verified besides, which on P-256 takes more time than to make it;
- bare python-pkcs11 driven the same way from one asyncio program: each caller's digests are handed to a pool of processes of
  ``concurrent.futures``, whose functions call the key's ``sign``;
- and in loops that sign for nobody: the most that the token gives.

They run in turns, many times; what counts are ratios of their medians: of signatures a second, and of the processor's time for
one, which other work on the machine changes less. Here the token's work is the processor's too, and what a side costs is taken
from it. A token in hardware leaves the processor to the port.

    .venv/bin/python -m benchmarks.pkcs11 [--json FILE] [--rounds N] [--processes N] [--seconds N]
"""

import argparse
import asyncio
import dataclasses
import functools
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import psutil

from proxy.call import Call, Deadline
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.outbound import Links
from proxy.ports import SystemClock
from proxy.settings import PKCS11Settings
from proxy.signers.bindings import Binding
from proxy.signers.keyed import KeyedSigner
from proxy.signers.pkcs11.keys import PKCS11Keys
from proxy.signers.verified import VerifiedSigner
from tests.support.keys import PrivateKey, ec_key, rsa_key, self_signed
from tests.support.softhsm import MODULE, PIN, SoftHSM

LABEL = "benchmark"
AT_ONCE = 32
BATCHES = (1, 25)
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


def sign_all_barely(kind: str, digests: list[bytes]) -> list[bytes]:
    """What a caller wants, in a process of the bare sides."""
    return [sign_barely(kind, digest) for digest in digests]


def loop_barely(kind: str, count: int) -> int:
    """The same, so often."""
    return sum(bool(sign_barely(kind, bytes(32))) for _ in range(count))


@contextmanager
def bare_processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes, each of which has its session."""
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=session) as pool:
        list(pool.map(time.sleep, [0.5] * count))  # each is there before the first signature
        yield pool


async def sdk_rate(pool: ProcessPoolExecutor, kind: str, count: int, batch: int) -> "Rate":
    """Of bare python-pkcs11 for many callers at a time, handed over and back."""
    loop = asyncio.get_running_loop()

    async def ask(digests: list[Digest]) -> int:
        values = await loop.run_in_executor(pool, sign_all_barely, kind, [digest.value for digest in digests])
        return len(values)

    return await rate(ask, count, batch)


def loop_rate(pool: ProcessPoolExecutor, kind: str, count: int, processes: int) -> "Rate":
    """Of loops, all processes together."""
    with timed() as passed:
        made = sum(pool.map(loop_barely, [kind] * processes, [count // processes] * processes))
    return passed.rate(made)


async def port_rate(keys: PKCS11Keys, kind: str, count: int, batch: int) -> "Rate":
    """Of the key backend."""
    key = await keys.get_key(new_call(), f"pkcs11:object={kind}")

    async def ask(digests: list[Digest]) -> int:
        return len(await keys.sign(new_call(), key, KINDS[kind][1], digests))

    return await rate(ask, count, batch)


async def verified_rate(signer: VerifiedSigner, credential: Credential, count: int, batch: int) -> "Rate":
    """As operations have it."""
    sign_algorithm = credential.sign_algorithms[0]

    async def ask(digests: list[Digest]) -> int:
        return len(await signer.sign_digests(new_call(), credential, sign_algorithm, digests))

    return await rate(ask, count, batch)


@dataclass(frozen=True)
class Rate:
    """Signatures a second, and milliseconds of the processor for one."""

    per_second: float
    cpu: float


@dataclass
class Passed:
    """Seconds, by the wall and of the processor."""

    wall: float = 0.0
    cpu: float = 0.0

    def rate(self, made: int) -> Rate:
        return Rate(made / self.wall, 1000 * self.cpu / made)


def cpu_seconds() -> float:
    """Of this process and the others."""
    others = [child.cpu_times() for child in psutil.Process().children()]
    return time.process_time() + sum(times.user + times.system for times in others)


@contextmanager
def timed() -> Iterator[Passed]:
    """What passes in the block."""
    passed = Passed()
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield passed
    passed.wall, passed.cpu = time.perf_counter() - wall, cpu_seconds() - cpu


async def rate(ask: Callable[[list[Digest]], Awaitable[int]], count: int, batch: int) -> Rate:
    """For callers of so many digests each, many at a time."""
    digests = [Digest.of(number.to_bytes(4), HashAlgorithm.SHA256) for number in range(count)]
    waiting = iter([digests[start : start + batch] for start in range(0, count, batch)])

    async def work() -> int:
        return sum([await ask(some) for some in waiting])

    with timed() as passed:
        made = await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    assert sum(made) == count
    return passed.rate(count)


def new_call() -> Call:
    return Call("benchmark", "", "hash", SystemClock().now(), Deadline.after(60))


Rates = dict[str, list[Rate]]


async def measure(hsm: SoftHSM, arguments: argparse.Namespace) -> dict[str, dict[int, Rates]]:
    processes = arguments.processes
    clock, links = SystemClock(), Links()
    keys = PKCS11Keys(PKCS11Settings.model_validate(hsm.settings(processes=processes)), clock, links)
    bindings = [Binding(kind, f"pkcs11:object={kind}", self_signed(key), ()) for kind, (key, *_) in KINDS.items()]
    signer = KeyedSigner(keys, bindings, None, clock)
    verified = VerifiedSigner(signer, 0.005, links)
    rates: dict[str, dict[int, Rates]] = {kind: {} for kind in KINDS}
    try:
        await signer.start()
        while len(keys.pids) < processes:  # noqa: ASYNC110 - nobody else needs to know
            await asyncio.sleep(0.1)
        with bare_processes(processes) as bare:
            for kind, (_, _, per_second) in KINDS.items():
                credential = await signer.get_credential(new_call(), kind)
                for batch in BATCHES:
                    sides: Rates = {"port": [], "verified": [], "sdk": [], "loops": []}
                    for turn in range(arguments.rounds + 1):
                        count = int(per_second * arguments.seconds) if turn else 200
                        once = (
                            await port_rate(keys, kind, count, batch),
                            await verified_rate(verified, credential, count, batch),
                            await sdk_rate(bare, kind, count, batch),
                            await asyncio.to_thread(loop_rate, bare, kind, count, processes),
                        )
                        if turn:  # the first is for warming up
                            for side, found in zip(sides.values(), once, strict=True):
                                side.append(found)
                    rates[kind][batch] = sides
    finally:
        await signer.close()
    return rates


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Signatures a second through the PKCS #11 port and by bare python-pkcs11.")
    parser.add_argument("--rounds", type=int, default=9)
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
    for kind, batches in rates.items():
        for batch, sides in batches.items():
            rates_of = {side: statistics.median(one.per_second for one in found) for side, found in sides.items()}
            cpu_of = {side: statistics.median(one.cpu for one in found) for side, found in sides.items()}
            print(f"PKCS #11, {kind}, {arguments.processes} processes, callers of {batch}: port {rates_of['port']:.0f}/s")
            for side in ("port", "verified"):
                for bare, says in (("sdk", "python-pkcs11 driven the same way"), ("loops", "its loops")):
                    by_rate, by_cpu = rates_of[side] / rates_of[bare], cpu_of[bare] / cpu_of[side]
                    print(f"    {side:8} {by_rate:.2f} of {says}, by the processor's time {by_cpu:.2f}")
    print("Read the ratios: all sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        found = json.dumps({"machine": machine, "signatures": rates}, indent=1, default=dataclasses.asdict)
        arguments.json.write_text(found + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
