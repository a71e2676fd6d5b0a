"""Documents in and out of ``/v1/signatures/es`` and ``/es-t``."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from proxy.api import queries
from proxy.model import HashAlgorithm, SignAlgorithm, SignatureForm, SignatureRequest
from tests.api.fakes import CERTIFICATE, INCREMENT
from tests.api.service import PDF, Service, code_of, problem

ES = "/v1/signatures/es"
ES_T = "/v1/signatures/es-t"
RESULT = PDF + INCREMENT


Part = tuple[str, bytes | str, str]


def form(*parts: Part) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, content, media_type in parts:
        part = writer.append(content, CIMultiDict({"Content-Type": media_type}))
        part.set_content_disposition("form-data", name=name)
    return writer


def params(**members: Any) -> Part:
    return "params", json.dumps({"certificateId": "seal-1", **members}), "application/json"


async def chunked(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


DOCUMENT: Part = ("document", PDF, "application/pdf")


async def test_a_raw_pdf_comes_back_signed(either_service: Service) -> None:
    async with either_service.alice.post(
        ES, params={"certificateId": "seal-1"}, data=PDF, headers={"Content-Type": "application/pdf"}
    ) as response:
        assert response.status == 200
        assert await response.read() == RESULT
        assert response.content_type == "application/pdf"
        assert response.headers["Content-Length"] == str(len(RESULT))
        assert response.headers["Signature-Form"] == "ES"
        assert response.headers["Signature-Level"] == "B-B"
        assert response.headers["Valid-Until"] == "2031-04-05T06:07:08+00:00"
        assert response.headers["Result-SHA256"] == hashlib.sha256(RESULT).hexdigest()
        assert response.headers["Upstream-Bytes"] == "sent=10;received=42"
        assert response.headers["Cache-Control"] == "no-store"
        transaction_id = response.headers["Transaction-Id"]
    (record,) = await either_service.records()
    assert record.transaction_id == transaction_id
    assert (record.state, record.operation, record.certificate_id) == ("SUCCEEDED", "es", "seal-1")
    assert (record.document_bytes, record.document_sha256) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    assert [stage.stage for stage in record.stages] == ["upload"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("path", "made"), [(ES, SignatureForm.ES), (ES_T, SignatureForm.ES_T)])
async def test_every_parameter_of_the_url_arrives(service: Service, method: str, path: str, made: SignatureForm) -> None:
    query = {
        "certificateId": "seal-2",
        "fieldName": "承認 1",
        "existingFieldOnly": "true",
        "hashAlgorithm": "SHA-512",
        "signAlgorithm": "RSASSA-PSS",
        "dryRun": "false",
        "return": "document",
        **({"tsaProfile": "public"} if made is SignatureForm.ES_T else {}),
    }
    async with service.alice.request(method, path, params=query, data=PDF) as response:
        assert response.status == 200
    assert service.work.requests == [
        SignatureRequest(
            form=made,
            certificate_id="seal-2",
            field_name="承認 1",
            existing_field_only=True,
            hash_algorithm=HashAlgorithm.SHA512,
            sign_algorithm=SignAlgorithm.RSASSA_PSS,
            tsa_profile="public" if made is SignatureForm.ES_T else None,
        )
    ]
    # Known before the body, the other digest was taken with the first.
    assert service.work.running == [{HashAlgorithm.SHA256, HashAlgorithm.SHA512}]


@pytest.mark.parametrize("document_first", [False, True])
async def test_multipart_in_either_order(service: Service, document_first: bool) -> None:
    parts: list[Part] = [
        params(reason="契約の承認", location="東京", contactInfo="a@example.jp", hashAlgorithm="SHA-384"),
        DOCUMENT,
    ]
    if document_first:
        parts.reverse()
    async with service.alice.post(ES, data=form(*parts)) as response:
        assert response.status == 200
        assert response.content_type == "application/pdf"
        assert await response.read() == RESULT
    (request,) = service.work.requests
    assert (request.reason, request.location, request.contact_info) == ("契約の承認", "東京", "a@example.jp")
    known_in_time = set() if document_first else {HashAlgorithm.SHA384}
    assert service.work.running == [{HashAlgorithm.SHA256} | known_in_time]


@pytest.mark.parametrize("document_first", [False, True])
async def test_json_in_and_out(either_service: Service, document_first: bool) -> None:
    members = [("certificateId", "seal-1"), ("reason", 'a "quoted" \\ reason'), ("document", base64.b64encode(PDF).decode())]
    if document_first:
        members.reverse()
    async with either_service.alice.post(ES_T, json=dict(members)) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        body = await response.read()
        assert response.headers["Content-Length"] == str(len(body))
    answer = json.loads(body)
    assert base64.b64decode(answer.pop("document"), validate=True) == RESULT
    assert answer == {
        "transactionId": response.headers["Transaction-Id"],
        "form": "ES-T",
        "level": "B-T",
        "certificateId": "seal-1",
        "certificate": base64.b64encode(CERTIFICATE).decode(),
        "fieldName": "Signature1",
        "hashAlgorithm": "SHA-256",
        "signAlgorithm": "RSASSA-PKCS1-v1_5",
        "signingTime": "2026-01-02T03:04:05Z",
        "timestampTime": "2026-01-02T03:04:06Z",
        "validUntil": "2031-04-05T06:07:08Z",
        "documentSha256": hashlib.sha256(PDF).hexdigest(),
        "resultSha256": hashlib.sha256(RESULT).hexdigest(),
        "upstreamBytes": {"sent": 10, "received": 42},
        "dryRun": False,
    }
    assert either_service.work.requests[0].reason == 'a "quoted" \\ reason'


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/pdf"),
        ("*/*", "application/pdf"),
        ("application/*", "application/pdf"),
        ("application/json", "application/json"),
        ("application/pdf;q=0.3, application/json;q=0.9", "application/json"),
        ("application/json;q=0.9, */*;q=0.1", "application/json"),
        ("application/pdf;q=0, */*", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/pdf"),
    ],
)
async def test_accept_chooses_the_answer(service: Service, accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    async with service.session(service.people.alice, skip_auto_headers=["Accept"]).post(
        ES, params={"certificateId": "seal-1"}, data=PDF, headers=headers
    ) as response:
        assert response.status == 200
        assert response.content_type == media_type


async def test_a_json_request_may_ask_for_the_document(service: Service) -> None:
    body = {"certificateId": "seal-1", "document": base64.b64encode(PDF).decode()}
    async with service.alice.post(ES, json=body, headers={"Accept": "application/pdf"}) as response:
        assert await response.read() == RESULT


async def test_what_cannot_be_accepted_is_refused_before_anything_is_signed(service: Service) -> None:
    query = {"certificateId": "seal-1"}
    async with service.alice.post(ES, params=query, data=PDF, headers={"Accept": "image/png"}) as response:
        assert (response.status, await code_of(response)) == (406, "NOT_ACCEPTABLE")
    async with service.alice.post(ES, data=form(params(), DOCUMENT), headers={"Accept": "application/xml"}) as response:
        assert (response.status, await code_of(response)) == (406, "NOT_ACCEPTABLE")
    async with service.alice.post(
        ES, params={**query, "return": "increment"}, data=PDF, headers={"Accept": "application/pdf"}
    ) as response:
        assert (response.status, await code_of(response)) == (406, "NOT_ACCEPTABLE")
    assert not service.work.requests


async def test_the_increment_alone(either_service: Service) -> None:
    query = {"certificateId": "seal-1", "return": "increment"}
    async with either_service.alice.post(ES, params=query, data=PDF) as response:
        assert response.status == 200
        assert response.content_type == "application/octet-stream"
        assert await response.read() == INCREMENT
        assert response.headers["Content-Length"] == str(len(INCREMENT))
        # The digest is of what the caller ends up with.
        assert response.headers["Result-SHA256"] == hashlib.sha256(RESULT).hexdigest()


async def test_a_dry_run_answers_with_facts_and_no_document(service: Service) -> None:
    async with service.alice.put(ES, params={"certificateId": "seal-1", "dryRun": "true"}, data=PDF) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        answer = await response.json()
    assert answer["dryRun"] is True
    assert answer["fieldName"] == "Signature1"
    assert "document" not in answer
    assert "resultSha256" not in answer
    assert "Result-SHA256" not in response.headers
    assert service.work.requests[0].dry_run


@pytest.mark.parametrize("media_type", [None, "application/octet-stream", "application/x-www-form-urlencoded"])
async def test_without_a_telling_type_the_first_bytes_decide(service: Service, media_type: str | None) -> None:
    session = service.session(service.people.alice, skip_auto_headers=["Content-Type"])
    headers = {} if media_type is None else {"Content-Type": media_type}
    query = {"certificateId": "seal-1"}
    for body, status in ((b"\xef\xbb\xbf junk " + PDF, 200), (bytes(1018) + PDF, 200)):
        async with session.put(ES, params=query, data=body, headers=headers) as response:
            assert response.status == status
    for body in (bytes(1020) + PDF, b"PK\x03\x04" + bytes(5000), b"tiny"):
        async with session.put(ES, params=query, data=body, headers=headers) as response:
            assert (response.status, await code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert len(service.work.requests) == 2


@pytest.mark.parametrize("media_type", ["application/xml", "text/plain", "image/png", "multipart/mixed; boundary=x"])
async def test_other_types_are_refused(service: Service, media_type: str) -> None:
    async with service.alice.post(
        ES, params={"certificateId": "seal-1"}, data=PDF, headers={"Content-Type": media_type}
    ) as response:
        assert (response.status, await code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_an_encoded_body_is_refused(service: Service, encoding: str) -> None:
    async with service.alice.post(
        ES, params={"certificateId": "seal-1"}, data=PDF, headers={"Content-Encoding": encoding}
    ) as response:
        assert (response.status, await code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_identity_is_no_encoding(service: Service) -> None:
    async with service.alice.post(
        ES, params={"certificateId": "seal-1"}, data=PDF, headers={"Content-Encoding": "identity"}
    ) as response:
        assert response.status == 200


async def test_no_body(service: Service) -> None:
    query = {"certificateId": "seal-1"}

    for data in (None, b"", chunked()):
        async with service.alice.post(ES, params=query, data=data, headers={"Content-Type": "application/pdf"}) as response:
            assert (response.status, await code_of(response)) == (411, "LENGTH_REQUIRED")
    assert not service.work.requests


async def test_a_query_that_is_no_utf_8(service: Service) -> None:
    url = URL(f"{service.url}{ES}?certificateId=seal-1&fieldName=%ff", encoded=True)
    async with service.alice.post(url, data=PDF) as response:
        assert (response.status, await code_of(response)) == (400, "INVALID_PARAMETER")
    assert not service.work.requests


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ({}, "certificateId", "required"),
        ({"certificateId": ""}, "certificateId", "at least 1"),
        ({"certificateId": "seal-1", "ltv": "true"}, "ltv", "unknown parameter"),
        ({"certificateId": "seal-1", "tsaProfile": "x"}, "tsaProfile", "unknown parameter"),
        ({"certificateId": "seal-1", "appearance.page": "x"}, "appearance.page", "expected a number"),
        ({"certificateId": "seal-1", "certificate_id": "seal-1"}, "certificate_id", "unknown parameter"),
        ({"certificateId": "seal-1", "idempotencyKey": "1"}, "idempotencyKey", "unknown parameter"),
        ({"certificateId": "seal-1", "documentPassword": "x"}, "documentPassword", queries.NOT_IN_URL),
        ({"certificateId": "seal-1", "reason": "x"}, "reason", "multipart/form-data"),
        ({"certificateId": "seal-1", "location": "x"}, "location", "JSON"),
        ({"certificateId": "seal-1", "contactInfo": "x"}, "contactInfo", "never goes into the URL"),
        ({"certificateId": "seal-1", "dryRun": "1"}, "dryRun", "true or false"),
        ({"certificateId": "seal-1", "existingFieldOnly": "TRUE"}, "existingFieldOnly", "true or false"),
        ({"certificateId": "seal-1", "return": "none"}, "return", "'document' or 'increment'"),
        ({"certificateId": "seal-1", "hashAlgorithm": "SHA-1"}, "hashAlgorithm", "'SHA-256', 'SHA-384' or 'SHA-512'"),
        ({"certificateId": "seal-1", "signAlgorithm": "RSA"}, "signAlgorithm", "'RSASSA-PSS'"),
        ({"certificateId": "seal-1", "fieldName": "a\x00b"}, "fieldName", "control characters"),
        ({"certificateId": "seal-1", "fieldName": "a" * 300}, "fieldName", "at most 256"),
        ([("certificateId", "seal-1"), ("certificateId", "seal-2")], "certificateId", "given twice"),
    ],
)
async def test_parameters_that_are_wrong_are_named(
    service: Service, query: dict[str, str] | list[tuple[str, str]], field: str, reason: str
) -> None:
    async with service.alice.post(ES, params=query, data=PDF) as response:
        members = await problem(response)
    assert (members["status"], members["code"], members["retryable"]) == (400, "INVALID_PARAMETER", False)
    (error,) = members["errors"]
    assert error["field"] == field
    assert reason in error["reason"]
    assert not service.work.requests


@pytest.mark.parametrize(
    ("members", "field", "reason"),
    [
        ({"ltv": True}, "ltv", "unknown parameter"),
        ({"source": "s3://a/b"}, "source", "unknown parameter"),
        ({"dryRun": "true"}, "dryRun", "valid boolean"),
        ({"reason": 5}, "reason", "valid string"),
        ({"reason": "x" * 600}, "reason", "at most 512"),
        ({"appearance": {"page": 1, "y": 1, "width": 9, "height": 9}}, "appearance.x", "required"),
        ({"certificateId": None}, "certificateId", "valid string"),
    ],
)
async def test_members_that_are_wrong_are_named(service: Service, members: dict[str, Any], field: str, reason: str) -> None:
    body = {"certificateId": "seal-1", "document": base64.b64encode(PDF).decode(), **members}
    async with service.alice.post(ES, json=body) as response:
        answer = await problem(response)
    assert answer["code"] == "INVALID_PARAMETER"
    assert [error["field"] for error in answer["errors"]] == [field]
    assert reason in answer["errors"][0]["reason"]


async def test_bodies_and_queries_complete_each_other(service: Service) -> None:
    async with service.alice.post(
        ES, params={"certificateId": "seal-3"}, data=form(("params", '{"reason": "x"}', "application/json"), DOCUMENT)
    ) as response:
        assert response.status == 200
    assert service.work.requests[0].certificate_id == "seal-3"
    async with service.alice.post(ES, params={"certificateId": "seal-3"}, data=form(DOCUMENT)) as response:
        assert response.status == 200
    async with service.alice.post(ES, params={"certificateId": "seal-3"}, data=form(params(), DOCUMENT)) as response:
        answer = await problem(response)
    assert answer["errors"] == [{"field": "certificateId", "reason": "given in query and body"}]


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([params()], "document"),
        ([params(), ("document", b"", "application/pdf")], "document"),
        ([params(), DOCUMENT, DOCUMENT], "document"),
        ([params(), params(), DOCUMENT], "params"),
        ([params(), DOCUMENT, ("sealImage", b"x", "image/png"), ("sealImage", b"x", "image/png")], "sealImage"),
    ],
)
async def test_parts_that_are_wrong_are_named(service: Service, parts: list[Part], field: str) -> None:
    async with service.alice.post(ES, data=form(*parts)) as response:
        answer = await problem(response)
    assert answer["code"] == "INVALID_PARAMETER"
    assert [error["field"] for error in answer["errors"]] == [field]
    assert not service.work.requests


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\n",
        b"no delimiter at all",
        b'--x\r\nContent-Disposition: form-data; name="document"\r\n\r\n' + PDF,
        b'--x\r\nContent-Disposition: form-data; name="document"\r\n\r\n' + PDF + b"\r\n--x",
        b"--x\r\nContent-Type: application/pdf\r\n\r\n" + PDF + b"\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="document"\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="params"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--x--\r\n',
        b"--x\r\n" + b"A: b\r\n" * 3000 + b"\r\n--x--\r\n",
    ],
)
async def test_broken_multipart(service: Service, body: bytes) -> None:
    async with service.alice.post(ES, data=body, headers={"Content-Type": "multipart/form-data; boundary=x"}) as response:
        assert response.status == (411 if not body else 400)
        assert await code_of(response) == ("INVALID_PARAMETER" if body else "LENGTH_REQUIRED")
    assert not service.work.requests


async def test_multipart_without_a_boundary(service: Service) -> None:
    async with service.alice.post(ES, data=b"--x--", headers={"Content-Type": "multipart/form-data"}) as response:
        assert (response.status, await code_of(response)) == (400, "INVALID_PARAMETER")


async def test_the_document_is_held_against_its_declared_length(service: Service) -> None:
    query, session = {"certificateId": "seal-1"}, service.alice
    for data, headers in (
        (PDF, {"Document-Length": str(len(PDF) + 1)}),
        (chunked(PDF), {"Document-Length": str(len(PDF) - 1)}),
    ):
        async with session.post(ES, params=query, data=data, headers=headers) as response:
            assert (response.status, await code_of(response)) == (400, "LENGTH_MISMATCH")
    async with session.post(ES, data=form(params(), DOCUMENT), headers={"Document-Length": str(len(PDF) + 9)}) as response:
        assert (response.status, await code_of(response)) == (400, "LENGTH_MISMATCH")
    assert not service.work.requests
    async with session.post(ES, data=form(params(), DOCUMENT), headers={"Document-Length": str(len(PDF))}) as response:
        assert response.status == 200
    async with session.post(ES, params=query, data=PDF, headers={"Document-Length": "12 bytes"}) as response:
        assert (await problem(response))["errors"][0]["field"] == "Document-Length"


def content_digest(name: str, content: bytes) -> str:
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), content).digest()).decode()}:"


async def test_the_body_is_held_against_its_declared_digest(service: Service) -> None:
    query, session = {"certificateId": "seal-1"}, service.alice
    for name in ("sha-256", "sha-512"):
        for content, status in ((PDF, 200), (PDF + b" ", 400)):
            headers = {"Content-Digest": content_digest(name, content)}
            async with session.post(ES, params=query, data=PDF, headers=headers) as response:
                assert response.status == status
                if status == 400:
                    assert await code_of(response) == "DIGEST_MISMATCH"
    both = f"{content_digest('sha-512', PDF)}, {content_digest('sha-256', b'other')}"
    async with session.post(ES, params=query, data=PDF, headers={"Content-Digest": both}) as response:
        assert await code_of(response) == "DIGEST_MISMATCH"
    # Of the content as RFC 9530 says: in JSON that is the JSON.
    body = json.dumps({**query, "document": base64.b64encode(PDF).decode()}).encode()
    headers = {"Content-Type": "application/json", "Content-Digest": content_digest("sha-256", body)}
    async with session.post(ES, data=body, headers=headers) as response:
        assert response.status == 200
    for wrong in ("sha-256=abc", "md5=:AAAA:", "sha-256=:A:"):
        async with session.post(ES, params=query, data=PDF, headers={"Content-Digest": wrong}) as response:
            assert (await problem(response))["errors"][0]["field"] == "Content-Digest"
    assert len(service.work.requests) == 3


async def test_a_certificate_that_is_not_granted(service: Service) -> None:
    session = service.session(service.people.bob)
    for request in (
        session.post(ES, params={"certificateId": "seal-1"}, data=PDF),
        session.post(ES, data=form(params(), DOCUMENT)),
        session.post(ES, json={"document": base64.b64encode(PDF).decode(), "certificateId": "seal-1"}),
    ):
        async with request as response:
            assert (response.status, await code_of(response)) == (403, "CERTIFICATE_NOT_PERMITTED")
    assert not service.work.requests
    async with session.post(ES, params={"certificateId": "seal-2"}, data=PDF) as response:
        assert response.status == 200


async def test_an_upload_that_is_refused_anyway_ends_early(service: Service) -> None:
    """Parameters before the document are judged when the document begins, not when it ends."""

    async def upload() -> Any:
        yield b'{"certificateId": "secret", "document": "'
        await asyncio.get_running_loop().create_future()

    async with service.alice.post(ES, data=upload(), headers={"Content-Type": "application/json"}) as response:
        assert (response.status, await code_of(response)) == (403, "CERTIFICATE_NOT_PERMITTED")


async def test_only_so_many_faults_are_told(service: Service) -> None:
    body = {"document": base64.b64encode(PDF).decode(), **{f"unknown{index}": 1 for index in range(500)}}
    async with service.alice.post(ES, json=body) as response:
        assert len((await problem(response))["errors"]) == 20


async def test_names_of_files_do_not_matter(service: Service) -> None:
    data = aiohttp.FormData()
    data.add_field("document", PDF, filename="契約書;\"'.pdf", content_type="application/pdf")
    data.add_field("params", '{"certificateId": "seal-1"}')
    async with service.alice.post(ES, data=data) as response:
        assert response.status == 200
