"""Processor time of 100 KB at each level, against stock pyHanko on the same inputs.

Both have the key in a file, the sandbox's time-stamping authority and its revocation data, which both keep; ours is everything
of a call but HTTP, its engine process included. The authority is another process and counts for neither.

    .venv/bin/python -m benchmarks.levels
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.frame.case import Case, Goal, Measure, Sides
from benchmarks.frame.in_process import in_process, request
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import Surroundings
from benchmarks.peers.pyhanko import PyHanko
from proxy.model import BaselineLevel, SignatureForm

ASKED = {
    BaselineLevel.B_B: request(),
    BaselineLevel.B_T: request(SignatureForm.ES_T),
    BaselineLevel.B_LT: request(SignatureForm.ES_T, ltv=True),
    BaselineLevel.B_LTA: request(SignatureForm.ES_A),
}


def ours_at(level: BaselineLevel) -> str:
    return f"ours, {level}"


def theirs_at(level: BaselineLevel) -> str:
    return f"pyHanko, {level}"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    document = around.document("100 KB")
    pyhanko = PyHanko(around)
    with in_process(around) as ours:
        yield {
            **{ours_at(level): partial(ours.sign, document, asked) for level, asked in ASKED.items()},
            **{theirs_at(level): partial(pyhanko.sign, document, level) for level in ASKED},
        }


CASE = Case(
    name="levels",
    title="100 KB at every level",
    open=_open,
    goals=tuple(
        Goal(f"{level} ≤ 1/5 of pyHanko's processor time", ours_at(level), Measure.CPU, 0.2, theirs_at(level))
        for level in (BaselineLevel.B_T, BaselineLevel.B_LT, BaselineLevel.B_LTA)
    ),
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
