"""Which certificate a signature names: by signer identifier (RFC 5652, 5.3), and by hash (RFC 5035)."""

import hashlib
import hmac
from functools import lru_cache

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from proxy.trust.certificates import read_certificate
from proxy.trust.cms import UNREADABLE, CertificateReference, SignerIdentifier


def is_named(certificate: bytes, identifier: SignerIdentifier) -> bool:
    """Whether a certificate (DER) is the one that a signer identifier names; one that cannot be read never is."""
    try:
        candidate = read_certificate(certificate)
    except ValueError:
        return False
    if identifier.key_identifier is not None:
        return _key_identifier(candidate) == identifier.key_identifier
    return candidate.serial_number == identifier.serial_number and is_issuer(certificate, identifier.issuer)


def is_referenced(certificate: bytes, reference: CertificateReference) -> bool:
    """Whether a certificate (DER) is the one that a signing-certificate attribute names, hash, issuer and serial number.

    Raises:
        ValueError: The hash algorithm is unknown, or the certificate cannot be read.
    """
    digest = hashlib.new(reference.hash_name, certificate, usedforsecurity=reference.hash_name != "sha1").digest()
    other_serial = reference.serial_number not in {None, read_certificate(certificate).serial_number}
    other_issuer = reference.issuer is not None and not is_issuer(certificate, reference.issuer)
    return hmac.compare_digest(digest, reference.value) and not other_serial and not other_issuer


@lru_cache(maxsize=1024)
def is_issuer(certificate: bytes, name: bytes | None) -> bool:
    """Whether a certificate's issuer is ``name`` (DER), compared as RFC 5280, 7.1 says."""
    if name is None:
        return False
    try:
        return bool(asn1_x509.Certificate.load(certificate).issuer == asn1_x509.Name.load(name))
    except UNREADABLE:
        return False


def _key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None
