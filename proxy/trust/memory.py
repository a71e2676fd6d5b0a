"""Remember what was expensive to learn: one load at a time a key, each value kept until a moment of its own.

Caches of revocation data, of checked credentials and of the central signer's certificates are this.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from proxy.call import Call
from proxy.ports import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

_MOST_FAILURES = 1024

FAILURE_SECONDS = 5.0
"""For how long a failure is repeated without trying, usually."""


@dataclass(slots=True)
class _Turn:
    """Who loads a key now, and how many have to do with it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Memory(Generic[K, V]):
    """Values by key; a value is never ``None``.

    Whoever comes while a key is being loaded waits for that load, until its own deadline; a load that fails or is cancelled
    is done again by the next one, except for the failures named, which are repeated for a while without trying: a dead
    responder shall not hold every request for its timeout.

    Args:
        clock: Decides what is still good.
        size: How much is kept, by ``weigh``; the least recently used go first. What alone is more is given and not kept.
        weigh: Of a value; without it each counts one.
        lingers: For how long a value that is not good any more can still be looked up by :meth:`last`.
        failures: Exceptions that are remembered too.
        failure_seconds: For how long.
    """

    def __init__(
        self,
        clock: Clock,
        size: int,
        *,
        weigh: Callable[[V], int] = lambda _: 1,
        lingers: timedelta = timedelta(0),
        failures: tuple[type[Exception], ...] = (),
        failure_seconds: float = FAILURE_SECONDS,
    ) -> None:
        self._clock = clock
        self._values: _Shelf[K, V] = _Shelf(clock, size, weigh, lingers)
        self._failed: _Shelf[K, Exception] = _Shelf(clock, _MOST_FAILURES, lambda _: 1, timedelta(0))
        self._failures = failures
        self._failure_time = timedelta(seconds=failure_seconds)
        self._loading: dict[K, _Turn] = {}

    @property
    def weight(self) -> int:
        """Of all that is kept."""
        return self._values.weight

    async def recall(self, call: Call, key: K, load: Callable[[], Awaitable[tuple[V, datetime]]]) -> V:
        """The value for ``key``, loaded if it is not there any more.

        Args:
            call: Its deadline bounds the wait for another's load.
            key: Whatever names the value.
            load: Gives the value and until when it is good.

        Raises:
            DeadlineExceeded: The call's time was over.
            Exception: Whatever ``load`` raises.
        """
        if (found := self._values.good(key)) is not None:
            return found
        turn = self._loading.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with call.deadline.enforce(), turn.lock:
                if (found := self._values.good(key)) is not None:
                    return found
                if (failure := self._failed.good(key)) is not None:
                    raise failure.with_traceback(None)
                return await self._load(key, load)
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._loading[key]

    async def _load(self, key: K, load: Callable[[], Awaitable[tuple[V, datetime]]]) -> V:
        try:
            value, until = await load()
        except self._failures as error:
            self._failed.put(key, error, self._clock.now() + self._failure_time)
            raise
        self._values.put(key, value, until)
        return value

    def last(self, key: K) -> V | None:
        """What was last learnt, good or not any more; ``None`` where nothing was, or it has gone."""
        return self._values.last(key)

    def forget(self, key: K) -> None:
        """Load the key anew the next time."""
        self._values.drop(key)
        self._failed.drop(key)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    good_until: datetime
    weight: int


class _Shelf(Generic[K, T]):
    """Entries, the least recently used first, as many as their weight allows."""

    def __init__(self, clock: Clock, size: int, weigh: Callable[[T], int], lingers: timedelta) -> None:
        self._clock = clock
        self._size = size
        self._weigh = weigh
        self._lingers = lingers
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self.weight = 0

    def good(self, key: K) -> T | None:
        return self._value(key, timedelta(0))

    def last(self, key: K) -> T | None:
        return self._value(key, self._lingers)

    def _value(self, key: K, lingers: timedelta) -> T | None:
        entry = self._entries.get(key)
        if entry is None or self._clock.now() >= entry.good_until + lingers:
            return None
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: K, value: T, good_until: datetime) -> None:
        self.drop(key)
        now = self._clock.now()
        for gone in [other for other, entry in self._entries.items() if now >= entry.good_until + self._lingers]:
            self.drop(gone)
        weight = self._weigh(value)
        if weight > self._size:
            return
        self._entries[key] = _Entry(value, good_until, weight)
        self.weight += weight
        while self.weight > self._size:
            self.drop(next(iter(self._entries)))

    def drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.weight -= entry.weight
