"""Real pools of real processes, and ways to wait for what those do."""

import asyncio
import os
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from proxy.call import Deadline
from proxy.engine.pool import EnginePool
from proxy.settings import EngineSettings
from tests.unit.engine import engine_tasks

OpenPool = Callable[..., Awaitable[EnginePool]]


@pytest.fixture
async def open_pool() -> AsyncIterator[OpenPool]:
    """Makes started pools; keyword arguments are the settings'."""
    async with AsyncExitStack() as pools:

        async def start(**settings: Any) -> EnginePool:
            pool = EnginePool(EngineSettings(**{"processes": 1} | settings), tasks=engine_tasks.__name__)
            await pool.start()
            pools.push_async_callback(pool.close, grace_seconds=0)
            return pool

        yield start


@pytest.fixture
async def pool(open_pool: OpenPool) -> EnginePool:
    """One process, the default bounds."""
    return await open_pool()


def soon() -> Deadline:
    """A deadline that only a failing test reaches."""
    return Deadline.after(60)


async def ended(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await asyncio.to_thread(select.select, [descriptor], [], [], 30)
    finally:
        os.close(descriptor)


class Meeting:
    """A task that says that it runs (by a FIFO) and goes on when told to (by the end of a pipe, its document)."""

    def __init__(self, folder: Path, name: str) -> None:
        self.fifo = folder / name
        os.mkfifo(self.fifo)
        self.document, self._held = os.pipe()

    async def pid(self) -> int:
        """Wait until the task runs; its process."""
        return int(await asyncio.to_thread(self.fifo.read_text, encoding="ascii"))

    def let_go(self) -> None:
        """The task may finish."""
        os.close(self._held)
        self._held = -1

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self.document)
        if self._held >= 0:
            os.close(self._held)


@pytest.fixture
def meeting(tmp_path: Path) -> Any:
    """Makes meetings by name."""
    made: list[Meeting] = []

    def arrange(name: str = "meeting") -> Meeting:
        made.append(Meeting(tmp_path, name))
        return made[-1]

    yield arrange
    for one in made:
        one.close()
