"""Certificates over the wire: the list, one, its chain, and the registration of one that the sandbox's CA issues on request."""

import base64
import hashlib
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.sandbox.authority import load_chain, pem
from tests.conformance.judges import pyhanko_verdicts, tool
from tests.support.key_life import issued
from tests.support.sandbox import Sandbox


def test_the_list_has_every_certificate_with_its_facts(sandbox: Sandbox) -> None:
    answer = sandbox.app.get("/v1/certificates", {"limit": "1000"})
    assert answer.status == 200, answer.body
    listed = {entry["certificateId"]: entry for entry in answer.members["certificates"]}
    assert set(sandbox.info.certificates.values()) <= set(listed)
    assert list(listed) == sorted(listed)
    for certificate_id in sandbox.info.certificates.values():
        certificate = load_chain(sandbox.folder.signing(certificate_id).certificate)[0]
        entry = listed[certificate_id]
        assert entry["certificateSha256"] == certificate.fingerprint(SHA256()).hex()
        assert entry["subject"] == certificate.subject.rfc4514_string()
        assert entry["serialNumber"] == f"{certificate.serial_number:x}"
        assert entry == sandbox.app.get(f"/v1/certificates/{certificate_id}").members


def test_the_list_comes_in_pages(sandbox: Sandbox) -> None:
    whole = [entry["certificateId"] for entry in sandbox.app.get("/v1/certificates").members["certificates"]]
    found: list[str] = []
    query = {"limit": "7"}
    while True:
        page = sandbox.app.get("/v1/certificates", query).members
        assert 1 <= len(page["certificates"]) <= 7
        found += [entry["certificateId"] for entry in page["certificates"]]
        if "nextCursor" not in page:
            break
        query = {"limit": "7", "cursor": page["nextCursor"]}
    assert found == whole
    assert sandbox.app.get("/v1/certificates", {"cursor": "?"}).code == "INVALID_PARAMETER"


@pytest.mark.parametrize("certificate_id", ["legal-person-rsa", "natural-person-p256", "test-untrusted"])
def test_the_chain_builds_to_its_root(sandbox: Sandbox, tmp_path: Path, certificate_id: str) -> None:
    ders = sandbox.app.get(f"/v1/certificates/{certificate_id}/chain").members["certificates"]
    chain = [x509.load_der_x509_certificate(base64.b64decode(der, validate=True)) for der in ders]
    for certificate, issuer in pairwise(chain):
        certificate.verify_directly_issued_by(issuer)
    assert chain[-1].subject == chain[-1].issuer
    for name, part in (("leaf", chain[:1]), ("issuers", chain[1:-1]), ("root", chain[-1:])):
        (tmp_path / f"{name}.pem").write_bytes(pem(part))
    command = [tool("openssl"), "verify", "-CAfile", "root.pem", "-untrusted", "issuers.pem", "leaf.pem"]
    if len(chain) == 2:
        command[4:6] = []
    judged = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert judged.stdout.strip() == "leaf.pem: OK", judged.stderr


def test_a_client_that_reads_certificates_may_do_nothing_else(sandbox: Sandbox, invoice: bytes) -> None:
    other = sandbox.caller("other")
    assert other.get("/v1/certificates").status == 200
    with sandbox.spending() as spent:
        refused = {
            other.sign(invoice).code,
            other.sign(invoice, form="es-t").code,
            other.sign_hashes([bytes(32)]).code,
            other.ask("POST", "/v1/timestamps/hash", b"0", headers={"Content-Type": "application/timestamp-query"}).code,
            other.get("/v1/certificates/eseal-p256/revocation").code,
            other.post_json("/v1/revocation", {"certificates": []}).code,
            other.post_json("/v1/certificates", {}).code,
        }
    assert refused == {"OPERATION_NOT_PERMITTED"}
    assert spent.nothing


async def test_a_certificate_issued_on_request_is_registered_and_signs(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path
) -> None:
    info = sandbox.info
    certificate, *issuers = issued(sandbox, info.unregistered_csr)
    members = {
        "keyId": info.unregistered_key_id,
        "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "chain": [base64.b64encode(issuer.public_bytes(Encoding.DER)).decode() for issuer in issuers],
    }
    answer = sandbox.app.post_json("/v1/certificates", members)
    assert answer.status == 201, answer.body
    certificate_id = answer.members["certificateId"]
    assert answer.headers["Location"] == f"/v1/certificates/{certificate_id}"
    assert answer.members["certificateSha256"] == certificate.fingerprint(SHA256()).hex()
    assert sandbox.app.get(answer.headers["Location"]).members == answer.members
    listed = sandbox.app.get("/v1/certificates", {"limit": "1000"}).members["certificates"]
    assert certificate_id in [entry["certificateId"] for entry in listed]

    again = sandbox.app.post_json("/v1/certificates", members)
    assert (again.status, again.members["certificateId"]) == (201, certificate_id)

    signed = sandbox.app.sign(invoice, certificate_id)
    assert signed.status == 200, signed.body
    (tmp_path / "signed.pdf").write_bytes(signed.body)
    (verdict,) = await pyhanko_verdicts(tmp_path / "signed.pdf", sandbox.anchors)
    assert verdict.valid


def test_a_registration_that_does_not_fit_is_refused(sandbox: Sandbox) -> None:
    leaf, *issuers = load_chain(sandbox.folder.signing("eseal-p256").certificate)
    ders = [base64.b64encode(item.public_bytes(Encoding.DER)).decode() for item in (leaf, *issuers)]
    right = {"keyId": "software:eseal-p256", "certificate": ders[0], "chain": ders[1:]}
    refused = {
        "KEY_NOT_FOUND": {**right, "keyId": "nobody"},
        "CERTIFICATE_KEY_MISMATCH": {**right, "keyId": "software:legal-person-p256"},
        "INVALID_PARAMETER": {**right, "certificate": base64.b64encode(b"no certificate").decode()},
    }
    for code, members in refused.items():
        assert sandbox.app.post_json("/v1/certificates", members).code == code
    assert sandbox.app.post_json("/v1/certificates", {**right, "chain": ders[:0:-1]}).code == "INVALID_PARAMETER"
    assert sandbox.app.post_json("/v1/certificates", {**right, "comment": "no such thing"}).code == "INVALID_PARAMETER"


def test_a_key_that_is_no_signers_is_not_signed_with(sandbox: Sandbox) -> None:
    """A certificate of somebody else's key cannot be slipped in under a known id."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    request = sandbox.directory / "stranger.csr"
    request.write_bytes(csr.public_bytes(Encoding.PEM))
    certificate, *issuers = issued(sandbox, request)
    members = {
        "keyId": "software:eseal-p256",
        "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "chain": [base64.b64encode(issuer.public_bytes(Encoding.DER)).decode() for issuer in issuers],
    }
    assert sandbox.app.post_json("/v1/certificates", members).code == "CERTIFICATE_KEY_MISMATCH"
    digest = hashlib.sha256(b"anything").digest()
    assert sandbox.app.sign_hashes([digest]).status == 200
