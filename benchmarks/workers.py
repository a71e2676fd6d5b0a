"""What a request costs with two engine processes instead of one, and with many connections instead of one.

100 KB, B-B, over mutual TLS: processor time of all of the service's processes. Limits, rate budgets and breakers are kept by
the one process that holds the connections, whatever the number of engine processes: they hold for the task.

    .venv/bin/python -m benchmarks.workers
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.frame.case import Case, Goal, Measure, Side, Sides
from benchmarks.frame.requests import per_request
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Surroundings

CONNECTIONS = (1, 8, 64)
REQUESTS = 192


def side_of(processes: int, connections: int) -> str:
    return f"{processes} engine process{'es' * (processes > 1)}, {connections} connection{'s' * (connections > 1)}"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    body = around.document("100 KB").read_bytes()
    target = f"/v1/signatures/es?certificateId={CERTIFICATE}"
    sides: dict[str, Side] = {}
    with ExitStack() as stack:
        for processes in (1, 2):
            service = stack.enter_context(around.service(engine__processes=processes))
            for connections in CONNECTIONS:
                ask = partial(per_request, around, service, target, body, connections=connections, count=REQUESTS)
                sides[side_of(processes, connections)] = ask
        yield sides


CASE = Case(
    name="workers",
    title="CPU a request, 100 KB B-B",
    open=_open,
    goals=(
        *(
            Goal(
                f"two engine processes ≤ 1.15 × one, {connections} at a time",
                side_of(2, connections),
                Measure.CPU,
                1.15,
                side_of(1, connections),
            )
            for connections in CONNECTIONS
        ),
        *(
            Goal(f"{connections} at a time ≤ 1.15 × one at a time", side_of(2, connections), Measure.CPU, 1.15, side_of(2, 1))
            for connections in CONNECTIONS[1:]
        ),
    ),
    tls=True,
    rounds=7,
    quick_rounds=1,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
