"""A certificate authority that lives for one test run, with its OCSP responder and CRLs on loopback.

The judges are tried on what stock pyHanko signs with its certificates, so that a judge that errs is told from a
proxy that does.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Extension = tuple[x509.ExtensionType, bool]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def asn1_certificate(self) -> asn1_x509.Certificate:
        """The certificate as pyHanko takes it."""
        return asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        """The key as pyHanko takes it."""
        return asn1_keys.PrivateKeyInfo.load(self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


@dataclass(slots=True)
class Authority:
    """Root, issuing CA, signer and TSA, and what is said of them on loopback.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        now: When it was made.
        asked: Paths that were fetched, in order.
    """

    address: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    asked: list[str] = field(default_factory=list)
    root: Holder = field(init=False)
    issuing: Holder = field(init=False)
    signer: Holder = field(init=False)
    tsa: Holder = field(init=False)

    def __post_init__(self) -> None:
        is_ca = (x509.BasicConstraints(ca=True, path_length=None), True)
        self.root = self._issue("Throwaway Root", None, [is_ca, (_usage(certificates=True), True)])
        self.issuing = self._issue(
            "Throwaway Issuing CA", self.root, [is_ca, (_usage(certificates=True), True), self._crl("root")]
        )
        responder = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{self.address}/ocsp")
        )
        self.signer = self._issue(
            "Throwaway Signer",
            self.issuing,
            [(_usage(certificates=False), True), (x509.AuthorityInformationAccess([responder]), False)],
        )
        stamping = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
        # pyHanko's time-stamper for tests does RSA alone.
        key = rsa.generate_private_key(65537, 3072)
        leaf = (_usage(certificates=False), True)
        self.tsa = self._issue("Throwaway TSA", self.issuing, [leaf, stamping, self._crl("issuing")], key)

    def _crl(self, name: str) -> Extension:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{self.address}/{name}.crl")], None, None, None)
        return x509.CRLDistributionPoints([point]), False

    def _issue(self, name: str, issuer: Holder | None, extensions: list[Extension], key: Key | None = None) -> Holder:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = issuer.key if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=30))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return Holder(builder.sign(by, SHA256()), key)

    def crl(self, issuer: Holder) -> bytes:
        """An empty CRL (DER) of an issuer."""
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(self.now)
            .next_update(self.now + timedelta(days=1))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
            .sign(issuer.key, SHA256())
            .public_bytes(Encoding.DER)
        )

    def ocsp(self, request: bytes) -> bytes:
        """A good OCSP response (DER) for the signer, whatever else the request (DER) holds."""
        asked = ocsp.load_der_ocsp_request(request)
        assert asked.serial_number == self.signer.certificate.serial_number
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=self.signer.certificate,
            issuer=self.issuing.certificate,
            algorithm=asked.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=datetime.now(UTC),
            next_update=self.now + timedelta(hours=1),
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.issuing.certificate)
        for extension in asked.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return builder.sign(self.issuing.key, SHA256()).public_bytes(Encoding.DER)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@contextmanager
def serving_authority() -> Iterator[Authority]:
    """An authority whose OCSP responder and CRLs answer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuers = {"/root.crl": authority.root, "/issuing.crl": authority.issuing}
            self._answer(authority.crl(issuers[self.path]), "application/pkix-crl")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(authority.ocsp(body), "application/ocsp-response")

        def _answer(self, body: bytes, content_type: str) -> None:
            authority.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        authority = Authority(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()
