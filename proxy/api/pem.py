"""PEM files of the listener's settings: certification authorities and their CRLs (RFC 7468)."""

import re
from pathlib import Path

from cryptography import x509

from proxy.errors import SettingsError

_CRLS = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file.

    Raises:
        SettingsError: It cannot be read, or holds none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no certificates can be read from it: {error}") from error


def read_crls(path: Path) -> tuple[x509.CertificateRevocationList, ...]:
    """All CRLs of a file: one in DER, or any number in PEM.

    Raises:
        SettingsError: It cannot be read, or holds none.
    """
    try:
        content = path.read_bytes()
        blocks = _CRLS.findall(content)
        if blocks:
            return tuple(x509.load_pem_x509_crl(block) for block in blocks)
        return (x509.load_der_x509_crl(content),)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no CRL can be read from it: {error}") from error
