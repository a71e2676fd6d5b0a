"""What a validation gives back: one verdict a signed object, with its reasons and the steps that led there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from proxy.model.indications import Indication, SubIndication, VerificationResult
from proxy.model.requests import BaselineLevel
from proxy.model.verification import Reason, SignedObjectKind


class ConstraintStatus(StrEnum):
    """How one constraint came out."""

    FULFILLED = "FULFILLED"
    NOT_FULFILLED = "NOT_FULFILLED"
    WARNING = "WARNING"
    IGNORED = "IGNORED"


@dataclass(frozen=True, slots=True)
class ConstraintResult:
    """One line of the detailed report.

    Attributes:
        block: The building block or process, by its clause: ``5.2.6 X.509 certificate validation``.
        constraint: What was checked, ``UPPER_CASE``; its text belongs to the code.
        status: How it came out.
        reason: More about it, where there is more.
    """

    block: str
    constraint: str
    status: ConstraintStatus
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people want to know of a certificate. ``serial_number`` is lower-case hex, names are RFC 4514 texts."""

    certificate: bytes
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one signature or timestamp.

    Attributes:
        identifier: The signed object's; for a timestamp inside a signature the signature's, ``#`` and a number from 1.
        kind: What it is.
        result: The contract's.
        indication: The standard's.
        sub_indication: The standard's; ``None`` where it passed.
        reasons: What it did not pass for, or what is worth telling although it did.
        level: The baseline level that the signature reaches; ``None`` for a timestamp, and for what is no baseline signature.
        ltv: Whether all that proves it, revocation data of every certificate below the anchors included, is in the document.
        signer: The signing certificate, a TSA's for a timestamp; ``None`` where it could not be found.
        claimed_time: The signing time that signature or document claims.
        timestamp_time: For a timestamp its time (genTime); for a signature the earliest that a valid timestamp proves.
        valid_from: For a timestamp the TSA certificate's begin, for a signature the signing certificate's.
        valid_to: Until when it can be verified: the certificate's end; for a signature with validation data inside, the end of
            the TSA certificate of the last timestamp that covers it.
        tsa: For a timestamp its TSA's certificate; for a signature that of the timestamp behind ``timestamp_time``.
        mic_accredited: Whether that TSA was accredited by the Minister at that time; ``None`` where nothing is known.
        timestamps: Verdicts on the timestamps inside the signature.
        constraints: All that was checked, in order.
        path: DER of the certification path that was judged, the signing certificate first; empty where there is none.
        proven_time: Since when it is proven to exist (EN 319 102-1, 5.5: the best signature time); the validation time where
            nothing proves it.
        digest: SHA-256 of its CMS, or of its token; empty where it has none.
    """

    identifier: str
    kind: SignedObjectKind
    result: VerificationResult
    indication: Indication
    sub_indication: SubIndication | None
    reasons: tuple[Reason, ...] = ()
    level: BaselineLevel | None = None
    ltv: bool = False
    signer: CertificateFacts | None = None
    claimed_time: datetime | None = None
    timestamp_time: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    tsa: CertificateFacts | None = None
    mic_accredited: bool | None = None
    timestamps: tuple["Verdict", ...] = ()
    constraints: tuple[ConstraintResult, ...] = ()
    path: tuple[bytes, ...] = ()
    proven_time: datetime | None = None
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class WantedRevocation:
    """Current revocation data that would help: about a certificate (DER) that chains to an anchor through this issuer (DER)."""

    certificate: bytes
    issuer: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """How things stand with the evidence there is.

    Attributes:
        verdicts: One a signed object, in their order.
        wanted: What could make a verdict better or worse; empty when nothing could.
    """

    verdicts: tuple[Verdict, ...]
    wanted: tuple[WantedRevocation, ...] = ()
