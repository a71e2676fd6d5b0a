"""Something the proxy stands on: whether it is asked at the moment, and what is asked again when it fails.

An adapter makes its exchanges through :meth:`Dependency.ask`, whatever they travel over, and maps the ``Link…`` exception that
is left in the end to the error tree.

A second attempt must not do a second time, unnoticed, what the first did. So it is made where nothing was done for certain (no
connection came about, or the destination said that it turned the request away), and beyond that only of what can be repeated:
reads, and what the destination does once under a key that it is told.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import structlog

from proxy.call import Call
from proxy.model import BreakerState, LinkState
from proxy.outbound.breaker import Breaker, Passage
from proxy.outbound.failures import (
    LinkBroken,
    LinkError,
    LinkForbidden,
    LinkRefused,
    LinkUnreachable,
    OutOfPatience,
)
from proxy.ports import LinkObserver
from proxy.settings import LinkSettings

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds: the pause before the second attempt is up to the first, and the bound doubles up to the second (full jitter)."""

LONGEST_WAIT = 5.0
"""Seconds of ``Retry-After`` that are waited for. What takes longer is told to the caller, whose place another may use."""

_TURNED_AWAY = frozenset({408, 425, 429, 503})
"""Statuses that say that the request was not worked on (RFC 9110, 15.5.9 and 15.6.4; RFC 8470, 5.2; RFC 6585, 4)."""

_random = secrets.SystemRandom()
_log = structlog.get_logger("proxy.links")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a failed exchange says.

    Attributes:
        works: Whether the destination does: to be refused is an answer. ``None`` where the failure says nothing of that.
        passing: Whether asking again may help.
        undone: Whether nothing was done for certain.
        attempts: How many are made at most, where not as many as usual.
    """

    works: bool | None
    passing: bool
    undone: bool
    attempts: int | None = None


def judged(error: LinkError) -> Judgement:
    """What a failure says where the destination's own codes say no more."""
    match error:
        case LinkRefused(answer=answer):
            turned_away = answer.status in _TURNED_AWAY
            fails = answer.status >= 500 and answer.status != 501
            return Judgement(works=not fails, passing=fails or turned_away, undone=turned_away or not fails)
        case LinkForbidden():
            return Judgement(works=True, passing=False, undone=True)
        case LinkUnreachable():
            return Judgement(works=False, passing=True, undone=True)
        case LinkBroken():
            return Judgement(works=False, passing=True, undone=False)
    # Slow, speaking in tongues, or of other things: it will be so the next moment too.
    return Judgement(works=False, passing=False, undone=False)


class Dependency:
    """One destination.

    Args:
        name: As on the ledger.
        settings: Of its breaker, and how often it is asked.
        observer: Told of repeated attempts and of the breaker.
        now: Monotonic seconds.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        name: str,
        settings: LinkSettings,
        observer: LinkObserver,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.name = name
        self._attempts = settings.attempts
        self._observer = observer
        self._sleep = sleep
        self._breaker = Breaker(settings, now, self._breaker_changed)
        self._last_failure = ""

    @property
    def state(self) -> LinkState:
        """As operators see it."""
        breaker = self._breaker
        last_failure = self._last_failure if breaker.failures else None
        return LinkState(self.name, breaker.state, breaker.failures, last_failure, breaker.pause_left or None)

    @property
    def doubtful(self) -> bool:
        """Whether it failed a moment ago, so that another one is the better choice."""
        return self._breaker.doubtful

    async def ask(
        self,
        call: Call,
        attempt: Callable[[], Awaitable[_T]],
        *,
        repeatable: bool,
        judge: Callable[[LinkError], Judgement] = judged,
        once: bool = False,
    ) -> _T:
        """Make an attempt, and further ones where they may help and do no harm, within the call's time.

        Args:
            call: Its deadline bounds attempts and pauses.
            attempt: One exchange, and every check of what came back that says whether the destination works. What it raises
                beside a ``Link…`` exception says nothing of that.
            repeatable: To do it twice is to do it once.
            judge: What a failure says.
            once: Make no further attempt: another destination is next in line.

        Raises:
            LinkSuspended: The destination is left alone for a while; nothing was sent.
            LinkError: Of the last attempt.
            DeadlineExceeded: The call's time is over.
        """
        for made in count(1):
            with self._breaker.passage() as passage:
                try:
                    result = await attempt()
                except OutOfPatience as error:
                    self._failed(passage, error)
                    raise
                except LinkError as error:
                    failure = error
                else:
                    passage.succeeded()
                    return result
                judgement = judge(failure)
                if judgement.works:
                    passage.succeeded()
                elif judgement.works is False:
                    self._failed(passage, failure)
            most = 1 if once else judgement.attempts or self._attempts
            harmless = judgement.undone or repeatable
            wait = failure.retry_after or 0.0
            pause = wait + _random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (made - 1)))
            hopeful = judgement.passing and self._breaker.state is BreakerState.CLOSED
            in_time = wait <= LONGEST_WAIT and pause < call.deadline.remaining
            if made >= most or not (harmless and hopeful and in_time):
                raise failure
            self._observer.repeated(self.name)
            await self._sleep(pause)
        raise AssertionError("counting does not end")

    def _failed(self, passage: Passage, error: Exception) -> None:
        self._last_failure = f"{type(error).__name__}: {error}"
        passage.failed()

    def _breaker_changed(self, state: BreakerState) -> None:
        self._observer.breaker_changed(self.name, state)
        if state is BreakerState.OPEN:
            _log.warning("link.suspended", destination=self.name, lastFailure=self._last_failure)
        elif state is BreakerState.CLOSED:
            _log.info("link.resumed", destination=self.name)
