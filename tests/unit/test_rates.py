"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.rates import RateBudget
from tests.support.stepped import SteppedTime


@given(rate=st.floats(0.1, 50), burst=st.integers(1, 10), gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_stretch_of_time_has_more_than_the_burst_and_the_rate(rate: float, burst: int, gaps: list[float]) -> None:
    time = SteppedTime()
    budget = RateBudget(rate, burst, time.now)
    taken: list[float] = []
    for gap in gaps:
        time.moment += gap
        wait = budget.take()
        assert 0 <= wait <= 1 / rate + 1e-6
        if wait == 0:
            taken.append(time.moment)
    for index, start in enumerate(taken):
        assert len(taken) - index <= burst + (taken[-1] - start) * rate + 1e-6


@given(rate=st.floats(0.1, 50), burst=st.integers(1, 3))
def test_who_waits_as_told_gets_one(rate: float, burst: int) -> None:
    time = SteppedTime()
    budget = RateBudget(rate, burst, time.now)
    assert [budget.take() for _ in range(burst)] == [0] * burst
    time.moment += budget.take()
    assert budget.take() == 0


def test_reservations_come_one_after_the_other_and_can_be_given_back() -> None:
    time = SteppedTime()
    budget = RateBudget(2, 1, time.now)
    assert [budget.reserve() for _ in range(3)] == [0, 0.5, 1.0]
    assert budget.take() == 1.5
    budget.give_back()
    assert budget.take() == 1.0
    time.moment += 1.0
    assert budget.take() == 0
