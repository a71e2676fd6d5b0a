"""Who gets a certificate in the sandbox, and what stands in it (RFC 5280; EN 319 412-2 and -3 for persons and seals).

Two hierarchies, RSA-3072 and P-256, each a root and an issuing CA. Further authorities exist for what must fail (an issuer that
is revoked, a root that nobody trusts) and for TLS, which shares nothing with signing. The organization's number cannot be
anybody's: the check digit of a Japanese corporate number is never zero.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.sandbox.authority import Extension, Validity
from proxy.sandbox.keys import KeyKind

ORGANIZATION = "Example Trading Co., Ltd."
ORGANIZATION_IDENTIFIER = "NTRJP-0123456789012"
YEAR = timedelta(days=365)
BACKDATED = timedelta(hours=1)
"""How long before now certificates begin: verifiers' clocks may be behind."""
AUTHORITY_BACKDATED = timedelta(days=60)
"""So long have the authorities existed: long enough to have issued the certificate that has expired."""
TSA_POLICY_OID = "2.999.3161.1"
"""The policy of the time-stamping authority, under the arc that ITU-T X.660 keeps for examples."""


def distinguished_name(**attributes: str) -> x509.Name:
    """A name of the given attributes (``NameOID`` members in lower case), in order."""
    return x509.Name(
        [x509.NameAttribute(getattr(NameOID, attribute.upper()), value) for attribute, value in attributes.items()]
    )


@dataclass(frozen=True, slots=True)
class AuthorityProfile:
    """A certification authority; ``issuer`` is ``None`` for a root, ``revoked`` says that its issuer took it back."""

    name: str
    common_name: str
    kind: KeyKind
    issuer: str | None = None
    revoked: bool = False

    @property
    def subject(self) -> x509.Name:
        """Its name."""
        return distinguished_name(
            country_name="JP", organization_name="Signing Proxy Sandbox", common_name=f"Sandbox {self.common_name}"
        )

    def validity(self, now: datetime) -> Validity:
        """About twenty years."""
        return Validity(now - AUTHORITY_BACKDATED, now + 20 * YEAR)


AUTHORITIES = (
    AuthorityProfile("rsa-root", "RSA Root CA", KeyKind.RSA_3072),
    AuthorityProfile("rsa-issuing", "RSA Issuing CA", KeyKind.RSA_3072, "rsa-root"),
    AuthorityProfile("p256-root", "P-256 Root CA", KeyKind.P256),
    AuthorityProfile("p256-issuing", "P-256 Issuing CA", KeyKind.P256, "p256-root"),
    AuthorityProfile("revoked-issuing", "Revoked Issuing CA", KeyKind.P256, "p256-root", revoked=True),
    AuthorityProfile("untrusted-root", "Untrusted Root CA", KeyKind.P256),
    AuthorityProfile("tls-ca", "TLS CA", KeyKind.P256),
    AuthorityProfile("client-ca", "Client CA", KeyKind.P256),
)
"""Issuers before those they issue to."""

TRUST_ANCHORS = ("rsa-root", "p256-root")
"""Roots that signatures and tokens chain to."""


LEGAL_PERSON = distinguished_name(
    country_name="JP",
    locality_name="Tokyo",
    organization_name=ORGANIZATION,
    organization_identifier=ORGANIZATION_IDENTIFIER,
    common_name=ORGANIZATION,
)
"""EN 319 412-3, 4.2.1: the organization itself."""

NATURAL_PERSON = distinguished_name(
    country_name="JP", surname="山田", given_name="太郎", serial_number="SANDBOX-0001", common_name="山田 太郎"
)
"""EN 319 412-2, 4.2.4: a person, with a Japanese name as real certificates have."""

ESEAL = distinguished_name(
    country_name="JP",
    organization_name=ORGANIZATION,
    organizational_unit_name="Accounting",
    organization_identifier=ORGANIZATION_IDENTIFIER,
    common_name=f"{ORGANIZATION} e-seal",
)
"""EN 319 412-3: an organization's seal, for one of its offices."""


def _test_subject(name: str) -> x509.Name:
    return distinguished_name(country_name="JP", organization_name=ORGANIZATION, common_name=f"Sandbox {name}")


@dataclass(frozen=True, slots=True)
class SigningProfile:
    """A signing certificate that the central signer serves; ``name`` is its certificate id and its key's.

    ``begins`` and ``ends`` are relative to the moment of issuing; ``revocable`` says whether it names its responders.
    """

    name: str
    subject: x509.Name
    kind: KeyKind
    issuer: str
    begins: timedelta = -BACKDATED
    ends: timedelta = 3 * YEAR
    revoked: bool = False
    revocable: bool = True

    def validity(self, now: datetime) -> Validity:
        """From when to when, if issued now."""
        return Validity(now + self.begins, now + self.ends)


def _test(name: str, kind: KeyKind = KeyKind.P256, issuer: str = "p256-issuing") -> SigningProfile:
    return SigningProfile(name, _test_subject(name), kind, issuer)


SIGNING = (
    SigningProfile("legal-person-rsa", LEGAL_PERSON, KeyKind.RSA_3072, "rsa-issuing"),
    SigningProfile("legal-person-p256", LEGAL_PERSON, KeyKind.P256, "p256-issuing"),
    SigningProfile("natural-person-rsa", NATURAL_PERSON, KeyKind.RSA_3072, "rsa-issuing"),
    SigningProfile("natural-person-p256", NATURAL_PERSON, KeyKind.P256, "p256-issuing"),
    SigningProfile("eseal-rsa", ESEAL, KeyKind.RSA_3072, "rsa-issuing"),
    SigningProfile("eseal-p256", ESEAL, KeyKind.P256, "p256-issuing"),
    _test("test-rsa2048", KeyKind.RSA_2048, "rsa-issuing"),
    _test("test-rsa4096", KeyKind.RSA_4096, "rsa-issuing"),
    _test("test-p384", KeyKind.P384),
    _test("test-p521", KeyKind.P521),
    replace(_test("test-expired"), begins=timedelta(days=-30), ends=timedelta(days=-1)),
    replace(_test("test-not-yet-valid"), begins=10 * YEAR, ends=13 * YEAR),
    replace(_test("test-revoked"), begins=timedelta(days=-30), revoked=True),
    _test("test-revoked-issuer", issuer="revoked-issuing"),
    replace(_test("test-no-revocation"), revocable=False),
    _test("test-untrusted", issuer="untrusted-root"),
)
"""Every signing certificate; the last nine exist for tests."""

TSA_SUBJECT = distinguished_name(
    country_name="JP", organization_name="Signing Proxy Sandbox", common_name="Sandbox Time-Stamping Authority"
)
TSA_ISSUER = "rsa-issuing"
TLS_SERVERS = ("central", "proxy", "tsa", "csc")
CLIENTS = ("app", "other", "stranger", "revoked", "proxy")
"""``app`` may do everything, ``other`` reads certificates, ``stranger`` is enrolled nowhere, ``revoked`` is on the client CA's
list, and ``proxy`` is what the proxy shows to the central signer and to the provider of remote signatures."""


def usage(*, signing: bool = False, committing: bool = False, issuing: bool = False) -> Extension:
    """The critical ``keyUsage``: ``digitalSignature``, ``nonRepudiation``, or what a CA has."""
    return (
        x509.KeyUsage(
            digital_signature=signing,
            content_commitment=committing,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=issuing,
            crl_sign=issuing,
            encipher_only=False,
            decipher_only=False,
        ),
        True,
    )


def authority_extensions(profile: AuthorityProfile) -> tuple[Extension, ...]:
    """A CA; one that was issued by another issues to end entities alone."""
    constraints = x509.BasicConstraints(ca=True, path_length=None if profile.issuer is None else 0)
    return ((constraints, True), usage(issuing=True))


def signing_extensions() -> tuple[Extension, ...]:
    """A signer's: EN 319 412-2, 4.3.2 asks for ``nonRepudiation``; many validators want ``digitalSignature`` too."""
    return (usage(signing=True, committing=True),)


def tsa_extensions() -> tuple[Extension, ...]:
    """A time-stamping authority's: RFC 3161, 2.3 wants ``timeStamping`` alone, and critical."""
    return (usage(signing=True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True))


def responder_extensions() -> tuple[Extension, ...]:
    """A delegated OCSP responder's, which is not itself checked for revocation (RFC 6960, 4.2.2.2.1)."""
    return (
        usage(signing=True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
    )


def tls_server_extensions() -> tuple[Extension, ...]:
    """A TLS server's, on loopback."""
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
        x509.IPAddress(ip_address("::1")),
    ]
    return (
        usage(signing=True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(names), False),
    )


def client_extensions() -> tuple[Extension, ...]:
    """A TLS client's."""
    return (usage(signing=True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
