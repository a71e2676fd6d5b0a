"""The stores in DynamoDB where it throttles, loses answers, crosses writes, takes credentials no more; and what lies in it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from proxy.errors import InternalError
from proxy.model import ClaimState, Exchange, TransactionQuery, TransactionRecord
from proxy.outbound import Links
from proxy.settings import LinkSettings
from proxy.stores.idempotency_dynamodb import RESULT_BYTES, STEP_BYTES, DynamoDBIdempotencyStore
from proxy.stores.transactions_dynamodb import DynamoDBTransactionLog
from tests.support.aws_front import AWSFront, aws_front, loses_the_answer, refuses
from tests.support.localstack import LocalStack
from tests.support.pki import NOW, FixedClock
from tests.support.tables import Tables

pytestmark = pytest.mark.xdist_group("localstack")

SCOPE, PRINT = b"s" * 32, b"f" * 32
LEASE = 20.0
CROSSED: dict[str, Any] = {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]}


async def at_once(_seconds: float) -> None:
    """Instead of a pause."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def front(tables: Tables) -> AsyncIterator[AWSFront]:
    assert tables.settings.endpoint_url is not None
    async with aws_front(tables.settings.endpoint_url) as standing:
        yield standing


@pytest.fixture
async def log(tables: Tables, front: AWSFront, clock: FixedClock) -> AsyncIterator[DynamoDBTransactionLog]:
    opened = await tables.behind(front.url).transactions(clock, Links(sleep=at_once))
    yield opened
    await opened.close()


@pytest.fixture
async def store(tables: Tables, front: AWSFront, clock: FixedClock) -> AsyncIterator[DynamoDBIdempotencyStore]:
    opened = tables.behind(front.url).idempotency(clock, LEASE, Links(sleep=at_once))
    yield opened
    await opened.close()


def record(number: int, state: str = "SUCCEEDED") -> TransactionRecord:
    return TransactionRecord(f"t-{number}", "a", "es", state, NOW + timedelta(seconds=number))


async def ids(log: DynamoDBTransactionLog) -> list[str]:
    return [one.transaction_id for one in (await log.find(TransactionQuery("a"))).records]


def everything(tables: Tables, table: str) -> list[dict[str, Any]]:
    """All items, as Amazon's own SDK reads them."""
    items: list[dict[str, Any]] = tables.moto.client().scan(TableName=table)["Items"]
    return items


class TestFaults:
    @pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"])
    async def test_what_is_throttled_gets_through_in_the_end(
        self, log: DynamoDBTransactionLog, store: DynamoDBIdempotencyStore, front: AWSFront, code: str
    ) -> None:
        front.faults["TransactWriteItems"] += [refuses(code)] * 5
        front.faults["PutItem"] += [refuses(code)] * 5
        front.faults["Query"] += [refuses(code)] * 5
        await log.append(record(1))
        assert await ids(log) == ["t-1"]
        assert (await store.begin(SCOPE, PRINT, "owner", "t")).state is ClaimState.CLAIMED

    async def test_what_is_throttled_without_end_is_told_and_later_goes_on(
        self, log: DynamoDBTransactionLog, front: AWSFront
    ) -> None:
        front.faults["TransactWriteItems"] += [refuses("ThrottlingException")] * 8
        with pytest.raises(InternalError):
            await log.append(record(1))
        assert not front.faults["TransactWriteItems"]
        await log.append(record(2))
        assert await ids(log) == ["t-2"]

    async def test_credentials_that_are_over_are_found_anew_once(
        self, log: DynamoDBTransactionLog, front: AWSFront, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        front.faults["TransactWriteItems"].append(refuses("ExpiredTokenException"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
        front.access_keys.clear()
        await log.append(record(1))
        assert front.access_keys == ["test", "renewed"]
        front.faults["TransactWriteItems"] += [refuses("ExpiredTokenException")] * 2
        with pytest.raises(InternalError):
            await log.append(record(2))
        assert await ids(log) == ["t-1"]

    @pytest.mark.parametrize("fault", [refuses("TransactionCanceledException", **CROSSED), refuses("InternalServerError", 500)])
    async def test_a_commit_that_was_crossed_or_failed_is_made_again(
        self, log: DynamoDBTransactionLog, front: AWSFront, fault: Any
    ) -> None:
        front.faults["TransactWriteItems"] += [fault, fault]
        await log.append(record(1))
        assert await ids(log) == ["t-1"]

    async def test_a_refusal_is_told_without_what_the_service_says(self, log: DynamoDBTransactionLog, front: AWSFront) -> None:
        front.faults["TransactWriteItems"].append(refuses("ResourceNotFoundException"))
        with pytest.raises(InternalError) as caught:
            await log.append(record(1))
        assert "internal" not in caught.value.detail
        assert "9999" not in str(caught.value.__cause__)


class TestLostAnswers:
    async def test_a_commit_whose_answer_was_lost_is_there_once(
        self, log: DynamoDBTransactionLog, front: AWSFront, tables: Tables
    ) -> None:
        await log.append(record(1))
        front.faults["TransactWriteItems"].append(loses_the_answer)
        await asyncio.gather(*(log.append(record(number)) for number in (2, 3)))
        await log.append(record(4))
        assert await ids(log) == ["t-4", "t-3", "t-2", "t-1"]
        places = [item["place"]["S"] for item in everything(tables, tables.settings.transactions)]
        assert [place for place in sorted(places) if place.startswith("record")] == [
            f"record {position:012d}" for position in (1, 2, 3, 4)
        ]

    async def test_a_writer_whose_entry_was_not_heard_of_is_in_the_log_once(
        self, tables: Tables, front: AWSFront, clock: FixedClock
    ) -> None:
        front.faults["TransactWriteItems"].append(loses_the_answer)
        log = await tables.behind(front.url).transactions(clock, Links(sleep=at_once))
        await log.append(record(1))
        await log.close()
        writers = [item for item in everything(tables, tables.settings.transactions) if item["place"]["S"] == "writer"]
        assert len(writers) == 1

    async def test_the_chain_goes_on_after_a_commit_of_which_nobody_knows(
        self, tables: Tables, front: AWSFront, clock: FixedClock
    ) -> None:
        log = await tables.behind(front.url).transactions(clock, Links(LinkSettings(attempts=1), sleep=at_once))
        front.faults["TransactWriteItems"].append(loses_the_answer)
        with pytest.raises(InternalError):
            await log.append(record(1, "IN_PROGRESS"))
        await log.append(record(2))
        assert await ids(log) == ["t-2", "t-1"]
        await log.close()

    async def test_a_claim_a_step_and_a_result_whose_answers_were_lost_are_the_owners(
        self, store: DynamoDBIdempotencyStore, front: AWSFront
    ) -> None:
        front.faults["PutItem"].append(loses_the_answer)
        assert (await store.begin(SCOPE, PRINT, "owner", "t")).state is ClaimState.CLAIMED
        front.faults["UpdateItem"] += [loses_the_answer]
        assert await store.prepared(SCOPE, "owner", "step", b"sealed")
        front.faults["UpdateItem"] += [loses_the_answer]
        assert await store.done(SCOPE, "owner", "result", b"sealed result")
        assert await store.replay(SCOPE) == {"result": b"sealed result"}


class TestRaces:
    async def test_a_claim_that_lapsed_goes_to_one_of_many(
        self, tables: Tables, store: DynamoDBIdempotencyStore, clock: FixedClock
    ) -> None:
        await store.begin(SCOPE, PRINT, "the one that died", "t")
        clock.advance(timedelta(seconds=LEASE + 1))
        others = [tables.idempotency(clock, LEASE) for _ in range(4)]
        claims = await asyncio.gather(
            *(one.begin(SCOPE, PRINT, f"owner {number}", "t") for number, one in enumerate(others * 3))
        )
        assert sorted(claim.state for claim in claims) == [ClaimState.CLAIMED, *[ClaimState.HELD] * 11]
        assert not await store.done(SCOPE, "the one that died", "result", b"late")
        for one in others:
            await one.close()

    async def test_a_request_that_is_given_up_and_done_at_a_time_is_not_claimed_afterwards(
        self, store: DynamoDBIdempotencyStore
    ) -> None:
        await store.begin(SCOPE, PRINT, "owner", "t")
        done = asyncio.create_task(store.done(SCOPE, "owner", "result", b"sealed"))
        claims = await asyncio.gather(*(store.begin(SCOPE, PRINT, "other", "t") for _ in range(3)))
        assert await done
        assert {claim.state for claim in claims} <= {ClaimState.HELD, ClaimState.DONE}
        assert (await store.begin(SCOPE, PRINT, "later", "t")).state is ClaimState.DONE


class TestLargeValues:
    async def test_values_too_large_for_an_item_are_objects_which_go_when_they_are_superseded(
        self, store: DynamoDBIdempotencyStore, tables: Tables
    ) -> None:
        step, result = b"s" * (STEP_BYTES + 1), b"r" * (RESULT_BYTES + 1)
        await store.begin(SCOPE, PRINT, "owner", "t")
        assert await store.prepared(SCOPE, "owner", "large", step)
        assert await store.prepared(SCOPE, "owner", "small", b"s" * STEP_BYTES)
        assert len(tables.objects()) == 1
        assert await store.replay(SCOPE) == {"large": step, "small": b"s" * STEP_BYTES}
        assert await store.done(SCOPE, "owner", "result", result)
        (name,) = tables.objects()
        assert await store.replay(SCOPE) == {"result": result}
        assert not await store.prepared(SCOPE, "owner", "late", step)
        assert tables.objects() == [name]

    async def test_a_request_that_is_forgotten_leaves_no_object(self, store: DynamoDBIdempotencyStore, tables: Tables) -> None:
        await store.begin(SCOPE, PRINT, "owner", "t")
        assert await store.prepared(SCOPE, "owner", "large", b"s" * (STEP_BYTES + 1))
        await store.release(SCOPE, "owner", forget=True)
        assert tables.objects() == []

    async def test_an_object_that_is_gone_is_a_fault_and_no_result(
        self, store: DynamoDBIdempotencyStore, tables: Tables, localstack: LocalStack
    ) -> None:
        await store.begin(SCOPE, PRINT, "owner", "t")
        assert await store.done(SCOPE, "owner", "result", b"r" * (RESULT_BYTES + 1))
        (name,) = tables.objects()
        localstack.client(service="s3").delete_object(Bucket=tables.settings.bucket, Key=name)
        with pytest.raises(InternalError):
            await store.replay(SCOPE)


async def test_what_is_over_does_not_count_although_dynamodb_has_not_removed_it(
    store: DynamoDBIdempotencyStore, tables: Tables, clock: FixedClock
) -> None:
    await store.begin(SCOPE, PRINT, "owner", "t")
    assert await store.done(SCOPE, "owner", "result", b"sealed")
    clock.advance(timedelta(hours=24, seconds=1))
    assert tables.settings.idempotency is not None
    (item,) = everything(tables, tables.settings.idempotency)
    assert int(item["ttl"]["N"]) <= clock.now().timestamp()
    assert await store.replay(SCOPE) == {}
    assert (await store.begin(SCOPE, b"another request " * 2, "other", "t")).state is ClaimState.CLAIMED
    assert await store.replay(SCOPE) == {}


async def test_a_silent_writer_is_gone_after_a_minute_and_back_when_it_speaks(
    log: DynamoDBTransactionLog, tables: Tables, clock: FixedClock
) -> None:
    reader = await tables.transactions(clock)
    await log.append(record(1, "IN_PROGRESS"))
    for seconds, state in ((59, "IN_PROGRESS"), (2, "UNKNOWN")):
        clock.advance(timedelta(seconds=seconds))
        found = await reader.get("a", "t-1")
        assert found is not None
        assert found.state == state
    await log.append(record(2, "IN_PROGRESS"))
    assert (await reader.get("a", "t-1")) == record(1, "UNKNOWN")
    clock.advance(timedelta(seconds=61))
    await log.append(record(3, "IN_PROGRESS"))
    assert [one.state for one in (await reader.find(TransactionQuery("a"))).records] == ["IN_PROGRESS"] * 3
    await log.append(record(1))
    assert (await reader.get("a", "t-1")) == record(1)
    await reader.close()


async def test_nothing_in_the_table_tells_of_a_document(log: DynamoDBTransactionLog, tables: Tables) -> None:
    planted = [format(number, "02x") * 32 for number in range(0xA1, 0xA5)]
    document, result, digest, sent = planted
    await log.append(
        TransactionRecord(
            "t-1",
            "a",
            "es",
            "SUCCEEDED",
            NOW,
            document_bytes=76543210,
            document_sha256=document,
            result_sha256=result,
            digests=(digest,),
            exchanges=(Exchange("central", 500, 900, sent),),
        )
    )
    (found,) = (await log.find(TransactionQuery("a", document_sha256=document))).records
    assert found.digests == (digest,)
    items = everything(tables, tables.settings.transactions)
    text = json.dumps(items, default=lambda value: value.hex() + repr(value))
    for planted_value in (*planted, "76543210", *(bytes.fromhex(one).decode("latin-1") for one in planted)):
        assert planted_value not in text
