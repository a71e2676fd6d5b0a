"""Documents that open with a password, in every form: qpdf encrypts them, and pyHanko opens what came out with the password."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pyhanko.sign.validation import EmbeddedPdfSignature

from tests.conformance.offline import offline_verdicts
from tests.conformance.producers import encrypted
from tests.support.calling import Answer
from tests.support.sandbox import Sandbox
from tests.support.security_store import check_complete, opened, security_store

PASSWORD = "pässwörd-4711"
KINDS = {
    "AES-256": encrypted(256, password=PASSWORD),
    "AES-128": encrypted(128, "--use-aes=y", password="secret"),
    "RC4": encrypted(128, "--use-aes=n", password="secret"),
}
PASSWORDS = {"AES-256": PASSWORD}
FORMS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "es": ("/v1/signatures/es", {}),
    "es-t with ltv": ("/v1/signatures/es-t", {"ltv": True}),
    "mdp": ("/v1/signatures/mdp", {}),
    "es-a": ("/v1/signatures/es-a", {"appearance": {"x": 10, "y": 10, "width": 50, "height": 20, "text": "承認"}}),
    "timestamp": ("/v1/timestamps", {}),
}


def ask(sandbox: Sandbox, form: str, document: bytes, password: str | None, **more: Any) -> Answer:
    path, params = FORMS[form]
    certificate = {} if form == "timestamp" else {"certificateId": "eseal-rsa"}
    given = {} if password is None else {"documentPassword": password}
    return sandbox.app.send_parts(path, document, {**certificate, **params, **given, **more})


def digest_fits(signature: EmbeddedPdfSignature) -> bool:
    """Whether what was signed or time-stamped is the digest over the byte range."""
    digest: bytes = signature.compute_digest()
    if signature.sig_object_type == "/DocTimeStamp":
        stamped = signature.signed_data["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native
        return bool(stamped == digest)
    attributes = {entry["type"].native: entry["values"] for entry in signature.signer_info["signed_attrs"]}
    return bool(attributes["message_digest"][0].native == digest)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {kind: make(tmp_path_factory.mktemp("encrypted")) for kind, make in KINDS.items()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["AES-256", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("AES-128", "RC4"))])
def test_every_form_with_the_password(
    sandbox: Sandbox, documents: dict[str, bytes], tmp_path: Path, kind: str, form: str
) -> None:
    document, password = documents[kind], PASSWORDS.get(kind, "secret")
    answer = ask(sandbox, form, document, password)
    assert answer.status == 200, answer.body
    assert answer.body.startswith(document)
    assert password.encode() not in answer.body
    signatures = opened(answer.body, password).embedded_signatures
    assert [digest_fits(signature) for signature in signatures] == [True] * (2 if form == "es-a" else 1)
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert password not in json.dumps(record, ensure_ascii=False)
    if form in {"es-t with ltv", "mdp", "es-a"}:
        store = security_store(answer.body, password)
        assert store is not None
        check_complete(store)
        path = tmp_path / "signed.pdf"
        path.write_bytes(answer.body)
        # The document's links stand directly in its page's annotations, at which pyHanko's judgement of changes stops.
        verdicts = offline_verdicts(path, sandbox.anchors, password, changes=False)
        assert {verdict.problem for verdict in verdicts} == {None}


def test_an_extension_with_the_password(sandbox: Sandbox, documents: dict[str, bytes], tmp_path: Path) -> None:
    document = ask(sandbox, "es-t with ltv", documents["AES-256"], PASSWORD).body
    for _ in range(2):
        answer = ask(sandbox, "timestamp", document, PASSWORD, purpose="ES_A")
        assert answer.status == 200, answer.body
        assert answer.body.startswith(document)
        document = answer.body
    path = tmp_path / "extended.pdf"
    path.write_bytes(document)
    verdicts = offline_verdicts(path, sandbox.anchors, PASSWORD, changes=False)
    assert [verdict.problem for verdict in verdicts] == [None] * 3


@pytest.mark.parametrize("form", FORMS)
def test_without_the_right_password_nothing_is_signed_or_told(sandbox: Sandbox, documents: dict[str, bytes], form: str) -> None:
    with sandbox.spending() as spent:
        answers = [
            ask(sandbox, form, document, password, **dry)
            for document in documents.values()
            for password in (None, "wrong-4712")
            for dry in ({}, {"dryRun": True})
        ]
    assert {(answer.status, answer.code) for answer in answers} == {(422, "PDF_ENCRYPTED")}
    assert not [answer for answer in answers if b"wrong-4712" in answer.body]
    assert spent.nothing, spent


def test_a_password_in_json_and_for_a_document_that_needs_none(
    sandbox: Sandbox, documents: dict[str, bytes], invoice: bytes
) -> None:
    for document in (documents["AES-128"], invoice):
        members = {"certificateId": "eseal-rsa", "documentPassword": "secret", "document": base64.b64encode(document).decode()}
        assert sandbox.app.post_json("/v1/signatures/es", members).status == 200
    assert sandbox.app.sign(invoice, query={"documentPassword": "secret"}).code == "INVALID_PARAMETER"
