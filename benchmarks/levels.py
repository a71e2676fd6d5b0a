"""Processor time of 100 KB at each level, against pyHanko on the same inputs: stock, and with its key parsed once.

Stock pyHanko parses its key for each signature, which is most of what it takes here; so the other rows say more.

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


def stock_at(level: BaselineLevel) -> str:
    return f"stock pyHanko, {level}"


def cached_at(level: BaselineLevel) -> str:
    return f"pyHanko with a cached key, {level}"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    document = around.document("100 KB")
    stock, cached = PyHanko(around), PyHanko(around, cached_key=True)
    with in_process(around) as ours:
        yield {
            **{ours_at(level): partial(ours.sign, document, asked) for level, asked in ASKED.items()},
            **{stock_at(level): partial(stock.sign, document, level) for level in ASKED},
            **{cached_at(level): partial(cached.sign, document, level) for level in ASKED},
        }


CASE = Case(
    name="levels",
    title="100 KB at every level",
    open=_open,
    goals=tuple(
        Goal(f"{level} ≤ 1/5 of {whose}'s processor time", ours_at(level), Measure.CPU, 0.2, theirs_at(level))
        for whose, theirs_at in (("stock pyHanko", stock_at), ("a pyHanko with a cached key", cached_at))
        for level in (BaselineLevel.B_T, BaselineLevel.B_LT, BaselineLevel.B_LTA)
    ),
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
