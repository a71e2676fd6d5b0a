"""Which certificate belongs to which key: what a binding is, and what is checked of its certificates without asking anybody.

Bindings come from the settings' ``credentials`` and from registrations; the same is checked of both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import AlgorithmNotAllowed, InvalidParameter, ProxyError, SettingsError
from proxy.model import Credential, HashAlgorithm, HeldKey, SignAlgorithm
from proxy.settings import CredentialSettings
from proxy.signers.algorithms import Capabilities, capabilities
from proxy.trust.certificates import UnknownKeyAlgorithm, check_signing_usage, is_ca, issued_by, read_certificate
from proxy.trust.failures import UsageRefused


@dataclass(frozen=True, slots=True)
class Binding:
    """A certificate, and the key that is to be its.

    Attributes:
        certificate_id: Opaque id.
        key: What the backend knows the key by.
        certificate: DER of the signing certificate.
        chain: DER of the issuers, its own first.
        sign_algorithms, hash_algorithms: What alone may be made, preferred first; ``None`` where it is all that the key can.
        clients: Who alone may use it; ``None`` where the clients' own grants say.
        registered_by: The client that registered it; ``None`` where the settings name it.
    """

    certificate_id: str
    key: str
    certificate: bytes
    chain: tuple[bytes, ...]
    sign_algorithms: tuple[SignAlgorithm, ...] | None = None
    hash_algorithms: tuple[HashAlgorithm, ...] | None = None
    clients: frozenset[str] | None = None
    registered_by: str | None = None

    def limit(self, able: Capabilities) -> Capabilities:
        """What may be made of what can be made. Raises AlgorithmNotAllowed where that is nothing."""
        allowed = Capabilities(self.sign_algorithms or able.sign_algorithms, self.hash_algorithms or able.hash_algorithms)
        return able.restricted(allowed)


def check_certificates(certificate: bytes, chain: Sequence[bytes]) -> Capabilities:
    """Check a signing certificate and its chain for what does not depend on time, on trust or on a key.

    Args:
        certificate: DER.
        chain: DER of the issuers, its own first.

    Returns:
        What the certificate's key can do.

    Raises:
        InvalidParameter: One cannot be read, the first is a CA's or not for signatures, or the chain does not build.
        AlgorithmNotAllowed: Its key is of a kind that the contract does not have.
    """
    leaf = _read(certificate, "certificate")
    issuers = [_read(der, "chain") for der in chain]
    if is_ca(leaf):
        raise InvalidParameter("a CA's certificate is not for signatures", fields={"certificate": "of a CA"})
    try:
        check_signing_usage(leaf)
    except UsageRefused as error:
        raise InvalidParameter("the certificate is not for signatures", fields={"certificate": str(error)}) from error
    if not all(issued_by(one, issuer) for one, issuer in pairwise((leaf, *issuers))):
        raise InvalidParameter("each certificate of the chain must have issued the one before", fields={"chain": "order"})
    return capabilities(leaf)


def _read(der: bytes, field: str) -> x509.Certificate:
    try:
        return read_certificate(der)
    except UnknownKeyAlgorithm as error:
        raise AlgorithmNotAllowed("the certificate's kind of key is not known") from error
    except ValueError as error:
        raise InvalidParameter("certificate and chain must be DER certificates", fields={field: "no certificate"}) from error


def configured(settings: CredentialSettings) -> Binding:
    """The binding that a block of the settings names.

    Raises:
        SettingsError: A file cannot be read, a certificate is not one to sign with, or nothing of what is allowed can be done.
    """
    try:
        certificate, *chain = _load(settings.certificate)
        if settings.chain is not None:
            chain += _load(settings.chain)
        binding = Binding(
            certificate_id=settings.id,
            key=settings.key,
            certificate=certificate,
            chain=tuple(chain),
            sign_algorithms=settings.sign_algorithms,
            hash_algorithms=settings.hash_algorithms,
            clients=None if settings.clients is None else frozenset(settings.clients),
        )
        binding.limit(check_certificates(certificate, chain))
    except ProxyError as error:
        raise SettingsError(f"the credential {settings.id}: {error.detail}") from error
    return binding


def _load(path: Path) -> list[bytes]:
    try:
        return [entry.public_bytes(Encoding.DER) for entry in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no PEM certificates can be read from it: {error}") from error


def limited(key: HeldKey, limits: Iterable[Binding]) -> Capabilities:
    """What a key can, and every one of ``limits`` allows. Raises AlgorithmNotAllowed where that is nothing."""
    able = Capabilities(key.sign_algorithms, key.hash_algorithms)
    for limit in limits:
        able = limit.limit(able)
    return able


def credential_of(binding: Binding, key: HeldKey, limits: Iterable[Binding]) -> Credential:
    """A binding as a credential: what certificate and key can, and every one of ``limits`` allows.

    Raises:
        AlgorithmNotAllowed: Nothing is left.
    """
    able = capabilities(read_certificate(binding.certificate)).restricted(limited(key, limits))
    return Credential(
        certificate_id=binding.certificate_id,
        certificate=binding.certificate,
        chain=binding.chain,
        sign_algorithms=able.sign_algorithms,
        hash_algorithms=able.hash_algorithms,
        backend=key.backend,
    )
