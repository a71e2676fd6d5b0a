"""The appending side of the SQLite transaction log: one writer, its lock and its hash chain.

Runs in the log's writing thread.
"""

import os
import secrets
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from proxy.errors import SettingsError
from proxy.ports import Clock
from proxy.stores.sqlite_file import open_for_writing
from proxy.stores.transaction_chain import first_link, next_link
from proxy.stores.transaction_codec import canonical_json, encode_time
from proxy.stores.transaction_schema import TRANSACTION_LOG
from proxy.stores.writer_lock import WriterLock, remove_dead


class TransactionWriter:
    """One process's start as a writer of the log.

    Args:
        path: The file.
        clock: Tells when this writer began.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._lock: WriterLock | None = None
        self._number = 0
        self._position = 0
        self._link = b""

    def open(self) -> None:
        """Open the file and enter this writer into it.

        Raises:
            SettingsError: The file cannot be opened or written, or is no transaction log.
        """
        self._connection = open_for_writing(self._path, TRANSACTION_LOG)
        identity = secrets.token_hex(16)
        began = encode_time(self._clock.now())
        description = canonical_json({"id": identity, "host": socket.gethostname(), "pid": os.getpid(), "began": began})
        try:
            # The lock before the entry: whoever finds the entry must find its writer alive.
            self._lock = WriterLock(self._path, identity)
            number = self._connection.execute(
                "INSERT INTO writer (id, description) VALUES (?, ?)", (identity, description)
            ).lastrowid
            known = frozenset(row[0] for row in self._connection.execute("SELECT id FROM writer"))
            remove_dead(self._path, known)
        except (sqlite3.Error, OSError) as error:
            raise SettingsError(f"stores.transaction_log: {self._path}: {error}") from error
        assert number is not None
        self._number = number
        self._link = first_link(description)

    def append(self, bodies: Sequence[str]) -> None:
        """Add records in one commit, all or none; they are on the disk when this returns.

        Args:
            bodies: Canonical JSON of each.

        Raises:
            sqlite3.Error: They cannot be written.
        """
        assert self._connection is not None
        position, link = self._position, self._link
        rows = []
        for body in bodies:
            position += 1
            link = next_link(link, body)
            rows.append((self._number, position, body, link))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT INTO record (writer, position, body, hash) VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk ends the transaction by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._position, self._link = position, link

    def close(self) -> None:
        """This writer ends. What it left in progress is unknown from here on."""
        if self._lock is not None:
            self._lock.release()
        if self._connection is not None:
            self._connection.close()
