"""Sign one PDF: ES (PAdES-B-B) and ES-T (PAdES-B-T), EN 319 142-1.

credential → prepare (the engine appends the update with its placeholder) → digest → signed attributes → signer → verify what
came back → timestamp on the signature value → CMS → embed → check → release.
"""

from dataclasses import dataclass
from datetime import datetime

from proxy.model import BaselineLevel, HashAlgorithm, SignAlgorithm, SignatureForm
from proxy.spool import SpooledDocument


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """What a signing operation gives back. The document is the one it was given, signed in place.

    Attributes:
        document: Bytes up to ``document.size`` are as received; the rest is the increment. A dry run appends nothing.
        level: The level reached: always the one asked for.
        valid_until: End of the signing certificate (ES, ES-T).
        result_sha256: Hex, over the whole result; ``None`` for a dry run.
        certificate: DER of the signing certificate.
    """

    document: SpooledDocument
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
    result_sha256: str | None
    dry_run: bool
