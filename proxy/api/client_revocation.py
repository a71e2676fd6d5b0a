"""Whether a client certificate was revoked, by the CRL file of the listener (RFC 5280, 5 and 6.3.3).

The file is read again when it changes, off the event loop. Every doubt is a refusal: an issuer no CRL speaks for, or a CRL past
its next update, says nothing about a certificate.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from proxy.api.pem import read_certificates, read_crls
from proxy.errors import ClientCertificateInvalid, SettingsError
from proxy.following import FollowedFiles

_log = structlog.get_logger("proxy.authentication")


@dataclass(frozen=True, slots=True)
class _IssuerState:
    revoked: frozenset[int]
    next_update: datetime | None


class ClientRevocation:
    """The CRLs of the authorities that issue client certificates.

    Args:
        path: The file.
        client_ca: The file of the authorities, who alone may have signed its CRLs.
        files: Where both are followed.

    Raises:
        SettingsError: The file cannot be read, or holds a CRL that none of the authorities signed.
    """

    def __init__(self, path: Path, client_ca: Path, files: FollowedFiles) -> None:
        self._issuers = files.follow("listener.client_crl", (path, client_ca), partial(_read, path, client_ca))

    async def refresh(self) -> None:
        """Read the file again if it changed: a certificate that was revoked is refused at once."""
        await self._issuers.look()

    def check(self, issuer: x509.Name, serial_number: int, now: datetime) -> None:
        """Judge one certificate.

        Raises:
            ClientCertificateInvalid: It is revoked, or nobody knows.
        """
        state = self._issuers.value.get(issuer)
        if state is None or (state.next_update is not None and state.next_update <= now):
            _log.error("client_crl.not_current", issuer=issuer.rfc4514_string())
            raise ClientCertificateInvalid("whether your certificate is revoked cannot be told at this time")
        if serial_number in state.revoked:
            raise ClientCertificateInvalid("your certificate is revoked")


def _read(path: Path, client_ca: Path) -> dict[x509.Name, _IssuerState]:
    authorities = read_certificates(client_ca)
    issuers = {}
    for crl in read_crls(path):
        if not any(_signed_by(crl, authority) for authority in authorities):
            raise SettingsError(f"{path}: a CRL of {crl.issuer.rfc4514_string()} is signed by no authority of client_ca")
        issuers[crl.issuer] = _IssuerState(frozenset(entry.serial_number for entry in crl), crl.next_update_utc)
    return issuers


def _signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    try:
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # a key of another kind is a TypeError
    except (TypeError, InvalidSignature):
        return False
