"""What every idempotency store holds to (``proxy.ports.IdempotencyStore``), run against each there is."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.errors import InternalError, SettingsError
from proxy.model import ClaimState
from proxy.ports import IdempotencyStore
from proxy.stores.idempotency_sqlite import SQLiteIdempotencyStore
from tests.support.pki import FixedClock
from tests.support.tables import Tables

LEASE = 20.0
SCOPE, ANOTHER = b"s" * 32, b"t" * 32
PRINT = b"f" * 32
FIRST, SECOND = "first owner", "second owner"

OpenStore = Callable[[], Awaitable[IdempotencyStore]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.xdist_group("localstack"))])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[OpenStore]:
    """Opens one and the same store, as several tasks do."""
    tables: Tables | None = request.getfixturevalue("tables") if request.param == "dynamodb" else None
    async with AsyncExitStack() as stores:

        async def dynamodb() -> IdempotencyStore:
            assert tables is not None
            store = tables.idempotency(clock, LEASE)
            stores.push_async_callback(store.close)
            return store

        async def sqlite() -> IdempotencyStore:
            store = await SQLiteIdempotencyStore.open(tmp_path / "kept.sqlite", clock=clock, lease_seconds=LEASE)
            stores.push_async_callback(store.close)
            return store

        yield {"sqlite": sqlite, "dynamodb": dynamodb}[request.param]


@pytest.fixture
async def store(open_store: OpenStore) -> IdempotencyStore:
    return await open_store()


def later(clock: FixedClock, seconds: float) -> None:
    clock.advance(timedelta(seconds=seconds))


async def state(store: IdempotencyStore, owner: str, scope: bytes = SCOPE, fingerprint: bytes = PRINT) -> ClaimState:
    return (await store.begin(scope, fingerprint, owner, f"transaction of {owner}")).state


async def test_the_first_claims_and_the_second_is_told_who_and_how_long(store: IdempotencyStore, clock: FixedClock) -> None:
    first = await store.begin(SCOPE, PRINT, FIRST, "t-1")
    later(clock, 5)
    second = await store.begin(SCOPE, PRINT, SECOND, "t-2")
    assert (first.state, second.state) == (ClaimState.CLAIMED, ClaimState.HELD)
    assert second.execution == first.execution
    assert second.transaction_id == first.transaction_id == "t-1"
    assert second.held_seconds == LEASE - 5


async def test_scopes_do_not_know_each_other(store: IdempotencyStore) -> None:
    one, two = await store.begin(SCOPE, PRINT, FIRST, "t"), await store.begin(ANOTHER, PRINT, SECOND, "t")
    assert one.state is two.state is ClaimState.CLAIMED
    assert one.execution != two.execution
    assert await store.prepared(SCOPE, FIRST, "step", b"sealed")
    assert await store.replay(ANOTHER) == {}
    assert not await store.prepared(ANOTHER, FIRST, "step", b"sealed")


async def test_another_request_is_a_conflict_under_way_and_done(store: IdempotencyStore) -> None:
    await state(store, FIRST)
    assert await state(store, SECOND, fingerprint=b"g" * 32) is ClaimState.CONFLICT
    assert await store.done(SCOPE, FIRST, "result", b"sealed")
    assert await state(store, SECOND, fingerprint=b"g" * 32) is ClaimState.CONFLICT


async def test_a_result_takes_the_place_of_the_steps_and_is_given_for_a_day(store: IdempotencyStore, clock: FixedClock) -> None:
    await state(store, FIRST)
    assert await store.prepared(SCOPE, FIRST, "step", b"sealed step")
    assert await store.replay(SCOPE) == {"step": b"sealed step"}
    later(clock, 10)
    assert await store.done(SCOPE, FIRST, "result", b"sealed result")
    for seconds in (0.0, 3600.0 * 24 - 1):
        later(clock, seconds)
        assert await state(store, SECOND) is ClaimState.DONE
        assert await store.replay(SCOPE) == {"result": b"sealed result"}
    later(clock, 1.5)
    assert await store.replay(SCOPE) == {}
    assert await state(store, SECOND) is ClaimState.CLAIMED


async def test_a_claim_that_is_not_renewed_is_taken_over_and_its_owner_finds_out(
    store: IdempotencyStore, clock: FixedClock
) -> None:
    first = await store.begin(SCOPE, PRINT, FIRST, "t-1")
    assert await store.prepared(SCOPE, FIRST, "step", b"sealed")
    later(clock, LEASE - 1)
    assert await store.renew(SCOPE, FIRST)
    later(clock, LEASE - 1)
    assert await state(store, SECOND) is ClaimState.HELD
    later(clock, 2)
    second = await store.begin(SCOPE, PRINT, SECOND, "t-2")
    assert (second.state, second.execution, second.transaction_id) == (ClaimState.CLAIMED, first.execution, "t-1")
    assert await store.replay(SCOPE) == {"step": b"sealed"}
    assert not await store.renew(SCOPE, FIRST)
    assert not await store.prepared(SCOPE, FIRST, "another", b"sealed")
    assert not await store.done(SCOPE, FIRST, "result", b"sealed")
    await store.release(SCOPE, FIRST, forget=True)
    assert await store.replay(SCOPE) == {"step": b"sealed"}
    assert await store.renew(SCOPE, SECOND)


async def test_what_is_given_up_is_gone_on_with_or_forgotten(store: IdempotencyStore) -> None:
    await state(store, FIRST)
    assert await store.prepared(SCOPE, FIRST, "step", b"sealed")
    await store.release(SCOPE, FIRST, forget=False)
    assert await state(store, SECOND) is ClaimState.CLAIMED
    assert await store.replay(SCOPE) == {"step": b"sealed"}
    await store.release(SCOPE, SECOND, forget=True)
    assert await store.replay(SCOPE) == {}
    assert await state(store, FIRST, fingerprint=b"g" * 32) is ClaimState.CLAIMED


async def test_of_many_tasks_one_claims(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    states = await asyncio.gather(*(state(store, f"owner {number}") for number, store in enumerate(stores * 5)))
    assert sorted(states) == [ClaimState.CLAIMED, *[ClaimState.HELD] * 19]


async def test_another_task_goes_on_where_one_ended(open_store: OpenStore, clock: FixedClock) -> None:
    one, other = await open_store(), await open_store()
    await state(one, FIRST)
    assert await one.prepared(SCOPE, FIRST, "step", b"sealed")
    await one.close()
    later(clock, LEASE + 1)
    assert await state(other, SECOND) is ClaimState.CLAIMED
    assert await other.replay(SCOPE) == {"step": b"sealed"}


async def test_what_has_ended_is_removed(clock: FixedClock, tmp_path: Path) -> None:
    store = await SQLiteIdempotencyStore.open(tmp_path / "kept.sqlite", clock=clock, lease_seconds=LEASE)
    for number in range(5):
        scope = bytes([number]) * 32
        await state(store, FIRST, scope)
        assert await store.done(scope, FIRST, "result", b"planted" * 1_000)
    later(clock, 24 * 3600 + 1)
    await state(store, FIRST, b"x" * 32)
    with closing(sqlite3.connect(tmp_path / "kept.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM step").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM request").fetchone() == (1,)
    await store.close()


async def test_a_closed_store_says_so(store: IdempotencyStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(InternalError):
        await state(store, FIRST)


async def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "letter").write_text("a letter" * 200)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    for name in ("letter", "other.sqlite", "no/such/folder"):
        with pytest.raises(SettingsError, match=r"stores\.idempotency"):
            await SQLiteIdempotencyStore.open(tmp_path / name, clock=clock, lease_seconds=LEASE)
