"""ES and ES-T over real mutual TLS: every way in, every way out, and what each answer promises held against the bytes."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.conformance.judges import pyhanko_verdicts, tool
from tests.support.calling import Answer, multipart
from tests.support.sandbox import Sandbox

CERTIFICATE = "legal-person-p256"
FORMS = pytest.mark.parametrize("form", ["es", "es-t"])
LEVELS = {"es": ("ES", "B-B"), "es-t": ("ES-T", "B-T")}


def raw_post(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    headers = {"Content-Type": "application/pdf"}
    return sandbox.app.ask("POST", path, document, query={"certificateId": CERTIFICATE}, headers=headers)


def raw_put(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    headers = {"Content-Type": "application/pdf"}
    return sandbox.app.ask("PUT", path, document, query={"certificateId": CERTIFICATE}, headers=headers)


def raw_untyped(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    return sandbox.app.ask("PUT", path, document, query={"certificateId": CERTIFICATE})


def raw_octets(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    headers = {"Content-Type": "application/octet-stream"}
    return sandbox.app.ask("POST", path, document, query={"certificateId": CERTIFICATE}, headers=headers)


def chunked(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    pieces = [document[start : start + 100] for start in range(0, len(document), 100)]
    headers = {"Content-Type": "application/pdf"}
    return sandbox.app.ask("POST", path, pieces, query={"certificateId": CERTIFICATE}, headers=headers)


def params_first(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    params = json.dumps({"certificateId": CERTIFICATE, "reason": "承認"}).encode()
    body, headers = multipart([("params", params), ("document", document)])
    return sandbox.app.ask("POST", path, body, headers=headers)


def document_first(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    params = json.dumps({"certificateId": CERTIFICATE, "hashAlgorithm": "SHA-512"}).encode()
    body, headers = multipart([("document", document), ("params", params)])
    return sandbox.app.ask("PUT", path, body, headers=headers)


def multipart_with_query(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    body, headers = multipart([("document", document)])
    return sandbox.app.ask("POST", path, body, query={"certificateId": CERTIFICATE}, headers=headers)


def as_json(sandbox: Sandbox, path: str, document: bytes) -> Answer:
    members = {"certificateId": CERTIFICATE, "location": "東京", "document": base64.b64encode(document).decode()}
    return sandbox.app.post_json(path, members, headers={"Accept": "application/pdf"})


WAYS_IN = [raw_post, raw_put, raw_untyped, raw_octets, chunked, params_first, document_first, multipart_with_query, as_json]


async def is_valid(sandbox: Sandbox, document: bytes, folder: Path, *, timestamped: bool) -> bool:
    """Whether pyHanko finds one signature, valid, over the whole document, and a timestamp where there should be one."""
    path = folder / "judged.pdf"
    path.write_bytes(document)
    verdicts = await pyhanko_verdicts(path, sandbox.anchors)
    return [(verdict.valid, verdict.total_document, verdict.timestamp) for verdict in verdicts] == [
        (True, True, True if timestamped else None)
    ]


@FORMS
@pytest.mark.parametrize("way_in", WAYS_IN)
async def test_every_way_in_gives_a_signed_document(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str, way_in: Callable[[Sandbox, str, bytes], Answer]
) -> None:
    with sandbox.spending() as spent:
        answer = way_in(sandbox, f"/v1/signatures/{form}", invoice)
    assert answer.status == 200, answer.body
    assert answer.media_type == "application/pdf"
    assert answer.body.startswith(invoice)
    assert answer.headers["Result-SHA256"] == hashlib.sha256(answer.body).hexdigest()
    assert (answer.headers["Signature-Form"], answer.headers["Signature-Level"]) == LEVELS[form]
    assert (spent.calls, spent.signatures, spent.tokens) == (1, 1, 1 if form == "es-t" else 0)
    assert await is_valid(sandbox, answer.body, tmp_path, timestamped=form == "es-t")


@FORMS
def test_valid_until_is_the_end_of_the_signing_certificate(sandbox: Sandbox, invoice: bytes, form: str) -> None:
    answer = sandbox.app.sign(invoice, CERTIFICATE, form=form)
    ends = sandbox.app.get(f"/v1/certificates/{CERTIFICATE}").members["notAfter"]
    assert datetime.fromisoformat(answer.headers["Valid-Until"]) == datetime.fromisoformat(ends)


@FORMS
async def test_json_gives_the_facts_and_the_document(sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str) -> None:
    members = {"certificateId": CERTIFICATE, "fieldName": "Approval", "document": base64.b64encode(invoice).decode()}
    answer = sandbox.app.post_json(f"/v1/signatures/{form}", members)
    assert answer.media_type == "application/json"
    facts = answer.members
    document = base64.b64decode(facts["document"], validate=True)
    assert document.startswith(invoice)
    assert facts["resultSha256"] == hashlib.sha256(document).hexdigest() == answer.headers["Result-SHA256"]
    assert facts["documentSha256"] == hashlib.sha256(invoice).hexdigest()
    assert (facts["form"], facts["level"]) == LEVELS[form]
    assert (facts["certificateId"], facts["fieldName"]) == (CERTIFICATE, "Approval")
    assert (facts["hashAlgorithm"], facts["signAlgorithm"]) == ("SHA-256", "ECDSA")
    assert facts["transactionId"] == answer.transaction_id
    assert (facts["upstreamBytes"]["sent"], facts["upstreamBytes"]["received"]) == answer.upstream_bytes
    assert ("timestampTime" in facts) == (form == "es-t")
    assert await is_valid(sandbox, document, tmp_path, timestamped=form == "es-t")


@FORMS
async def test_the_increment_appended_to_the_original_is_the_result(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str
) -> None:
    answer = sandbox.app.sign(invoice, CERTIFICATE, form=form, query={"return": "increment"})
    assert (answer.status, answer.media_type) == (200, "application/octet-stream")
    assert invoice not in answer.body
    result = invoice + answer.body
    assert answer.headers["Result-SHA256"] == hashlib.sha256(result).hexdigest()
    assert await is_valid(sandbox, result, tmp_path, timestamped=form == "es-t")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/pdf", "application/pdf"),
        ("application/json", "application/json"),
        ("*/*", "application/pdf"),
        ("application/*;q=0.5, application/json", "application/json"),
        ("application/json;q=0.2, application/pdf;q=0.1, text/html", "application/json"),
    ],
)
def test_accept_chooses_between_document_and_json(sandbox: Sandbox, invoice: bytes, accept: str, media_type: str) -> None:
    answer = sandbox.app.sign(invoice, CERTIFICATE, headers={"Accept": accept})
    assert (answer.status, answer.media_type) == (200, media_type)


@FORMS
def test_a_dry_run_tells_what_would_be_and_spends_nothing(sandbox: Sandbox, invoice: bytes, form: str) -> None:
    with sandbox.spending() as spent:
        raw = sandbox.app.sign(invoice, CERTIFICATE, form=form, dryRun="true", fieldName="Approval")
        members = {"certificateId": CERTIFICATE, "dryRun": True, "document": base64.b64encode(invoice).decode()}
        json_too = sandbox.app.post_json(f"/v1/signatures/{form}", members)
    assert spent.nothing, spent
    for answer in (raw, json_too):
        assert (answer.status, answer.media_type) == (200, "application/json"), answer.body
        assert answer.members["dryRun"] is True
        assert not answer.members.keys() & {"document", "resultSha256", "timestampTime"}
        assert "Result-SHA256" not in answer.headers
    assert raw.members["fieldName"] == "Approval"


def test_a_dry_run_refuses_what_signing_would_refuse(sandbox: Sandbox, invoice: bytes) -> None:
    with sandbox.spending() as spent:
        answers = {
            "CERTIFICATE_EXPIRED": sandbox.app.sign(invoice, "test-expired", dryRun="true"),
            "ALGORITHM_NOT_ALLOWED": sandbox.app.sign(invoice, "eseal-p256", dryRun="true", signAlgorithm="RSASSA-PSS"),
            "INVALID_DOCUMENT": sandbox.app.sign(b"%PDF-1.7\nnothing", dryRun="true"),
            "TSA_PROFILE_NOT_FOUND": sandbox.app.sign(invoice, form="es-t", dryRun="true", tsaProfile="nobody"),
        }
    assert spent.nothing, spent
    assert {code: answer.code for code, answer in answers.items()} == {code: code for code in answers}


def test_what_goes_upstream_for_a_signature_is_less_than_a_kilobyte_each_way(sandbox: Sandbox, invoice: bytes) -> None:
    sandbox.app.sign(invoice, CERTIFICATE)
    # The certificate is known now: what is left is the digest and its signature.
    sent, received = sandbox.app.sign(invoice, CERTIFICATE).upstream_bytes
    assert 0 < sent < 1_000
    assert 0 < received < 1_000


def test_curl_uploads_a_file(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    original, signed = tmp_path / "contract.pdf", tmp_path / "signed.pdf"
    original.write_bytes(invoice)
    info = sandbox.info
    command = [tool("curl"), "--silent", "--show-error", "--fail-with-body", "--cacert", str(info.ca_file)]
    command += ["--cert", str(info.client_certificate), "--key", str(info.client_key), "-T", str(original), "-o", str(signed)]
    for waiting in ([], ["--header", "Expect: 100-continue"]):
        url = f"{info.proxy}/v1/signatures/es-t?certificateId={CERTIFICATE}"
        judged = subprocess.run([*command, *waiting, url], capture_output=True, check=False, text=True)
        assert judged.returncode == 0, judged.stderr
        assert signed.read_bytes().startswith(invoice)
        signed.unlink()


def test_declared_length_and_digest_are_held_against_the_document(sandbox: Sandbox, invoice: bytes) -> None:
    sha256 = base64.b64encode(hashlib.sha256(invoice).digest()).decode()
    sha512 = base64.b64encode(hashlib.sha512(invoice).digest()).decode()
    right: list[dict[str, str]] = [
        {"Document-Length": str(len(invoice))},
        {"Content-Digest": f"sha-256=:{sha256}:"},
        {"Content-Digest": f"sha-512=:{sha512}:"},
        {"Content-Digest": f"sha-256=:{sha256}:, sha-512=:{sha512}:", "Document-Length": str(len(invoice))},
    ]
    for headers in right:
        assert sandbox.app.sign(invoice, headers=headers).status == 200, headers
    wrong = [
        ("LENGTH_MISMATCH", {"Document-Length": str(len(invoice) + 1)}),
        ("DIGEST_MISMATCH", {"Content-Digest": f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"}),
        ("DIGEST_MISMATCH", {"Content-Digest": f"sha-256=:{sha256}:, sha-512=:{base64.b64encode(bytes(64)).decode()}:"}),
        ("INVALID_PARAMETER", {"Content-Digest": "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"}),
        ("INVALID_PARAMETER", {"Document-Length": "many"}),
    ]
    with sandbox.spending() as spent:
        for code, headers in wrong:
            assert sandbox.app.sign(invoice, headers=headers).code == code, headers
    assert spent.nothing


def test_document_length_is_of_the_document_not_of_the_body(sandbox: Sandbox, invoice: bytes) -> None:
    params = json.dumps({"certificateId": CERTIFICATE}).encode()
    body, headers = multipart([("params", params), ("document", invoice)])
    for length, status in ((len(invoice), 200), (len(body), 400)):
        answer = sandbox.app.ask("POST", "/v1/signatures/es", body, headers={**headers, "Document-Length": str(length)})
        assert answer.status == status, answer.body


@pytest.mark.parametrize("name", ["reason", "location", "contactInfo"])
def test_free_text_never_goes_into_the_url(sandbox: Sandbox, invoice: bytes, name: str) -> None:
    answer = sandbox.app.sign(invoice, query={name: "secret"})
    assert answer.code == "INVALID_PARAMETER"
    assert answer.members["errors"][0]["field"] == name
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("ltv", "true"),
        ("docMdp", "1"),
        ("gracePolicy", "now"),
        ("documentPassword", "x"),
        ("source", "s3://b/k"),
        ("destination", "s3://b/k"),
        ("packaging", "enveloped"),
        ("return", "none"),
        ("tsaProfile", "default"),
    ],
)
def test_parameters_of_other_versions_and_forms_are_refused_not_ignored(
    sandbox: Sandbox, invoice: bytes, parameter: str, value: str
) -> None:
    with sandbox.spending() as spent:
        answer = sandbox.app.sign(invoice, CERTIFICATE, query={parameter: value})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
    assert answer.members["errors"][0]["field"] == parameter
    assert spent.nothing


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/signatures/prepare",
        "/v1/signatures/complete",
        "/v1/xades/es",
        "/v1/xades/timestamps",
        "/metrics",
        "/console/",
    ],
)
def test_routes_of_other_versions_are_not_there(sandbox: Sandbox, method: str, path: str) -> None:
    answer = sandbox.app.ask(method, path, b"%PDF-1.7" if method != "GET" else b"")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_the_openapi_document_has_the_routes_of_this_version_alone(sandbox: Sandbox) -> None:
    document = sandbox.caller(None).get("/openapi.json").members
    forms = {f"/v1/signatures/{form}" for form in ("es", "es-t", "mdp", "es-a", "hash")}
    assert forms | {"/v1/timestamps", "/v1/timestamps/hash", "/v1/verifications"} <= document["paths"].keys()
    assert not [path for path in document["paths"] if "xades" in path]
    assert sandbox.caller(None).get("/docs").status == 200
