"""Hash signatures, timestamps, certificates, revocation, maintenance, transactions, health and documentation over HTTP."""

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from proxy.api.application import make_admin
from proxy.api.documentation import STYLE
from proxy.api.health import dependencies
from proxy.errors import SettingsError, SignerUnavailable, TransactionNotFound
from proxy.model import HashAlgorithm, MaintenanceState, SignAlgorithm
from proxy.outbound import LinkTimeout
from tests.api.service import PDF, People, Service, code_of, problem, running
from tests.support.pki import new_call

HASH = "/v1/signatures/hash"


def digests(algorithm: HashAlgorithm, count: int) -> list[str]:
    return [base64.b64encode(hashlib.new(algorithm.hashlib_name, bytes([index])).digest()).decode() for index in range(count)]


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
async def test_hash_signatures_in_the_order_of_the_request(service: Service, algorithm: HashAlgorithm) -> None:
    hashes = digests(algorithm, 100)
    async with service.alice.post(
        HASH,
        json={"certificateId": "seal-1", "hashAlgorithm": algorithm, "signAlgorithm": "RSASSA-PSS", "hashes": hashes},
    ) as response:
        assert response.status == 200
        answer = await response.json()
        assert answer["transactionId"] == response.headers["Transaction-Id"]
        assert response.headers["Upstream-Bytes"] == "sent=10;received=42"
    assert (answer["signAlgorithm"], answer["hashAlgorithm"]) == ("RSASSA-PSS", algorithm)
    for asked, made in zip(hashes, answer["signatures"], strict=True):
        assert base64.b64decode(made) == hashlib.shake_256(base64.b64decode(asked)).digest(512)
    ((first, *_),) = service.work.digests
    assert (first.algorithm, base64.b64encode(first.value).decode()) == (algorithm, hashes[0])


async def test_the_answer_to_one_digest_is_small(service: Service) -> None:
    """The fake's values are as long as RSA-4096 makes them."""
    body = {"certificateId": "seal-1", "hashAlgorithm": "SHA-512", "hashes": digests(HashAlgorithm.SHA512, 1)}
    async with service.alice.post(HASH, json=body) as response:
        assert len(await response.read()) < 900


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hashes": []}, "hashes"),
        ({"hashes": digests(HashAlgorithm.SHA256, 101)}, "hashes"),
        ({"hashes": [*digests(HashAlgorithm.SHA256, 2), *digests(HashAlgorithm.SHA384, 1)]}, "hashes.2"),
        ({"hashes": ["not base64!"]}, "hashes.0"),
        ({"hashes": [digests(HashAlgorithm.SHA256, 1)[0].rstrip("=")]}, "hashes.0"),
        ({"hashes": [5]}, "hashes.0"),
        ({"hashes": "AAAA"}, "hashes"),
        ({"hashAlgorithm": "MD5"}, "hashAlgorithm"),
        ({"signAlgorithm": "DSA"}, "signAlgorithm"),
        ({"certificateId": 7}, "certificateId"),
        ({"idempotencyKey": "x"}, "idempotencyKey"),
    ],
)
async def test_hash_requests_that_are_wrong(service: Service, change: dict[str, Any], field: str) -> None:
    body = {"certificateId": "seal-1", "hashAlgorithm": "SHA-256", "hashes": digests(HashAlgorithm.SHA256, 1), **change}
    async with service.alice.post(HASH, json=body) as response:
        members = await problem(response)
    assert members["code"] == "INVALID_PARAMETER"
    assert [error["field"] for error in members["errors"]] == [field]
    assert not service.work.digests


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 411),
        (b"[]", 400),
        (b"{", 400),
        (b'{"hashes": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
        (b'{"certificateId": "seal-1", "certificateId": "seal-2"}', 400),
        (b'{"certificateId": NaN}', 400),
        (b'{"certificateId": "\xff"}', 400),
        (b"1" * 5000, 400),
        (b'{"certificateId": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_bodies_that_are_not_json(service: Service, body: bytes, status: int) -> None:
    async with service.alice.post(HASH, data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status == status
        await problem(response)


async def test_hash_requests_are_json(service: Service) -> None:
    async with service.alice.post(HASH, data=b"{}", headers={"Content-Type": "text/plain"}) as response:
        assert (response.status, await code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    async with service.alice.post(HASH, json={}, headers={"Accept": "application/xml"}) as response:
        assert (response.status, await code_of(response)) == (406, "NOT_ACCEPTABLE")


async def test_hashes_want_their_own_grant_and_certificate(service: Service) -> None:
    body = {"certificateId": "secret", "hashAlgorithm": "SHA-256", "hashes": digests(HashAlgorithm.SHA256, 1)}
    async with service.alice.post(HASH, json=body) as response:
        assert (response.status, await code_of(response)) == (403, "CERTIFICATE_NOT_PERMITTED")
    async with service.session(service.people.bob).post(HASH, json={**body, "certificateId": "seal-2"}) as response:
        assert (response.status, await code_of(response)) == (403, "OPERATION_NOT_PERMITTED")
    assert not service.work.digests


async def test_a_timestamp_on_a_digest_is_rfc_3161_as_it_stands(service: Service) -> None:
    headers = {"Content-Type": "application/timestamp-query"}
    async with service.alice.post(
        "/v1/timestamps/hash", params={"tsaProfile": "public"}, data=b"der", headers=headers
    ) as response:
        assert response.status == 200
        assert response.content_type == "application/timestamp-reply"
        assert await response.read() == b"reply to der"
    assert service.work.queries == [(b"der", "public")]
    for change, body, query, status, code in (
        ({"Content-Type": "application/json"}, b"der", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Accept": "text/plain"}, b"der", {}, 406, "NOT_ACCEPTABLE"),
        ({}, b"der", {"policy": "1.2"}, 400, "INVALID_PARAMETER"),
        ({}, b"", {}, 411, "LENGTH_REQUIRED"),
        ({}, bytes(70_000), {}, 413, "TOO_LARGE"),
    ):
        async with service.alice.post(
            "/v1/timestamps/hash", params=query, data=body, headers={**headers, **change}
        ) as response:
            assert (response.status, await code_of(response)) == (status, code)
    assert len(service.work.queries) == 1


async def test_certificates_come_in_pages_and_only_those_granted(service: Service) -> None:
    session = service.alice
    async with session.get("/v1/certificates", params={"limit": "2"}) as response:
        first = await response.json()
    assert [entry["certificateId"] for entry in first["certificates"]] == ["seal-1", "seal-2"]
    assert first["certificates"][0] == {
        "certificateId": "seal-1",
        "subject": "CN=seal-1,O=株式会社例",
        "issuer": "CN=Example CA",
        "serialNumber": "0a1b",
        "notBefore": "2025-01-01T00:00:00Z",
        "notAfter": "2031-04-05T06:07:08Z",
        "keyAlgorithm": "RSA-3072",
        "signAlgorithms": ["RSASSA-PKCS1-v1_5", "RSASSA-PSS"],
        "hashAlgorithms": ["SHA-256", "SHA-384", "SHA-512"],
        "backend": "central",
        "certificateSha256": "ab" * 32,
        "warnings": [{"code": "EXPIRES_SOON", "detail": "it expires soon"}],
    }
    async with session.get("/v1/certificates", params={"limit": "2", "cursor": first["nextCursor"]}) as response:
        second = await response.json()
    assert [entry["certificateId"] for entry in second["certificates"]] == ["seal-3"]
    assert "nextCursor" not in second
    for query in ({"cursor": "?"}, {"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"offset": "1"}):
        async with session.get("/v1/certificates", params=query) as response:
            assert [error["field"] for error in (await problem(response))["errors"]] == list(query)


async def test_one_certificate_its_chain_and_its_revocation(service: Service) -> None:
    session = service.alice
    async with session.get("/v1/certificates/seal-2") as response:
        assert (await response.json())["certificateId"] == "seal-2"
    async with session.get("/v1/certificates/seal-2/chain") as response:
        assert await response.json() == {
            "certificates": [base64.b64encode(der).decode() for der in (b"der of the signing certificate", b"issuer", b"root")],
            "signAlgorithms": ["ECDSA"],
            "hashAlgorithms": ["SHA-384"],
        }
    async with session.get("/v1/certificates/seal-2/revocation") as response:
        assert await response.json() == {
            "ocspResponses": [base64.b64encode(b"ocsp of seal-2").decode()],
            "crls": [base64.b64encode(b"crl").decode()],
        }


@pytest.mark.parametrize("rest", ["", "/chain", "/revocation"])
@pytest.mark.parametrize("certificate_id", ["secret", "absent"])
async def test_a_certificate_that_is_not_granted_is_refused_whether_there_is_one_or_not(
    service: Service, certificate_id: str, rest: str
) -> None:
    async with service.alice.get(f"/v1/certificates/{certificate_id}{rest}") as response:
        assert (response.status, await code_of(response)) == (403, "CERTIFICATE_NOT_PERMITTED")
    assert not service.work.calls


async def test_who_may_use_any_certificate_learns_that_one_is_absent(people: People, tmp_path: Path) -> None:
    client = {
        "name": "root",
        "certificate_sha256": people.alice.sha256,
        "operations": ["certificates"],
        "certificates": ["*"],
    }
    async with running(people, tmp_path, clients=[client]) as service:
        async with service.alice.get("/v1/certificates/absent") as response:
            assert (response.status, await code_of(response)) == (404, "CERTIFICATE_NOT_FOUND")
        async with service.alice.get("/v1/certificates") as response:
            assert len((await response.json())["certificates"]) == 4


async def test_registration_is_passed_on(service: Service) -> None:
    body = {"keyId": "key-9", "certificate": "AQID", "chain": ["BAUG", "BwgJ"]}
    async with service.alice.post("/v1/certificates", json=body) as response:
        assert response.status == 201
        assert response.headers["Location"] == "/v1/certificates/of%20key-9"
        answer = await response.json()
    assert (answer["certificateId"], answer["notAfter"]) == ("of key-9", "2031-04-05T06:07:08Z")
    assert service.work.certificates == [(b"\x01\x02\x03", b"\x04\x05\x06", b"\x07\x08\x09")]


async def test_revocation_relay(service: Service) -> None:
    async with service.alice.post("/v1/revocation", json={"certificates": ["AQID", "BAUG"]}) as response:
        assert response.status == 200
        assert len((await response.json())["crls"]) == 2
    assert service.work.certificates == [(b"\x01\x02\x03", b"\x04\x05\x06")]
    async with service.session(service.people.bob).post("/v1/revocation", json={"certificates": ["AQID"]}) as response:
        assert (response.status, await code_of(response)) == (403, "OPERATION_NOT_PERMITTED")


async def test_maintenance_of_the_central_signer_is_told(service: Service) -> None:
    session = service.session(service.people.bob)
    async with session.get("/v1/maintenance") as response:
        assert await response.json() == {"inMaintenance": False}
    starts = datetime(2026, 7, 1, tzinfo=UTC)
    service.backend.state = MaintenanceState(True, starts, starts + timedelta(hours=2), "ディスク交換")
    async with session.get("/v1/maintenance") as response:
        assert await response.json() == {
            "inMaintenance": True,
            "from": "2026-07-01T00:00:00Z",
            "to": "2026-07-01T02:00:00Z",
            "message": "ディスク交換",
        }
    service.backend.failure = SignerUnavailable("it cannot be reached")
    async with session.get("/v1/maintenance") as response:
        assert (response.status, await code_of(response)) == (503, "SIGNER_UNAVAILABLE")


async def test_own_maintenance_refuses_signing_and_lets_read(people: People, tmp_path: Path) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=10)
    async with running(people, tmp_path, maintenance={"ends": ends, "message": "moving house"}) as service:
        session = service.alice
        for request in (
            session.post("/v1/signatures/es", params={"certificateId": "seal-1"}, data=PDF),
            session.post("/v1/signatures/es-t", params={"certificateId": "seal-1"}, data=PDF),
            session.post(HASH, json={}),
            session.post("/v1/timestamps/hash", data=b"x"),
            session.post("/v1/certificates", json={}),
        ):
            async with request as response:
                assert (response.status, await code_of(response)) == (503, "MAINTENANCE")
                assert 590 <= int(response.headers["Retry-After"]) <= 600
        for path in ("/v1/maintenance", "/v1/certificates", "/v1/certificates/seal-1", "/v1/operations"):
            async with session.get(path) as response:
                assert response.status == 200
        async with session.get("/v1/maintenance") as response:
            assert (await response.json())["message"] == "moving house"
        service.clock.offset = timedelta(minutes=11)
        async with session.post("/v1/signatures/es", params={"certificateId": "seal-1"}, data=PDF) as response:
            assert response.status == 200


async def test_maintenance_is_announced_while_the_service_runs(people: People, tmp_path: Path) -> None:
    file = tmp_path / "maintenance.toml"
    async with running(people, tmp_path, maintenance={"file": file}) as service:
        session = service.alice

        async def sign() -> str:
            async with session.post("/v1/signatures/es", params={"certificateId": "seal-1"}, data=PDF) as response:
                return "" if response.status == 200 else await code_of(response)

        async def announced() -> dict[str, Any]:
            await service.files.look()
            async with session.get("/v1/maintenance") as response:
                assert response.status == 200
                members: dict[str, Any] = await response.json()
                return members

        assert (await announced())["inMaintenance"] is False
        file.write_text("starts = 2999-01-01T02:00:00+09:00\nmessage = 'new disks'\n")
        told = await announced()
        assert (told["inMaintenance"], told["from"], told["message"]) == (False, "2999-01-01T02:00:00+09:00", "new disks")
        assert await sign() == ""
        file.write_text("message = 'new disks, now'\n")
        told = await announced()
        assert (told["inMaintenance"], told["message"], "to" in told) == (True, "new disks, now", False)
        assert await sign() == "MAINTENANCE"
        file.write_text("mesage = 'new disks, now'\n")
        assert (await announced())["message"] == "new disks, now"
        (problem,) = [state.problem for state in service.files.states if state.problem]
        assert "mesage" in problem
        file.unlink()
        assert (await announced())["inMaintenance"] is False
        assert await sign() == ""


async def test_a_client_sees_its_own_transactions_and_no_other_exists(service: Service) -> None:
    alice, bob = service.alice, service.session(service.people.bob)
    chosen = str(uuid.uuid4())
    async with alice.post(
        "/v1/signatures/es", params={"certificateId": "seal-1"}, data=PDF, headers={"Transaction-Id": chosen.upper()}
    ) as response:
        assert response.headers["Transaction-Id"] == chosen
    async with alice.get(f"/v1/operations/{chosen.upper()}") as response:
        assert response.status == 200
        record = await response.json()
    assert {name: record[name] for name in ("transactionId", "operation", "state", "form", "certificateId")} == {
        "transactionId": chosen,
        "operation": "es",
        "state": "SUCCEEDED",
        "form": "ES",
        "certificateId": "seal-1",
    }
    assert record["documentBytes"] == len(PDF)
    assert record["documentSha256"] == hashlib.sha256(PDF).hexdigest()
    assert record["exchanges"] == [
        {"destination": "central", "sent": 10, "received": 42, "sentSha256": hashlib.sha256(b"0123456789").hexdigest()}
    ]
    assert record["stages"][0]["stage"] == "upload"
    assert datetime.fromisoformat(record["startedAt"]) <= datetime.fromisoformat(record["endedAt"])
    assert "resultCode" not in record
    async with bob.get(f"/v1/operations/{chosen}") as response:
        assert (response.status, await code_of(response)) == (404, TransactionNotFound.code)
    async with bob.get("/v1/operations") as response:
        # Her own looking up is all there is; the call that asks is not over yet.
        assert [entry["operation"] for entry in (await response.json())["operations"]] == ["operations"]


async def test_transactions_are_found_by_time_result_and_certificate(service: Service) -> None:
    session = service.alice
    for certificate_id in ("seal-1", "seal-2", "secret"):
        async with session.post("/v1/signatures/es", params={"certificateId": certificate_id}, data=PDF):
            pass

    async def found(**query: str) -> list[str]:
        async with session.get("/v1/operations", params=query) as response:
            assert response.status == 200
            return [f"{entry['operation']} {entry.get('resultCode', 'ok')}" for entry in (await response.json())["operations"]]

    assert await found(result="CERTIFICATE_NOT_PERMITTED") == ["es CERTIFICATE_NOT_PERMITTED"]
    assert await found(result="FAILED") == ["es CERTIFICATE_NOT_PERMITTED"]
    assert await found(certificateId="seal-2") == ["es ok"]
    now = datetime.now(UTC)
    jst = (now + timedelta(hours=9, minutes=-1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert len(await found(**{"from": f"{jst}+09:00"}, certificateId="seal-1")) == 1
    assert await found(to=f"{jst}+09:00") == []
    # A plus sign that nobody escaped is a space by the time it is here.
    async with session.get(f"/v1/operations?to={jst}+09:00") as response:
        assert response.status == 200
    for query in (
        {"from": "2026-01-01"},
        {"from": "2026-01-01T00:00:00"},
        {"to": "1700000000"},
        {"result": "ok"},
        {"id": "1"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
    ):
        async with session.get("/v1/operations", params=query) as response:
            assert [error["field"] for error in (await problem(response))["errors"]] == list(query)
    async with session.get("/v1/operations", params={"limit": "1"}) as response:
        page = await response.json()
    async with session.get("/v1/operations", params={"limit": "1", "cursor": page["nextCursor"]}) as response:
        assert (await response.json())["operations"][0]["transactionId"] != page["operations"][0]["transactionId"]


async def test_health_needs_no_certificate(service: Service) -> None:
    session = service.session()
    async with session.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    async with session.get("/readyz") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    service.operations.health.ready = False
    async with session.get("/readyz") as response:
        assert (response.status, await response.json()) == (503, {"status": "unavailable"})


async def test_operators_see_every_dependency(service: Service) -> None:
    runner = web.AppRunner(make_admin(service.settings, service.operations, service.clock))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:
            async with session.get("/health") as response:
                assert response.status == 200
                assert await response.json() == {
                    "ready": True,
                    "ok": True,
                    "dependencies": [{"name": "central", "ok": True}],
                    "links": [],
                    "files": [],
                    "missing": [],
                }
            service.backend.failure = SignerUnavailable("it cannot be reached")
            async with session.get("/health") as response:
                assert response.status == 503
                dependencies = (await response.json())["dependencies"]
            assert dependencies == [{"name": "central", "ok": False, "detail": "SIGNER_UNAVAILABLE"}]
            service.backend.failure = None
            authority = service.operations.health._links.dependency("tsa:there:80")
            for _ in range(5):
                with pytest.raises(LinkTimeout):
                    await authority.ask(new_call(), _slow, repeatable=False)
            async with session.get("/health") as response:
                assert response.status == 503
                (link,) = (await response.json())["links"]
            assert 9 < link.pop("retryAfter") <= 10
            assert link == {
                "name": "tsa:there:80",
                "breaker": "OPEN",
                "failures": 5,
                "lastFailure": "LinkTimeout: no answer",
            }
    finally:
        await runner.cleanup()


async def test_operators_see_which_files_are_not_in_use(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.write_text("1")

    def read() -> int:
        try:
            return int(file.read_text())
        except ValueError as error:
            raise SettingsError("no number") from error

    files = service.operations.health._links.files
    files.follow("number", [file], read)
    file.write_text("many")
    await files.look()
    answer = await dependencies(service.operations, service.clock)
    assert isinstance(answer, web.Response)
    assert answer.status == 503
    assert answer.text is not None
    assert json.loads(answer.text)["files"] == [{"name": "number", "ok": False, "detail": "no number"}]


async def _slow() -> None:
    raise LinkTimeout("no answer")


async def test_operators_read_metrics_where_callers_do_not(service: Service) -> None:
    async with service.alice.get("/v1/certificates") as response:
        assert response.status == 200
    async with service.alice.get("/metrics") as response:
        assert response.status == 404
    runner = web.AppRunner(make_admin(service.settings, service.operations, service.clock))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session,
            session.get("/metrics") as response,
        ):
            assert (response.status, response.content_type) == (200, "text/plain")
            text = await response.text()
    finally:
        await runner.cleanup()
    assert 'signproxy_calls_total{client="alice",code="OK",operation="certificates"} 1.0' in text
    assert 'signproxy_requests{state="slots"} 30.0' in text


class _Loads(HTMLParser):
    """Collects whatever a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.styles = ""
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        names = {name for name, _ in attrs}
        if tag in {"script", "img", "link", "iframe", "object", "form"} or names & {"src", "style", "onload", "onclick"}:
            self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles += data

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


async def test_the_documentation_holds_all_it_needs(service: Service) -> None:
    async with service.session().get("/docs") as response:
        assert response.content_type == "text/html"
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    loads = _Loads()
    loads.feed(page)
    assert loads.found == []
    assert loads.styles == STYLE
    style = base64.b64encode(hashlib.sha256(loads.styles.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{style}';")
    for wanted in ('id="MDP_LOCKED"', "/v1/signatures/es-t", "メンテナンス中です", "<code>certificateId</code>"):
        assert wanted in page


async def test_the_openapi_document_is_served(service: Service) -> None:
    async with service.session().get("/openapi.json") as response:
        assert response.content_type == "application/json"
        served = json.loads(await response.read())
    assert served["openapi"] == "3.1.0"
    assert SignAlgorithm.ECDSA in served["components"]["schemas"]["SignAlgorithm"]["enum"]
