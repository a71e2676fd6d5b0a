"""Many requests on many connections, as fast as they are answered, and the server's processor time for one of them."""

import asyncio
import time
from collections.abc import Sequence

import aiohttp

from benchmarks.frame.case import Sample
from benchmarks.frame.measuring import cpu_seconds, tree
from benchmarks.frame.surroundings import Service, Surroundings


def per_request(
    around: Surroundings, service: Service, target: str, body: bytes, *, connections: int = 1, count: int = 100
) -> Sample:
    """One turn: what a request takes at a server, in processor time of its processes and in elapsed time.

    Connections are made and have carried a request before what counts begins.

    Args:
        around: Whose client asks.
        service: The server.
        target: Path and query.
        body: A PDF.
        connections: That ask at the same time.
        count: Requests of all of them together.
    """
    return asyncio.run(_ask(around, tree(service.pid), service.url + target, body, connections, count))


async def _ask(around: Surroundings, pids: Sequence[int], url: str, body: bytes, connections: int, count: int) -> Sample:
    connector = aiohttp.TCPConnector(limit=0, ssl=around.client_tls())
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        everybody = asyncio.Barrier(connections)

        async def post() -> None:
            async with session.post(url, data=body, headers={"Content-Type": "application/pdf"}) as answer:
                assert answer.status == 200, await answer.text()
                async for _ in answer.content.iter_any():
                    pass

        async def connect() -> None:
            async with session.post(url, data=body, headers={"Content-Type": "application/pdf"}) as answer:
                await answer.read()
                assert answer.status == 200
                # Held until all have one, so that nobody is given another's.
                await everybody.wait()

        await asyncio.gather(*(connect() for _ in range(connections)))
        waiting = iter(range(count))
        before, begun = cpu_seconds(pids), time.perf_counter()

        async def work() -> None:
            for _ in waiting:
                await post()

        await asyncio.gather(*(work() for _ in range(connections)))
        seconds = time.perf_counter() - begun
    return Sample(seconds / count, (cpu_seconds(pids) - before) / count)
