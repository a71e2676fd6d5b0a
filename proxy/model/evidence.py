"""What proves that certificates and signatures were good: revocation data, timestamp tokens."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RevocationState(StrEnum):
    """What revocation data says of a certificate at a moment."""

    GOOD = "good"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RevocationInfo:
    """One checked answer about one certificate: an OCSP response (RFC 6960) or a CRL (RFC 5280).

    Exactly one of ``ocsp_response`` (DER of ``OCSPResponse``) and ``crl`` (DER of ``CertificateList``) is set. ``heard`` is
    when a list that answers for many was got, where that may be before the question. ``reason`` is the ``CRLReason`` by its
    name in RFC 5280, 5.3.1 (``keyCompromise``), ``invalid_since`` the ``invalidityDate``.
    """

    state: RevocationState
    this_update: datetime
    next_update: datetime | None
    ocsp_response: bytes | None = None
    crl: bytes | None = None
    revoked_at: datetime | None = None
    heard: datetime | None = None
    reason: str | None = None
    invalid_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ValidationData:
    """What proves that certificates were good: DER of certificates, ``OCSPResponse`` and ``CertificateList`` values."""

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    @property
    def parts(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        """The three lists, in the order of their names."""
        return self.certificates, self.ocsp_responses, self.crls

    def __or__(self, other: "ValidationData") -> "ValidationData":
        """Both, each value once."""
        merged = (tuple(dict.fromkeys(one + two)) for one, two in zip(self.parts, other.parts, strict=True))
        return ValidationData(*merged)


@dataclass(frozen=True, slots=True)
class SignerCertificates:
    """The certificate of one signer, and those that may be on its path, in any order. DER."""

    signer: bytes
    others: tuple[bytes, ...]

    def with_others(self, more: tuple[bytes, ...]) -> "SignerCertificates":
        """The same signer, with further certificates that may be on its path."""
        return SignerCertificates(self.signer, tuple(dict.fromkeys(self.others + more)))


@dataclass(frozen=True, slots=True)
class TimestampToken:
    """A checked RFC 3161 token.

    Attributes:
        token: DER of the ``ContentInfo`` (``TimeStampToken``).
        gen_time: When the authority says the imprint existed.
        policy_oid: The TSA policy it was issued under.
        tsa_certificate: DER of the signing certificate that was verified.
        tsa_not_after: Its end of validity.
        response: DER of the whole ``TimeStampResp`` it came in.
    """

    token: bytes
    gen_time: datetime
    policy_oid: str
    tsa_certificate: bytes
    tsa_not_after: datetime
    response: bytes
