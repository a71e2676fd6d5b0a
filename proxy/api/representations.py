"""Answers of the contract as JSON. The OpenAPI document is made from these classes.

Times are RFC 3339 in UTC, binary is base64, digests are hex. Members without a value are left out.
"""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, WithJsonSchema

from proxy.api.schemas import Schema
from proxy.call import Call
from proxy.model import (
    Credential,
    GracePolicy,
    HashAlgorithm,
    MaintenanceState,
    SignAlgorithm,
    TimestampPurpose,
    TransactionRecord,
    ValidationData,
    VerificationResult,
)
from proxy.operations.certificates import CertificateFacts
from proxy.operations.hashes import HashSignatures
from proxy.operations.signed import SignedDocument
from proxy.operations.timestamping import TimestampedDocument
from proxy.trust.certificate_warnings import WarningCode

Base64 = Annotated[
    bytes,
    PlainSerializer(lambda value: b64encode(value).decode("ascii"), return_type=str),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]


CENTRAL = "central"
"""The central signer's name on the ledger."""


class UpstreamBytes(Schema):
    """Bodies exchanged with the central signer for one call, in bytes.

    Of a request that carried the digests of several calls, its share by digests, rounded up.
    """

    sent: int
    received: int

    @classmethod
    def of(cls, call: Call) -> Self:
        """What the call's ledger says."""
        sent, received = call.ledger.totals(CENTRAL)
        return cls(sent=sent, received=received)


class SignatureFacts(Schema):
    """What was signed, how and until when it can be verified."""

    transaction_id: str
    form: str
    level: str
    certificate_id: str
    certificate: Base64 = Field(description="DER of the signing certificate.")
    field_name: str
    hash_algorithm: HashAlgorithm
    sign_algorithm: SignAlgorithm
    signing_time: datetime
    timestamp_time: datetime | None = Field(None, description="genTime of the signature timestamp.")
    valid_until: datetime
    grace_policy_used: GracePolicy | None = Field(None, description="Of an ES-A signature.")
    document_sha256: str = Field(description="Of the document as it was sent.")
    result_sha256: str | None = Field(None, description="Of the whole result; absent from a dry run.")
    upstream_bytes: UpstreamBytes
    dry_run: bool = False

    @classmethod
    def of(cls, call: Call, signed: SignedDocument) -> Self:
        """The facts of a signature just made."""
        return cls(
            transaction_id=call.transaction_id,
            form=signed.form,
            level=signed.level,
            certificate_id=signed.certificate_id,
            certificate=signed.certificate,
            field_name=signed.field_name,
            hash_algorithm=signed.hash_algorithm,
            sign_algorithm=signed.sign_algorithm,
            signing_time=signed.signing_time,
            timestamp_time=signed.timestamp_time,
            valid_until=signed.valid_until,
            grace_policy_used=signed.grace_policy_used,
            document_sha256=signed.document.received_digest.value.hex(),
            result_sha256=signed.result_sha256,
            upstream_bytes=UpstreamBytes.of(call),
            dry_run=signed.dry_run,
        )


class TimestampFacts(Schema):
    """What was time-stamped, and until when the timestamp can be verified."""

    transaction_id: str
    form: TimestampPurpose
    level: str | None = Field(None, description="B-LTA for an extension.")
    field_name: str | None = Field(None, description="Of the timestamp; absent where none was added.")
    timestamp_time: datetime | None = Field(None, description="genTime of the timestamp.")
    valid_until: datetime | None = None
    skipped: bool = Field(False, description="The document held a timestamp already and was left as it is.")
    document_sha256: str = Field(description="Of the document as it was sent.")
    result_sha256: str | None = Field(None, description="Of the whole result; absent from a dry run.")
    upstream_bytes: UpstreamBytes
    dry_run: bool = False

    @classmethod
    def of(cls, call: Call, done: TimestampedDocument) -> Self:
        """The facts of a timestamp just added."""
        return cls(
            transaction_id=call.transaction_id,
            form=done.form,
            level=done.level,
            field_name=done.field_name,
            timestamp_time=done.timestamp_time,
            valid_until=done.valid_until,
            skipped=done.skipped,
            document_sha256=done.document.received_digest.value.hex(),
            result_sha256=done.result_sha256,
            upstream_bytes=UpstreamBytes.of(call),
            dry_run=done.dry_run,
        )


class TimestampedDocumentAnswer(TimestampFacts):
    """The facts, and with them the time-stamped document; a dry run has none."""

    document: Base64 | None = None


class SignedDocumentAnswer(SignatureFacts):
    """The facts, and with them the signed document; a dry run has none."""

    document: Base64 | None = None


class HashAnswer(Schema):
    """Signature values in the order of the digests."""

    signatures: tuple[Base64, ...]
    sign_algorithm: SignAlgorithm
    hash_algorithm: HashAlgorithm
    transaction_id: str

    @classmethod
    def of(cls, call: Call, made: HashSignatures) -> Self:
        """The values just made."""
        return cls(
            signatures=made.values,
            sign_algorithm=made.sign_algorithm,
            hash_algorithm=made.hash_algorithm,
            transaction_id=call.transaction_id,
        )


class CertificateWarning(Schema):
    """What deserves a look before it keeps anything from being signed."""

    code: WarningCode
    detail: str


class Certificate(Schema):
    """A signing certificate. Names are RFC 4514, the serial number is hex."""

    certificate_id: str
    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str = Field(examples=["RSA-3072", "P-256"])
    sign_algorithms: tuple[SignAlgorithm, ...] = Field(description="Preferred first.")
    hash_algorithms: tuple[HashAlgorithm, ...] = Field(description="Preferred first.")
    backend: str = Field(description="Name of the signer that holds the key.")
    certificate_sha256: str
    warnings: tuple[CertificateWarning, ...] = ()

    @classmethod
    def of(cls, facts: CertificateFacts) -> Self:
        """What a caller may know of it."""
        return cls(
            certificate_id=facts.certificate_id,
            subject=facts.subject,
            issuer=facts.issuer,
            serial_number=facts.serial_number,
            not_before=facts.not_before,
            not_after=facts.not_after,
            key_algorithm=facts.key_algorithm,
            sign_algorithms=facts.sign_algorithms,
            hash_algorithms=facts.hash_algorithms,
            backend=facts.backend,
            certificate_sha256=facts.certificate_sha256,
            warnings=tuple(CertificateWarning(code=found.code, detail=found.detail) for found in facts.warnings),
        )


class CertificatePage(Schema):
    """A page of the certificates the caller may use, by id."""

    certificates: tuple[Certificate, ...]
    next_cursor: str | None = None


class CertificateChain(Schema):
    """A certificate with its issuers, its own first, and what its key makes."""

    certificates: tuple[Base64, ...] = Field(description="DER, the signing certificate first, the root last where it is known.")
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]

    @classmethod
    def of(cls, credential: Credential) -> Self:
        """The chain of a credential."""
        return cls(
            certificates=(credential.certificate, *credential.chain),
            sign_algorithms=credential.sign_algorithms,
            hash_algorithms=credential.hash_algorithms,
        )


class RevocationAnswer(Schema):
    """Revocation data as its issuers signed it."""

    ocsp_responses: tuple[Base64, ...] = Field(description="DER of OCSPResponse (RFC 6960).")
    crls: tuple[Base64, ...] = Field(description="DER of CertificateList (RFC 5280).")

    @classmethod
    def of(cls, material: ValidationData) -> Self:
        """What was collected."""
        return cls(ocsp_responses=material.ocsp_responses, crls=material.crls)


class MaintenanceAnswer(Schema):
    """Whether the service is in maintenance, and when it is, as far as that is announced."""

    in_maintenance: bool
    from_: datetime | None = Field(None, alias="from")
    to: datetime | None = None
    message: str | None = None

    @classmethod
    def of(cls, state: MaintenanceState) -> Self:
        """The state as it was told."""
        return cls(in_maintenance=state.in_maintenance, from_=state.starts, to=state.ends, message=state.message)


class Stage(Schema):
    """How long one stage took."""

    stage: str
    microseconds: int


class ExchangeEntry(Schema):
    """What went to and came from one destination: bytes of the bodies, and the request body's SHA-256.

    Digests of one client's concurrent calls may go to a signer in one request. It is told whole, in the record of each of them.
    """

    destination: str
    sent: int
    received: int
    sent_sha256: str
    digests: int | None = Field(None, description="Of a request for several calls: how many digests it carried.")
    own_digests: int | None = Field(None, description="How many of them are this call's.")


class Transaction(Schema):
    """The record of one call."""

    transaction_id: str
    operation: str
    state: Literal["IN_PROGRESS", "SUCCEEDED", "FAILED", "UNKNOWN"] = Field(
        description="UNKNOWN: the task that had it ended before it could say how the call ended."
    )
    result_code: str | None = Field(None, description="The error code of a call that failed.")
    form: str | None = None
    level: str | None = None
    dry_run: bool = False
    certificate_id: str | None = None
    document_bytes: int | None = None
    document_sha256: str | None = None
    result_sha256: str | None = None
    digests: tuple[str, ...] = Field(description="Hex: all that a signer or a time-stamping authority was given.")
    started_at: datetime
    ended_at: datetime | None = None
    timestamp_time: datetime | None = None
    valid_until: datetime | None = None
    original_transaction_id: str | None = Field(
        None, description="Of the call that first came with this call's Idempotency-Key, where that was another."
    )
    verification_result: VerificationResult | None = Field(None, description="Of a call that verified a document.")
    stages: tuple[Stage, ...]
    exchanges: tuple[ExchangeEntry, ...]

    @classmethod
    def of(cls, record: TransactionRecord) -> Self:
        """The record as its caller sees it."""
        return cls.model_validate(
            {
                "transaction_id": record.transaction_id,
                "operation": record.operation,
                "state": record.state,
                "result_code": record.result_code,
                "form": record.form,
                "level": record.level,
                "dry_run": record.dry_run,
                "certificate_id": record.certificate_id,
                "document_bytes": record.document_bytes,
                "document_sha256": record.document_sha256,
                "result_sha256": record.result_sha256,
                "digests": record.digests,
                "started_at": record.started,
                "ended_at": record.ended,
                "timestamp_time": record.timestamp_time,
                "valid_until": record.valid_until,
                "original_transaction_id": record.original_transaction_id,
                "verification_result": record.verification_result,
                "stages": [{"stage": entry.stage, "microseconds": entry.microseconds} for entry in record.stages],
                "exchanges": [
                    {
                        "destination": entry.destination,
                        "sent": entry.sent,
                        "received": entry.received,
                        "sent_sha256": entry.sent_sha256,
                        "digests": entry.digests or None,
                        "own_digests": entry.own_digests or None,
                    }
                    for entry in record.exchanges
                ],
            },
            by_name=True,
        )


class TransactionPage(Schema):
    """A page of the caller's own transactions, newest first."""

    operations: tuple[Transaction, ...]
    next_cursor: str | None = None


class Status(Schema):
    """Whether this task lives, or serves."""

    status: Literal["ok", "unavailable"]


class FieldProblem(Schema):
    """One field at fault."""

    field: str
    reason: str


class ProblemDetails(Schema):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
    transaction_id: str
    instance: str | None = Field(None, description="Where the call's record can be read.")
    errors: tuple[FieldProblem, ...] | None = None
