"""``/v1/verifications``: a document in, in every way documents come; the contract's result out."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from proxy.errors import PDFEncrypted
from proxy.model import ReportKind, VerificationRequest
from proxy.pades.verification.texts import TEXTS
from tests.api.service import PDF, Service, code_of, problem

VERIFICATIONS = "/v1/verifications"

MEMBERS = {
    *("fieldName", "type", "result", "indication", "subIndication", "reasons", "level", "coverage", "modificationLevel"),
    *("signerSubject", "issuer", "serialNumber", "claimedSigningTime", "timestampTime", "validFrom", "validTo", "ltv"),
    *("tsaSubject", "micAccredited", "constraints"),
}


def multipart(**members: Any) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, content, media_type in (
        ("params", json.dumps(members), "application/json"),
        ("document", PDF, "application/pdf"),
    ):
        writer.append(content, CIMultiDict({"Content-Type": media_type})).set_content_disposition("form-data", name=name)
    return writer


async def test_the_result_has_the_contracts_members(either_service: Service) -> None:
    async with either_service.alice.post(VERIFICATIONS, data=PDF, headers={"Content-Type": "application/pdf"}) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        answer = await response.json()
        assert answer["transactionId"] == response.headers["Transaction-Id"]
        assert "Signature-Level" not in response.headers
    assert answer.keys() == {"transactionId", "result", "document", "signatures", "scanInfo", "validationReport"}
    assert answer["result"] == "INVALID"
    assert answer["document"] == {"docMdp": 2, "modifiedAfterSigning": True, "pages": 3}
    assert answer["scanInfo"] is None
    assert all(entry.keys() == MEMBERS for entry in answer["signatures"])
    aside, signature, timestamp, invalid, others = answer["signatures"]
    assert (aside["result"], aside["indication"]) == ("NOT_APPLICABLE", None)
    assert signature == {
        "fieldName": "Approval",
        "type": "certification",
        "result": "VALID",
        "indication": "TOTAL-PASSED",
        "subIndication": None,
        "reasons": [
            {
                "code": "CHANGED_AS_PERMITTED",
                "text": "The document was changed after signing, as the signature permits "
                "(forms filled in, or signatures added).",
            }
        ],
        "level": "B-LT",
        "coverage": "wholeRevision",
        "modificationLevel": "formFilling",
        "signerSubject": "CN=株式会社例",
        "issuer": "CN=Example CA",
        "serialNumber": "0a1b",
        "claimedSigningTime": "2026-01-02T03:04:05Z",
        "timestampTime": "2026-01-02T03:04:05Z",
        "validFrom": "2025-01-01T00:00:00Z",
        "validTo": "2036-01-01T00:00:00Z",
        "ltv": True,
        "tsaSubject": "CN=Example TSA",
        "micAccredited": None,
        "constraints": None,
    }
    assert (timestamp["fieldName"], timestamp["type"], timestamp["indication"]) == ("Approval", "signatureTimestamp", "PASSED")
    assert (timestamp["micAccredited"], timestamp["level"], timestamp["coverage"]) == (True, None, None)
    assert (invalid["indication"], invalid["subIndication"]) == ("TOTAL-FAILED", "FORMAT_FAILURE")
    assert [reason["code"] for reason in invalid["reasons"]] == ["REVISION_NOT_COVERED", "OBJECT_CHANGED"]
    assert (others["result"], others["reasons"][0]["code"]) == ("INDETERMINATE", "TOO_MANY_SIGNATURES")
    (record,) = await either_service.records()
    assert (record.operation, record.state, record.verification_result) == ("verify", "SUCCEEDED", "INVALID")
    assert record.document_sha256 == hashlib.sha256(PDF).hexdigest()


async def test_reasons_come_in_the_language_that_is_asked_for(service: Service) -> None:
    async with service.alice.post(VERIFICATIONS, data=PDF, headers={"Accept-Language": "ja, en;q=0.5"}) as response:
        assert response.headers["Content-Language"] == "ja"
        answer = await response.json()
    (reason,) = answer["signatures"][1]["reasons"]
    assert reason["text"] == "署名後に、署名が許可する範囲の変更があります（フォームの入力または署名の追加）。"


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_parameters_in_the_url(service: Service, method: str) -> None:
    query = {"validationTime": "2030-01-31T09:00:00+09:00", "report": "detailed", "getScanInfo": "true"}
    async with service.alice.request(method, VERIFICATIONS, params=query, data=PDF) as response:
        assert response.status == 200
        answer = await response.json()
    at = datetime(2030, 1, 31, tzinfo=UTC)
    assert service.work.verification_requests == [VerificationRequest(at, ReportKind.DETAILED, scan_info=True)]
    assert service.work.verification_requests[0].validation_time == at
    signature, timestamp = answer["signatures"][1:3]
    assert signature["constraints"] == [
        {
            "block": "5.2.2",
            "constraint": "FORMAT",
            "text": "The signature is well-formed",
            "status": "WARNING",
            "reason": {"code": "APPENDED_DATA", "text": TEXTS["APPENDED_DATA"][0]},
        },
        {
            "block": "5.2.7",
            "constraint": "SIGNATURE_INTACT",
            "text": "The signature value is the signing key's",
            "status": "FULFILLED",
            "reason": None,
        },
    ]
    assert timestamp["constraints"] == []
    assert answer["scanInfo"] == [
        {"page": 1, "widthPx": 2480, "heightPx": 3508, "dpi": 300, "bitsPerPixel": 24, "color": "color"},
        {"page": 2, "widthPx": None, "heightPx": None, "dpi": None, "bitsPerPixel": None, "color": None},
    ]


async def test_multipart_and_json(service: Service) -> None:
    async with service.alice.post(VERIFICATIONS, data=multipart(documentPassword="秘密", report="etsi")) as response:
        assert response.status == 200
    body = {"document": base64.b64encode(PDF).decode(), "getScanInfo": True}
    async with service.alice.post(VERIFICATIONS, json=body) as response:
        assert response.status == 200
    assert service.work.verification_requests == [
        VerificationRequest(report=ReportKind.ETSI, document_password="秘密"),
        VerificationRequest(scan_info=True),
    ]
    assert service.work.received == [hashlib.sha256(PDF).hexdigest()] * 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"documentPassword": "x"}, "documentPassword"),
        ({"validationTime": "2030-01-31T09:00:00"}, "validationTime"),
        ({"report": "long"}, "report"),
        ({"getScanInfo": "yes"}, "getScanInfo"),
        ({"certificateId": "seal-1"}, "certificateId"),
        ({"dryRun": "true"}, "dryRun"),
    ],
)
async def test_what_cannot_be_asked(service: Service, query: dict[str, str], field: str) -> None:
    async with service.alice.post(VERIFICATIONS, params=query, data=PDF) as response:
        assert response.status == 400
        members = await problem(response)
    assert members["code"] == "INVALID_PARAMETER"
    assert [error["field"] for error in members["errors"]] == [field]
    assert not service.work.verification_requests


async def test_who_may_not_and_what_is_not_accepted(service: Service) -> None:
    async with service.session(service.people.bob).post(VERIFICATIONS, data=PDF) as response:
        assert (response.status, await code_of(response)) == (403, "OPERATION_NOT_PERMITTED")
    async with service.alice.post(VERIFICATIONS, data=PDF, headers={"Accept": "application/pdf"}) as response:
        assert (response.status, await code_of(response)) == (406, "NOT_ACCEPTABLE")
    async with service.alice.post(VERIFICATIONS, data=PDF, headers={"Idempotency-Key": "key"}) as response:
        assert (response.status, await code_of(response)) == (501, "NOT_SUPPORTED")
    async with service.alice.post(VERIFICATIONS, data=b"no PDF at all") as response:
        assert (response.status, await code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_missing_password_is_an_error(service: Service) -> None:
    service.work.failure = PDFEncrypted("the PDF is encrypted and the empty password does not open it")
    async with service.alice.post(VERIFICATIONS, data=PDF) as response:
        assert (response.status, await code_of(response)) == (422, "PDF_ENCRYPTED")
    (record,) = await service.records()
    assert (record.state, record.result_code, record.verification_result) == ("FAILED", "PDF_ENCRYPTED", None)


async def test_the_record_tells_the_result(service: Service) -> None:
    async with service.alice.post(VERIFICATIONS, data=PDF) as response:
        transaction_id = response.headers["Transaction-Id"]
    async with service.alice.get(f"/v1/operations/{transaction_id}") as response:
        record = await response.json()
    assert (record["operation"], record["verificationResult"]) == ("verify", "INVALID")
    assert datetime.fromisoformat(record["startedAt"]) < datetime.now(UTC) + timedelta(minutes=1)
