"""Every certificate of the sandbox with every algorithm it declares, its signatures judged by openssl and pyHanko."""

import base64
import hashlib
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conformance.judges import pyhanko_verdicts, tool
from tests.support.sandbox import Sandbox

ABLE = [
    "legal-person-rsa",
    "legal-person-p256",
    "natural-person-rsa",
    "natural-person-p256",
    "eseal-rsa",
    "eseal-p256",
    "test-rsa2048",
    "test-rsa4096",
    "test-p384",
    "test-p521",
]
"""Those that may sign; what the others are refused for is the errors' subject."""
UNABLE = {
    "test-expired",
    "test-not-yet-valid",
    "test-revoked",
    "test-revoked-issuer",
    "test-no-revocation",
    "test-untrusted",
}
HASHES = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def openssl_accepts(folder: Path, certificate: bytes, value: bytes, digest: bytes, hash_name: str, sign_algorithm: str) -> bool:
    """Whether openssl finds a value to be a signature over a digest by a certificate's (DER) key."""
    (folder / "certificate.pem").write_bytes(x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM))
    (folder / "value").write_bytes(value)
    (folder / "digest").write_bytes(digest)
    command = [
        tool("openssl"),
        "pkeyutl",
        "-verify",
        "-certin",
        "-inkey",
        "certificate.pem",
        "-in",
        "digest",
        "-sigfile",
        "value",
    ]
    command += ["-pkeyopt", f"digest:{hash_name}"]
    if sign_algorithm == "RSASSA-PSS":
        command += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    judged = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return judged.returncode == 0 and "Signature Verified Successfully" in judged.stdout


def chain_of(sandbox: Sandbox, certificate_id: str) -> dict[str, Any]:
    answer = sandbox.app.get(f"/v1/certificates/{certificate_id}/chain")
    assert answer.status == 200, answer.body
    return answer.members


def test_these_are_all_certificates_there_are(sandbox: Sandbox) -> None:
    assert {*ABLE} | UNABLE == set(sandbox.info.certificates)


@pytest.mark.parametrize("certificate_id", ABLE)
def test_what_a_key_declares_fits_its_kind(sandbox: Sandbox, certificate_id: str) -> None:
    declared = chain_of(sandbox, certificate_id)
    is_rsa = "rsa" in certificate_id
    assert declared["signAlgorithms"] == (["RSASSA-PKCS1-v1_5", "RSASSA-PSS"] if is_rsa else ["ECDSA"])
    assert sorted(declared["hashAlgorithms"]) == sorted(HASHES)


@pytest.mark.parametrize("certificate_id", ABLE)
async def test_documents_by_every_algorithm(sandbox: Sandbox, invoice: bytes, tmp_path: Path, certificate_id: str) -> None:
    declared = chain_of(sandbox, certificate_id)
    signed = tmp_path / "signed.pdf"
    for sign_algorithm, hash_algorithm in product(declared["signAlgorithms"], declared["hashAlgorithms"]):
        form = "es-t" if hash_algorithm == declared["hashAlgorithms"][0] else "es"
        chosen = {"signAlgorithm": sign_algorithm, "hashAlgorithm": hash_algorithm}
        answer = sandbox.app.sign(invoice, certificate_id, form=form, headers={"Accept": "application/json"}, **chosen)
        assert answer.status == 200, answer.body
        facts = answer.members
        assert (facts["signAlgorithm"], facts["hashAlgorithm"]) == (sign_algorithm, hash_algorithm)
        assert facts["certificate"] == declared["certificates"][0]
        signed.write_bytes(base64.b64decode(facts["document"]))
        (verdict,) = await pyhanko_verdicts(signed, sandbox.anchors)
        assert (verdict.valid, verdict.total_document) == (True, True), chosen


@pytest.mark.parametrize("certificate_id", ABLE)
def test_hash_signatures_by_every_algorithm(sandbox: Sandbox, tmp_path: Path, certificate_id: str) -> None:
    declared = chain_of(sandbox, certificate_id)
    certificate = base64.b64decode(declared["certificates"][0])
    for sign_algorithm, hash_algorithm in product(declared["signAlgorithms"], declared["hashAlgorithms"]):
        name = HASHES[hash_algorithm]
        digest, other = hashlib.new(name, b"one").digest(), hashlib.new(name, b"other").digest()
        answer = sandbox.app.sign_hashes([digest], certificate_id, hash_algorithm, signAlgorithm=sign_algorithm)
        assert answer.status == 200, answer.body
        assert (answer.members["signAlgorithm"], answer.members["hashAlgorithm"]) == (sign_algorithm, hash_algorithm)
        (value,) = (base64.b64decode(item, validate=True) for item in answer.members["signatures"])
        assert openssl_accepts(tmp_path, certificate, value, digest, name, sign_algorithm)
        assert not openssl_accepts(tmp_path, certificate, value, other, name, sign_algorithm)


def test_a_hundred_digests_are_signed_in_the_order_of_the_request(sandbox: Sandbox, tmp_path: Path) -> None:
    certificate = base64.b64decode(chain_of(sandbox, "eseal-p256")["certificates"][0])
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(100)]
    with sandbox.spending() as spent:
        answer = sandbox.app.sign_hashes(digests)
    assert answer.status == 200, answer.body
    assert (spent.calls, spent.signatures) == (1, 100)
    values = [base64.b64decode(item) for item in answer.members["signatures"]]
    assert len(values) == 100
    for digest, value in zip(digests, values, strict=True):
        assert openssl_accepts(tmp_path, certificate, value, digest, "sha256", "ECDSA")
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert record["digests"] == [digest.hex() for digest in digests]


def test_one_digest_goes_out_and_its_signature_comes_back_in_less_than_a_kilobyte(sandbox: Sandbox) -> None:
    for certificate_id in ("eseal-p256", "test-rsa4096"):
        digest = [hashlib.sha256(b"one").digest()]
        sandbox.app.sign_hashes(digest, certificate_id)
        answer = sandbox.app.sign_hashes(digest, certificate_id)
        sent, received = answer.upstream_bytes
        assert sent < 1_000
        assert received < 1_000
        assert len(answer.body) < 1_000


@pytest.mark.parametrize(
    ("code", "count", "changes"),
    [
        ("INVALID_PARAMETER", 0, {}),
        ("INVALID_PARAMETER", 101, {}),
        ("INVALID_PARAMETER", 1, {"hashAlgorithm": "SHA-512"}),
        ("INVALID_PARAMETER", 1, {"hashAlgorithm": "SHA-1"}),
        ("INVALID_PARAMETER", 1, {"signAlgorithm": "Ed25519"}),
        ("INVALID_PARAMETER", 1, {"hashes": ["not base64!"]}),
        ("INVALID_PARAMETER", 1, {"dryRun": True}),
        ("ALGORITHM_NOT_ALLOWED", 1, {"signAlgorithm": "RSASSA-PSS"}),
        ("ALGORITHM_NOT_ALLOWED", 1, {"certificateId": "eseal-rsa", "signAlgorithm": "ECDSA"}),
        ("CERTIFICATE_NOT_FOUND", 1, {"certificateId": "nobody"}),
        ("CERTIFICATE_EXPIRED", 100, {"certificateId": "test-expired"}),
    ],
)
def test_all_or_nothing(sandbox: Sandbox, code: str, count: int, changes: dict[str, Any]) -> None:
    members = {
        "certificateId": "eseal-p256",
        "hashAlgorithm": "SHA-256",
        "hashes": [base64.b64encode(hashlib.sha256(bytes([number])).digest()).decode() for number in range(count)],
    }
    with sandbox.spending() as spent:
        answer = sandbox.app.post_json("/v1/signatures/hash", {**members, **changes})
    assert answer.code == code
    assert spent.nothing


def test_one_wrong_digest_among_many_refuses_all(sandbox: Sandbox) -> None:
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(10)]
    digests[7] = digests[7][:-1]
    with sandbox.spending() as spent:
        answer = sandbox.app.sign_hashes(digests)
    assert answer.code == "INVALID_PARAMETER"
    assert [problem["field"] for problem in answer.members["errors"]] == ["hashes.7"]
    assert spent.nothing
