"""What a certification request asks for (RFC 2986)."""

from dataclasses import dataclass
from enum import StrEnum

from proxy.model.algorithms import HashAlgorithm, SignAlgorithm


class AlternativeNameKind(StrEnum):
    """Kinds of GeneralName that a signer's certificate may have (RFC 5280, 4.2.1.6)."""

    EMAIL = "email"
    DNS = "dns"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class AlternativeName:
    """One subjectAltName, in ASCII."""

    kind: AlternativeNameKind
    value: str


class KeyUsage(StrEnum):
    """Bits of keyUsage that a signer's certificate may have; values are RFC 5280's names (4.2.1.3)."""

    DIGITAL_SIGNATURE = "digitalSignature"
    NON_REPUDIATION = "nonRepudiation"


@dataclass(frozen=True, slots=True)
class RequestedCertificate:
    """A certificate as it is asked for.

    Attributes:
        subject: DER of the Name (RFC 5280, 4.1.2.4).
        alternative_names: For the extension subjectAltName.
        key_usages: For the extension keyUsage; none leaves it to the issuer.
        sign_algorithm: Signs the request; ``None`` for the key's first choice.
        hash_algorithm: The same.
    """

    subject: bytes
    alternative_names: tuple[AlternativeName, ...] = ()
    key_usages: tuple[KeyUsage, ...] = ()
    sign_algorithm: SignAlgorithm | None = None
    hash_algorithm: HashAlgorithm | None = None
