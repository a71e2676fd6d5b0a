"""SIGTERM costs nobody's request: who is in is served, who comes is sent away, and the process ends in time, exit code 0."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.invariants.calls import CERTIFICATE, FORMS, Answer, Way, sign, whole
from tests.invariants.deployment import Deployment, Proxy
from tests.invariants.service import wait_until
from tests.support.pdf_files import plain_file

pytestmark = pytest.mark.xdist_group("invariants")

SMALL = plain_file().with_table()
IN_FLIGHT = 10
ALONE = {"coalesce_milliseconds": 0}
"""Each request's digest is a call to the central signer of its own, so that there are as many of them as requests."""


async def in_flight(deployment: Deployment, session: aiohttp.ClientSession) -> list[asyncio.Task[Answer]]:
    """Requests whose digests are held back before the central signer; its certificate must be known by now."""
    calls = [asyncio.create_task(sign(session, form, SMALL)) for form in FORMS for _ in range(IN_FLIGHT // len(FORMS))]
    await asyncio.to_thread(wait_until, lambda: deployment.central.held == len(calls), "all are waiting for the central signer")
    return calls


async def refused(proxy: Proxy) -> bool:
    """Whether a new caller is sent away, by the proxy or because nobody listens."""
    async with proxy.session() as session:
        try:
            answer = await sign(session, "ES", SMALL)
        except aiohttp.ClientConnectionError:
            return True
    return is_shutting_down(answer)


def is_shutting_down(answer: Answer) -> bool:
    return (answer.status, answer.code, answer.problem["retryable"]) == (503, "SHUTTING_DOWN", True)


async def test_whoever_is_in_is_served_and_nobody_else(deployment: Deployment) -> None:
    with deployment.proxy(limits=ALONE) as proxy:
        engines = proxy.engines()
        async with proxy.session() as session, proxy.session() as connected_before:
            assert (await sign(connected_before, "ES-T", SMALL)).status == 200
            uploading, upload = begin_upload(session)
            with deployment.held_back(deployment.central):
                calls = await in_flight(deployment, session)
                proxy.terminate()
                await asyncio.to_thread(proxy.wait_for, "service.stopping")
                assert is_shutting_down(await sign(connected_before, "ES", SMALL))
                assert await refused(proxy)
                assert proxy.running
                assert not any(call.done() for call in calls)
            for call in calls:
                (await call).document(Way.RAW, SMALL)
            upload.set()
            (await uploading).document(Way.RAW, SMALL)
        assert await asyncio.to_thread(proxy.wait) == 0
        assert not any(engine.is_running() for engine in engines)
        assert [entry for entry in proxy.log if "text" in entry] == []


def begin_upload(session: aiohttp.ClientSession) -> tuple[asyncio.Task[Answer], asyncio.Event]:
    """A request that has sent half its document, and what has it send the rest."""
    rest = asyncio.Event()

    async def halves() -> AsyncIterator[bytes]:
        yield SMALL[: len(SMALL) // 2]
        await rest.wait()
        yield SMALL[len(SMALL) // 2 :]

    async def send() -> Answer:
        query, headers = {"certificateId": CERTIFICATE}, {"Content-Type": "application/pdf"}
        async with session.post(FORMS["ES"], params=query, data=halves(), headers=headers) as response:
            return await whole(response)

    return asyncio.create_task(send()), rest


async def test_whoever_cannot_be_served_in_time_is_told(deployment: Deployment) -> None:
    seconds = 1.0
    with deployment.proxy(limits={"shutdown_seconds": seconds} | ALONE) as proxy:
        async with proxy.session() as session:
            assert (await sign(session, "ES-T", SMALL)).status == 200
            with deployment.held_back(deployment.central):
                calls = await in_flight(deployment, session)
                begun = time.monotonic()
                proxy.terminate()
                for call in calls:
                    assert is_shutting_down(await call)
                assert await asyncio.to_thread(proxy.wait) == 0
                assert seconds <= time.monotonic() - begun < seconds + 5
        assert list(proxy.spool.iterdir()) == []


async def test_an_idle_proxy_stops_at_once(deployment: Deployment) -> None:
    with deployment.proxy(limits=ALONE) as proxy:
        async with proxy.session() as session:
            assert (await sign(session, "ES-T", SMALL)).status == 200
            begun = time.monotonic()
            proxy.terminate()
            assert await asyncio.to_thread(proxy.wait) == 0
            assert time.monotonic() - begun < 5
