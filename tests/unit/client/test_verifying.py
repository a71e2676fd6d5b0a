"""``SigningClient.verify`` against a service that keeps the contract."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proxy.client import AnswerInvalid, SigningClient
from proxy.errors import OperationNotPermitted, PDFEncrypted
from proxy.model import ReportKind, VerificationRequest, VerificationResult
from tests.support.contract_service import VERDICT, ContractService, pdf


async def test_the_verdict_as_a_value(service: ContractService, tmp_path: Path) -> None:
    document = pdf(tmp_path)
    async with SigningClient(service.connection()) as client:
        verification = await client.verify(document)
    assert verification.result is VerificationResult.VALID
    assert (verification.pages, verification.doc_mdp, verification.modified_after_signing) == (1, None, False)
    (signature,) = verification.signatures
    assert (signature.field_name, signature.level, signature.modification_level) == ("承認", "B-LTA", "formFilling")
    assert signature.reasons == (("CHANGED_AS_PERMITTED", "変更があります。"),)
    assert signature.valid_to == datetime(2036, 1, 1, tzinfo=UTC)
    assert (signature.ltv, signature.mic_accredited) == (True, True)
    assert verification.members["signatures"] == [VERDICT]
    (seen,) = service.seen
    assert (seen.path, seen.query, seen.params) == ("/v1/verifications", {"report": "simple"}, {})
    assert seen.document == document.read_bytes()
    assert (seen.headers["Accept-Language"], seen.headers["Document-Length"]) == ("en", str(len(seen.document)))
    assert verification.transaction_id == seen.headers["Transaction-Id"]


async def test_what_is_asked_reaches_the_service_and_the_password_no_url(service: ContractService) -> None:
    request = VerificationRequest(
        datetime(2030, 1, 31, tzinfo=UTC), ReportKind.DETAILED, scan_info=True, document_password="秘密"
    )
    async with SigningClient(service.connection()) as client:
        await client.verify(io.BytesIO(b"%PDF-1.7 of a stream"), request, language="ja")
    (seen,) = service.seen
    assert seen.query == {"validationTime": "2030-01-31T00:00:00+00:00", "report": "detailed", "getScanInfo": "true"}
    assert seen.params == {"documentPassword": "秘密"}
    assert seen.headers["Accept-Language"] == "ja"
    assert seen.document == b"%PDF-1.7 of a stream"


async def test_a_bad_verdict_is_no_error_and_an_error_is_one(service: ContractService, tmp_path: Path) -> None:
    service.results = {b"%PDF": "INVALID"}
    async with SigningClient(service.connection()) as client:
        assert (await client.verify(pdf(tmp_path))).result is VerificationResult.INVALID
        service.fail_for = b"%PDF"
        with pytest.raises(PDFEncrypted):
            await client.verify(tmp_path / "contract.pdf")
        service.problem = (403, {"code": "OPERATION_NOT_PERMITTED", "detail": "no"})
        with pytest.raises(OperationNotPermitted):
            await client.verify(tmp_path / "contract.pdf")
        with pytest.raises(FileNotFoundError):
            await client.verify(tmp_path / "missing.pdf")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"result": "FINE"}, "result"),
        ({"document": None}, "object"),
        ({"document": {"modifiedAfterSigning": "no"}}, "modifiedAfterSigning"),
        ({"document": {"modifiedAfterSigning": True, "pages": "1"}}, "pages"),
        ({"signatures": None}, "signatures"),
        ({"signatures": [{**VERDICT, "result": None}]}, "result"),
        ({"signatures": [{**VERDICT, "ltv": "yes"}]}, "ltv"),
        ({"signatures": [{**VERDICT, "validTo": "2036-01-01"}]}, "validTo"),
        ({"signatures": [{**VERDICT, "reasons": [{"code": "X"}]}]}, "text"),
    ],
)
async def test_an_answer_that_is_not_the_contracts_is_refused(
    service: ContractService, tmp_path: Path, members: dict[str, Any], said: str
) -> None:
    service.verification = members
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match=said):
            await client.verify(pdf(tmp_path))
