"""Whether a client certificate was revoked, by the CRL file of the listener (RFC 5280, 5 and 6.3.3).

The file is read again when it changes, off the event loop. Every doubt is a refusal: an issuer no CRL speaks for, or a CRL past
its next update, says nothing about a certificate.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from proxy.api.pem import read_crls
from proxy.errors import ClientCertificateInvalid, SettingsError

_log = structlog.get_logger("proxy.authentication")


@dataclass(frozen=True, slots=True)
class _IssuerState:
    revoked: frozenset[int]
    next_update: datetime | None


class ClientRevocation:
    """The CRLs of the authorities that issue client certificates.

    Args:
        path: The file.
        authorities: Who may have signed its CRLs.

    Raises:
        SettingsError: The file cannot be read, or holds a CRL that none of the authorities signed.
    """

    def __init__(self, path: Path, authorities: Sequence[x509.Certificate]) -> None:
        self._path = path
        self._authorities = authorities
        self._changed = _change_mark(path)
        self._issuers = self._read()
        self._reading = asyncio.Lock()

    def _read(self) -> dict[x509.Name, _IssuerState]:
        issuers = {}
        for crl in read_crls(self._path):
            if not any(_signed_by(crl, authority) for authority in self._authorities):
                raise SettingsError(
                    f"{self._path}: a CRL of {crl.issuer.rfc4514_string()} is signed by no authority of client_ca"
                )
            issuers[crl.issuer] = _IssuerState(frozenset(entry.serial_number for entry in crl), crl.next_update_utc)
        return issuers

    async def refresh(self) -> None:
        """Read the file again if it changed. One that cannot be used leaves the former standing, until that is out of date."""
        mark = _change_mark(self._path)
        if mark == self._changed:
            return
        async with self._reading:
            if mark == self._changed:
                return
            self._changed = mark
            try:
                self._issuers = await asyncio.to_thread(self._read)
            except SettingsError as error:
                _log.error("client_crl.unusable", reason=str(error))

    def check(self, issuer: x509.Name, serial_number: int, now: datetime) -> None:
        """Judge one certificate.

        Raises:
            ClientCertificateInvalid: It is revoked, or nobody knows.
        """
        state = self._issuers.get(issuer)
        if state is None or (state.next_update is not None and state.next_update <= now):
            _log.error("client_crl.not_current", issuer=issuer.rfc4514_string())
            raise ClientCertificateInvalid("whether your certificate is revoked cannot be told at this time")
        if serial_number in state.revoked:
            raise ClientCertificateInvalid("your certificate is revoked")


def _change_mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    try:
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # a key of another kind is a TypeError
    except (TypeError, InvalidSignature):
        return False
