"""Slots are never lost and never made, whoever comes, goes or gives up."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.api.admission import Admission, RateLimiter
from proxy.errors import ConcurrencyLimit, RateLimit

STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "finish", "cancel", "turn", "finish and cancel"]), st.integers(0, 9)), max_size=40
)


class Visit:
    """One request: waiting, inside, or gone."""

    def __init__(self, admission: Admission, client: str, order: list["Visit"], limit: int) -> None:
        self.done = asyncio.Event()
        self.inside = False
        self.task = asyncio.create_task(self._run(admission, client, order, limit))

    async def _run(self, admission: Admission, client: str, order: list["Visit"], limit: int) -> None:
        async with admission.slot(client, limit):
            self.inside = True
            order.append(self)
            try:
                await self.done.wait()
            finally:
                self.inside = False


async def turn() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


@given(steps=STEPS, slots=st.integers(1, 3), queue=st.integers(0, 4))
@settings(deadline=None)
async def test_slots_queue_and_order_hold_under_any_sequence(steps: list[tuple[str, int]], slots: int, queue: int) -> None:
    admission = Admission(slots=slots, queue=queue, queue_seconds=60)
    order: list[Visit] = []
    visits: list[Visit] = []

    def pick(index: int, *, inside: bool) -> Visit | None:
        chosen = [visit for visit in visits if not visit.task.done() and visit.inside is inside]
        return chosen[index % len(chosen)] if chosen else None

    for step, index in steps:
        if step == "come":
            visits.append(Visit(admission, "client", order, 100))
        elif step == "finish" and (visit := pick(index, inside=True)):
            visit.done.set()
        elif step == "cancel" and (visit := pick(index, inside=False)):
            visit.task.cancel()
        elif step == "finish and cancel" and (leaver := pick(index, inside=True)) and (waiter := pick(0, inside=False)):
            # The slot is handed over in the moment in which its receiver gives up.
            leaver.done.set()
            await asyncio.sleep(0)
            waiter.task.cancel()
        if step == "turn":
            await turn()
        assert sum(visit.inside for visit in visits) <= slots
    await turn()
    waiting = [visit for visit in visits if not visit.task.done() and not visit.inside]
    inside = sum(visit.inside for visit in visits)
    assert not waiting or inside == slots, "somebody waits while a slot is free"
    assert len(waiting) <= queue
    for visit in visits:
        visit.done.set()
    results = await asyncio.gather(*(visit.task for visit in visits), return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), asyncio.CancelledError, ConcurrencyLimit}
    assert [visit for visit in visits if visit in order] == order, "first come, first served"
    assert (admission._free, len(admission._waiting), dict(admission._by_client)) == (slots, 0, {})


async def test_the_wait_ends_with_the_deadline() -> None:
    admission = Admission(slots=1, queue=1, queue_seconds=0.01)
    async with admission.slot("a", 2):
        with pytest.raises(ConcurrencyLimit) as refused:
            async with admission.slot("b", 2):
                pass
        assert refused.value.retry_after == 1.0
    async with admission.slot("b", 2):
        pass


async def test_a_clients_limit_counts_those_that_wait() -> None:
    admission = Admission(slots=1, queue=5, queue_seconds=60)
    async with admission.slot("a", 2):
        waiting = asyncio.create_task(admission.slot("a", 2).__aenter__())
        await turn()
        with pytest.raises(ConcurrencyLimit, match="you have too many"):
            async with admission.slot("a", 2):
                pass
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


@given(rate=st.floats(0.1, 50), gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_a_rate_is_kept_over_any_stretch_of_time(rate: float, gaps: list[float]) -> None:
    now = 1_000.0
    limiter = RateLimiter(lambda: now)
    taken: list[float] = []
    waits: list[float] = []
    for gap in gaps:
        now += gap
        try:
            limiter.take("a", rate)
            taken.append(now)
        except RateLimit as error:
            waits.append(error.retry_after or 0.0)
    assert all(0 < wait <= 1 / rate + 1e-9 for wait in waits)
    for index, start in enumerate(taken):
        assert len(taken) - index <= max(1.0, rate) + (taken[-1] - start) * rate + 1e-6


def test_who_waits_as_told_is_let_through() -> None:
    now = 0.0
    limiter = RateLimiter(lambda: now)
    for _ in range(2):
        limiter.take("a", 2.0)
    with pytest.raises(RateLimit) as refused:
        limiter.take("a", 2.0)
    limiter.take("b", 2.0)
    assert refused.value.retry_after is not None
    now += refused.value.retry_after
    limiter.take("a", 2.0)
