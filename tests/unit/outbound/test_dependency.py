"""What is asked again, how often and when; and what is told while a destination is left alone."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from proxy.errors import DeadlineExceeded
from proxy.model import BreakerState, LinkState
from proxy.outbound import (
    Answer,
    Judgement,
    LinkBroken,
    LinkError,
    LinkForbidden,
    LinkGarbled,
    LinkRefused,
    LinkSuspended,
    LinkTimeout,
    LinkUnreachable,
)
from proxy.outbound.failures import OutOfPatience
from tests.support.pki import new_call
from tests.support.stepped import Seen, SteppedTime


def refused(status: int, **headers: str) -> LinkRefused:
    return LinkRefused(Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b""))


class Destination:
    """Fails as it is told, one attempt after the other, and works then."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    async def attempt(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


FAILURES: list[tuple[str, Callable[[], LinkError], int, int, bool]] = [
    # Attempts of what must not be done twice, of what may be, and whether it counts against the destination.
    ("unreachable", lambda: LinkUnreachable("refused"), 3, 3, True),
    ("forbidden", lambda: LinkForbidden("not there"), 1, 1, False),
    ("slow", lambda: LinkTimeout("slow"), 1, 1, True),
    ("broken", lambda: LinkBroken("reset"), 1, 3, True),
    ("garbled", lambda: LinkGarbled("what?"), 1, 1, True),
    ("400", lambda: refused(400), 1, 1, False),
    ("404", lambda: refused(404), 1, 1, False),
    ("408", lambda: refused(408), 3, 3, False),
    ("422", lambda: refused(422), 1, 1, False),
    ("425", lambda: refused(425), 3, 3, False),
    ("429", lambda: refused(429), 3, 3, False),
    ("302", lambda: refused(302), 1, 1, False),
    ("500", lambda: refused(500), 1, 3, True),
    ("501", lambda: refused(501), 1, 1, False),
    ("502", lambda: refused(502), 1, 3, True),
    ("503", lambda: refused(503), 3, 3, True),
    ("504", lambda: refused(504), 1, 3, True),
]


@pytest.mark.parametrize(
    ("make", "once", "often", "counts"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
async def test_a_second_attempt_is_made_where_it_can_do_no_harm(
    make: Callable[[], LinkError], once: int, often: int, counts: bool
) -> None:
    for repeatable, most in ((False, once), (True, often)):
        time, seen = SteppedTime(), Seen()
        dependency = time.links(seen, failures_to_open=10).dependency("there")
        destination = Destination(*(make() for _ in range(9)))
        with pytest.raises(type(make())):
            await dependency.ask(new_call(), destination.attempt, repeatable=repeatable)
        assert destination.asked == most
        assert seen.repeats == ["there"] * (most - 1)
        assert dependency.state.failures == (most if counts else 0)
        assert all(0 <= pause <= bound for pause, bound in zip(time.slept, (0.1, 0.2), strict=False))


async def test_it_ends_with_the_first_attempt_that_goes_well() -> None:
    time = SteppedTime()
    dependency = time.links().dependency("there")
    destination = Destination(LinkBroken("reset"), refused(500))
    assert await dependency.ask(new_call(), destination.attempt, repeatable=True) == "answer"
    assert (destination.asked, dependency.state) == (3, LinkState("there", BreakerState.CLOSED))


async def test_with_another_destination_in_line_there_is_one_attempt() -> None:
    destination = Destination(LinkUnreachable("refused"))
    with pytest.raises(LinkUnreachable):
        await SteppedTime().links().dependency("there").ask(new_call(), destination.attempt, repeatable=True, once=True)
    assert destination.asked == 1


async def test_the_destination_says_how_long_to_wait_and_is_not_waited_for_too_long() -> None:
    time = SteppedTime()
    destination = Destination(refused(503, retry_after="3"))
    await time.links().dependency("there").ask(new_call(), destination.attempt, repeatable=False)
    assert 3 <= time.slept[0] <= 3.1
    for wait, seconds in (("6", 30.0), ("4", 2.0)):
        time, destination = SteppedTime(), Destination(refused(503, retry_after=wait))
        with pytest.raises(LinkRefused):
            await time.links().dependency("there").ask(new_call(seconds), destination.attempt, repeatable=False)
        assert (destination.asked, time.slept) == (1, [])


async def test_an_adapter_judges_by_what_it_knows() -> None:
    time = SteppedTime()
    destination = Destination(*(refused(400) for _ in range(6)))
    await (
        time.links()
        .dependency("there")
        .ask(
            new_call(),
            destination.attempt,
            repeatable=False,
            judge=lambda _: Judgement(works=True, passing=True, undone=True, attempts=7),
        )
    )
    assert destination.asked == 7


async def test_a_destination_that_fails_again_and_again_is_left_alone_and_tried_again() -> None:
    time, seen = SteppedTime(), Seen()
    links = time.links(seen, failures_to_open=2, pause_seconds=10, attempts=3)
    dependency, destination = links.dependency("there"), Destination(*(LinkUnreachable("refused") for _ in range(9)))
    with capture_logs() as logs, pytest.raises(LinkUnreachable):
        await dependency.ask(new_call(), destination.attempt, repeatable=True)
    assert destination.asked == 2, "it is not asked a third time by who has seen the breaker open"
    assert [(line["event"], line["destination"]) for line in logs] == [("link.suspended", "there")]
    (state,) = links.states
    assert (state.state, state.failures, state.last_failure) == (BreakerState.OPEN, 2, "LinkUnreachable: refused")
    with pytest.raises(LinkSuspended) as suspended:
        await dependency.ask(new_call(), destination.attempt, repeatable=True)
    assert (destination.asked, suspended.value.retry_after) == (2, 10)
    time.moment += 10
    with pytest.raises(LinkUnreachable):
        await dependency.ask(new_call(), destination.attempt, repeatable=True)
    assert destination.asked == 3, "a probe that fails is not repeated"
    time.moment += 10
    destination.failures.clear()
    assert await dependency.ask(new_call(), destination.attempt, repeatable=True) == "answer"
    assert links.states == (LinkState("there", BreakerState.CLOSED),)
    open_, half_open, closed = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED
    assert seen.states == [open_, half_open, open_, half_open, closed]


async def test_a_call_that_runs_out_of_time_counts_if_the_destination_had_enough() -> None:
    dependency = SteppedTime().links(failures_to_open=2).dependency("there")
    for failure, failures in ((DeadlineExceeded("over"), 0), (OutOfPatience("over"), 1), (OutOfPatience("over"), 2)):
        with pytest.raises(DeadlineExceeded):
            await dependency.ask(new_call(), Destination(failure).attempt, repeatable=True)
        assert dependency.state.failures == failures
    assert dependency.state.state is BreakerState.OPEN


async def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    time = SteppedTime()
    dependency = time.links(failures_to_open=1, pause_seconds=10).dependency("there")
    with pytest.raises(LinkGarbled):
        await dependency.ask(new_call(), Destination(LinkGarbled("what?")).attempt, repeatable=False)
    time.moment += 10

    async def never() -> None:
        await asyncio.Event().wait()

    probe = asyncio.create_task(dependency.ask(new_call(), never, repeatable=False))
    await asyncio.sleep(0)
    with pytest.raises(LinkSuspended):
        await dependency.ask(new_call(), Destination().attempt, repeatable=False)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert await dependency.ask(new_call(), Destination().attempt, repeatable=False) == "answer"


def test_one_name_is_one_destination_and_hosts_are_forgotten_in_time() -> None:
    links = SteppedTime().links()
    assert links.dependency("central") is links.dependency("central")
    first = links.passing("ocsp:a:80")
    assert links.passing("ocsp:a:80") is first
    for number in range(300):
        links.passing(f"ocsp:{number}:80")
        links.passing("crl:often:80")
    names = [state.name for state in links.states]
    assert len(names) == 257
    assert names[0] == "central"
    assert {"crl:often:80", "ocsp:299:80"} < set(names)
    assert links.passing("ocsp:a:80") is not first
