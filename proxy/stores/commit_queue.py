"""Entries of concurrent calls share commits: while one is made, what arrives meanwhile waits for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from proxy.errors import InternalError

_log = structlog.get_logger("proxy.stores")

_T = TypeVar("_T")


class CommitQueue(Generic[_T]):
    """One writer's entries on their way into the transaction log, in order.

    Args:
        commit: Writes entries, all or none.
        fit: How many of those that wait, one at least, go into the next commit.
    """

    def __init__(self, commit: Callable[[Sequence[_T]], Awaitable[None]], fit: Callable[[Sequence[_T]], int]) -> None:
        self._commit = commit
        self._fit = fit
        self._pending: list[tuple[_T, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def append(self, entry: _T) -> None:
        """Write one entry; it is written when this returns. A cancelled append is written all the same.

        Raises:
            InternalError: It cannot be written.
        """
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._pending.append((entry, written))
        if self._committing is None or self._committing.done():
            self._committing = loop.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._pending:
            count = self._fit([entry for entry, _ in self._pending])
            batch, self._pending = self._pending[:count], self._pending[count:]
            failure: Exception | None = None
            try:
                await self._commit([entry for entry, _ in batch])
            except Exception as error:  # noqa: BLE001 - whatever it was, those who wait for the commit have to hear of it
                _log.error("transactions.not_written", records=len(batch), exc_info=error)
                failure = error
            for _, written in batch:
                if written.done():
                    continue
                if failure is None:
                    written.set_result(None)
                else:
                    told = InternalError("the transaction log cannot be written")
                    told.__cause__ = failure
                    written.set_exception(told)

    async def drain(self) -> None:
        """Wait until all that was appended is written, or was told why not."""
        if self._committing is not None:
            await asyncio.wait({self._committing})
