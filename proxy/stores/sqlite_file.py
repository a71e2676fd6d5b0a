"""How a store's SQLite file is opened: made for this user alone, known by its application id, durable at every commit.

Write-ahead logging lets several processes read and write the same file on one machine. ``synchronous=FULL`` makes a commit
durable before it returns, through a power cut too; ``NORMAL`` would lose the last commits then, and with them the proof of
what left.
"""

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import SettingsError

BUSY_SECONDS = 10.0
"""How long one process waits for another's commit."""

_PAUSE = 0.002


_LOOK = """
SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
FROM pragma_user_version, pragma_application_id
"""
"""One statement, and so one moment: another process may be making the file into a store."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What kind of store a file is.

    Attributes:
        setting: Names the file in the settings.
        noun: What people call it.
        application_id: Tells it from every other SQLite file.
        version: Of its schema; files of a later one are refused.
        schema: Statements that make an empty file one of these.
    """

    setting: str
    noun: str
    application_id: int
    version: int
    schema: str


def open_for_writing(path: Path, kind: FileKind) -> sqlite3.Connection:
    """A connection that writes; the file is made, for this user alone, when there is none.

    Raises:
        SettingsError: It is of another kind or of a later version, or cannot be opened.
    """
    try:
        # Never opened besides SQLite once it exists: closing that descriptor would drop the locks of this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError(f"{kind.setting}: {error}") from error
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _set_up(connection, path, kind)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise SettingsError(f"{kind.setting}: {path}: {error}") from error
    return connection


def _set_up(connection: sqlite3.Connection, path: Path, kind: FileKind) -> None:
    # Before the journal mode is set, which writes: a file of somebody else's is left as it is.
    _check(connection, path, kind)
    _log_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    # macOS: an fsync that reaches the medium.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _check(connection, path, kind) == 0:
            for statement in _statements(kind.schema):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {kind.application_id}")
            connection.execute(f"PRAGMA user_version = {kind.version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Have the file use write-ahead logging. SQLite waits for nobody here: of two that change a new file one is turned away."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _check(connection: sqlite3.Connection, path: Path, kind: FileKind) -> int:
    """The version of the file, 0 for an empty one."""
    version, application, tables = connection.execute(_LOOK).fetchone()
    if version == 0 and application == 0 and tables == 0:
        return 0
    if application != kind.application_id:
        raise SettingsError(f"{kind.setting}: {path} is a database, and no {kind.noun}")
    if version > kind.version:
        raise SettingsError(f"{kind.setting}: {path} has version {version}; this program knows {kind.version}")
    known: int = version
    return known


def _statements(schema: str) -> list[str]:
    """The schema statement by statement: ``executescript`` would commit the transaction it runs in."""
    statements = []
    pending = ""
    for line in schema.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, on a file that :func:`open_for_writing` has opened before.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection
