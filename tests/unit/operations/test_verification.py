"""What becomes of a verification whose engine process fails, crashes or takes too much: a verdict, and somebody hears of it."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from proxy.engine.pool import EnginePool
from proxy.model import (
    AlgorithmPolicy,
    EvidenceOrigin,
    TrustStore,
    ValidationPolicy,
    VerificationRequest,
    VerificationResult,
)
from proxy.operations.validating import EvidenceValidation
from proxy.operations.verification import DocumentVerification
from proxy.operations.verified import VerifiedDocument
from proxy.pades.engine import PAdESEngine
from proxy.pades.verification.values import DESCRIBE_SCANS, EXAMINE, SURVEY
from proxy.settings import EngineSettings
from proxy.spool import SpooledDocument
from proxy.validation.engine import JUDGE, ValidationEngine
from tests.support.made_up_signatures import CONTENTS, made_up
from tests.support.pdf_files import plain_file
from tests.support.pki import FixedClock, new_call
from tests.unit.operations import failing_tasks

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOST: Counter[tuple[str, str]] = Counter()
"""What the pool told of tasks that gave no answer."""


def signed() -> bytes:
    file = plain_file(catalog=b"/AcroForm<</Fields[8 0 R]/SigFlags 3>>")
    file.objects[8] = b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/T(Mine)/V 9 0 R>>"
    return made_up(file, 9)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[EnginePool]:
    def lost(task: str, cause: str) -> None:
        LOST[task, cause] += 1

    pool = EnginePool(EngineSettings(processes=1), tasks=failing_tasks.__name__, lost=lost)
    await pool.start()
    yield pool
    await pool.close(grace_seconds=0)


async def verified(pool: EnginePool, document: bytes, *, scans: bool = False) -> tuple[VerifiedDocument, list[str]]:
    """The verdict, and the events that were logged as errors on the way."""
    LOST.clear()
    clock = FixedClock()
    policy = ValidationPolicy(TrustStore((), b""), AlgorithmPolicy({}, {}, {}))
    validation = EvidenceValidation(
        engine=ValidationEngine(pool), policy=policy, revocation=None, origin=EvidenceOrigin.NETWORK, clock=clock
    )
    verification = DocumentVerification(engine=PAdESEngine(pool), validation=validation, clock=clock, most_signatures=10)
    call = new_call()
    with SpooledDocument(limit=len(document)) as spool, capture_logs() as logged:
        spool.write(document)
        found = await verification.verify(call, spool, VerificationRequest(scan_info=scans))
    assert call.facts.verification_result == found.result
    return found, [entry["event"] for entry in logged if entry["log_level"] == "error"]


def codes(document: VerifiedDocument) -> list[str]:
    (signature,) = document.signatures
    assert signature.verdict is not None
    return [reason.code for reason in signature.verdict.reasons]


async def test_without_a_fault_the_signature_is_judged(pool: EnginePool) -> None:
    document, errors = await verified(pool, signed(), scans=True)
    assert (document.result, codes(document), document.scan_info) == (VerificationResult.INVALID, ["MALFORMED_CMS"], ())
    assert errors == []
    assert not LOST


@pytest.mark.parametrize(("fault", "cause"), [("crash", "died"), ("raise", "failed")])
async def test_an_examination_that_fails_is_a_verdict_and_is_told(pool: EnginePool, fault: str, cause: str) -> None:
    document, errors = await verified(pool, signed() + f"%examine:{fault}\n".encode())
    assert (document.result, codes(document)) == (VerificationResult.INDETERMINATE, ["NOT_EXAMINED"])
    assert document.signatures[0].verdict is not None
    assert document.signatures[0].verdict.sub_indication == "CUSTOM"
    assert "verification.stage_lost" in errors
    assert {(EXAMINE, cause): 1} == LOST


async def test_an_examination_that_takes_too_much_is_a_verdict_of_its_own(pool: EnginePool) -> None:
    document, errors = await verified(pool, signed() + b"%examine:exhaust\n")
    assert (document.result, codes(document)) == (VerificationResult.INDETERMINATE, ["LIMITS_EXCEEDED"])
    assert errors == [], "that is the document's doing"
    assert LOST == {(EXAMINE, "memory"): 1}


async def test_nothing_at_all_can_be_had(pool: EnginePool) -> None:
    document, errors = await verified(pool, signed() + b"%examine:raise %survey:crash\n")
    assert (document.result, codes(document)) == (VerificationResult.INDETERMINATE, ["NOT_EXAMINED"])
    assert errors.count("verification.stage_lost") == 2
    assert {task for task, _ in LOST} == {EXAMINE, SURVEY}


async def test_a_document_without_signatures_stays_one(pool: EnginePool) -> None:
    document, _ = await verified(pool, plain_file().with_table() + b"%examine:crash\n")
    assert (document.result, document.signatures) == (VerificationResult.NOT_APPLICABLE, ())


@pytest.mark.parametrize(
    ("fault", "cause", "code"),
    [("crash", "died", "JUDGING_FAILED"), ("raise", "failed", "JUDGING_FAILED"), ("exhaust", "memory", "NOT_JUDGED")],
)
async def test_a_judgement_that_fails_is_a_verdict_and_is_told(pool: EnginePool, fault: str, cause: str, code: str) -> None:
    document, errors = await verified(pool, with_contents(f"%judge:{fault}".encode()))
    assert (document.result, codes(document)) == (VerificationResult.INDETERMINATE, [code])
    assert ("verification.stage_lost" in errors) is (code == "JUDGING_FAILED")
    assert {(JUDGE, cause): 1} == LOST


@pytest.mark.parametrize("fault", ["raise", "exhaust"])
async def test_images_that_cannot_be_described_are_left_out(pool: EnginePool, fault: str) -> None:
    document, errors = await verified(pool, signed() + f"%scan:{fault}\n".encode(), scans=True)
    assert document.scan_info == ()
    assert codes(document) == ["MALFORMED_CMS"] or "APPENDED_DATA" in codes(document)
    assert ("verification.stage_lost" in errors) is (fault != "exhaust")
    assert {task for task, _ in LOST} == {DESCRIBE_SCANS}


def with_contents(text: bytes) -> bytes:
    """The document with an OCTET STRING of this text as its signature."""
    der = b"\x04" + bytes([len(text)]) + text
    document = signed()
    start = document.index(b"/Contents<" + CONTENTS.encode()) + 10
    room = document.index(b">", start) - start
    return document[:start] + der.hex().encode().ljust(room, b"0") + document[start + room :]
