"""What a B-B signature of a large document costs beyond hashing it and writing it to the spool once.

The floor reads the file in pieces of 1 MiB, hashes each and writes it to a spool file. The other side is a call with everything
but HTTP and the central signer: upload into the spool, engine process, signed attributes, an RSA-3072 signature, its
verification, CMS, check, transaction record.

    .venv/bin/python -m benchmarks.one_pass
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.frame.case import Case, Goal, Measure, Sample, Sides
from benchmarks.frame.in_process import in_process, request
from benchmarks.frame.measuring import timed
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import Surroundings
from proxy.spool import open_unnamed

PIECE = 1 << 20
FLOOR, ENGINE = "SHA-256 and one write", "signed B-B"


def hash_and_write(source: Path, directory: Path) -> Sample:
    """The floor."""

    def run() -> None:
        running = hashlib.sha256()
        descriptor = open_unnamed(directory)
        with source.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                running.update(piece)
                os.write(descriptor, piece)
        running.digest()
        os.close(descriptor)

    return timed(run, [os.getpid()])


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    document = around.document("200 MB")
    with in_process(around, SIGNPROXY__SPOOL__DIRECTORY=f'"{around.folder}"') as ours:
        yield {
            FLOOR: lambda: hash_and_write(document, around.folder),
            ENGINE: lambda: ours.sign(document, request()),
        }


CASE = Case(
    name="one_pass",
    title="200 MB, few objects, B-B, warm, through the engine",
    open=_open,
    goals=(Goal("≤ 1.05 × (SHA-256 in 1 MiB pieces + one spool write)", ENGINE, Measure.SECONDS, 1.05, FLOOR),),
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
