"""A verdict with everything in it that an answer can hold."""

from datetime import UTC, datetime

from proxy.model import (
    BaselineLevel,
    CertificateFacts,
    ConstraintResult,
    ConstraintStatus,
    Finding,
    Indication,
    Reason,
    SignatureFormat,
    SignedObject,
    SignedObjectKind,
    SubIndication,
    Verdict,
    VerificationResult,
)
from proxy.operations.verified import VerifiedDocument, VerifiedSignature
from proxy.pades.verification.values import CoverageLevel, ExaminedSignature, ModificationLevel, PageImage, ScanColor

_SIGNER = CertificateFacts(
    b"der", "CN=株式会社例", "CN=Example CA", "0a1b", datetime(2025, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
)
_TSA = CertificateFacts(
    b"der", "CN=Example TSA", "CN=Example CA", "0c2d", datetime(2025, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
)
_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _object(name: str, kind: SignedObjectKind, *findings: Finding) -> SignedObject:
    return SignedObject(name, kind, SignatureFormat.CADES_DETACHED, b"cms", {}, claimed_time=_AT, findings=findings)


_TIMESTAMP = Verdict(
    identifier="Approval#1",
    kind=SignedObjectKind.SIGNATURE_TIMESTAMP,
    result=VerificationResult.VALID,
    indication=Indication.PASSED,
    sub_indication=None,
    ltv=True,
    signer=_TSA,
    timestamp_time=_AT,
    valid_from=_TSA.not_before,
    valid_to=_TSA.not_after,
    tsa=_TSA,
    mic_accredited=True,
)
_VALID = VerifiedSignature(
    ExaminedSignature(
        _object("Approval", SignedObjectKind.CERTIFICATION),
        "Approval",
        CoverageLevel.WHOLE_REVISION,
        ModificationLevel.FORM_FILLING,
    ),
    Verdict(
        identifier="Approval",
        kind=SignedObjectKind.CERTIFICATION,
        result=VerificationResult.VALID,
        indication=Indication.TOTAL_PASSED,
        sub_indication=None,
        reasons=(Reason("CHANGED_AS_PERMITTED", {"level": ModificationLevel.FORM_FILLING}),),
        level=BaselineLevel.B_LT,
        ltv=True,
        signer=_SIGNER,
        claimed_time=_AT,
        timestamp_time=_AT,
        valid_from=_SIGNER.not_before,
        valid_to=_TSA.not_after,
        tsa=_TSA,
        timestamps=(_TIMESTAMP,),
        constraints=(
            ConstraintResult("5.2.2", "FORMAT", ConstraintStatus.WARNING, Reason("APPENDED_DATA")),
            ConstraintResult("5.2.7", "SIGNATURE_INTACT", ConstraintStatus.FULFILLED),
        ),
    ),
)
_INVALID = VerifiedSignature(
    ExaminedSignature(_object("Later", SignedObjectKind.SIGNATURE), "Later", CoverageLevel.PARTIAL),
    Verdict(
        identifier="Later",
        kind=SignedObjectKind.SIGNATURE,
        result=VerificationResult.INVALID,
        indication=Indication.TOTAL_FAILED,
        sub_indication=SubIndication.FORMAT_FAILURE,
        reasons=(Reason("REVISION_NOT_COVERED"), Reason("OBJECT_CHANGED", {"object": "12"})),
    ),
)
_ASIDE = VerifiedSignature(
    ExaminedSignature(
        _object("object 9", SignedObjectKind.SIGNATURE, Finding(Reason("SIGNATURE_SUPERSEDED"))), None, judged=False
    ),
    None,
)

VERIFIED = VerifiedDocument(
    signatures=(_ASIDE, _VALID, _INVALID), pages=3, doc_mdp=2, modified_after_signing=True, unexamined=4
)
SCANS = (PageImage(1, 2480, 3508, 300, 24, ScanColor.COLOR), PageImage(2, None, None, None, None, None))
