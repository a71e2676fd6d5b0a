"""What a signing operation gives back."""

from dataclasses import dataclass
from datetime import datetime

from proxy.model import BaselineLevel, GracePolicy, HashAlgorithm, SignAlgorithm, SignatureForm
from proxy.spool import SpooledDocument


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """What a signing operation did.

    Attributes:
        level: The level reached: always the one asked for.
        timestamp_time: genTime of the signature timestamp.
        valid_until: End of the signing certificate, or of the last timestamp's certificate where there is validation data.
        grace_policy_used: For ES-A.
        result_sha256: Hex, over the whole result; ``None`` for a dry run.
        certificate: DER of the signing certificate.
    """

    form: SignatureForm
    level: BaselineLevel
    certificate_id: str
    certificate: bytes
    field_name: str
    hash_algorithm: HashAlgorithm
    sign_algorithm: SignAlgorithm
    signing_time: datetime
    timestamp_time: datetime | None
    valid_until: datetime
    grace_policy_used: GracePolicy | None
    result_sha256: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class SignedDocument(SignatureFacts):
    """What a signing operation gives back. The document is the one it was given, signed in place.

    Attributes:
        document: Bytes up to ``document.size`` are as received; the rest is the increment. A dry run appends nothing.
    """

    document: SpooledDocument
