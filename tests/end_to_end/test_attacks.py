"""Attacks on documents that were signed over HTTP, by a certificate that is trusted: none of them is a plain ``VALID``."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support import attacks
from tests.support.attacks.documents import Victim
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
