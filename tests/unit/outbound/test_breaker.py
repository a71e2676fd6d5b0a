"""When a breaker opens, what it lets through, and how it closes again."""

import asyncio
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import BreakerState
from proxy.outbound.breaker import Breaker, Passage
from proxy.outbound.failures import LinkSuspended
from proxy.settings import LinkSettings
from tests.support.stepped import SteppedTime

CLOSED, OPEN, HALF_OPEN = BreakerState


class Bench:
    """A breaker, its time, and what it told of itself."""

    def __init__(self, **settings: float) -> None:
        self.time = SteppedTime()
        self.told: list[BreakerState] = []
        self.breaker = Breaker(LinkSettings.model_validate(settings), self.time.now, self.told.append)

    def exchange(self, *, failed: bool) -> None:
        with self.breaker.passage() as passage:
            conclude(passage, failed=failed)

    def refuses(self) -> float | None:
        """After how many seconds it is to be asked again, if it lets nothing through."""
        try:
            with self.breaker.passage():
                return None
        except LinkSuspended as suspended:
            return suspended.retry_after


def conclude(passage: Passage, *, failed: bool) -> None:
    if failed:
        passage.failed()
    else:
        passage.succeeded()


class Inside:
    """An exchange under way."""

    def __init__(self, stack: ExitStack, passage: Passage, probes: bool) -> None:
        self._stack = stack
        self._passage = passage
        self.probes = probes

    @classmethod
    def of(cls, breaker: Breaker) -> "Inside | None":
        probes, stack = breaker.state is HALF_OPEN, ExitStack()
        try:
            return cls(stack, stack.enter_context(breaker.passage()), probes)
        except LinkSuspended:
            return None

    def leave(self, how: str) -> None:
        if how != "leaves":
            conclude(self._passage, failed=how == "fails")
        self._stack.close()


def test_failures_in_a_row_open_it_and_one_success_between_does_not() -> None:
    bench = Bench(failures_to_open=3)
    for failed in (True, True, False, True, True):
        bench.exchange(failed=failed)
    assert (bench.breaker.state, bench.breaker.failures) == (CLOSED, 2)
    bench.exchange(failed=True)
    assert (bench.breaker.state, bench.told) == (OPEN, [OPEN])


def test_a_share_of_failures_among_the_latest_opens_it() -> None:
    bench = Bench(failures_to_open=100, judged_exchanges=10, share_to_open=0.5)
    for _ in range(5):
        bench.exchange(failed=False)
    for number in range(8):
        assert bench.breaker.state is CLOSED, number
        bench.exchange(failed=number % 2 == 0)
    assert bench.breaker.state is CLOSED
    bench.exchange(failed=True)
    assert bench.breaker.state is OPEN


def test_what_is_long_past_does_not_count_in_the_share() -> None:
    bench = Bench(failures_to_open=100, judged_exchanges=4, judged_seconds=60)
    for failed in (True, True, False):
        bench.exchange(failed=failed)
    bench.time.moment += 61
    bench.exchange(failed=True)
    assert bench.breaker.state is CLOSED


def test_while_it_is_open_nothing_goes_through_until_the_pause_is_over() -> None:
    bench = Bench(failures_to_open=1, pause_seconds=10)
    bench.exchange(failed=True)
    assert bench.refuses() == 10
    bench.time.moment += 9.5
    assert bench.refuses() == 0.5
    bench.time.moment += 0.5
    assert (bench.breaker.state, bench.breaker.pause_left) == (HALF_OPEN, 0)
    assert bench.refuses() is None


def test_one_probe_at_a_time_decides() -> None:
    bench = Bench(failures_to_open=1, pause_seconds=10)
    bench.exchange(failed=True)
    bench.time.moment += 10
    with bench.breaker.passage() as probe:
        assert bench.refuses() == 1.0
        probe.failed()
    assert (bench.breaker.state, bench.refuses()) == (OPEN, 10)
    bench.time.moment += 10
    bench.exchange(failed=False)
    assert (bench.breaker.state, bench.breaker.failures, bench.refuses()) == (CLOSED, 0, None)
    assert bench.told == [OPEN, HALF_OPEN, OPEN, HALF_OPEN, CLOSED]


async def test_a_cancelled_probe_does_not_keep_its_place() -> None:
    bench = Bench(failures_to_open=1, pause_seconds=10)
    bench.exchange(failed=True)
    bench.time.moment += 10

    async def probe() -> None:
        with bench.breaker.passage():
            await asyncio.Event().wait()

    task = asyncio.create_task(probe())
    await asyncio.sleep(0)
    assert bench.refuses() == 1.0
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    bench.exchange(failed=False)
    assert bench.breaker.state is CLOSED


def test_what_began_before_a_change_of_state_says_nothing_about_the_new_one() -> None:
    bench = Bench(failures_to_open=1, pause_seconds=10)
    with bench.breaker.passage() as slow, bench.breaker.passage() as slower:
        bench.exchange(failed=True)
        slow.succeeded()
        assert bench.breaker.state is OPEN
        bench.time.moment += 10
        bench.exchange(failed=False)
        slower.failed()
    assert bench.breaker.state is CLOSED


def test_it_is_in_doubt_for_a_pause_after_a_failure() -> None:
    bench = Bench(failures_to_open=5, pause_seconds=10)
    doubts = [bench.breaker.doubtful]
    bench.exchange(failed=True)
    doubts.append(bench.breaker.doubtful)
    bench.time.moment += 10
    doubts.append(bench.breaker.doubtful)
    bench.exchange(failed=True)
    doubts.append(bench.breaker.doubtful)
    bench.exchange(failed=False)
    doubts.append(bench.breaker.doubtful)
    assert doubts == [False, True, False, True, False]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["come", "works", "fails", "leaves", "later"]), st.integers(0, 5)), min_size=1, max_size=80
    )
)
def test_whatever_happens_it_asks_nothing_in_a_pause_and_one_thing_at_a_time_in_doubt(steps: list[tuple[str, int]]) -> None:
    bench = Bench(failures_to_open=2, judged_exchanges=4, pause_seconds=10)
    inside: list[Inside] = []
    for step, index in steps:
        state = bench.breaker.state
        if step == "later":
            bench.time.moment += index * 3
        elif step == "come":
            probing = any(one.probes for one in inside)
            if (entered := Inside.of(bench.breaker)) is None:
                assert state is OPEN or (state is HALF_OPEN and probing)
            else:
                assert state is CLOSED or (state is HALF_OPEN and not probing)
                inside.append(entered)
        elif inside:
            inside.pop(index % len(inside)).leave(step)
    for one in inside:
        one.leave("leaves")
    # Left alone for a pause, it lets somebody through whatever happened.
    bench.time.moment += 10
    assert bench.refuses() is None


def test_the_settings_are_read() -> None:
    with pytest.raises(ValueError, match="share_to_open"):
        LinkSettings.model_validate({"share_to_open": 0})
