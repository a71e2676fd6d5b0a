"""Trust anchors (RFC 5280, 6.1.1 d): certificates the operator names, read once at start."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import SettingsError
from proxy.trust.certificates import read_certificate


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """DER certificates that are trusted by themselves, each once. Usually roots; a pinned certificate may be one too."""

    certificates: tuple[bytes, ...]

    def __bool__(self) -> bool:
        return bool(self.certificates)


def load_anchors(files: Iterable[Path]) -> TrustAnchors:
    """Read PEM files, one or more certificates each.

    Raises:
        SettingsError: A file cannot be read, or holds none or a malformed one.
    """
    found: dict[bytes, None] = {}
    for file in files:
        try:
            for certificate in x509.load_pem_x509_certificates(file.read_bytes()):
                der = certificate.public_bytes(Encoding.DER)
                read_certificate(der)
                found[der] = None
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: no PEM certificates can be read from it: {error}") from error
    return TrustAnchors(tuple(found))
