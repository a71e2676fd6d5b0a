"""Document timestamps and extensions over HTTP: of what is unsigned, signed by the proxy, and signed by others."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from asn1crypto import cms
from pyhanko.sign.fields import FieldMDPAction, MDPPerm

from proxy.model import Digest, HashAlgorithm
from proxy.sandbox.authority import load_chain
from tests.conformance.judges import openssl_accepts_token, pdfsig
from tests.conformance.offline import offline_verdicts
from tests.end_to_end.situations import certified, locked
from tests.support.calling import Answer
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.sealed_by_others import sealed_by_others
from tests.support.security_store import opened, revisions, security_store
from tests.support.signed_files import signed_by_others

PATH = "/v1/timestamps"


@pytest.fixture(scope="module", autouse=True)
def _known_authority(sandbox: Sandbox) -> None:
    assert sandbox.app.sign(plain_file().with_table(), form="es-t").status == 200


def raw_post(sandbox: Sandbox, document: bytes) -> Answer:
    return sandbox.app.ask("POST", PATH, document, headers={"Content-Type": "application/pdf"})


def raw_put(sandbox: Sandbox, document: bytes) -> Answer:
    return sandbox.app.ask("PUT", PATH, document)


def in_parts(sandbox: Sandbox, document: bytes) -> Answer:
    return sandbox.app.send_parts(PATH, document, {"purpose": "DocTimeStamp", "onAlreadyTimestamped": "add"})


def as_json(sandbox: Sandbox, document: bytes) -> Answer:
    members = {"document": base64.b64encode(document).decode()}
    return sandbox.app.post_json(PATH, members, headers={"Accept": "application/pdf"})


def accepted(document: bytes, sandbox: Sandbox, folder: Path) -> list[bool]:
    """What openssl says of each document timestamp's token over its byte range, and of a document tampered with."""
    roots = folder / "roots.pem"
    roots.write_bytes(b"".join(anchor.read_bytes() for anchor in sandbox.anchors))
    verdicts = []
    for timestamp in opened(document).embedded_timestamp_signatures:
        first, length, second, rest = (int(number) for number in timestamp.byte_range)
        covered = document[first : first + length] + document[second : second + rest]
        token = folder / "token.der"
        # What follows the DER in /Contents is room that was not needed.
        token.write_bytes(cms.ContentInfo.load(timestamp.pkcs7_content).dump())
        verdicts.append(openssl_accepts_token(token, Digest.of(covered, HashAlgorithm.SHA256), roots))
        tampered = covered[:20] + bytes([covered[20] ^ 1]) + covered[21:]
        assert not openssl_accepts_token(token, Digest.of(tampered, HashAlgorithm.SHA256), roots)
    return verdicts


def problems(document: bytes, sandbox: Sandbox, folder: Path) -> list[str | None]:
    """What pyHanko has, offline, against each signature and timestamp."""
    path = folder / "judged.pdf"
    path.write_bytes(document)
    return [verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)]


# -- one that stands for itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [raw_post, raw_put, in_parts, as_json])
def test_an_unsigned_document_is_time_stamped(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, way: Callable[[Sandbox, bytes], Answer]
) -> None:
    with sandbox.spending() as spent:
        answer = way(sandbox, invoice)
    assert answer.status == 200, answer.body
    assert (spent.calls, spent.tokens) == (0, 1)
    assert answer.body.startswith(invoice)
    assert answer.headers["Result-SHA256"] == hashlib.sha256(answer.body).hexdigest()
    assert answer.headers["Signature-Form"] == "DocTimeStamp"
    assert "Signature-Level" not in answer.headers
    ends = load_chain(sandbox.folder.tsa().certificate)[0].not_valid_after_utc
    assert datetime.fromisoformat(answer.headers["Valid-Until"]) == ends
    assert accepted(answer.body, sandbox, tmp_path) == [True]
    assert revisions(answer.body) == 2
    (timestamp,) = opened(answer.body).embedded_timestamp_signatures
    assert (timestamp.sig_object["/Type"], timestamp.sig_object["/SubFilter"]) == ("/DocTimeStamp", "/ETSI.RFC3161")
    *_, after, rest = timestamp.byte_range
    assert int(after) + int(rest) == len(answer.body)
    assert security_store(answer.body) is None


def test_the_increment_appended_to_the_original_is_the_result(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    signed = sandbox.app.sign(invoice, form="es-t").body
    for document, purpose in ((invoice, "DocTimeStamp"), (signed, "DocTimeStamp"), (signed, "ES_A")):
        answer = sandbox.app.timestamp(document, purpose, query={"return": "increment"})
        assert (answer.status, answer.media_type) == (200, "application/octet-stream"), answer.body
        result = document + answer.body
        assert answer.headers["Result-SHA256"] == hashlib.sha256(result).hexdigest()
        assert accepted(result, sandbox, tmp_path) == [True]


def test_json_tells_the_facts(sandbox: Sandbox, invoice: bytes) -> None:
    facts = sandbox.app.timestamp(invoice, headers={"Accept": "application/json"}).members
    assert (facts["form"], facts["fieldName"], facts["skipped"]) == ("DocTimeStamp", "Timestamp1", False)
    assert facts["resultSha256"] == hashlib.sha256(base64.b64decode(facts["document"])).hexdigest()
    assert "timestampTime" in facts
    signed = sandbox.app.sign(invoice).body
    facts = sandbox.app.timestamp(signed, "ES_A", headers={"Accept": "application/json"}).members
    assert (facts["form"], facts["level"]) == ("ES_A", "B-LTA")


@pytest.mark.parametrize("purpose", ["DocTimeStamp", "ES_A"])
def test_a_dry_run_spends_nothing(sandbox: Sandbox, invoice: bytes, purpose: str) -> None:
    signed = sandbox.app.sign(invoice).body
    with sandbox.spending() as spent:
        answer = sandbox.app.timestamp(signed, purpose, dryRun="true")
    assert spent.nothing, spent
    assert (answer.status, answer.members["dryRun"]) == (200, True)
    assert not answer.members.keys() & {"document", "resultSha256", "timestampTime"}


@pytest.mark.parametrize(("parameter", "value"), [("certificateId", "eseal-rsa"), ("purpose", "ES"), ("ltv", "true")])
def test_what_a_timestamp_does_not_take_is_refused(sandbox: Sandbox, invoice: bytes, parameter: str, value: str) -> None:
    with sandbox.spending() as spent:
        answer = sandbox.app.timestamp(invoice, query={parameter: value})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
    assert answer.members["errors"][0]["field"] == parameter
    assert spent.nothing


# -- one that is there already ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["DocTimeStamp", "ES_A"])
def test_what_is_time_stamped_is_added_to_rejected_or_skipped(
    sandbox: Sandbox, invoice: bytes, tmp_path: Path, purpose: str
) -> None:
    once = sandbox.app.timestamp(invoice).body
    for asked in (None, {"onAlreadyTimestamped": "add"}):
        added = sandbox.app.timestamp(once, purpose, query=asked)
        assert added.status == 200, added.body
        assert accepted(added.body, sandbox, tmp_path) == [True, True]
    with sandbox.spending() as spent:
        rejected = sandbox.app.timestamp(once, purpose, onAlreadyTimestamped="reject")
        skipped = sandbox.app.timestamp(once, purpose, onAlreadyTimestamped="skip")
        facts = sandbox.app.timestamp(once, purpose, onAlreadyTimestamped="skip", headers={"Accept": "application/json"})
        increment = sandbox.app.timestamp(once, purpose, onAlreadyTimestamped="skip", query={"return": "increment"})
    assert spent.nothing, spent
    assert (rejected.status, rejected.code) == (409, "ALREADY_TIMESTAMPED")
    assert (skipped.status, skipped.body) == (200, once)
    assert skipped.headers["Result-SHA256"] == hashlib.sha256(once).hexdigest()
    assert facts.members["skipped"] is True
    assert (increment.status, increment.body) == (200, b"")


def test_a_signature_timestamp_is_no_document_timestamp(sandbox: Sandbox, invoice: bytes) -> None:
    signed = sandbox.app.sign(invoice, form="es-t").body
    for choice in ("reject", "skip"):
        answer = sandbox.app.timestamp(signed, onAlreadyTimestamped=choice)
        assert answer.status == 200, answer.body
        assert len(answer.body) > len(signed)


# -- extension --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["es", "es-t", "mdp"])
def test_what_the_proxy_signed_is_extended(sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: str) -> None:
    query = {"docMdp": "2"} if form == "mdp" else {}
    signed = sandbox.app.sign(invoice, form=form, query=query).body
    answer = sandbox.app.timestamp(signed, "ES_A")
    assert answer.status == 200, answer.body
    assert (answer.headers["Signature-Form"], answer.headers["Signature-Level"]) == ("ES_A", "B-LTA")
    assert answer.body.startswith(signed)
    assert accepted(answer.body, sandbox, tmp_path) == [True]
    expected = ["no valid signature timestamp", None] if form == "es" else [None, None]
    assert problems(answer.body, sandbox, tmp_path) == expected


@pytest.mark.parametrize("lta", [False, True], ids=["LT", "LTA"])
async def test_what_others_signed_for_the_long_term_is_extended_twice(sandbox: Sandbox, invoice: bytes, lta: bool) -> None:
    document = await sealed_by_others(sandbox, invoice, "Theirs", lta=lta)
    before = security_store(document)
    assert before is not None
    assert "/VRI" in before.keys
    for _ in range(2):
        answer = sandbox.app.timestamp(document, "ES_A")
        assert answer.status == 200, answer.body
        assert answer.body.startswith(document)
        document = answer.body
    after = security_store(document)
    assert after is not None
    assert set(before.values) <= set(after.values)
    assert len(set(after.values)) == len(after.values)
    assert "/VRI" in after.keys, "theirs is left alone"
    assert len(opened(document).embedded_timestamp_signatures) == 2 + lta


def test_signed_by_several_in_turn_all_are_proven(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    document = invoice
    for certificate_id, form in (("eseal-rsa", "es-t"), ("natural-person-p256", "es-t"), ("legal-person-rsa", "es-a")):
        document = sandbox.app.sign(document, certificate_id, form=form).body
    document = sandbox.app.timestamp(document, "ES_A").body
    assert problems(document, sandbox, tmp_path) == [None] * 5
    (tmp_path / "all.pdf").write_bytes(document)
    assert [one.valid for one in pdfsig(tmp_path / "all.pdf")] == [True] * 3


NOT_EXTENDABLE: dict[str, Callable[[bytes], bytes]] = {
    "unsigned": lambda data: data,
    "signed by nobody known": lambda data: signed_by_others(data, "Theirs"),
    "certified by nobody known": lambda data: signed_by_others(data, "Theirs", certify=MDPPerm.FILL_FORMS),
    "no signature at all in the field": lambda data: signed_by_others(data, "Theirs").replace(
        b"/Contents <30", b"/Contents <00"
    ),
}


@pytest.mark.parametrize("name", NOT_EXTENDABLE)
def test_what_cannot_be_proven_is_not_extended(sandbox: Sandbox, invoice: bytes, name: str) -> None:
    document = NOT_EXTENDABLE[name](invoice)
    with sandbox.spending() as spent:
        answer = sandbox.app.timestamp(document, "ES_A")
    assert (answer.status, answer.code) == (422, "NOT_EXTENDABLE")
    assert spent.nothing
    assert sandbox.app.timestamp(document).status == 200, "a timestamp that stands for itself proves nothing of others"


def test_one_signer_unknown_among_others_is_enough_to_refuse(sandbox: Sandbox, invoice: bytes) -> None:
    mixed = signed_by_others(sandbox.app.sign(invoice, form="es-t").body, "Theirs")
    with sandbox.spending() as spent:
        answer = sandbox.app.timestamp(mixed, "ES_A")
    assert (answer.status, answer.code) == (422, "NOT_EXTENDABLE")
    assert spent.nothing


# -- locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["DocTimeStamp", "ES_A"])
def test_where_no_change_is_permitted_no_timestamp_is_added(sandbox: Sandbox, invoice: bytes, purpose: str) -> None:
    by_us = sandbox.app.sign(invoice, form="mdp").body
    documents = [by_us] if purpose == "ES_A" else [by_us, certified(invoice)]
    with sandbox.spending() as spent:
        answers = [sandbox.app.timestamp(document, purpose) for document in documents]
    assert {(answer.status, answer.code) for answer in answers} == {(409, "MDP_LOCKED")}
    assert spent.nothing


def test_a_lock_of_fields_does_not_mean_timestamps(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    answer = sandbox.app.timestamp(locked(invoice, FieldMDPAction.ALL))
    assert answer.status == 200, answer.body
    (tmp_path / "stamped.pdf").write_bytes(answer.body)
    assert [one.valid for one in pdfsig(tmp_path / "stamped.pdf")] == [True]
