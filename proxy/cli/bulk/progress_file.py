"""What is before a bulk run and what is behind it, on disk: an SQLite file beside the report while the run goes on.

A file is done when its rows are on disk and, after that, where they end is written here. To go on, what stands in the report
behind the last such place is cut off. A run without a report has a file without a name.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from proxy.cli.bulk.listing import Found
from proxy.errors import SettingsError

_PAGE = 256
"""Names that are in memory at a time."""

_SCHEMA = """\
CREATE TABLE IF NOT EXISTS run (manner TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (name BLOB PRIMARY KEY, failure TEXT, begun TEXT, ends INTEGER) WITHOUT ROWID;
"""


class ProgressFile:
    """Use as a context manager; it closes the file and leaves it.

    Args:
        path: Where it is, made if missing; ``None`` for one that is gone with this object.
        manner: What the run does and how: a run of another manner does not go on here.

    Raises:
        SettingsError: It is no such file, another manner's, or another run has it open.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path | None, manner: str) -> None:
        self._lock = threading.Lock()
        # SQLite's own name for a file that is deleted when it is closed.
        self._database = sqlite3.connect("" if path is None else path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._open(manner)
        except sqlite3.OperationalError as error:
            self._database.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise SettingsError(f"{path}: another run is at work there") from error
            raise OSError(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise SettingsError(f"{path} is no progress of a run: remove it, or choose another name") from error
        except SettingsError:
            self._database.close()
            raise

    def _open(self, manner: str) -> None:
        execute = self._database.execute
        # One process has it, until it ends, however it does.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        # What a commit adds may be lost with the machine's power, and is then done again; the file is never damaged by it.
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.splitlines():
            execute(statement)
        before = execute("SELECT manner FROM run").fetchone()
        if before is None:
            execute("INSERT INTO run VALUES (?)", (manner,))
        execute("COMMIT")
        if before is not None and before[0] != manner:
            raise SettingsError("the report that is there is of a run with another folder or other options")

    def add(self, found: Iterable[Found]) -> None:
        """Add what is not known yet."""
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR IGNORE INTO file (name, failure) VALUES (?, ?)", ((entry.name, entry.failure) for entry in found)
            )
            self._database.execute("COMMIT")

    def count(self) -> tuple[int, int]:
        """How many files there are, and how many are done."""
        with self._lock:
            every, done = self._database.execute("SELECT COUNT(*), COUNT(ends) FROM file").fetchone()
        return int(every), int(done)

    def waiting(self) -> Iterator[tuple[Found, str | None]]:
        """Those that are not done, in the order of their names, each with what :meth:`begin` was last told of it."""
        last = b""
        while page := self._page(last):
            for name, failure, begun in page:
                yield Found(name, failure), begun
            last = page[-1][0]

    def _page(self, after: bytes) -> list[tuple[bytes, str | None, str | None]]:
        with self._lock:
            return self._database.execute(
                "SELECT name, failure, begun FROM file WHERE ends IS NULL AND name > ? ORDER BY name LIMIT ?", (after, _PAGE)
            ).fetchall()

    def begin(self, name: bytes, begun: str) -> None:
        """Keep something about a file whose turn it is, should the run not live to see it done."""
        with self._lock:
            self._database.execute("UPDATE file SET begun = ? WHERE name = ?", (begun, name))

    def finish(self, name: bytes, ends: int) -> None:
        """A file is done. ``ends``: bytes of the report with its rows."""
        with self._lock:
            self._database.execute("UPDATE file SET ends = ? WHERE name = ?", (ends, name))

    @property
    def ends(self) -> int:
        """Bytes of the report with the rows of all that are done; 0 where none is."""
        with self._lock:
            return int(self._database.execute("SELECT COALESCE(MAX(ends), 0) FROM file").fetchone()[0])

    def __enter__(self) -> "ProgressFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._database.close()
