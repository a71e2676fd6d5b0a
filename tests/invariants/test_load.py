"""Two hundred requests at once of one client, over thirty to the central signer at a time: answered or turned away, never lost.

Connections are open, and handshakes done, before the first request goes; what the central signer is sent is held back until all
are in, so that what happens does not depend on who is quicker. Each digest goes alone, and then, in the last test, as they go
unless an operator switches it off: together.
"""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conformance.judges import pdfsig
from tests.invariants.calls import Answer, Way, sign, sign_digests, transaction, write
from tests.invariants.deployment import Deployment, Proxy
from tests.invariants.service import wait_until
from tests.support.pdf_files import plain_file

pytestmark = pytest.mark.xdist_group("invariants")

REQUESTS = 200
UPSTREAM = 30
SMALL = plain_file().with_table()

Request = Callable[[aiohttp.ClientSession, int], Coroutine[Any, Any, Answer]]


async def signed_digest(session: aiohttp.ClientSession, number: int) -> Answer:
    return await sign_digests(session, [hashlib.sha256(str(number).encode()).digest()])


async def signed_document(session: aiohttp.ClientSession, number: int) -> Answer:
    del number
    return await sign(session, "ES", SMALL)


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with as many connections as there will be requests, and the proxy's caches filled."""
    async with proxy.session() as session:
        assert (await signed_digest(session, 0)).status == 200
        everybody = asyncio.Barrier(REQUESTS)

        async def connect() -> None:
            async with session.get("/healthz") as response:
                assert response.status == 200
                # Kept until all have theirs, so that nobody is given another's.
                await everybody.wait()

        await asyncio.gather(*(connect() for _ in range(REQUESTS)))
        yield session


@pytest.mark.parametrize("request_", [pytest.param(signed_digest, marks=pytest.mark.full), signed_document])
async def test_with_room_to_wait_all_are_served(deployment: Deployment, request_: Request) -> None:
    with deployment.proxy(limits={"coalesce_milliseconds": 0}) as proxy:
        async with connected(proxy) as session:
            with deployment.held_back(deployment.central):
                calls = [asyncio.create_task(request_(session, number)) for number in range(REQUESTS)]
                await asyncio.to_thread(wait_until, lambda: deployment.central.held == UPSTREAM, "thirty requests are upstream")
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*calls)
        assert deployment.central.most_held == UPSTREAM
    statuses = Counter(answer.status for answer in answers)
    assert statuses[200] >= 190, statuses
    assert set(statuses) <= {200, 429}
    if request_ is signed_document:
        for answer in answers:
            if answer.status == 200:
                answer.document(Way.RAW, SMALL)


@pytest.mark.parametrize("request_", [signed_digest, pytest.param(signed_document, marks=pytest.mark.full)])
async def test_with_little_room_to_wait_the_others_are_told_to_come_again(deployment: Deployment, request_: Request) -> None:
    queue = 10
    with deployment.proxy(limits={"queue": queue, "coalesce_milliseconds": 0}) as proxy:
        async with connected(proxy) as session:
            with deployment.held_back(deployment.central):
                calls = [asyncio.create_task(request_(session, number)) for number in range(REQUESTS)]
                turned_away = REQUESTS - UPSTREAM - queue
                await asyncio.to_thread(
                    wait_until, lambda: sum(call.done() for call in calls) >= turned_away, "whoever has no place is told"
                )
                refused = [call.result() for call in calls if call.done()]
                await asyncio.to_thread(wait_until, lambda: deployment.central.held == UPSTREAM, "thirty requests are upstream")
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*calls)
            assert len(refused) == turned_away
            for answer in refused:
                assert (answer.status, answer.code, answer.problem["retryable"]) == (429, "CONCURRENCY_LIMIT", True)
                assert int(answer.headers["Retry-After"]) >= 1
            assert Counter(answer.status for answer in answers) == {200: UPSTREAM + queue, 429: turned_away}
            # And who comes again is served.
            assert (await request_(session, 0)).status == 200


async def test_fifty_at_once_go_to_the_central_signer_together(deployment: Deployment, tmp_path: Path) -> None:
    with deployment.proxy() as proxy:
        async with proxy.session() as session:
            assert (await signed_document(session, 0)).status == 200
            deployment.clear()
            with deployment.held_back(deployment.central):
                calls = [asyncio.create_task(signed_document(session, number)) for number in range(50)]
                # The first one alone; and those that came while it was under way, sooner or later.
                await asyncio.to_thread(wait_until, lambda: deployment.central.held > 1, "others are upstream too")
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*calls)
            records = [await transaction(session, answer.transaction_id) for answer in answers]
    questions = [request.body for request, _ in deployment.central.exchanges() if b"/v1/signatures/hash" in request.start]
    assert len(questions) < 50
    assert sum(len(json.loads(body)["hashes"]) for body in questions) == 50
    for number, answer in enumerate(answers[::7]):
        (verdict,) = pdfsig(write(tmp_path / f"{number}.pdf", answer.document(Way.RAW, SMALL)))
        assert verdict.total_document
    # What each record tells of its question is what was sent, and what the headers say together is all that was.
    told = [entry for record in records for entry in record["exchanges"] if entry["destination"] == "central"]
    assert {entry["sentSha256"] for entry in told} == {hashlib.sha256(body).hexdigest() for body in questions}
    shared = [entry for entry in told if "digests" in entry]
    assert {entry["ownDigests"] for entry in shared} == {1}
    by_question = Counter(entry["sentSha256"] for entry in shared)
    assert all(by_question[entry["sentSha256"]] == entry["digests"] for entry in shared)
    sent = sum(int(re.findall(r"[0-9]+", answer.headers["Upstream-Bytes"])[0]) for answer in answers)
    assert sum(map(len, questions)) <= sent < sum(map(len, questions)) + 50
