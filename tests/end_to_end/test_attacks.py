"""Attacks on documents that were signed over HTTP, by a certificate that is trusted: none of them is a plain ``VALID``."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support import attacks
from tests.support.attacks import changes, references
from tests.support.attacks.documents import Victim
from tests.support.revisions import appended, highest
from tests.support.sandbox import Sandbox

CERTIFICATE = "eseal-p256"
PDF = {"Content-Type": "application/pdf"}


@pytest.fixture(scope="module")
def victim(sandbox: Sandbox) -> Victim:
    """Documents that the service signed."""

    def sign(document: bytes, field_name: str, level: int | None) -> bytes:
        query = {"fieldName": field_name}
        if field_name.encode() in document:
            query["existingFieldOnly"] = "true"
        if level is not None:
            query |= {"docMdp": str(level), "ltv": "false"}
        answer = sandbox.app.sign(document, CERTIFICATE, form="es" if level is None else "mdp", query=query)
        assert answer.status == 200, answer.body
        return answer.body

    return Victim(sign)


def verified(sandbox: Sandbox, document: bytes) -> Mapping[str, Any]:
    answer = sandbox.app.ask("POST", "/v1/verifications", document, query={"report": "detailed"}, headers=PDF)
    assert answer.status == 200, answer.body
    return answer.members


def codes(members: Mapping[str, Any]) -> list[str]:
    return [reason["code"] for entry in members["signatures"] for reason in entry["reasons"]]


def test_what_is_attacked_is_valid(sandbox: Sandbox, victim: Victim) -> None:
    for document in (victim.approved(), *(victim.certified(level) for level in (1, 2, 3))):
        members = verified(sandbox, document)
        assert members["result"] == "VALID"
        assert members["signatures"][0]["modificationLevel"] == "none"
        assert codes(members) == []


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=lambda attack: attack.__name__)
def test_no_attack_is_plainly_valid(sandbox: Sandbox, victim: Victim, attack: attacks.Attack) -> None:
    members = verified(sandbox, attack(victim))
    assert attacks.ATTACKS[attack] in codes(members)
    if members["result"] == "VALID":
        # What was changed is what the signature permits, and it is told.
        assert {entry["modificationLevel"] for entry in members["signatures"]} & {"formFilling", "annotations"}
        assert members["document"]["modifiedAfterSigning"]
    else:
        assert members["result"] in {"INVALID", "INDETERMINATE"}


def test_a_signature_taken_out_under_a_timestamp_is_missed(sandbox: Sandbox, victim: Victim) -> None:
    """Anybody has a timestamp made of anything: it does not make a document of one whose signature somebody removed."""
    for attack in (changes.signature_removed, references.signed_revision_skipped):
        answer = sandbox.app.timestamp(attack(victim), "DocTimeStamp")
        assert answer.status == 200, answer.body
        members = verified(sandbox, answer.body)
        assert "docTimestamp" in [entry["type"] for entry in members["signatures"]]
        assert members["result"] == "INDETERMINATE"
        assert attacks.ATTACKS[attack] in codes(members)


def test_what_locks_its_content_afterwards_needs_a_password_and_is_no_verdict(sandbox: Sandbox, victim: Victim) -> None:
    document = victim.approved()
    size, keys = highest(document), b"/O<%s>/U<%s>" % (b"00" * 32, b"00" * 32)
    handler = b"<</Filter/Standard/V 1/R 2/P -4%s>>" % keys
    locked = appended(document, {size: handler}, trailer=b"/Root 1 0 R/Encrypt %d 0 R/ID[<00><00>]" % size)
    answer = sandbox.app.ask("POST", "/v1/verifications", locked, headers=PDF)
    assert (answer.status, answer.code) == (422, "PDF_ENCRYPTED")
