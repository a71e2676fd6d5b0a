"""What the proxy passes on for a caller without egress: RFC 3161 requests and revocation data. openssl is the client."""

import base64
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.sandbox.authority import CertificationAuthority, Validity, load_chain, pem
from proxy.sandbox.profiles import distinguished_name, signing_extensions
from tests.conformance.judges import tool
from tests.support.calling import Answer
from tests.support.sandbox import Sandbox

QUERY = {"Content-Type": "application/timestamp-query"}


def openssl(folder: Path, *arguments: str | Path) -> str:
    """What openssl says in both of its voices; it must not fail."""
    judged = tried(folder, *arguments)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    return judged.stdout + judged.stderr


def tried(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([tool("openssl"), *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False)


def one_file(folder: Path, files: tuple[Path, ...]) -> Path:
    """Several PEM files as one."""
    path = folder / "anchors.pem"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    return path


# -- RFC 3161 -------------------------------------------------------------------------------------------------------


def timestamp(sandbox: Sandbox, query: bytes, parameters: Mapping[str, str] | None = None) -> Answer:
    return sandbox.app.ask("POST", "/v1/timestamps/hash", query, query=parameters, headers=QUERY)


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("options", [["-cert"], ["-cert", "-no_nonce"], []])
def test_openssl_gets_its_token_through_the_relay(sandbox: Sandbox, tmp_path: Path, hash_name: str, options: list[str]) -> None:
    (tmp_path / "data").write_bytes(b"a document that stays here")
    openssl(tmp_path, "ts", "-query", "-data", "data", f"-{hash_name}", *options, "-out", "query.tsq")
    answer = timestamp(sandbox, (tmp_path / "query.tsq").read_bytes())
    assert (answer.status, answer.media_type) == (200, "application/timestamp-reply")
    (tmp_path / "reply.tsr").write_bytes(answer.body)
    anchors = one_file(tmp_path, sandbox.anchors)
    known: list[str | Path] = [] if "-cert" in options else ["-untrusted", sandbox.info.tsa_certificate]
    verify: list[str | Path] = ["ts", "-verify", "-in", "reply.tsr", "-CAfile", anchors, *known]
    assert "Verification: OK" in openssl(tmp_path, *verify, "-queryfile", "query.tsq")
    (tmp_path / "data").write_bytes(b"another")
    assert "imprint mismatch" in tried(tmp_path, *verify, "-data", "data").stderr


def test_a_rejection_by_the_authority_is_passed_on_as_it_stands(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha256", "-tspolicy", "1.2.3.4", "-out", "query.tsq")
    with sandbox.spending() as spent:
        answer = timestamp(sandbox, (tmp_path / "query.tsq").read_bytes())
    assert (answer.status, answer.media_type) == (200, "application/timestamp-reply")
    (tmp_path / "reply.tsr").write_bytes(answer.body)
    said = openssl(tmp_path, "ts", "-reply", "-in", "reply.tsr", "-text")
    assert "Status: Rejected." in said
    assert "Failure info: the requested TSA policy is not supported by the TSA" in said
    assert spent.tokens == 0


def test_the_policy_asked_for_travels_on(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    policy = sandbox.info.tsa_policy
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha256", "-tspolicy", policy, "-cert", "-out", "query.tsq")
    (tmp_path / "reply.tsr").write_bytes(timestamp(sandbox, (tmp_path / "query.tsq").read_bytes()).body)
    assert f"Policy OID: {policy}" in openssl(tmp_path, "ts", "-reply", "-in", "reply.tsr", "-text")


def test_what_is_no_request_is_refused_before_the_authority_is_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha1", "-out", "sha1.tsq")
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha256", "-out", "query.tsq")
    query = (tmp_path / "query.tsq").read_bytes()
    refused = {
        "no DER": b"a query",
        "SHA-1": (tmp_path / "sha1.tsq").read_bytes(),
        "something behind it": query + b"\0",
        "cut short": query[:-1],
    }
    with sandbox.spending() as spent:
        for why, body in refused.items():
            assert timestamp(sandbox, body).code == "INVALID_PARAMETER", why
        assert timestamp(sandbox, query, {"tsaProfile": "nobody"}).code == "TSA_PROFILE_NOT_FOUND"
        assert sandbox.app.ask("POST", "/v1/timestamps/hash", query).code == "UNSUPPORTED_MEDIA_TYPE"
    assert spent.nothing


# -- revocation -----------------------------------------------------------------------------------------------------


def chain_files(folder: Path, chain: tuple[x509.Certificate, ...]) -> list[Path]:
    """Each certificate of a chain as a PEM file."""
    files = []
    for number, certificate in enumerate(chain):
        files.append(folder / f"chain-{number}.pem")
        files[-1].write_bytes(pem([certificate]))
    return files


def ocsp_statuses(folder: Path, responses: list[str], chain: list[Path], anchors: Path) -> list[str]:
    """What openssl reads in responses about a chain's certificates, each verified and about one of them."""
    statuses = []
    for number, response in enumerate(responses):
        (folder / f"ocsp-{number}.der").write_bytes(base64.b64decode(response, validate=True))
        for certificate, issuer in pairwise(chain):
            judged = tried(
                folder,
                *("ocsp", "-respin", f"ocsp-{number}.der", "-issuer", issuer, "-cert", certificate, "-CAfile", anchors),
                *("-no_nonce", "-verify_other", issuer),
            )
            said = judged.stdout + judged.stderr
            if f"{certificate}: " in judged.stdout and "No Status found" not in said:
                assert "Response verify OK" in said, said
                statuses.append(judged.stdout.partition(f"{certificate}: ")[2].split()[0])
    return statuses


@pytest.mark.parametrize(
    ("certificate_id", "statuses"),
    [
        ("eseal-rsa", ["good", "good"]),
        ("natural-person-p256", ["good", "good"]),
        ("test-revoked", ["revoked", "good"]),
        ("test-revoked-issuer", ["good", "revoked"]),
    ],
)
def test_revocation_data_of_a_signing_certificate_and_its_issuer(
    sandbox: Sandbox, tmp_path: Path, certificate_id: str, statuses: list[str]
) -> None:
    answer = sandbox.app.get(f"/v1/certificates/{certificate_id}/revocation")
    assert answer.status == 200, answer.body
    chain = chain_files(tmp_path, load_chain(sandbox.folder.signing(certificate_id).certificate))
    anchors = one_file(tmp_path, sandbox.anchors)
    assert ocsp_statuses(tmp_path, answer.members["ocspResponses"], chain, anchors) == statuses
    assert answer.members["crls"] == []


def test_revocation_data_of_any_chain_to_an_anchor(sandbox: Sandbox, tmp_path: Path) -> None:
    chain = load_chain(sandbox.info.tsa_certificate)
    wanted = [base64.b64encode(item.public_bytes(Encoding.DER)).decode() for item in chain[:-1]]
    answer = sandbox.app.post_json("/v1/revocation", {"certificates": wanted})
    assert answer.status == 200, answer.body
    files = chain_files(tmp_path, chain)
    statuses = ocsp_statuses(tmp_path, answer.members["ocspResponses"], files, one_file(tmp_path, sandbox.anchors))
    assert statuses == ["good", "good"]


def test_a_certificate_without_a_responder_gets_a_crl(sandbox: Sandbox, tmp_path: Path) -> None:
    authority = CertificationAuthority.open(sandbox.folder, "p256-issuing")
    (point,) = [
        extension
        for extension in authority.revocation_extensions(sandbox.info.ocsp.removesuffix("/ocsp"))
        if isinstance(extension[0], x509.CRLDistributionPoints)
    ]
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = authority.issue(
        distinguished_name(common_name="Listed only"),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        Validity(now - timedelta(hours=1), now + timedelta(days=1)),
        (*signing_extensions(), point),
    )
    chain = (certificate, *authority.chain[:-1])
    wanted = [base64.b64encode(item.public_bytes(Encoding.DER)).decode() for item in chain]
    answer = sandbox.app.post_json("/v1/revocation", {"certificates": wanted})
    assert answer.status == 200, answer.body
    (crl,) = answer.members["crls"]
    (tmp_path / "list.crl").write_bytes(base64.b64decode(crl, validate=True))
    issuer = chain_files(tmp_path, chain)[1]
    assert "verify OK" in openssl(tmp_path, "crl", "-inform", "DER", "-in", "list.crl", "-CAfile", issuer, "-noout")
    revoked = load_chain(sandbox.folder.signing("test-revoked").certificate)[0]
    assert f"{revoked.serial_number:X}" in openssl(tmp_path, "crl", "-inform", "DER", "-in", "list.crl", "-text", "-noout")


def test_nothing_is_fetched_for_a_certificate_that_chains_to_no_anchor(sandbox: Sandbox) -> None:
    stranger = load_chain(sandbox.folder.signing("test-untrusted").certificate)[0]
    wanted = [base64.b64encode(stranger.public_bytes(Encoding.DER)).decode()]
    answer = sandbox.app.post_json("/v1/revocation", {"certificates": wanted})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
    assert sandbox.app.post_json("/v1/revocation", {"certificates": ["AQID"]}).code == "INVALID_PARAMETER"
    assert sandbox.app.post_json("/v1/revocation", {"certificates": []}).code == "INVALID_PARAMETER"


def test_of_a_certificate_that_names_nobody_nothing_is_known(sandbox: Sandbox) -> None:
    assert sandbox.app.get("/v1/certificates/test-no-revocation/revocation").code == "REVOCATION_UNAVAILABLE"
