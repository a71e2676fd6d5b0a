"""The result of a verification as JSON (contract, "Verification result"). The OpenAPI document is made from these classes.

Every member is always there; what is not known or does not apply is null.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from proxy.api.problems import Language
from proxy.api.representations import Base64
from proxy.api.schemas import Schema
from proxy.call import Call
from proxy.model import (
    ConstraintResult,
    ConstraintStatus,
    Indication,
    Reason,
    SignedObjectKind,
    SubIndication,
    Verdict,
    VerificationResult,
)
from proxy.operations.reason_texts import reason_text
from proxy.operations.verified import VerifiedDocument, VerifiedSignature
from proxy.pades.verification.values import CoverageLevel, ModificationLevel, PageImage, ScanColor
from proxy.validation.texts import check_text


class ReasonText(Schema):
    """Why a verdict is what it is."""

    code: str
    text: str = Field(description="English or, by Accept-Language, Japanese.")

    @classmethod
    def of(cls, reason: Reason, language: Language) -> Self:
        """The reason as a text."""
        return cls(code=reason.code, text=reason_text(reason, language))


class ConstraintEntry(Schema):
    """One thing that was checked about a signature or timestamp."""

    block: str = Field(description="Building block or process, by its clause of EN 319 102-1.")
    constraint: str
    text: str = Field(description="What was checked, in English or, by Accept-Language, Japanese.")
    status: ConstraintStatus
    reason: ReasonText | None

    @classmethod
    def of(cls, result: ConstraintResult, language: Language) -> Self:
        """How it came out."""
        return cls(
            block=result.block,
            constraint=result.constraint,
            text=check_text(result.constraint, language),
            status=result.status,
            reason=None if result.reason is None else ReasonText.of(result.reason, language),
        )


class DocumentFacts(Schema):
    """What the document says of itself."""

    doc_mdp: Annotated[int, Field(ge=1, le=3)] | None = Field(description="Permissions of its certification; null without one.")
    modified_after_signing: bool = Field(
        description="Something was changed after the first signature that is neither a signature nor validation data."
    )
    pages: int | None


class SignatureEntry(Schema):
    """The verdict on one signature or timestamp."""

    field_name: str | None = Field(description="Of a timestamp inside a signature, the signature's.")
    type: SignedObjectKind
    result: VerificationResult
    indication: Indication | None = Field(description="ETSI EN 319 102-1, 5.1.3.")
    sub_indication: SubIndication | None = Field(description="ETSI EN 319 102-1, 5.1.3.")
    reasons: tuple[ReasonText, ...]
    level: str | None = Field(description="Baseline level that the signature reaches.", examples=["B-LT"])
    coverage: CoverageLevel | None = Field(description="How much of the file it covers.")
    modification_level: ModificationLevel | None = Field(description="What was changed after it.")
    signer_subject: str | None = Field(description="RFC 4514.")
    issuer: str | None = Field(description="RFC 4514.")
    serial_number: str | None = Field(description="Hex.")
    claimed_signing_time: datetime | None
    timestamp_time: datetime | None = Field(
        description="genTime of a timestamp; for a signature the earliest that a valid timestamp proves."
    )
    valid_from: datetime | None
    valid_to: datetime | None = Field(description="Until when it can be verified.")
    ltv: bool | None = Field(description="Whether all that proves it is in the document.")
    tsa_subject: str | None = Field(description="RFC 4514.")
    mic_accredited: bool | None = Field(
        description="Whether the authority was accredited by Japan's Minister for Internal Affairs and Communications at that "
        "time; null where nothing is known."
    )
    constraints: tuple[ConstraintEntry, ...] | None = Field(None, description="All that was checked; with report=detailed.")


class ScanEntry(Schema):
    """The largest image on a page; a page without one has no entry."""

    page: int = Field(description="Counted from 1.")
    width_px: int | None
    height_px: int | None
    dpi: int | None = Field(description="As it is painted; of the two directions, the fewer.")
    bits_per_pixel: int | None
    color: ScanColor | None

    @classmethod
    def of(cls, image: PageImage) -> Self:
        """What is said of it."""
        return cls(
            page=image.page,
            width_px=image.width_px,
            height_px=image.height_px,
            dpi=image.dpi,
            bits_per_pixel=image.bits_per_pixel,
            color=image.color,
        )


class VerificationAnswer(Schema):
    """The verdict on a document, and on everything that is signed in it."""

    transaction_id: str
    result: VerificationResult = Field(description="The worst of the signatures' and timestamps'.")
    document: DocumentFacts
    signatures: tuple[SignatureEntry, ...] = Field(description="Oldest first; timestamps inside a signature follow it.")
    scan_info: tuple[ScanEntry, ...] | None = Field(None, description="With getScanInfo.")
    validation_report: Base64 | None = Field(
        None, description="The validation report of ETSI TS 119 102-2 in XML; with report=etsi, where something is signed."
    )

    @classmethod
    def of(cls, call: Call, verified: VerifiedDocument, language: Language, *, detailed: bool = False) -> Self:
        """What was found, with all that was checked where ``detailed``."""
        return cls(
            transaction_id=call.transaction_id,
            result=verified.result,
            document=DocumentFacts(
                doc_mdp=verified.doc_mdp,
                modified_after_signing=verified.modified_after_signing,
                pages=verified.pages,
            ),
            signatures=tuple(_entries(verified, language, detailed=detailed)),
            scan_info=None if verified.scan_info is None else tuple(ScanEntry.of(image) for image in verified.scan_info),
            validation_report=verified.report,
        )


def _entries(verified: VerifiedDocument, language: Language, *, detailed: bool) -> Iterator[SignatureEntry]:
    for signature in verified.signatures:
        yield _entry(signature, language, detailed=detailed)
        for timestamp in () if signature.verdict is None else signature.verdict.timestamps:
            yield _judged(signature.examined.field_name, timestamp, language, detailed=detailed)
    if verified.unexamined:
        yield _unjudged(
            SignedObjectKind.SIGNATURE,
            VerificationResult.INDETERMINATE,
            (Reason("TOO_MANY_SIGNATURES", {"count": str(verified.unexamined)}),),
            language,
        )


def _entry(signature: VerifiedSignature, language: Language, *, detailed: bool) -> SignatureEntry:
    examined, verdict = signature.examined, signature.verdict
    if verdict is None:
        reasons = tuple(finding.reason for finding in examined.object.findings)
        entry = _unjudged(examined.object.kind, signature.result, reasons, language)
    else:
        entry = _judged(examined.field_name, verdict, language, detailed=detailed)
    own = {
        "field_name": examined.field_name,
        "coverage": examined.coverage,
        "modification_level": examined.modification_level,
        "claimed_signing_time": examined.object.claimed_time if verdict is None else verdict.claimed_time,
    }
    return entry.model_copy(update=own)


def _judged(field_name: str | None, verdict: Verdict, language: Language, *, detailed: bool) -> SignatureEntry:
    signer, tsa = verdict.signer, verdict.tsa
    return SignatureEntry(
        field_name=field_name,
        type=verdict.kind,
        result=verdict.result,
        indication=verdict.indication,
        sub_indication=verdict.sub_indication,
        reasons=_texts(verdict.reasons, language),
        level=verdict.level,
        coverage=None,
        modification_level=None,
        signer_subject=None if signer is None else signer.subject,
        issuer=None if signer is None else signer.issuer,
        serial_number=None if signer is None else signer.serial_number,
        claimed_signing_time=verdict.claimed_time,
        timestamp_time=verdict.timestamp_time,
        valid_from=verdict.valid_from,
        valid_to=verdict.valid_to,
        ltv=verdict.ltv,
        tsa_subject=None if tsa is None else tsa.subject,
        mic_accredited=verdict.mic_accredited,
        constraints=tuple(ConstraintEntry.of(item, language) for item in verdict.constraints) if detailed else None,
    )


def _unjudged(
    kind: SignedObjectKind, result: VerificationResult, reasons: tuple[Reason, ...], language: Language
) -> SignatureEntry:
    return SignatureEntry(
        field_name=None,
        type=kind,
        result=result,
        indication=None,
        sub_indication=None,
        reasons=_texts(reasons, language),
        level=None,
        coverage=None,
        modification_level=None,
        signer_subject=None,
        issuer=None,
        serial_number=None,
        claimed_signing_time=None,
        timestamp_time=None,
        valid_from=None,
        valid_to=None,
        ltv=None,
        tsa_subject=None,
        mic_accredited=None,
    )


def _texts(reasons: tuple[Reason, ...], language: Language) -> tuple[ReasonText, ...]:
    return tuple(ReasonText.of(reason, language) for reason in reasons)
