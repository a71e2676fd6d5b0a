"""A key from its making to a signed document, through the proxy at the central signer; and what others learn of it."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from proxy.sandbox import profiles
from proxy.sandbox.authority import CertificationAuthority, Extension, Validity
from tests.conformance.judges import pdfsig, pyhanko_verdicts
from tests.support.calling import Answer
from tests.support.key_life import live
from tests.support.openssl_judge import openssl_request
from tests.support.sandbox import Sandbox


@pytest.mark.parametrize(
    ("algorithm", "request_with"),
    [
        ("P-256", {}),
        ("RSA-2048", {"signAlgorithm": "RSASSA-PSS", "hashAlgorithm": "SHA-512"}),
        ("P-521", {}),
    ],
)
async def test_the_whole_life_of_a_key(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, algorithm: str, request_with: dict[str, str]
) -> None:
    life = live(sandbox.app, sandbox, tmp_path, algorithm, **request_with)
    signed = sandbox.app.sign(invoice, life.certificate_id)
    assert signed.status == 200, signed.body
    (tmp_path / "signed.pdf").write_bytes(signed.body)
    (verdict,) = await pyhanko_verdicts(tmp_path / "signed.pdf", sandbox.anchors)
    assert verdict.valid
    (seen,) = pdfsig(tmp_path / "signed.pdf")
    assert seen.valid, seen


def test_the_same_by_the_command_line(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    def signproxy(*words: str) -> str:
        command = [sys.executable, "-m", "proxy", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    at = ("--sandbox", str(sandbox.directory))
    key = signproxy("keys", "create", "--algorithm", "P-384", *at).strip()
    subject = r"CN=Seal,O=Example\, Inc.,C=JP"
    signproxy("csr", "create", key, "--subject", subject, "--email", "seal@example.jp", "--out", "seal.csr", *at)
    csr = x509.load_pem_x509_csr((tmp_path / "seal.csr").read_bytes())
    assert csr.subject.rfc4514_string() == subject
    signproxy("sandbox", "issue", "seal.csr", "--dir", str(sandbox.directory), "--out", "seal.pem")
    certificate = signproxy("certificates", "register", key, "seal.pem", *at).strip()
    shown = json.loads(signproxy("certificates", "show", certificate, "--json", *at))
    assert (shown["keyAlgorithm"], shown["subject"], shown["warnings"]) == ("P-384", subject, [])
    (tmp_path / "invoice.pdf").write_bytes(invoice)
    signproxy("sign", "invoice.pdf", "--form", "es", "--certificate", certificate, *at)
    assert key in signproxy("keys", "list", *at)


def test_others_learn_nothing_of_keys(sandbox: Sandbox, tmp_path: Path) -> None:
    made = sandbox.app.post_json("/v1/keys", {"algorithm": "P-256"}).members["keyId"]
    other = sandbox.caller("other")
    told = [
        other.get("/v1/keys"),
        other.post_json("/v1/keys", {}),
        other.post_json(f"/v1/keys/{made}/csr", {"subject": "CN=Mine"}),
        other.post_json("/v1/keys/software:none/csr", {"subject": "CN=Mine"}),
    ]
    assert {(answer.status, answer.code) for answer in told} == {(403, "OPERATION_NOT_PERMITTED")}
    bodies = [{name: value for name, value in answer.members.items() if name != "transactionId"} for answer in told[2:]]
    assert bodies[0] | {"instance": ""} == bodies[1] | {"instance": ""}


def test_a_key_made_without_its_request_signs_it_again(sandbox: Sandbox) -> None:
    """Asking twice gives two requests for the same key, both good."""
    key = sandbox.app.post_json("/v1/keys", {"algorithm": "P-256"}).members["keyId"]
    answers = [sandbox.app.post_json(f"/v1/keys/{key}/csr", {"subject": f"CN={name}"}) for name in ("first", "second")]
    assert [answer.status for answer in answers] == [200, 200]
    record = sandbox.app.get(f"/v1/operations/{answers[0].transaction_id}").members
    assert (record["operation"], record["state"]) == ("csr", "SUCCEEDED")
    requests = [base64.b64decode(answer.members["csr"]) for answer in answers]
    assert all(openssl_request(one) for one in requests)
    first, second = (x509.load_der_x509_csr(one) for one in requests)
    assert first.public_key() == second.public_key()


class TestRegistration:
    """Certificates of the sandbox's authority for a new key, as an authority would not or not yet have issued them."""

    def registered(
        self, sandbox: Sandbox, algorithm: str, issuer: str, begins: int, ends: int, *extensions: Extension
    ) -> Answer:
        """The answer to the registration of one that is valid between these days from now."""
        made = sandbox.app.post_json("/v1/keys", {"algorithm": algorithm}).members
        key = load_der_public_key(base64.b64decode(made["publicKey"]))
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        authority = CertificationAuthority.open(sandbox.folder, issuer)
        now = datetime.now(UTC).replace(microsecond=0)
        validity = Validity(now + timedelta(days=begins), now + timedelta(days=ends))
        subject = profiles.distinguished_name(common_name="Odd")
        certificate = authority.issue(subject, key, validity, extensions or profiles.signing_extensions())
        ders = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in (certificate, *authority.chain)]
        registration = {"keyId": made["keyId"], "certificate": ders[0], "chain": ders[1:]}
        return sandbox.app.post_json("/v1/certificates", registration)

    def test_one_that_has_expired(self, sandbox: Sandbox) -> None:
        answer = self.registered(sandbox, "P-256", "p256-issuing", -30, -1)
        assert (answer.status, answer.code) == (422, "CERTIFICATE_EXPIRED")

    def test_one_of_an_authority_that_is_not_trusted(self, sandbox: Sandbox) -> None:
        answer = self.registered(sandbox, "P-256", "untrusted-root", 0, 30)
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
        assert [error["field"] for error in answer.members["errors"]] == ["chain"]

    @pytest.mark.parametrize(
        "extensions",
        [((x509.BasicConstraints(ca=True, path_length=0), True), profiles.usage(issuing=True)), (profiles.usage(),)],
        ids=["a CA's", "not for signatures"],
    )
    def test_one_that_is_no_signers(self, sandbox: Sandbox, extensions: tuple[Extension, ...]) -> None:
        answer = self.registered(sandbox, "P-256", "p256-root", 0, 30, *extensions)
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
        assert [error["field"] for error in answer.members["errors"]] == ["certificate"]

    def test_one_ahead_of_its_time_is_kept_and_does_not_sign_yet(self, sandbox: Sandbox, invoice: bytes) -> None:
        answer = self.registered(sandbox, "P-256", "p256-issuing", 10, 400)
        assert [warning["code"] for warning in answer.members["warnings"]] == ["NOT_YET_VALID"]
        refused = sandbox.app.sign(invoice, answer.members["certificateId"])
        assert (refused.status, refused.code) == (422, "CERTIFICATE_NOT_YET_VALID")

    def test_ones_that_deserve_a_look(self, sandbox: Sandbox) -> None:
        for algorithm, issuer, days, code in (
            ("P-256", "p256-issuing", 20, "EXPIRES_SOON"),
            ("RSA-2048", "rsa-issuing", 365 * 10, "RSA_2048_AFTER_2030"),
        ):
            answer = self.registered(sandbox, algorithm, issuer, 0, days)
            assert [warning["code"] for warning in answer.members["warnings"]] == [code]
            shown = sandbox.app.get(f"/v1/certificates/{answer.members['certificateId']}")
            assert shown.members["warnings"] == answer.members["warnings"]
