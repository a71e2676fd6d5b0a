"""How often something may be done: token buckets, for what clients ask and for what authorities are asked."""

import time
from collections.abc import Callable

_ROUNDING = 1e-9


class RateBudget:
    """So many at once, then evenly.

    Args:
        rate_per_second: In the long run.
        burst: At once, 1 at least.
        now: Monotonic seconds.
    """

    def __init__(self, rate_per_second: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate_per_second
        self._burst = burst
        self._now = now
        self._left = burst
        self._since = now()

    def take(self) -> float:
        """Take one, if there is one. Gives 0, or the seconds until there is one again."""
        if (wait := self.wait) == 0:
            self._left -= 1
        return wait

    def reserve(self) -> float:
        """Take one that may be still to come. Gives the seconds after which it is there, 0 for one that is."""
        wait = self.wait
        self._left -= 1
        return wait

    def give_back(self) -> None:
        """Nothing came of one that was taken or reserved."""
        self._left += 1

    @property
    def wait(self) -> float:
        """Seconds until there is one; 0 if there is."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        missing = 1 - self._left
        return missing / self._rate if missing > _ROUNDING else 0.0
