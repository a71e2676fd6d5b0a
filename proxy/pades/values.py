"""The small values that cross between the request's process and the engine processes."""

from dataclasses import dataclass
from datetime import datetime

PREPARE = "pades.prepare_signature"
CHECK = "pades.check_signature"
"""Names of the engine's tasks."""


@dataclass(frozen=True, slots=True)
class ValidationData:
    """What a document security store holds: DER of certificates, ``OCSPResponse`` and ``CertificateList`` values."""

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    @property
    def parts(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        """The three lists, in the order of their names."""
        return self.certificates, self.ocsp_responses, self.crls


@dataclass(frozen=True, slots=True)
class PrepareSignature:
    """What to append for a signature.

    Attributes:
        field_name: Name of the field to sign; ``None``: a new one with a free name, or the only empty one.
        existing_field_only: Never make a field.
        signing_time: For ``/M``.
        contents_bytes: Room for the DER in ``/Contents``.
    """

    field_name: str | None
    existing_field_only: bool
    reason: str | None
    location: str | None
    contact_info: str | None
    signing_time: datetime
    contents_bytes: int


@dataclass(frozen=True, slots=True)
class PreparedSignature:
    """Where the appended update left room.

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


@dataclass(frozen=True, slots=True)
class CheckSignature:
    """What the finished file must hold.

    Attributes:
        digest: The digest over the byte range as the request's process computed it.
        digest_algorithm: Its name in hashlib's spelling.
        contents: DER that was embedded.
    """

    prepared: PreparedSignature
    digest: bytes
    digest_algorithm: str
    contents: bytes
