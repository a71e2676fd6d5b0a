"""An event loop in which time passes when there is nothing else to do: a second of waiting takes none, and is exact.

For code that waits for timers and futures alone. Threads and other machines live in real time: where only they could bring
something about, the loop says that nothing will ever happen.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Does not wait: it moves the loop's time instead."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        self.loop.moment += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop.

    Attributes:
        moment: Its time, in seconds.
    """

    def __init__(self) -> None:
        self.moment = 1_000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """See :meth:`asyncio.AbstractEventLoop.time`."""
        return self.moment


def virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in such a loop, deadlines of calls included, and see that it leaves no task behind."""

    async def alone() -> T:
        result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        with mock.patch("time.monotonic", loop.time):
            return runner.run(alone())
