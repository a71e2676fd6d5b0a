"""Trust anchors (RFC 5280, 6.1.1 d): certificates the operator names, read once at start."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import SettingsError
from proxy.trust.certificates import read_certificate

_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der"})


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """DER certificates that are trusted by themselves, each once. Usually roots; a pinned certificate may be one too."""

    certificates: tuple[bytes, ...]

    def __bool__(self) -> bool:
        return bool(self.certificates)


def load_anchors(paths: Iterable[Path]) -> TrustAnchors:
    """Read anchors.

    Args:
        paths: Files, each of one or more PEM certificates or one in DER; or folders, of which the files are read that are
            named like certificates.

    Raises:
        SettingsError: A file cannot be read, or holds none or a malformed one; or a folder holds no such file.
    """
    found: dict[bytes, None] = {}
    for file in _files(paths):
        try:
            found.update(dict.fromkeys(_certificates(file.read_bytes())))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: no certificates can be read from it: {error}") from error
    return TrustAnchors(tuple(found))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
        if not files:
            raise SettingsError(f"{path}: there is no certificate in this folder")
        yield from files


def _certificates(data: bytes) -> Iterator[bytes]:
    pem = b"-----BEGIN" in data
    for certificate in x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]:
        der = certificate.public_bytes(Encoding.DER)
        read_certificate(der)
        yield der
