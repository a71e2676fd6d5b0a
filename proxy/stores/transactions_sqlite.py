"""The transaction log in one SQLite file, for a proxy that runs on one machine (``proxy.ports.TransactionLog``).

Appends of concurrent calls share one commit: while the writing thread commits, what arrives meanwhile waits for the next. A
call's first record is there before its first digest leaves, so that a proxy that dies leaves a trace: a transaction in
progress whose writer lives no more is told as ``UNKNOWN``. The file may be shared by several processes of one machine.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from proxy.errors import InternalError
from proxy.model import TransactionPage, TransactionQuery, TransactionRecord
from proxy.ports import Clock
from proxy.stores.commit_queue import CommitQueue
from proxy.stores.transaction_chain import ChainReport, verify_log
from proxy.stores.transaction_codec import encode_record
from proxy.stores.transaction_reader import TransactionReader
from proxy.stores.transaction_writer import TransactionWriter

COMMIT_RECORDS = 500
"""Records of one commit at most."""

_log = structlog.get_logger("proxy.stores")

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SQLiteTransactionLog:
    """A log opened for appending; made by :meth:`open`.

    Args:
        path: The file.
        clock: Tells when this writer began.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        # One name for the file, however it is reached: writers find each other by it.
        self._path = path.resolve()
        self._writing = TransactionWriter(self._path, clock)
        self._reading = TransactionReader(self._path)
        self._writer_thread = ThreadPoolExecutor(1, "transaction-log-writer")
        self._reader_thread = ThreadPoolExecutor(1, "transaction-log-reader")
        self._queue: CommitQueue[str] = CommitQueue(self._commit, lambda waiting: min(len(waiting), COMMIT_RECORDS))
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, clock: Clock) -> "SQLiteTransactionLog":
        """Open the log as a new writer; the file is made when there is none.

        Raises:
            SettingsError: The file is no transaction log, one of a later version, or cannot be opened.
        """
        log = cls(path, clock)
        try:
            await log._in_thread(log._writer_thread, log._writing.open)
            await log._in_thread(log._reader_thread, log._reading.open)
        except BaseException:
            await log.close()
            raise
        return log

    async def append(self, record: TransactionRecord) -> None:
        """Add one record; it is on the disk when this returns. A cancelled append is written all the same.

        Raises:
            InternalError: The log cannot be written, or is closed.
        """
        if self._closed:
            raise InternalError("the transaction log is closed")
        await self._queue.append(encode_record(record))

    async def _commit(self, bodies: Sequence[str]) -> None:
        await self._in_thread(self._writer_thread, self._writing.append, bodies)

    async def get(self, client: str, transaction_id: str) -> TransactionRecord | None:
        """The latest record of a client's own transaction, or ``None``.

        Raises:
            InternalError: The log cannot be read.
        """
        return await self._read(self._reading.get, client, transaction_id)

    async def find(self, query: TransactionQuery) -> TransactionPage:
        """A client's own transactions, each in its latest state, newest first by their start.

        ``start`` is included, ``end`` is not. ``result`` is a state (``UNKNOWN`` too) or a result code. A page has
        :data:`~proxy.stores.transaction_reader.PAGE_RECORDS` records at most.

        Raises:
            InvalidParameter: The cursor is not one that this client was given, or ``limit`` is below 1.
            InternalError: The log cannot be read.
        """
        return await self._read(self._reading.find, query)

    async def _read(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if self._closed:
            raise InternalError("the transaction log is closed")
        try:
            return await self._in_thread(self._reader_thread, work, *args, **kwargs)
        except (sqlite3.Error, OSError, KeyError, ValueError, TypeError) as error:
            _log.error("transactions.not_read", exc_info=error)
            raise InternalError("the transaction log cannot be read") from error

    async def verify(self) -> ChainReport:
        """Walk the hash chains of all writers, beside the log's other work.

        Raises:
            InternalError: The log cannot be read.
        """
        try:
            return await asyncio.to_thread(verify_log, self._path)
        except sqlite3.Error as error:
            _log.error("transactions.not_read", exc_info=error)
            raise InternalError("the transaction log cannot be read") from error

    async def close(self) -> None:
        """Write what is pending and end this writer. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        await self._queue.drain()
        await self._in_thread(self._writer_thread, self._writing.close)
        await self._in_thread(self._reader_thread, self._reading.close)
        self._writer_thread.shutdown()
        self._reader_thread.shutdown()

    @staticmethod
    async def _in_thread(thread: ThreadPoolExecutor, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: work(*args, **kwargs))
