"""200,000 objects, found by a cross-reference table and by a stream, warm: against stock pyHanko.

.venv/bin/python -m benchmarks.many_objects
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.frame.case import Case, Goal, Measure, Side, Sides
from benchmarks.frame.documents import STREAMS, TABLE
from benchmarks.frame.in_process import in_process, request
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import Surroundings
from benchmarks.peers.pyhanko import PyHanko
from proxy.model import BaselineLevel, SignatureForm

ASKED = {BaselineLevel.B_B: request(), BaselineLevel.B_LTA: request(SignatureForm.ES_A)}
BOUNDS = {BaselineLevel.B_B: 20, BaselineLevel.B_LTA: 15}
KINDS = {"table": TABLE, "streams": STREAMS}


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    pyhanko = PyHanko(around)
    with in_process(around) as ours:
        sides: dict[str, Side] = {}
        for kind, name in KINDS.items():
            document = around.document(name)
            for level, asked in ASKED.items():
                sides[f"ours, {kind}, {level}"] = partial(ours.sign, document, asked)
                sides[f"pyHanko, {kind}, {level}"] = partial(pyhanko.sign, document, level)
        yield sides


CASE = Case(
    name="many_objects",
    title="200,000 objects, warm",
    open=_open,
    goals=tuple(
        Goal(
            f"{kind}, {level} ≤ 1/{most} of stock pyHanko",
            f"ours, {kind}, {level}",
            Measure.SECONDS,
            1 / most,
            f"pyHanko, {kind}, {level}",
        )
        for level, most in BOUNDS.items()
        for kind in KINDS
    ),
    rounds=7,
    quick_rounds=1,
    seconds=120,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
