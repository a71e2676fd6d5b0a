"""Stopping without harm: who is inside finishes, who comes is sent on to another task, who is late is told so.

While the gate closes, the listener stays open: a caller that meets it is answered ``SHUTTING_DOWN`` and closes its connection,
and ``/readyz`` has the load balancer look elsewhere.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.errors import ShuttingDown

LAST_WORDS_SECONDS = 5.0
"""How long calls that were cut off may take to record that and to say so."""


class ShutdownGate:
    """Every call passes it and is known to it until its answer is sent.

    Attributes:
        closed: No new call is let in.
    """

    def __init__(self) -> None:
        self.closed = False
        self._cut_off = False
        self._inside: set[asyncio.Task[object]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Be inside while the body runs."""
        task = asyncio.current_task()
        assert task is not None, "a call runs in a task"
        self._inside.add(task)
        self._empty.clear()
        try:
            yield
        finally:
            self._inside.discard(task)
            if not self._inside:
                self._empty.set()

    def check(self) -> None:
        """Raise ShuttingDown once the gate is closed."""
        if self.closed:
            raise self._refusal()

    @contextmanager
    def cut_off_as_error(self) -> Iterator[None]:
        """Make the end of the grace period, which arrives as a cancellation, the error that names it.

        Raises:
            ShuttingDown: The gate cut the body off.
        """
        try:
            yield
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if not self._cut_off or task is None:
                raise
            task.uncancel()
            raise self._refusal() from error

    @staticmethod
    def _refusal() -> ShuttingDown:
        return ShuttingDown("this task is stopping; another one serves the repeat", retry_after=1.0)

    async def close(self, grace_seconds: float) -> None:
        """Let nobody in any more, and return when everybody has left; after the grace period, cut them off."""
        self.closed = True
        if await self._emptied(grace_seconds):
            return
        self._cut_off = True
        for task in self._inside:
            task.cancel()
        await self._emptied(LAST_WORDS_SECONDS)

    async def _emptied(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
