"""Runs a verb's coroutine so that Ctrl-C and SIGTERM end it tidily: what it holds is closed, what is unfinished removed."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_until_done(work: Coroutine[Any, Any, T]) -> T:
    """Run it in an event loop of its own.

    Raises:
        KeyboardInterrupt: It was interrupted by either signal, and has ended.
    """
    interrupted = False
    before = signal.getsignal(signal.SIGTERM)

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            task.cancel()

        # Windows knows neither the signal nor the handler; Ctrl-C works there as everywhere.
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, interrupt)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM is as Ctrl-C for what runs in the body, so that it too leaves nothing behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
