"""Stopping: who is inside finishes or is told, who comes is sent on."""

import asyncio
import io
import ssl
import time
from pathlib import Path

import aiohttp
import pytest

from tests.api.service import PDF, People, Service, behind_load_balancer, code_of, problem, running, until

ES = "/v1/signatures/es?certificateId=seal-1"


async def test_calls_in_progress_finish_and_new_ones_are_sent_on(either_service: Service) -> None:
    service = either_service
    service.work.hold = asyncio.Event()
    inside = asyncio.create_task(service.alice.post(ES, data=PDF))
    await until(lambda: service.work.inside == 1)
    stopping = asyncio.create_task(service.runner.cleanup())
    await until(lambda: service.edge.gate.closed)
    session = service.alice
    async with session.post(ES, data=PDF) as response:
        members = await problem(response)
        assert (members["status"], members["code"], members["retryable"]) == (503, "SHUTTING_DOWN", True)
        assert response.headers["Connection"] == "close"
        assert response.headers["Retry-After"] == "1"
    async with session.get("/readyz") as response:
        assert response.status == 503
    assert not stopping.done()
    service.work.hold.set()
    async with await inside as response:
        assert response.status == 200
        assert await response.read()
    await stopping
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get("/readyz")


async def test_those_that_are_late_are_told_so(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"shutdown_seconds": 0.1, "requests_in_flight": 2}) as service:
        service.work.hold = asyncio.Event()
        session = service.alice
        # Two are in an operation, one waits for its slot, and none of them can end by itself.
        calls = [asyncio.create_task(session.post(ES, data=PDF)) for _ in range(3)]
        await until(lambda: service.edge.admission._by_client["alice"] == 3 and service.work.inside == 2)
        begun = time.monotonic()
        await service.runner.cleanup()
        assert time.monotonic() - begun < 4
        for call in calls:
            async with await call as response:
                assert (response.status, await code_of(response)) == (503, "SHUTTING_DOWN")
        records = await service.records()
        assert [record.result_code for record in records] == ["SHUTTING_DOWN"] * 3


async def test_an_upload_that_is_late_is_told_so(people: People, tmp_path: Path) -> None:
    async def stalling() -> "object":
        yield PDF
        await asyncio.get_running_loop().create_future()

    async with running(people, tmp_path, limits={"shutdown_seconds": 0.05}) as service:
        call = asyncio.create_task(service.alice.post(ES, data=stalling()))
        await until(lambda: bool(service.edge.admission._by_client))
        stopping = asyncio.create_task(service.runner.cleanup())
        async with await call as response:
            assert (response.status, await code_of(response)) == (503, "SHUTTING_DOWN")
        await stopping
        (record,) = await service.records()
        assert record.result_code == "SHUTTING_DOWN"


async def test_an_answer_that_is_late_is_cut_not_truncated_in_silence(people: People, tmp_path: Path) -> None:
    for name, listener in (("tls", {}), ("plain", behind_load_balancer())):
        (tmp_path / name).mkdir()
        async with running(people, tmp_path / name, listener=listener, limits={"shutdown_seconds": 0.1}) as service:
            response = await service.alice.post(ES, data=io.BytesIO(PDF + bytes(30_000_000)))
            assert response.status == 200
            await service.runner.cleanup()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_a_connection_whose_handshake_is_late_is_not_served(service: Service) -> None:
    trust = service.trust(service.people.alice)
    assert isinstance(trust, ssl.SSLContext)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    # Connections are accepted in their order, so the other one is by now.
    async with service.alice.get("/readyz") as response:
        assert response.status == 200
    await service.runner.cleanup()

    async def ask() -> None:
        await writer.start_tls(trust, server_hostname="127.0.0.1")
        writer.write(b"GET /v1/maintenance HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(1)

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask()
    writer.close()


async def test_an_idle_connection_does_not_hold_it_up(service: Service) -> None:
    session = service.alice
    async with session.get("/v1/maintenance") as response:
        assert response.status == 200
    begun = time.monotonic()
    await service.runner.cleanup()
    assert time.monotonic() - begun < 1
