"""What the development PKI holds, judged by openssl where it can judge."""

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.ports import SystemClock
from proxy.sandbox import profiles
from proxy.sandbox.addresses import Addresses
from proxy.sandbox.authority import load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.keys import load_key
from proxy.sandbox.pki import client_crl, ensure_pki

Judge = Callable[..., Awaitable[tuple[int, str]]]

FAILING = {"test-expired", "test-not-yet-valid", "test-untrusted"}


def _kind(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return f"P-{key.key_size}"


def _snapshot(folder: StateFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder.root)): path.read_bytes()
        for path in sorted(folder.root.rglob("*"))
        if path.is_file() and path != client_crl(folder)
    }


@pytest.fixture
def anchors(folder: StateFolder, tmp_path: Path) -> Path:
    path = tmp_path / "anchors.pem"
    path.write_bytes(b"".join(folder.anchor(name).read_bytes() for name in profiles.TRUST_ANCHORS))
    return path


@pytest.mark.parametrize("profile", profiles.SIGNING, ids=lambda profile: profile.name)
async def test_a_signing_certificate_is_what_its_profile_says(
    folder: StateFolder, profile: profiles.SigningProfile, anchors: Path, judge: Judge
) -> None:
    files = folder.signing(profile.name)
    leaf, *issuers = load_chain(files.certificate)
    assert _kind(leaf) == profile.kind.value
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert load_key(files.key).public_key().public_bytes(*spki) == leaf.public_key().public_bytes(*spki)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    named = {type(extension.value) for extension in leaf.extensions}
    assert (x509.AuthorityInformationAccess in named) == profile.revocable
    assert (x509.CRLDistributionPoints in named) == profile.revocable
    assert issuers[-1].subject == issuers[-1].issuer

    code, said = await judge("openssl", "verify", "-CAfile", anchors, "-untrusted", files.certificate, files.certificate)
    assert (code == 0) == (profile.name not in FAILING), said


async def test_organizations_are_identified(folder: StateFolder) -> None:
    for name in ("legal-person-rsa", "eseal-p256"):
        subject = load_chain(folder.signing(name).certificate)[0].subject
        assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value == profiles.ORGANIZATION_IDENTIFIER
    person = load_chain(folder.signing("natural-person-rsa").certificate)[0].subject
    assert not person.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert person.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "山田 太郎"


async def test_lifetimes(folder: StateFolder) -> None:
    def years(certificate: x509.Certificate) -> float:
        return (certificate.not_valid_after_utc - datetime.now(UTC)) / timedelta(days=365)

    assert years(load_chain(folder.signing("legal-person-rsa").certificate)[0]) == pytest.approx(3, abs=0.01)
    assert years(load_chain(folder.tsa().certificate)[0]) == pytest.approx(11, abs=0.01)
    assert years(load_chain(folder.anchor("rsa-issuing"))[0]) == pytest.approx(20, abs=0.01)
    expired = load_chain(folder.signing("test-expired").certificate)
    assert expired[0].not_valid_after_utc < datetime.now(UTC)
    assert all(issuer.not_valid_before_utc < expired[0].not_valid_before_utc for issuer in expired[1:])


async def test_the_tsa_certificate_is_for_time_stamping_alone(folder: StateFolder, anchors: Path, judge: Judge) -> None:
    files = folder.tsa()
    usage = load_chain(files.certificate)[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    code, said = await judge(
        "openssl", "verify", "-purpose", "timestampsign", "-CAfile", anchors, "-untrusted", files.certificate, files.certificate
    )
    assert code == 0, said


async def test_tls_certificates_serve_loopback_and_clients(folder: StateFolder, judge: Judge) -> None:
    for name in profiles.TLS_SERVERS:
        for host in (["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"], ["-verify_hostname", "localhost"]):
            arguments = ["-purpose", "sslserver", *host, "-CAfile", folder.anchor("tls-ca"), folder.tls(name).certificate]
            code, said = await judge("openssl", "verify", *arguments)
            assert code == 0, said
    for name in profiles.CLIENTS:
        arguments = ["-crl_check", "-CRLfile", client_crl(folder), "-CAfile", folder.anchor("client-ca")]
        code, said = await judge("openssl", "verify", "-purpose", "sslclient", *arguments, folder.client(name).certificate)
        assert (code == 0) == (name != "revoked"), said
        if name == "revoked":
            assert "certificate revoked" in said


async def test_a_second_start_changes_nothing(folder: StateFolder) -> None:
    before = _snapshot(folder)
    ensure_pki(folder, Addresses.ensure(folder, None).services, SystemClock())
    assert _snapshot(folder) == before


async def test_an_interrupted_start_is_completed(folder: StateFolder) -> None:
    before = _snapshot(folder)
    lost = [folder.signing("eseal-p256").certificate, folder.client("app").certificate, folder.client("app").key]
    for path in lost:
        path.unlink()
    ensure_pki(folder, Addresses.ensure(folder, None).services, SystemClock())
    after = _snapshot(folder)
    names = {str(path.relative_to(folder.root)) for path in lost}
    assert {name: data for name, data in before.items() if name not in names}.items() <= after.items()
    assert names <= after.keys()
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    leaf = load_chain(folder.client("app").certificate)[0]
    assert leaf.public_key().public_bytes(*spki) == load_key(folder.client("app").key).public_key().public_bytes(*spki)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
async def test_keys_are_readable_by_their_owner_alone(folder: StateFolder) -> None:
    keys = [path for path in folder.root.rglob("*.pem") if b"PRIVATE KEY" in path.read_bytes()]
    assert len(keys) == 2 * len(profiles.AUTHORITIES) + len(profiles.SIGNING) + 1 + 1 + len(profiles.TLS_SERVERS) + len(
        profiles.CLIENTS
    )
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
