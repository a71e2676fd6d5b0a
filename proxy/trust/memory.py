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
_T = TypeVar("_T")


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
        size: How many keys are kept; the least recently used go first.
        failures: Exceptions that are remembered too.
        failure_seconds: For how long.
    """

    def __init__(
        self, clock: Clock, size: int, *, failures: tuple[type[Exception], ...] = (), failure_seconds: float = 5.0
    ) -> None:
        self._clock = clock
        self._size = size
        self._failures = failures
        self._failure_time = timedelta(seconds=failure_seconds)
        self._values: OrderedDict[K, tuple[V, datetime]] = OrderedDict()
        self._failed: OrderedDict[K, tuple[Exception, datetime]] = OrderedDict()
        self._loading: dict[K, _Turn] = {}

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
        if (found := self._good(self._values, key)) is not None:
            return found
        turn = self._loading.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with call.deadline.enforce(), turn.lock:
                if (found := self._good(self._values, key)) is not None:
                    return found
                if (failure := self._good(self._failed, key)) is not None:
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
            self._keep(self._failed, key, error, self._clock.now() + self._failure_time)
            raise
        self._keep(self._values, key, value, until)
        return value

    def _good(self, memory: OrderedDict[K, tuple[_T, datetime]], key: K) -> _T | None:
        entry = memory.get(key)
        if entry is None:
            return None
        value, until = entry
        if self._clock.now() >= until:
            memory.pop(key, None)
            return None
        memory.move_to_end(key)
        return value

    def _keep(self, memory: OrderedDict[K, tuple[_T, datetime]], key: K, value: _T, until: datetime) -> None:
        memory[key] = (value, until)
        memory.move_to_end(key)
        while len(memory) > self._size:
            memory.popitem(last=False)

    def forget(self, key: K) -> None:
        """Load the key anew the next time."""
        self._values.pop(key, None)
        self._failed.pop(key, None)
