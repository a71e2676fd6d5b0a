"""The whole exchange of 200 MB over mutual TLS, by ``curl``: against a handler that writes what it gets and writes it back.

Both sides are aiohttp on one event loop with the same TLS, in processes of their own. The service beyond that hashes, parses,
signs by the central signer, checks and records.

    .venv/bin/python -m benchmarks.exchange
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import handlers
from benchmarks.frame.case import Case, Goal, Measure, Sample, Sides
from benchmarks.frame.measuring import command, cpu_seconds, tree
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Service, Surroundings

HANDLER, SERVICE = "handler that spools and writes back", "service, B-B"


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    document = around.document("200 MB")
    curl = [*around.curl(), "--output", "/dev/null", "-T", str(document)]

    def ask(service: Service, path: str) -> Sample:
        pids = tree(service.pid)
        before = cpu_seconds(pids)
        exchange = command([*curl, service.url + path])
        return Sample(exchange.seconds, cpu_seconds(pids) - before)

    with around.handlers() as handler, around.service(engine__processes=1) as service:
        yield {
            HANDLER: lambda: ask(handler, handlers.SPOOL),
            SERVICE: lambda: ask(service, f"/v1/signatures/es?certificateId={CERTIFICATE}"),
        }


CASE = Case(
    name="exchange",
    title="200 MB, whole exchange over mutual TLS",
    open=_open,
    goals=(Goal("≤ 1.3 × a handler that spools and writes back", SERVICE, Measure.SECONDS, 1.3, HANDLER),),
    tls=True,
    rounds=11,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
