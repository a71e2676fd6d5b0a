"""Limits, admission and deadlines over HTTP, and that what is refused is refused before its body."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.api.service import PDF, People, Service, behind_load_balancer, code_of, leaf_header, running, until

ES = "/v1/signatures/es?certificateId=seal-1"
HASH = "/v1/signatures/hash"


async def endless(first: bytes = PDF) -> AsyncIterator[bytes]:
    """A body that begins and never ends by itself."""
    yield first
    while True:
        yield bytes(1 << 16)


async def stalling(first: bytes = PDF) -> AsyncIterator[bytes]:
    """A body that begins and says nothing more."""
    yield first
    await asyncio.get_running_loop().create_future()


async def test_a_document_over_the_limit(people: People, tmp_path: Path) -> None:
    limit = len(PDF)
    async with running(people, tmp_path, limits={"document_bytes": limit, "parameter_bytes": 2_000}) as service:
        session = service.alice
        async with session.post(ES, data=PDF) as response:
            assert response.status == 200
        # Known from the headers, it is refused before a byte of it is read.
        for headers in ({"Content-Length": "1000000000"}, {"Document-Length": str(limit + 1)}):
            async with session.post(ES, data=stalling(), headers=headers) as response:
                assert (response.status, await code_of(response)) == (413, "TOO_LARGE")
        assert not service.edge.admission._by_client
        # And where nothing was said, when it has come to that.
        async with session.post(ES, data=endless(), headers={"Content-Type": "application/pdf"}) as response:
            assert (response.status, await code_of(response)) == (413, "TOO_LARGE")
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        begun = b'--x\r\nContent-Disposition: form-data; name="document"\r\n\r\n'
        async with session.post(ES, data=endless(begun), headers=form) as response:
            assert (response.status, await code_of(response)) == (413, "TOO_LARGE")
        assert len(service.work.requests) == 1


async def test_parameters_over_the_limit(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"parameter_bytes": 2_000}) as service:
        session = service.alice
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        begun = b'--x\r\nContent-Disposition: form-data; name="params"\r\n\r\n'
        for begin, headers in (
            (begun, form),
            (b'{"document": "QUJD", "reason": "', {"Content-Type": "application/json"}),
            (b'{"reason": "', {"Content-Type": "application/json"}),
            (b"   " * 1000, {"Content-Type": "application/json"}),
        ):
            async with session.post(ES, data=endless(begin), headers=headers) as response:
                assert (response.status, await code_of(response)) == (413, "TOO_LARGE")
        async with session.post(HASH, data=endless(b"{"), headers={"Content-Type": "application/json"}) as response:
            assert (response.status, await code_of(response)) == (413, "TOO_LARGE")


async def test_a_json_body_over_its_own_limit(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"json_body_bytes": 10_000}) as service:
        body = json.dumps({"document": base64.b64encode(bytes(9_000)).decode()})
        async with service.alice.post(ES, data=body, headers={"Content-Type": "application/json"}) as response:
            assert (response.status, await code_of(response)) == (413, "TOO_LARGE")


async def test_an_upload_that_stalls(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"upload_stall_seconds": 0.05}) as service:
        outcome = await post_es(service.alice, stalling())
        assert outcome == (504, "TIMEOUT", None)
        assert not service.edge.admission._by_client


async def test_an_upload_that_takes_the_whole_time(people: People, tmp_path: Path) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield PDF
        while True:
            yield b"."
            await asyncio.sleep(0)

    async with running(people, tmp_path, limits={"request_seconds": 0.2}) as service:
        assert await post_es(service.alice, trickle()) == (504, "TIMEOUT", None)


async def test_a_reader_that_stops_is_let_go(people: People, tmp_path: Path) -> None:
    """By sendfile and by writes alike: the connection is cut, and slot and spool come back."""
    for name, listener in (("tls", {}), ("plain", behind_load_balancer())):
        (tmp_path / name).mkdir()
        async with running(people, tmp_path / name, listener=listener, limits={"upload_stall_seconds": 0.2}) as service:
            document = PDF + bytes(20_000_000)
            context = service.trust(people.alice) or None
            _, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=context)
            headers = "".join(f"{name}: {value}\r\n" for name, value in leaf_header(people.alice).items())
            writer.write(
                f"POST {ES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\n{headers}"
                f"Content-Length: {len(document)}\r\n\r\n".encode()
            )
            writer.write(document)
            await writer.drain()
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # reads too, though declared to write alone
            await service.records(at_least=1)
            assert service.edge.admission._by_client
            await until(lambda: not service.edge.admission._by_client)
            writer.transport.abort()
            (record,) = await service.records()
            assert record.state == "SUCCEEDED"


# -- admission --------------------------------------------------------------------------------------------------------


async def post_es(session: aiohttp.ClientSession, data: bytes | AsyncIterator[bytes] = PDF) -> tuple[int, str, str | None]:
    async with session.post(ES, data=data) as response:
        code = "" if response.status == 200 else await code_of(response)
        return response.status, code, response.headers.get("Retry-After")


async def test_two_hundred_requests_share_the_slots_and_all_succeed(service: Service) -> None:
    session = service.alice
    outcomes = await asyncio.gather(*(post_es(session) for _ in range(200)))
    assert {status for status, *_ in outcomes} == {200}
    assert 1 < service.work.most_inside <= 30


async def test_with_a_short_queue_the_rest_is_told_to_come_again(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"requests_in_flight": 5, "queue": 10}) as service:
        service.work.hold = asyncio.Event()
        session = service.alice
        calls = [asyncio.create_task(post_es(session)) for _ in range(60)]
        await until(lambda: sum(call.done() for call in calls) == 45)
        assert service.work.inside == 5
        service.work.hold.set()
        outcomes = await asyncio.gather(*calls)
    assert sorted(outcomes) == [(200, "", None)] * 15 + [(429, "CONCURRENCY_LIMIT", "1")] * 45


async def test_the_queue_has_a_deadline(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"requests_in_flight": 1, "queue_seconds": 0.05}) as service:
        service.work.hold = asyncio.Event()
        session = service.alice
        first = asyncio.create_task(post_es(session))
        await until(lambda: service.work.inside == 1)
        assert await post_es(session) == (429, "CONCURRENCY_LIMIT", "1")
        service.work.hold.set()
        assert (await first)[0] == 200


async def test_one_client_cannot_take_it_all(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"per_client": 2}) as service:
        service.work.hold = asyncio.Event()
        alice, bob = service.alice, service.session(people.bob)
        calls = [asyncio.create_task(post_es(alice)) for _ in range(2)]
        await until(lambda: service.work.inside == 2)
        assert await post_es(alice) == (429, "CONCURRENCY_LIMIT", "1")
        calls.append(asyncio.create_task(_es_of_bob(bob)))
        await until(lambda: service.work.inside == 3)
        # Reading takes no slot.
        async with alice.get("/v1/maintenance") as response:
            assert response.status == 200
        service.work.hold.set()
        assert {status for status, *_ in await asyncio.gather(*calls)} == {200}


async def _es_of_bob(session: aiohttp.ClientSession) -> tuple[int, str, str | None]:
    async with session.post("/v1/signatures/es?certificateId=seal-2", data=PDF) as response:
        return response.status, "", None


async def test_a_clients_own_limits(people: People, tmp_path: Path) -> None:
    client = {
        "name": "alice",
        "certificate_sha256": people.alice.sha256,
        "operations": ["es"],
        "certificates": ["*"],
        "in_flight": 1,
        "rate_per_second": 2,
    }
    async with running(people, tmp_path, clients=[client]) as service:
        now = 100.0
        service.edge.rates._now = lambda: now
        service.work.hold = asyncio.Event()
        session = service.alice
        first = asyncio.create_task(post_es(session))
        await until(lambda: service.work.inside == 1)
        assert await post_es(session) == (429, "CONCURRENCY_LIMIT", "1")
        assert await post_es(session) == (429, "RATE_LIMIT", "1")
        async with session.get("/v1/maintenance") as response:
            assert (response.status, await code_of(response)) == (429, "RATE_LIMIT")
        now += 0.5
        async with session.get("/v1/maintenance") as response:
            assert response.status == 200
        service.work.hold.set()
        assert (await first)[0] == 200


async def test_a_refused_call_never_reads_its_body(people: People, tmp_path: Path) -> None:
    """A body that never comes is not waited for by a call that is not let in."""
    async with running(people, tmp_path, limits={"requests_in_flight": 1, "queue": 0}) as service:
        service.work.hold = asyncio.Event()
        session = service.alice
        first = asyncio.create_task(post_es(session))
        await until(lambda: service.work.inside == 1)
        for path in (ES, HASH, "/v1/timestamps/hash"):
            types = {ES: "application/pdf", HASH: "application/json"}
            headers = {"Content-Type": types.get(path, "application/timestamp-query")}
            async with session.post(path, data=stalling(), headers=headers) as response:
                assert (response.status, await code_of(response)) == (429, "CONCURRENCY_LIMIT")
        service.work.hold.set()
        await first


async def test_a_caller_that_leaves_the_queue_leaves_no_slot_behind(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, limits={"requests_in_flight": 1, "queue_seconds": 0.1}) as service:
        service.work.hold = asyncio.Event()
        session = service.alice
        first = asyncio.create_task(post_es(session))
        await until(lambda: service.work.inside == 1)
        leaving = asyncio.create_task(post_es(session))
        await until(lambda: service.edge.admission._by_client["alice"] == 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await until(lambda: service.edge.admission._by_client["alice"] == 1)
        service.work.hold.set()
        assert (await first)[0] == 200
        assert (await post_es(session))[0] == 200
