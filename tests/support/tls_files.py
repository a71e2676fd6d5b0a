"""A throwaway certification authority for TLS on loopback, made once a test process."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """PEM files: the authority, a server named 127.0.0.1, and an enrolled client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    def server_context(self) -> ssl.SSLContext:
        """Asks for the client's certificate and lets the application answer when none comes."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca)
        context.load_cert_chain(self.server, self.server_key)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


LEFT = timedelta(days=30)
"""Of a certificate's time."""


def make_tls_files(folder: Path, *, server_left: timedelta = LEFT) -> TLSFiles:
    """Write them into ``folder``; the server's certificate may have expired."""
    files = TLSFiles(*(folder / f"{name}.pem" for name in ("ca", "server", "server-key", "client", "client-key")))
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Throwaway TLS CA", ca_key, None)
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for name, certificate_file, key_file, left in (
        ("127.0.0.1", files.server, files.server_key, server_left),
        ("application", files.client, files.client_key, LEFT),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate_file.write_bytes(_certificate(name, key, (ca, ca_key), left).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
    return files


def _certificate(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    left: timedelta = LEFT,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer_name, issuer_key = (name, key) if issuer is None else (issuer[0].subject, issuer[1])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + left)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    builder = builder.add_extension(_usage(key_cert_sign=issuer is None), critical=True)
    if common_name == "127.0.0.1":
        address = x509.IPAddress(ipaddress.ip_address(common_name))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
