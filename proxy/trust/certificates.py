"""Reading certificates (RFC 5280, clause 4): strictly, once, and with malformed extensions found at the door."""

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.trust.failures import UsageRefused

LARGEST = 65_536
"""Bytes of the largest certificate that is read at all."""


class UnknownKeyAlgorithm(ValueError):
    """A certificate for a kind of key, or a curve, that nothing here knows."""


@lru_cache(maxsize=1024)
def read_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate to its last part: what is parsed lazily would be found malformed by whoever reads it first.

    Raises:
        UnknownKeyAlgorithm: Its key is of an unknown kind.
        ValueError: It is too large, or no DER certificate that can be used.
    """
    if len(der) > LARGEST:
        raise ValueError("the certificate is too large")
    try:
        certificate = x509.load_der_x509_certificate(der)
        for part in ("subject", "issuer", "extensions", "not_valid_before_utc", "not_valid_after_utc"):
            getattr(certificate, part)
        certificate.public_key()
    except UnsupportedAlgorithm as error:
        raise UnknownKeyAlgorithm(f"the certificate's kind of key is not known: {error}") from error
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(f"the certificate is malformed: {error}") from error
    return certificate


@lru_cache(maxsize=1024)
def public_key_info(der: bytes) -> bytes:
    """DER of a certificate's SubjectPublicKeyInfo. Raises ``ValueError`` as :func:`read_certificate`."""
    return read_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_algorithm(certificate: x509.Certificate) -> str:
    """The kind of key in words: ``RSA-3072``, ``P-256`` …; the algorithm's OID for other kinds."""
    return key_kind(certificate.public_key()) or certificate.public_key_algorithm_oid.dotted_string


def key_kind(key: object) -> str | None:
    """The kind of a public key of cryptography's in words, as :func:`key_algorithm`; ``None`` where there is no word for it."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
        return names.get(key.curve.name, key.curve.name)
    return None


def subject(certificate: x509.Certificate) -> str:
    """The subject as RFC 4514 text."""
    return certificate.subject.rfc4514_string()


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basic constraints say CA and the key usage, if any, has keyCertSign."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    usage = key_usage(certificate)
    return constraints.ca and (usage is None or usage.key_cert_sign)


def key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    """The key usage extension's value, ``None`` without one."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the name matches and the issuer's key made the signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_signing_usage(certificate: x509.Certificate) -> None:
    """That the key may sign documents: digitalSignature or nonRepudiation (RFC 5280, 4.2.1.3), where key usage is there.

    Raises:
        UsageRefused: It may not.
    """
    usage = key_usage(certificate)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise UsageRefused(f"the key usage of {subject(certificate)} does not allow signing")


def check_time_stamping_usage(certificate: x509.Certificate) -> None:
    """RFC 3161, 2.3: an extended key usage that is critical and holds timeStamping alone.

    Raises:
        UsageRefused: It is missing, not critical, or holds something else.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise UsageRefused("the TSA certificate has no extended key usage") from error
    if list(extension.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise UsageRefused("the TSA certificate's extended key usage is not timeStamping alone")
    if not extension.critical:
        raise UsageRefused("the TSA certificate's extended key usage is not critical")
    check_signing_usage(certificate)
