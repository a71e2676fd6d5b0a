"""Who is let in, decided before a byte of the body is read (contract, "Documents in and out": 429 with ``Retry-After``).

There are slots for the whole service, a bounded queue for them with a deadline, and limits of one client. A slot stands for
spool, engine process and upstream connection; only operations that use those take one, and keep it until their answer is sent.
The queue is first come, first served, and a caller that leaves it leaves no slot behind.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from proxy.errors import ConcurrencyLimit, RateLimit
from proxy.rates import RateBudget

RETRY_SECONDS = 1.0
"""When a caller that was turned away may come again: small requests free their slots within it."""


class Admission:
    """Slots, the queue for them, and how many of both one client may hold.

    Args:
        slots: Requests worked on at a time.
        queue: Requests that may wait for a slot.
        queue_seconds: How long one may wait.
    """

    def __init__(self, *, slots: int, queue: int, queue_seconds: float) -> None:
        self._slots = slots
        self._free = slots
        self._queue_limit = queue
        self._queue_seconds = queue_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._by_client: Counter[str] = Counter()

    def readings(self) -> dict[tuple[str, ...], float]:
        """How many requests are worked on and how many wait, and how many may be worked on."""
        return {
            ("working",): float(self._slots - self._free),
            ("waiting",): float(len(self._waiting)),
            ("slots",): float(self._slots),
        }

    @asynccontextmanager
    async def slot(self, client: str, client_limit: int) -> AsyncIterator[None]:
        """Wait for a slot and hold it.

        Args:
            client: Whose request it is.
            client_limit: How many requests this client may have worked on or waiting.

        Raises:
            ConcurrencyLimit: The client's limit is reached, the queue is full, or the wait was too long.
        """
        with self._counted(client, client_limit):
            await self._take()
            try:
                yield
            finally:
                self._give_back()

    @contextmanager
    def _counted(self, client: str, client_limit: int) -> Iterator[None]:
        if self._by_client[client] >= client_limit:
            raise ConcurrencyLimit("you have too many requests in progress", retry_after=RETRY_SECONDS)
        self._by_client[client] += 1
        try:
            yield
        finally:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]

    async def _take(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._queue_limit:
            raise ConcurrencyLimit("the service is busy and its queue is full", retry_after=RETRY_SECONDS)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._queue_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The slot was handed over in the same moment: it goes to the next in line.
                self._give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise ConcurrencyLimit("the service is busy; no slot came free in time", retry_after=RETRY_SECONDS) from error
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class RateLimiter:
    """How many requests a second each client may send: as many at once as it may send in a second, then evenly.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._budgets: dict[str, RateBudget] = {}

    def take(self, client: str, rate_per_second: float) -> None:
        """Count one request of ``client``.

        Raises:
            RateLimit: It is one too many; ``retry_after`` says when the next is not.
        """
        if client not in self._budgets:
            self._budgets[client] = RateBudget(rate_per_second, max(1.0, rate_per_second), self._now)
        if (wait := self._budgets[client].take()) > 0:
            raise RateLimit("you send more requests a second than you may", retry_after=wait)
