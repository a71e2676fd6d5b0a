"""Memory of all of a service's processes, beyond what they hold when idle, while 30 documents come at once and go out signed.

Proportional set sizes are looked at while all exchanges go on over mutual TLS; spooled documents are on disk.

    .venv/bin/python -m benchmarks.uploads
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks.frame.case import Case, Goal, Measure, Sample, Sides
from benchmarks.frame.documents import STREAMS, TABLE
from benchmarks.frame.measuring import MemoryWatch
from benchmarks.frame.running import main
from benchmarks.frame.surroundings import CERTIFICATE, Service, Surroundings

AT_ONCE = 30
PIECE = 1 << 18
LARGE, IN_TABLE, IN_STREAMS = "200 MB", "200,000 objects in a table", "200,000 objects in streams"


async def _exchange(around: Surroundings, service: Service, document: Path) -> None:
    connector = aiohttp.TCPConnector(limit=0, ssl=around.client_tls())
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=600)) as session:

        async def post() -> None:
            url = f"{service.url}/v1/signatures/es?certificateId={CERTIFICATE}"
            with document.open("rb", buffering=0) as file:

                async def pieces() -> AsyncIterator[bytes]:
                    while piece := file.read(PIECE):
                        yield piece

                headers = {"Content-Type": "application/pdf"}
                async with session.post(url, data=pieces(), headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                    async for _ in answer.content.iter_any():
                        pass

        await asyncio.gather(*(post() for _ in range(AT_ONCE)))


def growth(around: Surroundings, document: Path) -> Sample:
    """One turn, with a service of its own that has signed the document once."""
    with around.service(engine__processes=2, limits__request_seconds=600, engine__wall_seconds=60) as service:
        asyncio.run(_exchange(around, service, around.document("100 KB")))
        with MemoryWatch(service.pid) as watch:
            asyncio.run(_exchange(around, service, document))
    return Sample(memory=watch.most - watch.before)


@contextmanager
def _open(around: Surroundings) -> Iterator[Sides]:
    yield {
        LARGE: partial(growth, around, around.document("200 MB")),
        IN_TABLE: partial(growth, around, around.document(TABLE)),
        IN_STREAMS: partial(growth, around, around.document(STREAMS)),
    }


CASE = Case(
    name="uploads",
    title="30 concurrent uploads, memory of all processes (PSS) beyond idle",
    open=_open,
    goals=(
        Goal("200 MB each ≤ 48 MiB", LARGE, Measure.MEMORY, 48 << 20),
        Goal("200,000 objects each, in a table ≤ 128 MiB", IN_TABLE, Measure.MEMORY, 128 << 20),
        Goal("200,000 objects each, in streams ≤ 128 MiB", IN_STREAMS, Measure.MEMORY, 128 << 20),
    ),
    tls=True,
    rounds=1,
    quick_rounds=1,
    seconds=120,
    warm_up=False,
)

if __name__ == "__main__":
    sys.exit(main(CASE))
