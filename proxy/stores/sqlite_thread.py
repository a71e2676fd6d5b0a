"""A store's one connection, in a thread of its own: each piece of work is one durable commit, or did not happen."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from proxy.errors import InternalError
from proxy.stores.sqlite_file import FileKind, open_for_writing

_log = structlog.get_logger("proxy.stores")

_T = TypeVar("_T")


class SQLiteThread:
    """A store's file, opened for reading and writing; made by :meth:`open`.

    Args:
        path: The file.
        kind: What it is.
    """

    def __init__(self, path: Path, kind: FileKind) -> None:
        self._path = path
        self._kind = kind
        self._thread = ThreadPoolExecutor(1, kind.noun.replace(" ", "-"))
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, kind: FileKind, *, secure_delete: bool = False) -> "SQLiteThread":
        """Open the file; it is made when there is none.

        Args:
            path: The file.
            kind: What it must be.
            secure_delete: What is deleted does not stay in the file's free pages.

        Raises:
            SettingsError: The file is of another kind or of a later version, or cannot be opened.
        """

        def connect() -> None:
            opened._connection = open_for_writing(path, kind)
            if secure_delete:
                opened._connection.execute("PRAGMA secure_delete = ON").fetchone()

        opened = cls(path, kind)
        try:
            await asyncio.get_running_loop().run_in_executor(opened._thread, connect)
        except BaseException:
            await opened.close()
            raise
        return opened

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do one piece of work.

        Raises:
            InternalError: The file cannot be used; nothing was changed.
        """

        def committed() -> _T:
            assert self._connection is not None, "opened before it is used"
            with _commit(self._connection):
                return work(self._connection)

        if self._closed:
            raise InternalError(f"the {self._kind.noun} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, committed)
        except sqlite3.Error as error:
            _log.error("store.failed", store=self._kind.setting, exc_info=error)
            raise InternalError(f"the {self._kind.noun} cannot be used") from error

    async def close(self) -> None:
        """Close the file. Closing twice is harmless."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, close)
            self._thread.shutdown()


@contextmanager
def _commit(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
