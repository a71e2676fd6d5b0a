"""What is told of calls afterwards, to whom, and under which id; maintenance, which is asked before."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.end_to_end.services import Service
from tests.support.sandbox import Sandbox


def test_a_signature_leaves_a_record_with_all_that_left(sandbox: Sandbox, invoice: bytes) -> None:
    begun = datetime.now(UTC)
    answer = sandbox.app.sign(invoice, "eseal-rsa", form="es-t")
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert record["transactionId"] == answer.transaction_id
    assert (record["operation"], record["state"], "resultCode" in record) == ("es-t", "SUCCEEDED", False)
    assert (record["form"], record["level"], record["certificateId"]) == ("ES-T", "B-T", "eseal-rsa")
    assert record["documentBytes"] == len(invoice)
    assert record["documentSha256"] == hashlib.sha256(invoice).hexdigest()
    assert record["resultSha256"] == hashlib.sha256(answer.body).hexdigest()
    assert begun <= datetime.fromisoformat(record["startedAt"]) <= datetime.fromisoformat(record["endedAt"])
    assert record["validUntil"] == answer.headers["Valid-Until"].replace("+00:00", "Z")
    assert abs(datetime.fromisoformat(record["timestampTime"]) - begun) < timedelta(minutes=1)
    # What was signed, and what was time-stamped.
    assert [len(digest) for digest in record["digests"]] == [64, 64]
    stages = [entry["stage"] for entry in record["stages"]]
    assert stages[:1] == ["upload"]
    assert {"credential", "prepare", "digest", "sign", "verify", "timestamp", "embed", "check"} <= set(stages)
    central = [entry for entry in record["exchanges"] if entry["destination"] == "central"]
    assert (sum(entry["sent"] for entry in central), sum(entry["received"] for entry in central)) == answer.upstream_bytes
    assert len([entry for entry in record["exchanges"] if entry["destination"].startswith("tsa:")]) == 1


def test_the_digest_in_the_record_is_the_one_the_central_signer_was_given(sandbox: Sandbox, invoice: bytes) -> None:
    begun = datetime.now(UTC).isoformat()
    answer = sandbox.app.sign(invoice)
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    central = sandbox.caller("proxy", sandbox.info.central)
    (signed,) = [
        entry for entry in central.get("/v1/operations", {"from": begun}).members["operations"] if entry["operation"] == "hash"
    ]
    assert signed["digests"] == record["digests"]
    assert hashlib.sha256(invoice).hexdigest() not in signed["digests"]


def test_a_failure_leaves_a_record_with_its_code(sandbox: Sandbox, invoice: bytes) -> None:
    answer = sandbox.app.sign(invoice, "test-revoked")
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert (record["state"], record["resultCode"]) == ("FAILED", "CERTIFICATE_REVOKED")
    assert record["digests"] == []
    assert not [entry for entry in record["exchanges"] if entry["destination"].startswith("tsa:")]


def test_one_clients_transactions_do_not_exist_for_another(sandbox: Sandbox, invoice: bytes) -> None:
    begun = datetime.now(UTC).isoformat()
    mine = sandbox.app.sign(invoice, fieldName="Mine").transaction_id
    other = sandbox.caller("other")
    answer = other.get(f"/v1/operations/{mine}")
    assert (answer.status, answer.code) == (404, "TRANSACTION_NOT_FOUND")
    unused = other.get(f"/v1/operations/{uuid.uuid4()}")
    known, unknown = answer.members, unused.members
    for members in (known, unknown):
        del members["transactionId"], members["instance"]
    assert known == unknown
    assert mine not in [
        entry["transactionId"] for entry in other.get("/v1/operations", {"limit": "1000"}).members["operations"]
    ]
    assert mine in [
        entry["transactionId"] for entry in sandbox.app.get("/v1/operations", {"from": begun}).members["operations"]
    ]


def test_the_list_is_searched_by_time_result_and_certificate(sandbox: Sandbox, invoice: bytes) -> None:
    begun = datetime.now(UTC).isoformat()
    first = sandbox.app.sign(invoice, "eseal-p256").transaction_id
    second = sandbox.app.sign(invoice, "test-expired").transaction_id
    between = datetime.now(UTC).isoformat()
    third = sandbox.app.sign(invoice, "eseal-rsa").transaction_id

    def found(**query: str) -> list[str]:
        answer = sandbox.app.get("/v1/operations", {"from": begun, **query})
        assert answer.status == 200, answer.body
        return [entry["transactionId"] for entry in answer.members["operations"] if entry["operation"] == "es"]

    assert found() == [third, second, first]
    assert found(to=between) == [second, first]
    assert found(result="SUCCEEDED") == [third, first]
    assert found(result="FAILED") == [second]
    assert found(result="CERTIFICATE_EXPIRED") == [second]
    assert found(certificateId="eseal-p256") == [first]

    page = sandbox.app.get("/v1/operations", {"from": begun, "to": between, "limit": "1"}).members
    following = sandbox.app.get("/v1/operations", {"from": begun, "to": between, "limit": "1", "cursor": page["nextCursor"]})
    assert page["operations"][0]["transactionId"] == second
    assert following.members["operations"][0]["transactionId"] == first
    assert sandbox.app.get("/v1/operations", {"cursor": "nonsense"}).code == "INVALID_PARAMETER"
    assert sandbox.app.get("/v1/operations", {"from": "yesterday"}).code == "INVALID_PARAMETER"
    assert sandbox.app.get("/v1/operations", {"idempotencyKey": "a b"}).code == "INVALID_PARAMETER"


def test_the_id_a_caller_chose_stands_once_and_for_each_client_alone(sandbox: Sandbox, invoice: bytes) -> None:
    chosen = str(uuid.uuid4())
    header = {"Transaction-Id": chosen.upper()}
    answer = sandbox.app.sign(invoice, headers=header)
    assert (answer.status, answer.transaction_id) == (200, chosen)
    assert sandbox.app.get(f"/v1/operations/{chosen.upper()}").members["state"] == "SUCCEEDED"

    with sandbox.spending() as spent:
        again = sandbox.app.sign(invoice, headers=header)
    assert (again.status, again.code) == (400, "INVALID_PARAMETER")
    assert spent.nothing
    assert again.transaction_id != chosen
    assert again.members["transactionId"] == again.transaction_id
    assert sandbox.app.get(f"/v1/operations/{chosen}").members["state"] == "SUCCEEDED"
    assert sandbox.app.get(f"/v1/operations/{again.transaction_id}").members["resultCode"] == "INVALID_PARAMETER"

    theirs = sandbox.caller("other").get("/v1/certificates", headers=header)
    assert (theirs.status, theirs.transaction_id) == (200, chosen)
    assert sandbox.caller("other").get(f"/v1/operations/{chosen}").members["operation"] == "certificates"
    assert sandbox.app.get(f"/v1/operations/{chosen}").members["operation"] == "es"

    assert sandbox.app.get("/v1/certificates", headers={"Transaction-Id": "mine"}).code == "INVALID_PARAMETER"


def test_a_refused_upload_can_be_asked_about_too(sandbox: Sandbox, invoice: bytes) -> None:
    chosen = str(uuid.uuid4())
    sandbox.app.sign(invoice, headers={"Transaction-Id": chosen, "Content-Type": "text/plain"})
    assert sandbox.app.get(f"/v1/operations/{chosen}").members["resultCode"] == "UNSUPPORTED_MEDIA_TYPE"


# -- maintenance ----------------------------------------------------------------------------------------------------


def test_no_maintenance(sandbox: Sandbox) -> None:
    answer = sandbox.caller("other").get("/v1/maintenance")
    assert (answer.status, answer.members) == (200, {"inMaintenance": False})


@pytest.mark.xdist_group("end_to_end_services")
def test_own_maintenance_is_told_and_refuses_what_signs(sandbox: Sandbox, maintained: Service, invoice: bytes) -> None:
    app = maintained.caller()
    told = app.get("/v1/maintenance").members
    assert (told["inMaintenance"], told["message"]) == (True, "a new disk")
    assert datetime.fromisoformat(told["from"]) < datetime.now(UTC) < datetime.fromisoformat(told["to"])
    query = {"Content-Type": "application/timestamp-query"}
    with sandbox.spending() as spent:
        refused = [
            app.sign(invoice),
            app.sign(invoice, form="es-t", dryRun="true"),
            app.sign_hashes([bytes(32)]),
            app.ask("POST", "/v1/timestamps/hash", b"0", headers=query),
            app.post_json("/v1/certificates", {}),
        ]
    assert spent.nothing
    for answer in refused:
        assert (answer.status, answer.code) == (503, "MAINTENANCE")
        assert 3_000 < int(answer.headers["Retry-After"]) <= 3_600
    assert app.get("/v1/certificates").status == 200
    assert app.get("/v1/operations").status == 200


# -- liveness -------------------------------------------------------------------------------------------------------


def test_health_is_open_and_tells_nothing_but_the_status(sandbox: Sandbox) -> None:
    nobody = sandbox.caller(None)
    for path in ("/healthz", "/readyz"):
        answer = nobody.get(path)
        assert (answer.status, answer.members) == (200, {"status": "ok"})
