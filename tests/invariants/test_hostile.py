"""A document made to hang or exhaust its reader costs its own request, ten seconds at most, and nobody else's."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import psutil
import pytest

from tests.invariants import hostile_files
from tests.invariants.calls import Answer, Way, sign
from tests.invariants.deployment import Deployment, Proxy
from tests.invariants.hostile_files import ALSO_CUT_OFF, CUT_OFF, HARMLESS, REFUSED, Make
from tests.invariants.service import wait_until
from tests.support.pdf_files import cross_reference_bomb, plain_file

pytestmark = pytest.mark.xdist_group("invariants")

SECONDS = 10.0
OTHERS = 20
SMALL = plain_file(3).with_table()
CODES = {(400, "INVALID_DOCUMENT"), (422, "PDF_ENCRYPTED")}
FAULTS = {"call.unexpected", "request.unexpected", "engine.failed", "engine.malformed_answer", "engine.process_died"}
BUSY_SECONDS = 0.3
"""Processor time of an engine process after which it is in the middle of a task: an idle one uses none."""


@pytest.fixture(scope="module")
def proxy(deployment: Deployment) -> Iterator[Proxy]:
    with deployment.proxy() as running:
        yield running


async def beside_others(session: aiohttp.ClientSession, document: bytes) -> tuple[Answer, float]:
    """Sign ``document`` while others have theirs signed; its answer, and the seconds it took."""

    async def timed() -> tuple[Answer, float]:
        begun = time.monotonic()
        answer = await sign(session, "ES", document)
        return answer, time.monotonic() - begun

    hostile = asyncio.create_task(timed())
    for other in await asyncio.gather(*(sign(session, "ES", SMALL) for _ in range(OTHERS))):
        other.document(Way.RAW, SMALL)
    return await hostile


def faults(proxy: Proxy) -> list[dict[str, Any]]:
    """What the log says of the proxy's own failures."""
    return [entry for entry in proxy.log if entry.get("event") in FAULTS or "text" in entry]


def named(makes: tuple[Make, ...], *marks: pytest.MarkDecorator) -> list[Any]:
    return [pytest.param(make, id=make.__name__, marks=marks) for make in makes]


@pytest.mark.parametrize("make", named(REFUSED) + named(CUT_OFF) + named(ALSO_CUT_OFF, pytest.mark.full))
async def test_a_hostile_document_gets_its_code_while_others_are_signed(proxy: Proxy, make: Make) -> None:
    async with proxy.session() as session:
        answer, seconds = await beside_others(session, make())
    assert (answer.status, answer.code) in CODES
    assert seconds < SECONDS
    assert faults(proxy) == []


@pytest.mark.parametrize("make", named(HARMLESS))
async def test_an_odd_document_is_signed(proxy: Proxy, make: Make) -> None:
    document = make()
    async with proxy.session() as session:
        answer, seconds = await beside_others(session, document)
    answer.document(Way.RAW, document)
    assert seconds < SECONDS
    assert faults(proxy) == []


async def test_a_document_that_takes_too_much_memory_gets_its_code(deployment: Deployment) -> None:
    # With more time than it needs, so that it is the memory that ends it.
    with deployment.proxy(engine={"memory_bytes": 300_000_000, "cpu_seconds": 60, "wall_seconds": 60}) as small:
        async with small.session() as session:
            answer, _ = await beside_others(session, cross_reference_bomb())
        assert (answer.status, answer.code) == (400, "INVALID_DOCUMENT")
        assert answer.problem["detail"] == "reading the document takes more than the memory it is allowed"
        assert faults(small) == []


async def test_hostile_documents_leave_nothing_behind(deployment: Deployment) -> None:
    # With little time, so that one that is cut off is so soon.
    with deployment.proxy(engine={"cpu_seconds": 1.0}) as proxy:
        async with proxy.session() as session:
            await beside_others(session, SMALL)
        await asyncio.to_thread(wait_until, lambda: len(proxy.engines()) == 2, "both engine processes are there")
        before = held(proxy)
        engines = {engine.pid for engine in proxy.engines()}
        makes: tuple[Make, ...] = (*REFUSED[-12:], cross_reference_bomb)
        async with proxy.session() as session:
            for make in makes:
                answer = await sign(session, "ES", make())
                assert (answer.status, answer.code) in CODES
        await asyncio.to_thread(wait_until, lambda: held(proxy) == before, f"processes and descriptors as before: {before}")
        assert {engine.pid for engine in proxy.engines()} != engines, "none was cut off"
        assert proxy.spooled() == []


def held(proxy: Proxy) -> tuple[int, int]:
    """Processes, and descriptors of the main one but for connections to upstreams and callers, which come and go."""
    main, *engines = proxy.processes()
    return len(engines), main.num_fds() - len(main.net_connections("inet"))


async def test_an_engine_process_killed_amid_a_request_fails_that_request_alone(deployment: Deployment) -> None:
    heavy = hostile_files.many_fields(50_000)
    with deployment.proxy() as proxy:
        async with proxy.session() as session:
            await beside_others(session, SMALL)
            before = {engine.pid: used(engine) for engine in proxy.engines()}
            doomed = asyncio.create_task(sign(session, "ES", heavy))
            victim = await asyncio.to_thread(busy_engine, proxy, before)
            others = [asyncio.create_task(sign(session, "ES", SMALL)) for _ in range(OTHERS)]
            os.kill(victim, signal.SIGKILL)
            answer = await doomed
            assert (answer.status, answer.code, answer.problem["retryable"]) == (500, "INTERNAL", True)
            for other in others:
                (await other).document(Way.RAW, SMALL)
            (await sign(session, "ES", heavy)).document(Way.RAW, heavy)
        assert proxy.spooled() == []
        assert [entry["pid"] for entry in faults(proxy)] == [victim]


async def test_idle_engine_processes_that_are_killed_cost_no_request(deployment: Deployment) -> None:
    with deployment.proxy() as proxy:
        async with proxy.session() as session:
            for engine in proxy.engines():
                engine.kill()
            answers = await asyncio.gather(*(sign(session, "ES", SMALL) for _ in range(OTHERS)))
        for answer in answers:
            answer.document(Way.RAW, SMALL)


def busy_engine(proxy: Proxy, before: dict[int, float]) -> int:
    """The engine process that is at work on a task, once there is one."""
    found: list[int] = []

    def is_busy() -> bool:
        found.extend(engine.pid for engine in proxy.engines() if used(engine) - before[engine.pid] > BUSY_SECONDS)
        return bool(found)

    wait_until(is_busy, "an engine process is at work")
    return found[0]


def used(process: psutil.Process) -> float:
    """Seconds of processor time."""
    times = process.cpu_times()
    return times.user + times.system
