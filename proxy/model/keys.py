"""Keys and their certificates, with what their backend declares."""

from dataclasses import dataclass
from datetime import datetime

from proxy.model.algorithms import HashAlgorithm, SignAlgorithm


@dataclass(frozen=True, slots=True)
class Credential:
    """A signing certificate and what its backend declares it can do.

    Attributes:
        certificate_id: Opaque id, unique in this proxy.
        certificate: DER of the signing certificate.
        chain: DER of the issuers, issuer of the leaf first, the root last where it is known.
        sign_algorithms: What the backend makes with this key, preferred first.
        hash_algorithms: Digests it takes, preferred first.
        backend: Name of the backend that holds the key.
        multisign: How many digests one exchange with the backend carries. Where that is more than one, signatures cost less
            when the digests of several calls go together.
    """

    certificate_id: str
    certificate: bytes
    chain: tuple[bytes, ...]
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str
    multisign: int = 1


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key pair that a backend holds, with a certificate or without.

    Attributes:
        key_id: Opaque id, unique in its backend and the same after a restart.
        public_key: DER of the SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
        sign_algorithms: What the backend makes with this key, preferred first.
        hash_algorithms: Digests it takes, preferred first.
        backend: Name of the backend that holds it.
    """

    key_id: str
    public_key: bytes
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str


@dataclass(frozen=True, slots=True)
class RegisteredCertificate:
    """A certificate that was registered to a key of a backend which holds keys alone.

    Attributes:
        certificate_id: Opaque id, unique in this proxy.
        backend: Name of the backend that holds the key.
        key_id: The key's id there.
        certificate: DER of the signing certificate.
        chain: DER of the issuers, issuer of the leaf first.
        client: Who registered it.
        at: When.
    """

    certificate_id: str
    backend: str
    key_id: str
    certificate: bytes
    chain: tuple[bytes, ...]
    client: str
    at: datetime
