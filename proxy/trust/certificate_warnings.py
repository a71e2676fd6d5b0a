"""What deserves a look about a signing certificate before it keeps anything from being signed.

Told wherever a certificate is: when it is registered, in the log when it is first used, by ``signproxy doctor`` and in the
contract's ``warnings``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

EXPIRY_NOTICE = timedelta(days=30)
"""A certificate that ends earlier deserves a look."""

_RSA_2048_ENDS = datetime(2031, 1, 1, tzinfo=UTC)
"""CRYPTREC's list of cipher key lengths: from then on RSA-2048 makes no new signatures."""

_SHORT_BELOW = 3072


class WarningCode(StrEnum):
    """What it is about."""

    EXPIRED = "EXPIRED"
    EXPIRES_SOON = "EXPIRES_SOON"
    NOT_YET_VALID = "NOT_YET_VALID"
    RSA_2048_AFTER_2030 = "RSA_2048_AFTER_2030"


@dataclass(frozen=True, slots=True)
class CertificateWarning:
    """One thing that deserves a look; ``detail`` is one English sentence."""

    code: WarningCode
    detail: str


def warnings_about(certificate: x509.Certificate, now: datetime) -> tuple[CertificateWarning, ...]:
    """All that deserves a look at the moment ``now``, timezone-aware."""
    found = []
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        found.append(CertificateWarning(WarningCode.EXPIRED, f"it expired on {ends:%Y-%m-%d}"))
    elif ends - now < EXPIRY_NOTICE:
        detail = f"it expires on {ends:%Y-%m-%d}, in {(ends - now).days} days"
        found.append(CertificateWarning(WarningCode.EXPIRES_SOON, detail))
    if now < begins:
        found.append(CertificateWarning(WarningCode.NOT_YET_VALID, f"it is valid from {begins:%Y-%m-%d} only"))
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SHORT_BELOW and ends >= _RSA_2048_ENDS:
        detail = f"RSA-{key.key_size} may make no new signatures from 2031, and it ends later (CRYPTREC)"
        found.append(CertificateWarning(WarningCode.RSA_2048_AFTER_2030, detail))
    return tuple(found)
