"""Judging in rounds: what becomes of a document whose signatures take more to judge than is allowed."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from proxy.call import Call
from proxy.errors import InvalidDocument
from proxy.model import (
    AlgorithmPolicy,
    EvidenceOrigin,
    Finding,
    Indication,
    Judgement,
    Reason,
    SignatureFormat,
    SignedObject,
    SignedObjectKind,
    SubIndication,
    TrustStore,
    ValidationData,
    ValidationInputs,
    ValidationPolicy,
    Verdict,
    VerificationResult,
    WantedRevocation,
)
from proxy.operations.validating import EvidenceValidation
from proxy.ports import RevocationSource
from proxy.validation.engine import ValidationEngine
from tests.support.pki import NOW, FixedClock, new_call

FINDING = Finding(Reason("BYTES_NOT_COVERED", {}), SubIndication.FORMAT_FAILURE)
SIGNED = SignedObject("Seal", SignedObjectKind.SIGNATURE, SignatureFormat.CADES_DETACHED, b"0", {}, findings=(FINDING,))
GOOD = Verdict("Seal", SignedObjectKind.SIGNATURE, VerificationResult.VALID, Indication.TOTAL_PASSED, None)


class Engine(ValidationEngine):
    """Gives what it was told to, and then takes too much."""

    def __init__(self, *judgements: Judgement) -> None:
        self._judgements: Iterator[Judgement] = iter(judgements)

    async def judge(self, call: Call, inputs: ValidationInputs) -> Judgement:
        for judgement in self._judgements:
            return judgement
        raise InvalidDocument("it takes more memory than is allowed")


def judged(engine: Engine, revocation: RevocationSource | None = None) -> tuple[Verdict, ...]:
    validation = EvidenceValidation(
        engine=engine,
        policy=ValidationPolicy(TrustStore((), b""), AlgorithmPolicy({}, {}, {})),
        revocation=revocation,
        origin=EvidenceOrigin.NETWORK,
        clock=FixedClock(),
    )
    return asyncio.run(validation.judge(new_call(), (SIGNED,), (), ValidationData(), NOW + timedelta(days=1)))


def test_what_cannot_be_judged_within_its_limits_is_indeterminate_and_says_what_was_found_before() -> None:
    (verdict,) = judged(Engine())
    assert verdict.identifier == "Seal"
    assert verdict.result is VerificationResult.INDETERMINATE
    assert verdict.indication is Indication.INDETERMINATE
    assert [reason.code for reason in verdict.reasons] == ["BYTES_NOT_COVERED", "NOT_JUDGED"]


def test_nothing_is_asked_where_nobody_is_there_to_ask() -> None:
    assert judged(Engine(Judgement((GOOD,), (WantedRevocation(b"0", b"0"),)))) == (GOOD,)
