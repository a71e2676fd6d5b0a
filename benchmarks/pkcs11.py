"""What the port costs on the way to a PKCS #11 token: signatures a second through it, against bare python-pkcs11.

The token is SoftHSM's. Both sides sign with the same keys in as many processes, each with one session; bare python-pkcs11
signs in a loop, with no event loop, no deadline and nobody who asked. They run in turns, several times; what counts is the
ratio of their medians. Here the token's work is the processor's too: what the port costs is taken from it. A token in hardware
leaves the processor to the port.

    .venv/bin/python -m benchmarks.pkcs11 [--json FILE] [--rounds N] [--processes N] [--seconds N]
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

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
KINDS: dict[str, tuple[PrivateKey, SignAlgorithm]] = {
    "RSA-2048": (rsa_key(2048), SignAlgorithm.RSASSA_PKCS1_V1_5),
    "RSA-3072": (rsa_key(3072), SignAlgorithm.RSASSA_PKCS1_V1_5),
    "P-256": (ec_key("secp256r1"), SignAlgorithm.ECDSA),
}
PER_SECOND = {"RSA-2048": 1000, "RSA-3072": 300, "P-256": 6000}
"""About what a processor does, so that a round takes about so many seconds as asked for."""

INPUT = {"RSA-2048": bytes(51), "RSA-3072": bytes(51), "P-256": bytes(32)}
"""Of a DigestInfo's length, and of a digest's."""


def sign_barely(pipe: Connection, ready: Barrier) -> None:
    """In a process of its own: sign so often with a key, whenever told to."""
    session = pkcs11.lib(str(MODULE)).get_token(token_label=LABEL).open(rw=True, user_pin=PIN)
    while (asked := pipe.recv()) is not None:
        kind, count = asked
        key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=kind)
        mechanism = pkcs11.Mechanism.ECDSA if kind == "P-256" else pkcs11.Mechanism.RSA_PKCS
        ready.wait()
        for _ in range(count):
            key.sign(INPUT[kind], mechanism=mechanism)
        pipe.send(count)


class Bare:
    """python-pkcs11 in processes."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready = context.Barrier(processes + 1)
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            self._processes.append(context.Process(target=sign_barely, args=(theirs, self._ready)))
            self._processes[-1].start()
            self._pipes.append(ours)

    def rate(self, kind: str, count: int) -> float:
        """Signatures a second, all processes together."""
        for pipe in self._pipes:
            pipe.send((kind, count // len(self._pipes)))
        self._ready.wait()
        begun = time.perf_counter()
        made = sum(pipe.recv() for pipe in self._pipes)
        return float(made / (time.perf_counter() - begun))

    def close(self) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send(None)
            process.join()


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
    settings = hsm.settings(processes=arguments.processes)
    keys, bare = PKCS11Keys(PKCS11Settings.model_validate(settings), SystemClock()), Bare(arguments.processes)
    rates: dict[str, dict[str, list[float]]] = {}
    try:
        await keys.start()
        while len(keys.pids) < arguments.processes:  # noqa: ASYNC110 - nobody else needs to know
            await asyncio.sleep(0.1)
        for kind, per_second in PER_SECOND.items():
            sides: dict[str, list[float]] = {"port": [], "bare": []}
            for turn in range(arguments.rounds + 1):
                count = int(per_second * arguments.seconds) if turn else 200
                port, alone = await port_rate(keys, kind, count), bare.rate(kind, count)
                if turn:  # the first is a warm-up
                    sides["port"].append(port)
                    sides["bare"].append(alone)
            rates[kind] = sides
    finally:
        bare.close()
        await keys.close()
    return rates


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Signatures through the PKCS #11 port against bare python-pkcs11.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hsm = SoftHSM.make(Path(folder) / "hsm")
        hsm.add_token(LABEL)
        for number, (kind, (key, _)) in enumerate(KINDS.items()):
            hsm.add_key(LABEL, key, kind, bytes([number]))
        os.environ.update(hsm.environment)
        rates = asyncio.run(measure(hsm, arguments))
    for kind, sides in rates.items():
        port, bare = statistics.median(sides["port"]), statistics.median(sides["bare"])
        what = f"PKCS #11, {kind}, {arguments.processes} processes"
        print(f"{what}: port {port:.0f}/s   bare {bare:.0f}/s   ratio {port / bare:.2f}")
    print("Read the ratios: both sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "signatures_per_second": rates}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
