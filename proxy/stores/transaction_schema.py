"""The SQLite file of the transaction log: its tables, and how it is opened.

``record.body`` is a record's canonical JSON and the only truth; the columns that queries need are computed from it and so
cannot say anything else. Triggers refuse every change and every removal: they keep honest programs honest, and the hash chain
(``transaction_chain``) shows what somebody did without them.

Write-ahead logging lets several processes read and write the same file on one machine. ``synchronous=FULL`` makes a commit
durable before it returns, through a power cut too; ``NORMAL`` would lose the last commits then, and with them the proof of
what left.
"""

import os
import sqlite3
from pathlib import Path

from proxy.errors import SettingsError

APPLICATION_ID = 0x53504C47
VERSION = 1
BUSY_SECONDS = 10.0
"""How long one process waits for another's commit."""

_SCHEMA = """
CREATE TABLE writer (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL
);
CREATE TABLE record (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    writer         INTEGER NOT NULL REFERENCES writer (number),
    position       INTEGER NOT NULL,
    body           TEXT NOT NULL,
    hash           BLOB NOT NULL,
    client         TEXT GENERATED ALWAYS AS (json_extract(body, '$.client')) VIRTUAL,
    transaction_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.transaction_id')) VIRTUAL,
    started        TEXT GENERATED ALWAYS AS (json_extract(body, '$.started')) VIRTUAL,
    state          TEXT GENERATED ALWAYS AS (json_extract(body, '$.state')) VIRTUAL,
    result_code    TEXT GENERATED ALWAYS AS (json_extract(body, '$.result_code')) VIRTUAL,
    certificate_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.certificate_id')) VIRTUAL,
    UNIQUE (writer, position)
);
CREATE INDEX record_by_transaction ON record (client, transaction_id);
CREATE INDEX record_by_time ON record (client, started, transaction_id);
CREATE TRIGGER record_is_final BEFORE UPDATE ON record
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER record_stays BEFORE DELETE ON record
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER record_is_new BEFORE INSERT ON record
    WHEN EXISTS (SELECT 1 FROM record WHERE sequence = NEW.sequence OR (writer = NEW.writer AND position = NEW.position))
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_is_final BEFORE UPDATE ON writer
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_stays BEFORE DELETE ON writer
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_is_new BEFORE INSERT ON writer
    WHEN EXISTS (SELECT 1 FROM writer WHERE number = NEW.number OR id = NEW.id)
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
"""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection that appends; the file is made, for this user alone, when there is none.

    Raises:
        SettingsError: It is no transaction log, one of a later version, or cannot be opened.
    """
    try:
        # Never opened besides SQLite once it exists: closing that descriptor would drop the locks of this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError(f"stores.transaction_log: {error}") from error
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _set_up(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise SettingsError(f"stores.transaction_log: {path}: {error}") from error
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    # Before the journal mode is set, which writes: a file of somebody else's is left as it is.
    _check(connection, path)
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    # macOS: an fsync that reaches the medium.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _check(connection, path) == 0:
            for statement in _statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file, 0 for an empty one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version == 0 and application == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise SettingsError(f"stores.transaction_log: {path} is a database, and no transaction log")
    if version > VERSION:
        raise SettingsError(f"stores.transaction_log: {path} has version {version}; this program knows {VERSION}")
    return version


def _statements() -> list[str]:
    """The schema statement by statement: ``executescript`` would commit the transaction it runs in."""
    statements = []
    pending = ""
    for line in _SCHEMA.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, on a log that :func:`open_for_writing` has opened before.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection
