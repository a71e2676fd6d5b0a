"""Processor time of the service for 100 KB, B-B, over mutual TLS, the central signer in another process.

Held against pyHanko that has a parsed key in its own process and serves nobody, and against an aiohttp handler that hashes what
it gets, makes one POST upstream over mutual TLS, and echoes. The client and whatever is upstream count for nobody.

    .venv/bin/python -m benchmarks.service_cpu
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import handlers
from benchmarks.frame.case import Case, Goal, Measure, Sides
from benchmarks.frame.requests import per_request
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Surroundings
from benchmarks.peers.pyhanko import PyHanko

SERVICE, HANDLER, PYHANKO = "service, B-B", "handler that hashes, asks upstream, echoes", "pyHanko, cached key"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    document = around.document("100 KB")
    body, pyhanko = document.read_bytes(), PyHanko(around, cached_key=True)
    with (
        around.handlers() as upstream,
        around.handlers(upstream.url + handlers.UPSTREAM) as handler,
        around.service(engine__processes=1) as service,
    ):
        yield {
            SERVICE: lambda: per_request(around, service, f"/v1/signatures/es?certificateId={CERTIFICATE}", body),
            HANDLER: lambda: per_request(around, handler, handlers.SIGN, body),
            PYHANKO: lambda: pyhanko.sign(document),
        }


CASE = Case(
    name="service_cpu",
    title="100 KB B-B over HTTP, central signer in another process",
    open=_open,
    goals=(
        Goal("server CPU ≤ 1/10 of pyHanko with a cached key in process", SERVICE, Measure.CPU, 0.1, PYHANKO),
        Goal("≤ 3 × a handler that hashes, makes one mutual-TLS POST upstream and echoes", SERVICE, Measure.CPU, 3.0, HANDLER),
    ),
    tls=True,
    rounds=15,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
