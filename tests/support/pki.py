"""A certification authority for tests of trust: any certificate, CRL or OCSP response, right or wrong, at any time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from proxy.call import Call, Deadline
from tests.support.keys import PrivateKey

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)

Extension = tuple[x509.ExtensionType, bool]
SigningHash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_serials = count(1000)


@dataclass
class FixedClock:
    """A clock that a test sets."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def advance(self, by: timedelta) -> None:
        self.moment += by


def new_call(seconds: float = 30.0, traceparent: str | None = None) -> Call:
    return Call(
        transaction_id="5a1c5e0e-1a52-4a0a-8d0b-2f6f0c1e7a11",
        client="tests",
        operation="es",
        started=NOW,
        deadline=Deadline.after(seconds),
        traceparent=traceparent,
    )


def usage(*names: str) -> Extension:
    """A critical key usage of the named bits."""
    bits = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    assert set(names) <= set(bits)
    return x509.KeyUsage(**{bit: bit in names for bit in bits}), True


CA_USAGE = usage("key_cert_sign", "crl_sign")
SIGNER_USAGE = usage("digital_signature", "content_commitment")


def purposes(*oids: x509.ObjectIdentifier, critical: bool = False) -> Extension:
    return x509.ExtendedKeyUsage(oids), critical


def ocsp_at(url: str) -> Extension:
    location = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
    return x509.AuthorityInformationAccess([location]), False


def access_at(url: str) -> Extension:
    """A responder and an issuer's certificate, both below ``url``."""
    entries = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(f"{url}/{name}"))
        for method, name in ((AuthorityInformationAccessOID.OCSP, "ocsp"), (AuthorityInformationAccessOID.CA_ISSUERS, "issuer"))
    ]
    return x509.AuthorityInformationAccess(entries), False


def crl_at(*urls: str) -> Extension:
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)]), False


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey
    others: tuple[bytes, ...] = field(default=())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key_pem)
        return certificate, key


def issue(
    common_name: str,
    issuer: Holder | None = None,
    *,
    key: PrivateKey | None = None,
    ca: bool = False,
    path_length: int | None = None,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + 5 * YEAR,
    extensions: Sequence[Extension] = (),
    serial_number: int | None = None,
    algorithm: SigningHash | None = None,
) -> Holder:
    """A certificate; self-signed without an issuer. Basic constraints say what ``ca`` says; all else is in ``extensions``."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = _builder(common_name, issuer, key.public_key(), ca, path_length, begins, ends, extensions, serial_number)
    signer = key if issuer is None else issuer.key
    return Holder(builder.sign(signer, algorithm or hashes.SHA256()), key)


def by_sha1(holder: Holder, issuer: Holder, *, named_inside: str | None = None) -> Holder:
    """The same certificate under a signature with SHA-1, which cryptography's builders do not make any more.

    ``named_inside``: another algorithm in what is signed.
    """
    certificate = asn1_x509.Certificate.load(holder.der)
    weak = hashes.SHA1()  # noqa: S303 - as half of the world's older certificates
    algorithm = "sha1_rsa" if isinstance(issuer.key, rsa.RSAPrivateKey) else "sha1_ecdsa"
    certificate["tbs_certificate"]["signature"] = {"algorithm": named_inside or algorithm}
    signed = certificate["tbs_certificate"].dump(force=True)
    if isinstance(issuer.key, rsa.RSAPrivateKey):
        value = issuer.key.sign(signed, padding.PKCS1v15(), weak)
    else:
        value = issuer.key.sign(signed, ec.ECDSA(weak))
    certificate["signature_algorithm"] = {"algorithm": algorithm}
    certificate["signature_value"] = value
    return Holder(x509.load_der_x509_certificate(certificate.dump(force=True)), holder.key)


def certificate_to(public_key: bytes, common_name: str, issuer: Holder) -> bytes:
    """DER of a signer's certificate to a key that is elsewhere (DER of its SubjectPublicKeyInfo)."""
    key = load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    builder = _builder(common_name, issuer, key, False, None, NOW - YEAR, NOW + 5 * YEAR, [SIGNER_USAGE], None)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _builder(
    common_name: str,
    issuer: Holder | None,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    ca: bool,
    path_length: int | None,
    begins: datetime,
    ends: datetime,
    extensions: Sequence[Extension],
    serial_number: int | None,
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(common_name) if issuer is None else issuer.certificate.subject)
        .public_key(key)
        .serial_number(serial_number or next(_serials))
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


@dataclass(frozen=True)
class Hierarchy:
    """A root and an issuing CA."""

    root: Holder
    issuing: Holder

    @classmethod
    def make(cls, stem: str = "Test", issuing_extensions: Sequence[Extension] = ()) -> "Hierarchy":
        root = issue(f"{stem} Root", ca=True, extensions=[CA_USAGE], ends=NOW + 20 * YEAR)
        issuing = issue(
            f"{stem} Issuing", root, ca=True, path_length=0, extensions=[CA_USAGE, *issuing_extensions], ends=NOW + 10 * YEAR
        )
        return cls(root, issuing)

    @property
    def chain(self) -> tuple[bytes, bytes]:
        return self.issuing.der, self.root.der

    def signer(self, common_name: str = "Signer", *extensions: Extension, key: PrivateKey | None = None) -> Holder:
        return issue(common_name, self.issuing, key=key, extensions=[SIGNER_USAGE, *extensions])

    def tsa(self, common_name: str = "TSA", *, key: PrivateKey | None = None) -> Holder:
        stamping = purposes(ExtendedKeyUsageOID.TIME_STAMPING, critical=True)
        return issue(common_name, self.issuing, key=key, extensions=[usage("digital_signature"), stamping])


def crl(
    issuer: Holder,
    revoked: Iterable[tuple[int, datetime]] = (),
    *,
    key: PrivateKey | None = None,
    issued: datetime = NOW - timedelta(hours=1),
    following: datetime = NOW + DAY,
    extensions: Sequence[Extension] = (),
    entry_extensions: Sequence[Extension] = (),
    algorithm: SigningHash | None = None,
) -> bytes:
    """DER of a CRL."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issued)
        .next_update(following)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for serial_number, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(at)
        for extension, critical in entry_extensions:
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key or issuer.key, algorithm or hashes.SHA256()).public_bytes(Encoding.DER)


def ocsp_response(
    certificate: Holder,
    issuer: Holder,
    *,
    responder: Holder | None = None,
    included: Sequence[Holder] = (),
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    revoked_at: datetime | None = None,
    this_update: datetime = NOW - timedelta(minutes=5),
    next_update: datetime | None = NOW + timedelta(hours=1),
    by_name: bool = False,
    cert_id_algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """DER of an ``OCSPResponse``; signed by the issuer unless a responder is given."""
    responder = responder or issuer
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            certificate.certificate,
            issuer.certificate,
            cert_id_algorithm or hashes.SHA1(),  # noqa: S303 - identifies a certificate, as responders do
            status,
            this_update,
            next_update,
            revoked_at,
            None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH, responder.certificate)
    )
    if included:
        builder = builder.certificates([holder.certificate for holder in included])
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def with_archive_cutoff(response: bytes, cutoff: bytes, responder: Holder) -> bytes:
    """The same OCSP response (DER) with an archive cutoff (RFC 6960, 4.4.4), which may be no time."""
    outer = asn1_ocsp.OCSPResponse.load(response)
    basic = outer["response_bytes"]["response"].parsed
    value = core.OctetString(bytes([0x18, len(cutoff)]) + cutoff).dump()
    identifier = core.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6").dump()
    extension = bytes([0x30, len(identifier) + len(value)]) + identifier + value
    # As DER and unparsed: it may be none that can be written by who reads it.
    extensions = asn1_ocsp.SingleResponseExtensions.load(bytes([0x30, len(extension)]) + extension)
    basic["tbs_response_data"]["responses"][0]["single_extensions"] = extensions
    assert isinstance(responder.key, ec.EllipticCurvePrivateKey)
    basic["signature"] = responder.key.sign(basic["tbs_response_data"].dump(), ec.ECDSA(hashes.SHA256()))
    outer["response_bytes"]["response"] = core.ParsableOctetString(basic.dump())
    made: bytes = outer.dump()
    return made
