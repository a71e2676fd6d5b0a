"""What the proxy signed it verifies, over HTTP; what was done to it afterwards it tells."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.judges import tampered_bytes
from tests.support.attacks.documents import prepared
from tests.support.calling import Answer, Caller, multipart
from tests.support.pdf_files import plain_file
from tests.support.revisions import appended, highest, object_text
from tests.support.sandbox import Sandbox

CERTIFICATE = "eseal-rsa"
PDF = {"Content-Type": "application/pdf"}
VERIFICATIONS = "/v1/verifications"


def verify(caller: Caller, document: bytes, **query: str) -> Answer:
    return caller.ask("POST", VERIFICATIONS, document, query=query, headers=PDF)


def verified(sandbox: Sandbox, document: bytes, **query: str) -> Mapping[str, Any]:
    answer = verify(sandbox.app, document, **query)
    assert answer.status == 200, answer.body
    return answer.members


def signed(sandbox: Sandbox, document: bytes, form: str = "es", **query: str) -> bytes:
    answer = sandbox.app.sign(document, CERTIFICATE, form=form, query=query)
    assert answer.status == 200, answer.body
    return answer.body


def stamped(sandbox: Sandbox, document: bytes, purpose: str = "DocTimeStamp") -> bytes:
    answer = sandbox.app.timestamp(document, purpose)
    assert answer.status == 200, answer.body
    return answer.body


def facts(entry: Mapping[str, Any]) -> tuple[str, str | None, str, str | None, bool]:
    return entry["type"], entry["level"], entry["result"], entry["modificationLevel"], entry["ltv"]


@pytest.fixture(scope="module")
def documents(sandbox: Sandbox, invoice: bytes) -> Mapping[str, bytes]:
    """The invoice in every form."""
    es_t = signed(sandbox, invoice, "es-t")
    return {
        "ES": signed(sandbox, invoice),
        "ES-T": es_t,
        "ES-T, ltv": signed(sandbox, invoice, "es-t", ltv="true"),
        "MDP": signed(sandbox, invoice, "mdp"),
        "MDP, P=3": signed(sandbox, invoice, "mdp", docMdp="3", ltv="false"),
        "ES-A": signed(sandbox, invoice, "es-a"),
        "timestamp": stamped(sandbox, invoice),
        "extended": stamped(sandbox, es_t, "ES_A"),
        "extended twice": stamped(sandbox, stamped(sandbox, es_t, "ES_A"), "ES_A"),
        "signed twice": signed(sandbox, es_t, "es-a"),
        "timestamp, then signed": signed(sandbox, stamped(sandbox, invoice)),
    }


SIGNATURE, TOKEN, STAMP = "signature", "signatureTimestamp", "docTimestamp"
EXPECTED = {
    "ES": [(SIGNATURE, "B-B", "VALID", "none", False)],
    "ES-T": [(SIGNATURE, "B-T", "VALID", "none", False), (TOKEN, None, "VALID", None, False)],
    "ES-T, ltv": [(SIGNATURE, "B-LT", "VALID", "ltvUpdates", True), (TOKEN, None, "VALID", None, True)],
    "MDP": [("certification", "B-LT", "VALID", "none", True), (TOKEN, None, "VALID", None, True)],
    "MDP, P=3": [("certification", "B-T", "VALID", "none", False), (TOKEN, None, "VALID", None, False)],
    "ES-A": [
        (SIGNATURE, "B-LTA", "VALID", "ltvUpdates", True),
        (TOKEN, None, "VALID", None, True),
        (STAMP, None, "VALID", "none", True),
    ],
    "timestamp": [(STAMP, None, "VALID", "none", False)],
    "extended": [
        (SIGNATURE, "B-LTA", "VALID", "ltvUpdates", True),
        (TOKEN, None, "VALID", None, True),
        (STAMP, None, "VALID", "none", True),
    ],
    "extended twice": [
        (SIGNATURE, "B-LTA", "VALID", "ltvUpdates", True),
        (TOKEN, None, "VALID", None, True),
        (STAMP, None, "VALID", "ltvUpdates", True),
        (STAMP, None, "VALID", "none", True),
    ],
}


@pytest.mark.parametrize("form", EXPECTED)
def test_every_form_that_the_proxy_makes_is_valid(sandbox: Sandbox, documents: Mapping[str, bytes], form: str) -> None:
    answer = verified(sandbox, documents[form])
    assert answer["result"] == "VALID"
    assert [facts(entry) for entry in answer["signatures"]] == EXPECTED[form]
    assert answer["document"]["pages"] == 2
    assert answer["document"]["docMdp"] == {"MDP": 1, "MDP, P=3": 3}.get(form)
    assert answer["document"]["modifiedAfterSigning"] is False
    assert not [reason for entry in answer["signatures"] for reason in entry["reasons"]]
    for entry in answer["signatures"]:
        assert entry["indication"] == ("TOTAL-PASSED" if entry["type"] in {SIGNATURE, "certification"} else "PASSED")
        assert entry["subIndication"] is None
        assert entry["signerSubject"]
        assert datetime.fromisoformat(entry["validTo"]) > datetime.now(UTC)


@pytest.mark.parametrize("form", EXPECTED)
def test_a_copy_with_one_signed_byte_changed_is_invalid(sandbox: Sandbox, documents: Mapping[str, bytes], form: str) -> None:
    answer = verified(sandbox, tampered_bytes(documents[form]))
    assert answer["result"] == "INVALID"
    for entry in answer["signatures"]:
        if entry["type"] != TOKEN:  # what a signature's own timestamp covers is its value
            assert (entry["result"], entry["subIndication"]) == ("INVALID", "HASH_FAILURE")


def test_the_validation_report(sandbox: Sandbox, documents: Mapping[str, bytes], invoice: bytes) -> None:
    report = base64.b64decode(verified(sandbox, documents["ES-A"], report="etsi")["validationReport"])
    assert report.count(b"urn:etsi:019102:mainindication:total-passed") == 1
    assert b"<vr:DAIdentifier>Signature1</vr:DAIdentifier>" in report
    assert verified(sandbox, documents["ES-A"])["validationReport"] is None
    assert verified(sandbox, invoice, report="etsi")["validationReport"] is None, "nothing is signed"


def test_signatures_upon_signatures(sandbox: Sandbox, documents: Mapping[str, bytes]) -> None:
    answer = verified(sandbox, documents["signed twice"])
    assert answer["result"] == "VALID"
    first = answer["signatures"][0]
    assert (first["coverage"], first["modificationLevel"]) == ("wholeRevision", "formFilling")
    assert [reason["code"] for reason in first["reasons"]] == ["CHANGED_AS_PERMITTED"]
    assert answer["document"]["modifiedAfterSigning"] is False
    after_a_timestamp = verified(sandbox, documents["timestamp, then signed"])
    assert [entry["type"] for entry in after_a_timestamp["signatures"]] == [STAMP, SIGNATURE]
    assert after_a_timestamp["result"] == "VALID"


def test_changes_are_told_or_invalid(sandbox: Sandbox) -> None:
    document = signed(sandbox, prepared().with_table())
    filled = appended(document, {8: object_text(document, 8).replace(b"(100)", b"(200)")})
    answer = verified(sandbox, filled)
    assert (answer["result"], answer["document"]["modifiedAfterSigning"]) == ("VALID", True)
    assert answer["signatures"][0]["modificationLevel"] == "formFilling"
    size = highest(document)
    page = object_text(document, 3).replace(b"/Contents 4 0 R", b"/Contents %d 0 R" % size)
    changed = appended(document, {3: page, size: object_text(document, 10)})
    answer = verified(sandbox, changed)
    (entry,) = answer["signatures"]
    assert (answer["result"], entry["modificationLevel"], entry["subIndication"]) == ("INVALID", "other", "FORMAT_FAILURE")
    assert "PAGE_CHANGED" in [reason["code"] for reason in entry["reasons"]]
    certified = signed(sandbox, prepared().with_table(), "mdp", docMdp="1")
    noted = appended(certified, {7: object_text(certified, 7).replace(b"a note", b"another")})
    (entry, _) = verified(sandbox, noted)["signatures"]
    assert (entry["result"], [reason["code"] for reason in entry["reasons"]][-1:]) == ("INVALID", ["CHANGES_NOT_PERMITTED"])


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_every_way_in(sandbox: Sandbox, documents: Mapping[str, bytes], method: str) -> None:
    document = documents["ES-A"]
    body, head = multipart([("params", json.dumps({"getScanInfo": True}).encode()), ("document", document)])
    answers = [
        sandbox.app.ask(method, VERIFICATIONS, document),
        sandbox.app.ask(method, VERIFICATIONS, document, query={"getScanInfo": "true"}, headers=PDF),
        sandbox.app.ask(method, VERIFICATIONS, body, headers=head),
        sandbox.app.ask(
            method,
            VERIFICATIONS,
            json.dumps({"document": base64.b64encode(document).decode(), "getScanInfo": True}).encode(),
            headers={"Content-Type": "application/json"},
        ),
    ]
    assert [answer.status for answer in answers] == [200] * 4
    first, *others = [answer.members for answer in answers]
    assert first["scanInfo"] is None
    for other in others:
        assert other["scanInfo"] == []
        assert other["signatures"] == first["signatures"]


def test_a_verdict_costs_nothing_and_is_recorded(sandbox: Sandbox, documents: Mapping[str, bytes]) -> None:
    with sandbox.spending() as spent:
        answer = verify(sandbox.app, documents["ES-A"])
    assert spent.nothing
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert (record["operation"], record["state"], record["verificationResult"]) == ("verify", "SUCCEEDED", "VALID")
    assert record["documentBytes"] == len(documents["ES-A"])
    assert {"upload", "examine", "validate"} <= {stage["stage"] for stage in record["stages"]}
    sandbox.assert_nothing_left()


def test_who_may_not(sandbox: Sandbox, documents: Mapping[str, bytes]) -> None:
    answer = verify(sandbox.caller("other"), documents["ES"])
    assert (answer.status, answer.code) == (403, "OPERATION_NOT_PERMITTED")


def test_another_moment(sandbox: Sandbox, documents: Mapping[str, bytes]) -> None:
    later = (datetime.now(UTC) + timedelta(days=5 * 365)).isoformat()
    assert verified(sandbox, documents["ES-A"], validationTime=later)["result"] == "VALID"
    answer = verified(sandbox, documents["ES"], validationTime=later)
    assert answer["result"] == "INDETERMINATE"
    assert answer["signatures"][0]["subIndication"] == "OUT_OF_BOUNDS_NO_POE"


@pytest.mark.parametrize("document", [b"no PDF", b"%PDF-1.7\n", plain_file().with_table()], ids=range(3))
def test_where_nothing_is_signed_nothing_applies(sandbox: Sandbox, document: bytes) -> None:
    answer = verified(sandbox, document)
    assert (answer["result"], answer["signatures"]) == ("NOT_APPLICABLE", [])


def test_reasons_in_japanese(sandbox: Sandbox, documents: Mapping[str, bytes]) -> None:
    answer = sandbox.app.ask("POST", VERIFICATIONS, documents["signed twice"], headers={**PDF, "Accept-Language": "ja"})
    assert answer.headers["Content-Language"] == "ja"
    assert "署名後に" in answer.members["signatures"][0]["reasons"][0]["text"]


def test_encrypted_documents(sandbox: Sandbox) -> None:
    from tests.support.odd_files import encrypted

    params = {"certificateId": CERTIFICATE, "documentPassword": "秘密"}
    document = encrypted("256", user="秘密")
    answer = sandbox.app.send_parts("/v1/signatures/es-a", document, params)
    assert answer.status == 200, answer.body
    locked = verify(sandbox.app, answer.body)
    assert (locked.status, locked.code) == (422, "PDF_ENCRYPTED")
    opened = sandbox.app.send_parts(VERIFICATIONS, answer.body, {"documentPassword": "秘密"})
    assert opened.members["result"] == "VALID"
    assert opened.members["signatures"][0]["level"] == "B-LTA"
