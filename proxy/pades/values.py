"""The small values that cross between the request's process and the engine processes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from proxy.model import Appearance, BaselineLevel, SignerCertificates, ValidationData

PREPARE = "pades.prepare_signature"
PREPARE_TIMESTAMP = "pades.prepare_timestamp"
APPEND_VALIDATION_DATA = "pades.append_validation_data"
INSPECT = "pades.inspect_document"
CHECK = "pades.check_document"
"""Names of the engine's tasks."""


@dataclass(frozen=True, slots=True)
class PrepareSignature:
    """What to append for a signature.

    Attributes:
        field_name: Name of the field to sign; ``None``: a new one with a free name, or the only empty one.
        existing_field_only: Never make a field.
        signing_time: For ``/M``.
        contents_bytes: Room for the DER in ``/Contents``.
        signer: Who is going to sign, with the issuers.
        hash_algorithm: Its name in hashlib's spelling.
        timestamped: Whether a signature timestamp is to follow.
        certify: DocMDP permission level of a certification signature (1, 2 or 3); ``None`` for an approval signature.
        validation_data: For the document security store, in the signature's own revision.
        augmented_to: ``B-LT`` or ``B-LTA`` where later revisions are to bring the signature there.
        appearance: What is to be seen; ``None`` for an invisible signature.
        password: Opens an encrypted document.
    """

    field_name: str | None
    existing_field_only: bool
    reason: str | None
    location: str | None
    contact_info: str | None
    signing_time: datetime
    contents_bytes: int
    signer: SignerCertificates
    hash_algorithm: str
    timestamped: bool = False
    certify: int | None = None
    validation_data: ValidationData | None = None
    augmented_to: BaselineLevel | None = None
    appearance: Appearance | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class PrepareTimestamp:
    """What to append for a document timestamp.

    Attributes:
        contents_bytes: Room for the token in ``/Contents``.
        validation_data: For the document security store, in the timestamp's own revision, so that it is covered by it.
        password: Opens an encrypted document.
    """

    contents_bytes: int
    validation_data: ValidationData | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedSignature:
    """Where the appended update left room, of a signature or a document timestamp.

    Attributes:
        field_name: The field that is signed.
        contents_start: Offset of ``<`` of ``/Contents``.
        contents_end: Offset after its ``>``.
        end: Size of the file with its update.
    """

    field_name: str
    contents_start: int
    contents_end: int
    end: int

    @property
    def room(self) -> int:
        """Bytes of DER that fit: ``/Contents`` is a hexadecimal string."""
        return (self.contents_end - self.contents_start - 2) // 2


@dataclass(frozen=True, slots=True)
class AppendValidationData:
    """A revision of its own for validation data."""

    validation_data: ValidationData
    password: str | None = None


@dataclass(frozen=True, slots=True)
class InspectDocument:
    """Ask what is signed in a document."""

    password: str | None = None


class SignatureKind(StrEnum):
    """What a filled signature field holds."""

    SIGNATURE = "signature"
    CERTIFICATION = "certification"
    DOCUMENT_TIMESTAMP = "docTimestamp"


@dataclass(frozen=True, slots=True)
class ExistingSignature:
    """One filled signature field.

    Attributes:
        signers: Its own signer first, then those of the timestamps on it; empty where the CMS cannot be read.
    """

    field_name: str
    kind: SignatureKind
    signers: tuple[SignerCertificates, ...]


@dataclass(frozen=True, slots=True)
class InspectedDocument:
    """What is signed in a document, in the order of its fields, and what its security store holds."""

    signatures: tuple[ExistingSignature, ...]
    validation_data: ValidationData


@dataclass(frozen=True, slots=True)
class ExpectedSignature:
    """A signature or document timestamp that the finished file must hold.

    Attributes:
        digest: The digest over the byte range as the request's process computed it.
        digest_algorithm: Its name in hashlib's spelling.
        contents: DER that was embedded.
        kind: What it is.
    """

    prepared: PreparedSignature
    digest: bytes
    digest_algorithm: str
    contents: bytes
    kind: SignatureKind = SignatureKind.SIGNATURE


@dataclass(frozen=True, slots=True)
class CheckDocument:
    """What the finished file must hold.

    Attributes:
        size: Of the file in bytes: nothing was appended but what the request's process knows of.
        signatures: Those that were added.
        validation_data: All of it in the security store.
    """

    size: int
    signatures: tuple[ExpectedSignature, ...]
    validation_data: ValidationData
    password: str | None = None
