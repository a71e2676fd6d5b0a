"""One certification authority: issues, remembers what it issued, revokes, and signs its CRL (RFC 5280).

The register is a folder of files, so that the responder answers for a certificate that another process issued a moment ago:
``issued/<serial>.pem`` and ``revoked/<serial>.json``, the serial number in hex.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from proxy.errors import SettingsError
from proxy.sandbox.folder import KeyPair, StateFolder, write_file
from proxy.sandbox.keys import PrivateKey, load_key

Extension = tuple[x509.ExtensionType, bool]
"""An extension and whether it is critical."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid, both inclusive."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revoked certificate: when, and why (RFC 5280, 5.3.1)."""

    serial_number: int
    revoked_at: datetime
    reason: x509.ReasonFlags


def load_chain(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, in its order.

    Raises:
        SettingsError: The file is missing or holds none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no certificate: {error}") from error


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """Certificates as one PEM text."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


@dataclass(frozen=True, slots=True)
class CertificationAuthority:
    """A CA of the sandbox, opened.

    Attributes:
        name: Its folder, and its last path segment in URLs.
        directory: Where its register lies.
        chain: Its certificate, then its issuers up to the root.
        key: Its private key.
    """

    name: str
    directory: Path
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey

    @classmethod
    def open(cls, folder: StateFolder, name: str) -> "CertificationAuthority":
        """An authority of a folder where a PKI was made.

        Raises:
            SettingsError: There is none of this name.
        """
        directory = folder.authority(name)
        return cls(name, directory, load_chain(folder.anchor(name)), load_key(directory / "key.pem"))

    @property
    def certificate(self) -> x509.Certificate:
        """Its own certificate."""
        return self.chain[0]

    def issue(
        self,
        subject: x509.Name,
        public_key: CertificatePublicKeyTypes,
        validity: Validity,
        extensions: Sequence[Extension],
    ) -> x509.Certificate:
        """Sign a certificate with a random serial number and put it on the register.

        The key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2) are added to ``extensions``.
        """
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(validity.not_before)
            .not_valid_after(validity.not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(self._authority_key_identifier(), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(self.key, SHA256())
        write_file(self.directory / "issued" / f"{certificate.serial_number:x}.pem", pem([certificate]))
        return certificate

    def issued(self, serial_number: int) -> bool:
        """Whether this authority issued a certificate of this number."""
        return (self.directory / "issued" / f"{serial_number:x}.pem").exists()

    def revoke(self, serial_number: int, at: datetime, reason: x509.ReasonFlags) -> None:
        """Revoke for good; a second time changes nothing."""
        path = self.directory / "revoked" / f"{serial_number:x}.json"
        if not path.exists():
            write_file(path, json.dumps({"revokedAt": at.isoformat(), "reason": reason.value}).encode())

    def revocation(self, serial_number: int) -> Revocation | None:
        """Since when and why a certificate is revoked, or ``None``."""
        path = self.directory / "revoked" / f"{serial_number:x}.json"
        try:
            entry = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        return Revocation(serial_number, datetime.fromisoformat(entry["revokedAt"]), x509.ReasonFlags(entry["reason"]))

    def revocations(self) -> tuple[Revocation, ...]:
        """All that is revoked, by serial number."""
        numbers = sorted(int(path.stem, 16) for path in (self.directory / "revoked").glob("*.json"))
        return tuple(entry for number in numbers if (entry := self.revocation(number)) is not None)

    def certificate_revocation_list(self, at: datetime, valid_for: timedelta) -> bytes:
        """DER of a complete CRL (RFC 5280, 5) as of ``at``, whose number is that second of the epoch."""
        this_update = at.replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(this_update)
            .next_update(this_update + valid_for)
            .add_extension(self._authority_key_identifier(), critical=False)
            .add_extension(x509.CRLNumber(int(this_update.timestamp())), critical=False)
        )
        for entry in self.revocations():
            revoked = (
                x509.RevokedCertificateBuilder()
                .serial_number(entry.serial_number)
                .revocation_date(entry.revoked_at)
                .add_extension(x509.CRLReason(entry.reason), critical=False)
            )
            builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)

    def revocation_extensions(self, services: str) -> tuple[Extension, ...]:
        """Where to ask about certificates of this authority: AIA and CRL distribution point (RFC 5280, 4.2.2.1 and 4.2.1.13).

        Args:
            services: Base URL of the responder, without a slash at its end.
        """
        access = x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{services}/ocsp")),
                x509.AccessDescription(
                    AuthorityInformationAccessOID.CA_ISSUERS,
                    x509.UniformResourceIdentifier(f"{services}/ca/{self.name}.cer"),
                ),
            ]
        )
        point = x509.DistributionPoint(
            full_name=[x509.UniformResourceIdentifier(f"{services}/crl/{self.name}.crl")],
            relative_name=None,
            reasons=None,
            crl_issuer=None,
        )
        return ((access, False), (x509.CRLDistributionPoints([point]), False))

    def _authority_key_identifier(self) -> x509.AuthorityKeyIdentifier:
        mine = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mine)


def self_signed(subject: x509.Name, key: PrivateKey, validity: Validity, extensions: Sequence[Extension]) -> x509.Certificate:
    """A root certificate."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, SHA256())


def ensure_pair(
    authority: CertificationAuthority,
    files: KeyPair,
    subject: x509.Name,
    validity: Validity,
    extensions: Sequence[Extension],
    *,
    with_root: bool = True,
) -> x509.Certificate:
    """The certificate in ``files``, issued now for the key that lies there if there is none yet; its chain goes with it.

    Args:
        authority: Who issues.
        files: Where the key is and the certificate goes.
        subject: The subject's name.
        validity: From when to when.
        extensions: Beyond the key identifiers.
        with_root: Whether the chain in the file ends with the root; TLS peers have no use for it.

    Raises:
        SettingsError: A file there cannot be read.
    """
    if files.certificate.exists():
        return load_chain(files.certificate)[0]
    certificate = authority.issue(subject, load_key(files.key).public_key(), validity, extensions)
    chain = authority.chain if with_root else authority.chain[:-1]
    write_file(files.certificate, pem([certificate, *chain]))
    return certificate
