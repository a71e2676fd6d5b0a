"""Every failure as a problem: status, code, language, and nothing of the inside."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from proxy import errors
from proxy.api.problems import PROBLEMS, leaves
from proxy.errors import ProxyError
from tests.api.service import PDF, People, Service, behind_load_balancer, leaf_header, problem, running, until

ES = "/v1/signatures/es?certificateId=seal-1"
LEAVES = list(leaves())


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.code)
async def test_every_error_an_operation_raises_is_answered_as_the_contract_says(
    service: Service, kind: type[ProxyError]
) -> None:
    service.work.failure = kind("told to the caller", fields={"fieldName": "why"})
    async with service.alice.post(ES, data=PDF) as response:
        members = await problem(response)
        headers = response.headers
    known = PROBLEMS[kind]
    transaction_id = members.pop("transactionId")
    assert members == {
        "type": f"/docs#{kind.code}",
        "title": known.title,
        "status": known.status,
        "detail": "told to the caller",
        "code": kind.code,
        "retryable": kind.retryable,
        "instance": f"/v1/operations/{transaction_id}",
        "errors": [{"field": "fieldName", "reason": "why"}],
    }
    assert headers["Content-Language"] == "en"
    assert headers["Upstream-Bytes"] == "sent=10;received=42"
    assert headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in headers) == (known.status in {429, 503})
    (record,) = await service.records()
    assert (record.state, record.result_code) == ("FAILED", kind.code)


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr, ja;q=0.2", "ja"),
        ("ja;q=0", "en"),
        ("*", "en"),
        (";;;,=", "en"),
    ],
)
async def test_problems_speak_japanese_to_who_prefers_it(service: Service, accept_language: str, language: str) -> None:
    async with service.session().get("/v1/certificates", headers={"Accept-Language": accept_language}) as response:
        members = await problem(response)
        assert response.headers["Content-Language"] == language
    assert (members["title"] == "接続用証明書が必要です") == (language == "ja")
    assert members["code"] == "CLIENT_CERTIFICATE_REQUIRED"


@pytest.mark.parametrize(("given", "told"), [(0.2, "1"), (1.01, "2"), (600.0, "600"), (-5.0, "1")])
async def test_retry_after_is_whole_seconds(service: Service, given: float, told: str) -> None:
    service.work.failure = errors.TSAUnavailable("busy", retry_after=given)
    async with service.alice.post(ES, data=PDF) as response:
        assert response.headers["Retry-After"] == told


@pytest.mark.parametrize("failure", [ZeroDivisionError("secret /etc/path"), KeyError("pin"), errors.SettingsError("path")])
async def test_the_unexpected_is_internal_and_leaks_nothing(
    service: Service, failure: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    service.work.failure = failure
    async with service.alice.post(ES, data=PDF) as response:
        members = await problem(response)
        text = await response.text()
    assert (members["status"], members["code"], members["retryable"]) == (500, "INTERNAL", True)
    for secret in ("secret", "path", "pin", "Traceback", "ZeroDivision", "KeyError", ".py"):
        assert secret not in text
    assert type(failure).__name__ in capfd.readouterr().out or isinstance(failure, ProxyError)
    async with service.alice.get("/v1/maintenance") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/signatures/es/",
        "/v1/signatures/prepare",
        "/v1/signatures/complete",
        "/v1/xades/es",
        "/v1/operations/1/2",
        "/metrics",
        "/console/",
        "/health",
        "/..%2f..%2fetc/passwd",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_there(service: Service, path: str, method: str) -> None:
    async with service.alice.request(method, path, data=b"x" if method == "POST" else None) as response:
        members = await problem(response)
    assert (members["status"], members["code"]) == (404, "NOT_FOUND")
    assert "instance" not in members


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/signatures/es", "POST, PUT"),
        ("DELETE", "/v1/signatures/es-t", "POST, PUT"),
        ("PUT", "/v1/signatures/hash", "POST"),
        ("PUT", "/v1/certificates", "GET, POST"),
        ("DELETE", "/v1/certificates/seal-1", "GET"),
        ("OPTIONS", "/v1/operations", "GET"),
        ("POST", "/healthz", "GET"),
    ],
)
async def test_methods_that_are_not_allowed(service: Service, method: str, path: str, allow: str) -> None:
    async with service.alice.request(method, path) as response:
        members = await problem(response)
        assert response.headers["Allow"] == allow
    assert (members["status"], members["code"]) == (405, "METHOD_NOT_ALLOWED")


async def speak(port: int, request: bytes) -> bytes:
    """Send bytes and read to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def parsed(answer: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(body)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/9.9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(people: People, tmp_path: Path, request_bytes: bytes) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        answer = await speak(service.port, request_bytes)
    status, headers, members = parsed(answer)
    assert status == 400
    assert headers["Content-Type"] == "application/problem+json"
    assert members["code"] == "INVALID_PARAMETER"
    assert members["transactionId"] == headers["Transaction-Id"]
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


@pytest.mark.parametrize("line", [b"CONNECT 127.0.0.1:80 HTTP/1.1", b"OPTIONS * HTTP/1.1"])
async def test_a_target_without_a_path_is_not_there(people: People, tmp_path: Path, line: bytes) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        answer = await speak(service.port, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    status, _, members = parsed(answer)
    assert (status, members["code"]) == (404, "NOT_FOUND")


def upload(headers: str) -> bytes:
    return f"POST {ES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\n{headers}\r\n".encode()


async def inside(service: Service) -> None:
    """Wait until a call holds its slot."""
    await until(lambda: bool(service.edge.admission._by_client))


async def recorded(service: Service) -> str | None:
    """The result of the one call, once it has a record."""
    (record,) = await service.records(at_least=1)
    return record.result_code


@pytest.mark.parametrize("body", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"5\r\nabc"])
async def test_a_chunked_body_that_breaks(people: People, tmp_path: Path, body: bytes) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        ((name, value),) = leaf_header(people.alice).items()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(upload(f"{name}: {value}\r\nTransfer-Encoding: chunked\r\n") + b"5\r\n%PDF-\r\n")
        await inside(service)
        writer.write(body)
        await writer.drain()
        if body == b"5\r\nabc":
            writer.transport.abort()
        else:
            assert parsed(await reader.readuntil(b"}"))[2]["code"] == "LENGTH_MISMATCH"
            writer.close()
        assert await recorded(service) == "LENGTH_MISMATCH"
        assert not service.work.requests


async def test_a_body_encoded_for_its_way_is_refused(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        ((name, value),) = leaf_header(people.alice).items()
        headers = upload(f"{name}: {value}\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n")
        answer = await speak(service.port, headers + b"5\r\n%PDF-\r\n0\r\n\r\n")
        assert not service.work.requests
    assert parsed(answer)[2]["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_caller_that_goes_away_leaves_a_record(service: Service) -> None:
    context = service.trust(service.people.alice)
    _, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=context)
    writer.write(upload("Content-Length: 1000000\r\n") + PDF)
    await writer.drain()
    await inside(service)
    writer.transport.abort()
    assert await recorded(service) == "LENGTH_MISMATCH"
    assert not service.work.requests
    await until(lambda: not service.edge.admission._by_client)
