"""Memory: one load at a time, values and failures kept as long as they are good, nobody waits beyond their deadline."""

import asyncio
from datetime import datetime, timedelta

import pytest

from proxy.errors import DeadlineExceeded
from proxy.trust.memory import Memory
from tests.support.pki import FixedClock, new_call

MINUTE = timedelta(minutes=1)


class Loader:
    """Loads a counter, when told to, until a minute later."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.loads = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.began = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> tuple[int, datetime]:
        self.loads += 1
        self.began.set()
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        return self.loads, self.clock.now() + MINUTE


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def load(clock: FixedClock) -> Loader:
    return Loader(clock)


async def test_a_value_is_kept_until_its_moment(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 10)
    assert [await memory.recall(new_call(), "a", load) for _ in range(2)] == [1, 1]
    clock.advance(MINUTE - timedelta(microseconds=1))
    assert await memory.recall(new_call(), "a", load) == 1
    clock.advance(timedelta(microseconds=1))
    assert await memory.recall(new_call(), "a", load) == 2
    assert await memory.recall(new_call(), "b", load) == 3
    memory.forget("a")
    assert await memory.recall(new_call(), "a", load) == 4


async def test_many_who_want_the_same_wait_for_one_load(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 10)
    load.may_end.clear()
    tasks = [asyncio.create_task(memory.recall(new_call(), "a", load)) for _ in range(5)]
    await load.began.wait()
    load.may_end.set()
    assert await asyncio.gather(*tasks) == [1] * 5
    assert memory._loading == {}


async def test_when_the_one_who_loads_leaves_the_next_one_loads(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 10)
    load.may_end.clear()
    first = asyncio.create_task(memory.recall(new_call(), "a", load))
    await load.began.wait()
    second = asyncio.create_task(memory.recall(new_call(), "a", load))
    await asyncio.sleep(0)
    first.cancel()
    load.may_end.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
    assert memory._loading == {}


async def test_nobody_waits_beyond_their_own_deadline(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 10)
    load.may_end.clear()
    patient = asyncio.create_task(memory.recall(new_call(), "a", load))
    await load.began.wait()
    with pytest.raises(DeadlineExceeded):
        await memory.recall(new_call(0.05), "a", load)
    load.may_end.set()
    assert await patient == 1


async def test_named_failures_are_repeated_for_a_moment_and_others_are_not(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 10, failures=(ConnectionError,), failure_seconds=5)
    load.failure = ConnectionError("down")
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await memory.recall(new_call(), "a", load)
    assert load.loads == 1
    clock.advance(timedelta(seconds=5))
    load.failure = ValueError("odd")
    for _ in range(2):
        with pytest.raises(ValueError, match="odd"):
            await memory.recall(new_call(), "a", load)
    assert load.loads == 3
    load.failure = None
    assert await memory.recall(new_call(), "a", load) == 4


async def test_the_least_recently_used_goes_first(clock: FixedClock, load: Loader) -> None:
    memory: Memory[str, int] = Memory(clock, 2)
    for key in ("a", "b", "a", "c", "a", "b"):
        await memory.recall(new_call(), key, load)
    assert load.loads == 4


async def test_what_is_heavy_takes_the_place_of_several(clock: FixedClock, load: Loader) -> None:
    weights = {1: 3, 2: 3, 3: 5, 4: 11, 5: 10}
    memory: Memory[str, int] = Memory(clock, 10, weigh=weights.__getitem__)
    for key, weight in (("a", 3), ("b", 6), ("c", 8)):
        await memory.recall(new_call(), key, load)
        assert memory.weight == weight
    assert (memory.last("a"), memory.last("b"), memory.last("c")) == (None, 2, 3)
    assert await memory.recall(new_call(), "too heavy", load) == 4
    assert memory.last("too heavy") is None
    assert memory.weight == 8
    assert await memory.recall(new_call(), "d", load) == 5
    assert (memory.weight, memory.last("d"), memory.last("c")) == (10, 5, None)
    memory.forget("d")
    assert memory.weight == 0


async def test_what_is_not_good_any_more_can_be_looked_up_for_a_while_and_then_takes_no_room(
    clock: FixedClock, load: Loader
) -> None:
    memory: Memory[str, int] = Memory(clock, 10, lingers=MINUTE)
    await memory.recall(new_call(), "a", load)
    clock.advance(MINUTE)
    assert memory.last("a") == 1
    await memory.recall(new_call(), "b", load)
    assert memory.weight == 2
    clock.advance(MINUTE)
    assert memory.last("a") is None
    await memory.recall(new_call(), "c", load)
    assert memory.weight == 2
