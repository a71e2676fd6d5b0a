"""The id of a call: whose choice it is, that it is used once, and that every answer has it."""

import asyncio
import uuid

import pytest

from tests.api.service import PDF, Service, code_of, problem, until

ES = "/v1/signatures/es?certificateId=seal-1"


async def test_the_callers_choice_is_adopted_once(service: Service) -> None:
    chosen = str(uuid.uuid4())
    session = service.alice
    async with session.get("/v1/maintenance", headers={"Transaction-Id": chosen}) as response:
        assert response.headers["Transaction-Id"] == chosen
    async with session.post(ES, data=PDF, headers={"Transaction-Id": chosen}) as response:
        members = await problem(response)
    assert (members["status"], members["code"]) == (400, "INVALID_PARAMETER")
    assert [error["field"] for error in members["errors"]] == ["Transaction-Id"]
    # The refusal has an id of its own: the first call's record is not overwritten.
    assert members["transactionId"] != chosen
    by_id = {record.transaction_id: record for record in await service.records()}
    assert by_id[chosen].state == "SUCCEEDED"
    assert by_id[members["transactionId"]].result_code == "INVALID_PARAMETER"
    assert members["instance"] == f"/v1/operations/{members['transactionId']}"


async def test_another_client_may_choose_the_same(service: Service) -> None:
    headers = {"Transaction-Id": str(uuid.uuid4())}
    for identity in (service.people.alice, service.people.bob):
        async with service.session(identity).get("/v1/maintenance", headers=headers) as response:
            assert response.status == 200


async def test_an_id_in_use_is_in_use_before_it_has_a_record(service: Service) -> None:
    headers = {"Transaction-Id": str(uuid.uuid4())}
    service.work.hold = asyncio.Event()
    session = service.alice
    first = asyncio.create_task(session.post(ES, data=PDF, headers=headers))
    await until(lambda: service.work.inside == 1)
    async with session.post(ES, data=PDF, headers=headers) as response:
        assert (response.status, await code_of(response)) == (400, "INVALID_PARAMETER")
    service.work.hold.set()
    async with await first as response:
        assert response.status == 200
    assert not service.edge.in_progress


@pytest.mark.parametrize(
    "chosen", ["1", "not-a-uuid", "{0b5c8a1e-6f0e-4b7e-9a53-3a7f5b1c2d4e}", "0b5c8a1e6f0e4b7e9a533a7f5b1c2d4e", ""]
)
async def test_what_is_no_uuid_is_refused(service: Service, chosen: str) -> None:
    async with service.alice.get("/v1/maintenance", headers={"Transaction-Id": chosen}) as response:
        members = await problem(response)
    assert members["code"] == "INVALID_PARAMETER"
    uuid.UUID(members["transactionId"])


async def test_every_answer_has_one(service: Service) -> None:
    session = service.session()
    for path in ("/healthz", "/docs", "/v1/nowhere", "/v1/certificates"):
        async with session.get(path) as response:
            uuid.UUID(response.headers["Transaction-Id"])


VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("sent", "handed_on"),
    [
        (VALID, VALID),
        ("ff" + VALID[2:], None),
        ("00-" + "0" * 32 + VALID[35:], None),
        (VALID[:36] + "0" * 16 + "-01", None),
        (VALID.upper(), None),
        (VALID + "-extra", None),
        ("nonsense", None),
    ],
)
async def test_a_valid_traceparent_is_handed_on_and_another_is_as_none(
    service: Service, sent: str, handed_on: str | None
) -> None:
    async with service.alice.get("/v1/certificates", headers={"traceparent": sent}) as response:
        assert response.status == 200
    assert service.work.calls[0].traceparent == handed_on


async def test_idempotency_keys_are_refused_not_ignored(service: Service) -> None:
    async with service.alice.post(ES, data=PDF, headers={"Idempotency-Key": "1"}) as response:
        assert (response.status, await code_of(response)) == (501, "NOT_SUPPORTED")
    assert not service.work.requests
