"""``signproxy sandbox issue``, judged by openssl."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.cli import main
from proxy.errors import SettingsError
from proxy.ports import SystemClock
from proxy.sandbox import profiles
from proxy.sandbox.authority import CertificationAuthority, load_chain
from proxy.sandbox.folder import StateFolder
from proxy.sandbox.issuing import PROFILES, issue_certificate
from proxy.sandbox.keys import KeyKind

Judge = Callable[..., Awaitable[tuple[int, str]]]


def _request(kind: KeyKind = KeyKind.P256, common_name: str | None = "Somebody") -> x509.CertificateSigningRequest:
    name = x509.Name([]) if common_name is None else profiles.distinguished_name(common_name=common_name)
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    # What a request asks for itself is not granted.
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(kind.generate(), SHA256())


@pytest.mark.parametrize(("kind", "issuer"), [(KeyKind.RSA_2048, "rsa-issuing"), (KeyKind.P384, "p256-issuing")])
@pytest.mark.parametrize("profile", PROFILES)
async def test_issued_certificates_chain_and_serve_their_purpose(
    folder: StateFolder, tmp_path: Path, judge: Judge, kind: KeyKind, issuer: str, profile: str
) -> None:
    request = _request(kind)
    out, csr = tmp_path / "out.pem", tmp_path / "request.csr"
    csr.write_bytes(request.public_bytes(Encoding.DER if profile == "eseal" else Encoding.PEM))
    assert main(["sandbox", "issue", str(csr), "--dir", str(folder.root), "--profile", profile, "--out", str(out)]) == 0

    authority = "client-ca" if profile == "client" else issuer
    leaf, *chain = load_chain(out)
    assert leaf.public_key() == request.public_key()
    assert leaf.subject == request.subject
    assert chain == list(load_chain(folder.anchor(authority)))
    assert CertificationAuthority.open(folder, authority).issued(leaf.serial_number)
    assert x509.BasicConstraints not in {type(extension.value) for extension in leaf.extensions}
    root = folder.anchor({"client-ca": "client-ca", "rsa-issuing": "rsa-root", "p256-issuing": "p256-root"}[authority])
    purpose = ["-purpose", "sslclient"] if profile == "client" else []
    code, said = await judge("openssl", "verify", *purpose, "-CAfile", root, "-untrusted", out, out)
    assert code == 0, said


def test_it_goes_to_standard_output_and_dir_may_stand_before_the_verb(
    folder: StateFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csr = tmp_path / "request.csr"
    csr.write_bytes(_request().public_bytes(Encoding.PEM))
    assert main(["sandbox", "--dir", str(folder.root), "issue", str(csr)]) == 0
    told = capsys.readouterr()
    leaf = x509.load_pem_x509_certificates(told.out.encode())[0]
    assert f"SHA-256: {leaf.fingerprint(SHA256()).hex()}" in told.err
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment


@pytest.mark.parametrize(
    ("profile", "subject"),
    [("legal-person", profiles.LEGAL_PERSON), ("natural-person", profiles.NATURAL_PERSON), ("eseal", profiles.ESEAL)],
)
def test_a_request_without_a_subject_gets_the_profiles_own(folder: StateFolder, profile: str, subject: x509.Name) -> None:
    request = _request(common_name=None).public_bytes(Encoding.PEM)
    assert issue_certificate(folder.root, request, profile, SystemClock()).certificate.subject == subject


def test_what_is_not_issued(folder: StateFolder, tmp_path: Path) -> None:
    good = _request().public_bytes(Encoding.DER)
    forged = bytearray(good)
    forged[forged.index(b"Somebody")] ^= 1
    ed = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(ed25519.Ed25519PrivateKey.generate(), None)
    for request, reason in (
        (b"", "not a certificate signing request"),
        (b"-----BEGIN CERTIFICATE REQUEST-----", "not a certificate signing request"),
        (good[:-1], "not a certificate signing request"),
        (bytes(forged), "signature"),
        (ed.public_bytes(Encoding.PEM), "neither RSA nor EC"),
    ):
        with pytest.raises(SettingsError, match=reason):
            issue_certificate(folder.root, request, "legal-person", SystemClock())
    with pytest.raises(SettingsError, match="subject"):
        issue_certificate(folder.root, _request(common_name=None).public_bytes(Encoding.DER), "client", SystemClock())
    with pytest.raises(SettingsError, match=r"certificate\.pem"):
        issue_certificate(tmp_path / "nowhere", good, "legal-person", SystemClock())
