"""Idempotency-Key over real mutual TLS: what a repeat gets, and what it costs."""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conformance.judges import pdfsig
from tests.support.calling import Answer, Caller
from tests.support.sandbox import Sandbox

CERTIFICATE = "legal-person-p256"
FIELD = "plantedField7c1f"

FORMS: Mapping[str, Mapping[str, str]] = {
    "es": {},
    "es-t": {},
    "es-t ltv": {"ltv": "true"},
    "mdp": {},
    "es-a": {},
    "es-a fresh": {"gracePolicy": "fresh"},
}


def signed(caller: Caller, document: bytes, key: str, form: str = "es", **parameters: str) -> Answer:
    route = form.partition(" ")[0]
    query = {"fieldName": FIELD, **FORMS.get(form, {}), **parameters}
    return caller.sign(document, CERTIFICATE, form=route, query=query, headers={"Idempotency-Key": key})


def valid_signatures(folder: Path, document: bytes) -> list[bool]:
    path = folder / f"{hashlib.sha256(document).hexdigest()[:16]}.pdf"
    path.write_bytes(document)
    return [one.valid for one in pdfsig(path)]


def new_key() -> str:
    return str(uuid.uuid4())


def test_a_repeat_gets_the_same_bytes_and_costs_nothing(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    key = new_key()
    with sandbox.spending() as first_spent:
        first = signed(sandbox.app, invoice, key, "es-t")
    with sandbox.spending() as spent:
        repeat = signed(sandbox.app, invoice, key, "es-t")
        increment = signed(sandbox.app, invoice, key, "es-t", **{"return": "increment"})
    assert first.status == repeat.status == increment.status == 200, (first.body, repeat.body)
    assert (first_spent.signatures, spent.nothing) == (1, True)
    assert repeat.body == first.body == invoice + increment.body
    assert "Original-Transaction-Id" not in first.headers
    assert repeat.headers["Original-Transaction-Id"] == first.transaction_id != repeat.transaction_id
    for name in ("Signature-Form", "Signature-Level", "Valid-Until", "Result-SHA256"):
        assert repeat.headers[name] == first.headers[name] is not None
    assert repeat.upstream_bytes == (0, 0)
    assert valid_signatures(tmp_path, repeat.body) == [True]
    record = sandbox.app.get(f"/v1/operations/{repeat.transaction_id}").members
    assert (record["originalTransactionId"], record["digests"]) == (first.transaction_id, [])
    found = sandbox.app.get("/v1/operations", {"idempotencyKey": key}).members["operations"]
    assert {entry["transactionId"] for entry in found} == {answer.transaction_id for answer in (first, repeat, increment)}
    assert sandbox.caller("other").get("/v1/operations", {"idempotencyKey": key}).members["operations"] == []


def test_another_request_under_the_same_key_is_refused(sandbox: Sandbox, invoice: bytes) -> None:
    key = new_key()
    assert signed(sandbox.app, invoice, key).status == 200
    with sandbox.spending() as spent:
        for answer in (
            signed(sandbox.app, invoice + b"\n", key),
            signed(sandbox.app, invoice, key, hashAlgorithm="SHA-512"),
            signed(sandbox.app, invoice, key, fieldName="another"),
        ):
            assert (answer.status, answer.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert spent.nothing
    # Of another operation it is another key.
    assert signed(sandbox.app, invoice, key, "es-t").status == 200


def test_hash_signatures_are_made_once(sandbox: Sandbox) -> None:
    digests, key = [hashlib.sha256(bytes([number])).digest() for number in range(3)], new_key()

    def ask() -> Answer:
        hashes = [base64.b64encode(digest).decode() for digest in digests]
        members = {"certificateId": CERTIFICATE, "hashAlgorithm": "SHA-256", "hashes": hashes}
        return sandbox.app.post_json("/v1/signatures/hash", members, headers={"Idempotency-Key": key})

    with sandbox.spending() as spent:
        first, repeat = ask(), ask()
    assert first.members["signatures"] == repeat.members["signatures"]
    assert spent.signatures == 3


def test_timestamps_are_made_once(sandbox: Sandbox, invoice: bytes) -> None:
    headers = {"Idempotency-Key": new_key()}
    with sandbox.spending() as spent:
        first, repeat = (sandbox.app.timestamp(invoice, headers=headers) for _ in range(2))
    assert first.body == repeat.body
    assert spent.tokens == 1


def test_a_failure_that_cost_nothing_frees_the_key(sandbox: Sandbox, invoice: bytes) -> None:
    key = new_key()
    refused = signed(sandbox.app, invoice, key, fieldName="absent", existingFieldOnly="true")
    assert refused.code == "FIELD_NOT_FOUND"
    assert signed(sandbox.app, invoice, key).status == 200


def test_a_dry_run_takes_no_notice_of_the_key(sandbox: Sandbox, invoice: bytes) -> None:
    key = new_key()
    assert signed(sandbox.app, invoice, key, dryRun="true").status == 200
    assert signed(sandbox.app, invoice, key).status == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_what_is_no_key_is_refused(sandbox: Sandbox, invoice: bytes, key: str) -> None:
    assert signed(sandbox.app, invoice, key).code == "INVALID_PARAMETER"


def test_operations_without_effect_take_no_key(sandbox: Sandbox) -> None:
    assert sandbox.app.get("/v1/certificates", headers={"Idempotency-Key": "1"}).code == "NOT_SUPPORTED"


def test_concurrent_repeats_get_one_signature(sandbox: Sandbox, invoice: bytes) -> None:
    key = new_key()
    with sandbox.spending() as spent, ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: signed(sandbox.app, invoice, key), range(5)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert spent.signatures == 1
