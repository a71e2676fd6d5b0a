"""What every transaction log holds to (``proxy.ports.TransactionLog``), run against each there is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import InternalError, InvalidParameter
from proxy.model import Exchange, StageTime, TransactionQuery, TransactionRecord
from proxy.ports import SystemClock, TransactionLog
from proxy.stores.transactions_sqlite import SQLiteTransactionLog
from tests.support.tables import Tables

OpenLog = Callable[[], Awaitable[TransactionLog]]

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)

NINES = "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ"
"""A cursor beyond what SQLite counts to."""

FULL = TransactionRecord(
    transaction_id="0190a0f0-0000-7000-8000-000000000000",
    client="契約システム",
    operation="es-t",
    state="SUCCEEDED",
    started=NOON,
    ended=NOON + timedelta(microseconds=1),
    result_code="OK",
    certificate_id="seal-1",
    form="ES-T",
    level="B-T",
    dry_run=True,
    document_bytes=200_000_000,
    document_sha256="ab" * 32,
    result_sha256="cd" * 32,
    digests=("ef" * 32, "01" * 48),
    timestamp_time=NOON + timedelta(seconds=1),
    valid_until=NOON + timedelta(days=3650),
    stages=(StageTime("prepare", 12), StageTime("sign", 1_000_000)),
    exchanges=(Exchange("central", 500, 900, "23" * 32), Exchange("tsa:default", 60, 4_000, "45" * 32)),
)


def record(number: int, state: str = "SUCCEEDED", **values: Any) -> TransactionRecord:
    """A transaction that started ``number`` seconds after noon."""
    made = TransactionRecord(f"t-{number}", "a", "es", state, NOON + timedelta(seconds=number))
    return replace(made, **values)


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.xdist_group("localstack"))])
async def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenLog]:
    """Opens a new writer of one and the same log."""
    tables: Tables | None = request.getfixturevalue("tables") if request.param == "dynamodb" else None
    async with AsyncExitStack() as logs:

        async def dynamodb() -> TransactionLog:
            assert tables is not None
            log = await tables.transactions(SystemClock())
            logs.push_async_callback(log.close)
            return log

        async def sqlite() -> TransactionLog:
            log = await SQLiteTransactionLog.open(tmp_path / "transactions.sqlite", clock=SystemClock())
            logs.push_async_callback(log.close)
            return log

        yield {"sqlite": sqlite, "dynamodb": dynamodb}[request.param]


@pytest.fixture
async def log(open_log: OpenLog) -> TransactionLog:
    return await open_log()


async def found(log: TransactionLog, **query: Any) -> list[str]:
    """Ids of one page of client ``a``, unless another one is named."""
    page = await log.find(TransactionQuery(**{"client": "a"} | query))
    return [one.transaction_id for one in page.records]


async def all_pages(log: TransactionLog, limit: int, between: Callable[[], Awaitable[None]] | None = None) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = await log.find(TransactionQuery("a", limit=limit, cursor=cursor))
        assert len(page.records) <= limit
        ids += [one.transaction_id for one in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return ids
        if between is not None:
            await between()


async def test_a_record_comes_back_as_it_was_written(log: TransactionLog) -> None:
    bare = TransactionRecord("t-bare", "契約システム", "hash", "FAILED", NOON)
    await log.append(FULL)
    await log.append(bare)
    assert await log.get(FULL.client, FULL.transaction_id) == FULL
    assert await log.get(bare.client, "t-bare") == bare
    assert set((await log.find(TransactionQuery(FULL.client))).records) == {FULL, bare}


async def test_a_record_is_there_for_the_next_writer(open_log: OpenLog) -> None:
    first = await open_log()
    await first.append(FULL)
    await first.close()
    assert await (await open_log()).get(FULL.client, FULL.transaction_id) == FULL


async def test_times_are_moments_whatever_their_zone(log: TransactionLog) -> None:
    japan = NOON.astimezone(datetime.strptime("+0900", "%z").tzinfo)
    await log.append(record(0, started=japan))
    await log.append(record(1))
    assert await found(log) == ["t-1", "t-0"]
    assert await found(log, start=NOON, end=NOON + timedelta(seconds=1)) == ["t-0"]


async def test_a_time_without_a_zone_is_refused(log: TransactionLog) -> None:
    with pytest.raises(ValueError, match="zone"):
        await log.append(record(0, started=datetime(2026, 4, 1)))  # noqa: DTZ001 - the fault under test
    assert await found(log) == []


async def test_a_later_record_of_a_transaction_supersedes_the_earlier(log: TransactionLog) -> None:
    await log.append(record(1, "IN_PROGRESS"))
    await log.append(record(2))
    running = await log.get("a", "t-1")
    assert running is not None
    assert running.state == "IN_PROGRESS"
    done = record(1, "FAILED", result_code="TSA_ERROR", ended=NOON + timedelta(seconds=9))
    await log.append(done)
    assert await log.get("a", "t-1") == done
    assert (await log.find(TransactionQuery("a"))).records == (record(2), done)
    assert await found(log, result="IN_PROGRESS") == []


async def test_what_is_not_there_is_none(log: TransactionLog) -> None:
    assert await log.get("a", "t-1") is None
    assert (await log.find(TransactionQuery("a"))).records == ()


async def test_clients_do_not_exist_for_each_other(log: TransactionLog) -> None:
    for number in range(4):
        await log.append(record(number))
    await log.append(record(1, "FAILED", client="b"))
    assert await log.get("c", "t-1") is None
    assert await log.get("a", "t-1") == record(1)
    assert await found(log, client="b") == ["t-1"]
    assert await found(log) == ["t-3", "t-2", "t-1", "t-0"]
    cursor = (await log.find(TransactionQuery("a", limit=2))).next_cursor
    with pytest.raises(InvalidParameter):
        await log.find(TransactionQuery("b", cursor=cursor))


async def test_searches_by_time_result_and_certificate(log: TransactionLog) -> None:
    for number in range(6):
        await log.append(record(number, certificate_id=f"c-{number % 2}"))
    await log.append(record(6, "FAILED", result_code="SIGNER_ERROR", certificate_id="c-0"))
    await log.append(record(7, "IN_PROGRESS"))
    assert await found(log, start=NOON + timedelta(seconds=2), end=NOON + timedelta(seconds=4)) == ["t-3", "t-2"]
    assert await found(log, result="FAILED") == ["t-6"]
    assert await found(log, result="SIGNER_ERROR") == ["t-6"]
    assert await found(log, result="IN_PROGRESS") == ["t-7"]
    assert await found(log, result="SUCCEEDED", certificate_id="c-1") == ["t-5", "t-3", "t-1"]
    assert await found(log, certificate_id="c") == []
    assert await found(log, end=NOON) == []


async def test_searches_by_operation_and_by_the_digest_of_the_document_as_it_came_and_as_it_went(log: TransactionLog) -> None:
    came, went = "ab" * 32, "cd" * 32
    await log.append(record(1, document_sha256=came))
    await log.append(record(2, document_sha256=came, result_sha256=went, operation="es-a"))
    await log.append(record(3, document_sha256=went, operation="timestamp"))
    await log.append(record(4, document_sha256=came, client="b"))
    assert await found(log, document_sha256=came) == ["t-2", "t-1"]
    assert await found(log, document_sha256=went) == ["t-3", "t-2"]
    assert await found(log, document_sha256=came, operation="es-a") == ["t-2"]
    assert await found(log, operation="timestamp") == ["t-3"]
    assert await found(log, document_sha256="ef" * 32) == []


async def test_a_transaction_that_begins_anew_is_found_once(log: TransactionLog) -> None:
    await log.append(record(1))
    again = record(1, started=NOON + timedelta(seconds=9))
    await log.append(again)
    assert await log.get("a", "t-1") == again
    assert (await log.find(TransactionQuery("a"))).records == (again,)


async def test_transactions_are_ordered_by_their_start_not_by_their_end(log: TransactionLog) -> None:
    for number in (3, 1, 2):
        await log.append(record(number, "IN_PROGRESS"))
    for number in (2, 3, 1):
        await log.append(record(number))
    assert await found(log) == ["t-3", "t-2", "t-1"]


@pytest.mark.parametrize("limit", [1, 2, 7, 30, 100])
async def test_pages_hold_each_transaction_once(log: TransactionLog, limit: int) -> None:
    # Three a second: those that began together are told apart too.
    records = [record(number, started=NOON + timedelta(seconds=number // 3)) for number in range(30)]
    await asyncio.gather(*(log.append(one) for one in records), *(log.append(record(one, client="b")) for one in range(9)))
    ids = await all_pages(log, limit)
    assert sorted(ids) == sorted(one.transaction_id for one in records)
    starts = {one.transaction_id: one.started for one in records}
    assert [starts[one] for one in ids] == sorted(starts.values(), reverse=True)


async def test_pages_stay_in_step_while_transactions_begin_and_end(log: TransactionLog) -> None:
    for number in range(10):
        await log.append(record(number, "IN_PROGRESS", started=NOON))
    later = iter(range(100, 200))
    unfinished = iter(range(10))

    async def go_on() -> None:
        await log.append(record(next(later)))
        await log.append(record(next(unfinished), started=NOON))

    assert sorted(await all_pages(log, 2, go_on)) == [f"t-{number}" for number in range(10)]


@pytest.mark.parametrize("cursor", ["", "x", "é", "MA", "LTE", "OTk", "MQ==", "IDE", "MDE", "Mf", "A" * 200, NINES])
async def test_a_cursor_that_is_none_is_the_callers_fault(log: TransactionLog, cursor: str) -> None:
    await log.append(record(1))
    with pytest.raises(InvalidParameter) as caught:
        await log.find(TransactionQuery("a", cursor=cursor))
    assert set(caught.value.fields) == {"cursor"}


async def test_a_page_has_a_record_at_least(log: TransactionLog) -> None:
    with pytest.raises(InvalidParameter):
        await log.find(TransactionQuery("a", limit=0))


async def test_what_an_ended_writer_left_in_progress_is_unknown(open_log: OpenLog) -> None:
    ended, living = await open_log(), await open_log()
    await ended.append(record(1, "IN_PROGRESS"))
    await ended.append(record(2, "IN_PROGRESS"))
    await ended.append(record(2))
    await living.append(record(3, "IN_PROGRESS"))
    reader = await open_log()
    assert await found(reader, result="IN_PROGRESS") == ["t-3", "t-1"]
    await ended.close()
    for log in (reader, living, await open_log()):
        assert await log.get("a", "t-1") == record(1, "UNKNOWN")
        assert await log.get("a", "t-2") == record(2)
        assert await log.get("a", "t-3") == record(3, "IN_PROGRESS")
        assert await found(log, result="UNKNOWN") == ["t-1"]
        assert await found(log, result="IN_PROGRESS") == ["t-3"]


async def test_concurrent_appends_are_all_there(open_log: OpenLog) -> None:
    logs = [await open_log(), await open_log()]
    await asyncio.gather(*(logs[number % 2].append(record(number)) for number in range(60)))
    assert await found(logs[0], limit=1_000) == [f"t-{number}" for number in reversed(range(60))]


async def test_a_cancelled_append_is_written_all_the_same(log: TransactionLog) -> None:
    appends = [asyncio.create_task(log.append(record(number))) for number in range(3)]
    await asyncio.sleep(0)
    appends[1].cancel()
    ends = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), asyncio.CancelledError, type(None)]
    assert await found(log) == ["t-2", "t-1", "t-0"]


async def test_closing_writes_what_is_pending_and_takes_no_more(open_log: OpenLog) -> None:
    log = await open_log()
    appends = [asyncio.create_task(log.append(record(number))) for number in range(3)]
    await asyncio.sleep(0)
    await log.close()
    await asyncio.gather(*appends)
    for work in (log.append(record(9)), log.get("a", "t-1"), log.find(TransactionQuery("a"))):
        with pytest.raises(InternalError):
            await work
    await log.close()
    assert await found(await open_log()) == ["t-2", "t-1", "t-0"]
