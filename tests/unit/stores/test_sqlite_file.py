"""A new file that several make into a store at the same moment."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from proxy.stores.sqlite_file import FileKind, open_for_writing

KIND = FileKind("stores.something", "store", 4711, 1, "CREATE TABLE one (x);\nCREATE TABLE two (x);\n")
OPENING = 8


def test_all_who_open_a_new_file_at_once_have_it(tmp_path: Path) -> None:
    together = Barrier(OPENING)

    def open_one(path: Path) -> str:
        together.wait()
        connection = open_for_writing(path, KIND)
        try:
            found: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
        finally:
            connection.close()
        return found

    with ThreadPoolExecutor(OPENING) as threads:
        for number in range(60):
            path = tmp_path / str(number)
            assert list(threads.map(open_one, [path] * OPENING)) == ["wal"] * OPENING
            with sqlite3.connect(path) as connection:
                assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (2,)
            connection.close()
