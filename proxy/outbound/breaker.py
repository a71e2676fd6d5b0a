"""A circuit breaker: a destination that fails again and again is left alone for a while, and then tried with care.

::

    CLOSED ── failures in a row, or a share of the latest ──▶ OPEN ── the pause is over ──▶ HALF_OPEN
       ▲                                                        ▲                              │
       └────────────────────── the probe went well ─────────────┼──────────────────────────────┤
                                                                └────── the probe failed ──────┘

Who asks meanwhile hears so at once, instead of waiting for a timeout, and the destination is spared. What came of an exchange
that began before the state changed says nothing about the new one and is passed over.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proxy.model import BreakerState
from proxy.outbound.failures import LinkSuspended
from proxy.settings import LinkSettings

_PROBING_SECONDS = 1.0
"""When to come again while another is probing."""


class Passage:
    """One exchange that was let through. Without a verdict it says nothing of the destination."""

    def __init__(self, breaker: "Breaker", epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch

    def succeeded(self) -> None:
        """The destination works."""
        self._breaker.judge(self._epoch, failed=False)

    def failed(self) -> None:
        """It does not."""
        self._breaker.judge(self._epoch, failed=True)


class Breaker:
    """Of one destination.

    Args:
        settings: When it opens and for how long.
        now: Monotonic seconds.
        changed: Told of every change of state.
    """

    def __init__(self, settings: LinkSettings, now: Callable[[], float], changed: Callable[[BreakerState], None]) -> None:
        self._settings = settings
        self._now = now
        self._changed = changed
        self._latest: deque[tuple[float, bool]] = deque(maxlen=settings.judged_exchanges)
        self._failures = 0
        self._failed_at: float | None = None
        self._opened_at: float | None = None
        self._probing = False
        self._epoch = 0

    @property
    def state(self) -> BreakerState:
        """At this moment."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.pause_left > 0 else BreakerState.HALF_OPEN

    @property
    def pause_left(self) -> float:
        """Seconds until an open breaker lets a probe through; 0 for any other."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._settings.pause_seconds - self._now())

    @property
    def failures(self) -> int:
        """In a row, up to now."""
        return self._failures

    @property
    def doubtful(self) -> bool:
        """Whether the latest exchange failed, and no longer ago than a pause: another destination is the better choice."""
        return self._failed_at is not None and self._now() < self._failed_at + self._settings.pause_seconds

    @contextmanager
    def passage(self) -> Iterator[Passage]:
        """Let one exchange through. A probe that ends without a verdict, cancelled perhaps, makes room for the next.

        Raises:
            LinkSuspended: Not now.
        """
        probe = self._opened_at is not None
        if probe:
            if self.pause_left > 0 or self._probing:
                raise LinkSuspended(self.pause_left or _PROBING_SECONDS)
            self._probing = True
            self._changed(BreakerState.HALF_OPEN)
        epoch = self._epoch
        try:
            yield Passage(self, epoch)
        finally:
            if probe and epoch == self._epoch:
                self._probing = False

    def judge(self, epoch: int, *, failed: bool) -> None:
        """Take notice of an exchange that was let through in ``epoch``."""
        if epoch != self._epoch:
            return
        self._latest.append((self._now(), failed))
        if not failed:
            self._failures, self._failed_at = 0, None
            if self._opened_at is not None:
                self._turn(None)
            return
        self._failures, self._failed_at = self._failures + 1, self._now()
        if self._opened_at is not None or self._too_many():
            self._turn(self._now())

    def _too_many(self) -> bool:
        if self._failures >= self._settings.failures_to_open:
            return True
        since = self._now() - self._settings.judged_seconds
        judged = [failed for moment, failed in self._latest if moment >= since]
        full = len(judged) == self._settings.judged_exchanges
        return full and sum(judged) >= self._settings.share_to_open * len(judged)

    def _turn(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._probing = False
        self._epoch += 1
        self._latest.clear()
        self._changed(BreakerState.CLOSED if opened_at is None else BreakerState.OPEN)
