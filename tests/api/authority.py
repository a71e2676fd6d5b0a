"""A certification authority for the edge's tests: servers, clients, and the CRL about them."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, also as PEM files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_file: Path
    key_file: Path

    @property
    def sha256(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()


class Authority:
    """Issues what a test asks for."""

    def __init__(self, folder: Path, name: str = "Throwaway Clients CA", issuer: "Authority | None" = None) -> None:
        self._folder = folder
        self.name = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Throwaway"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )
        self._key = ec.generate_private_key(ec.SECP256R1())
        signer, signer_key = (self.name, self._key) if issuer is None else (issuer.name, issuer._key)
        now = datetime.now(UTC)
        self.certificate = (
            _builder(self.name, signer, self._key, now - timedelta(days=30), now + timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer_key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    def issue(
        self,
        name: str,
        *,
        ends_in: timedelta = timedelta(days=100),
        server: bool = False,
        starts_in: timedelta = timedelta(-20),
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(subject, self.name, key, now + starts_in, now + ends_in).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if server:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        files[0].write_bytes(certificate.public_bytes(PEM))
        files[1].write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return Identity(certificate, key, *files)

    def crl(self, path: Path, *revoked: Identity, next_update: timedelta = timedelta(days=7)) -> Path:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(now - timedelta(days=20))
            .next_update(now + next_update)
        )
        for identity in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(identity.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - timedelta(hours=1)).build())
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
