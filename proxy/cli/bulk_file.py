"""The CSV file of a bulk verification, which a run that was killed can be gone on with: no row is lost, none is there twice.

Beside ``report.csv`` lies ``report.csv.progress`` while a run goes on: a line for each file that is done, with where its rows
end. It is written after the rows are on disk. To go on, what stands behind the last such place is cut off, and those files are
left out.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from proxy.cli.bulk_rows import Row
from proxy.errors import SettingsError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARK = {"utf-8": b"\xef\xbb\xbf", "cp932": b""}

ENCODINGS = tuple(_MARK)
"""UTF-8 comes with a byte order mark, as spreadsheets want it."""


class BulkFile:
    """Use as a context manager; at its end, if all went well, the file of the progress is gone.

    Args:
        path: The report.
        columns: Its first row.
        encoding: One of :data:`ENCODINGS`.
        resume: Go on with a report that is there; otherwise one is not replaced.

    Raises:
        SettingsError: There is a report already, or there is none to go on with, or it is another one's.
        OSError: It cannot be written.

    Attributes:
        done: Names of the files whose rows were there.
    """

    def __init__(self, path: Path, columns: Row, encoding: str, *, resume: bool) -> None:
        self._encoding = encoding
        self._progress_path = path.with_name(f"{path.name}.progress")
        self.done: frozenset[str] = frozenset()
        head = _MARK[encoding] + _encoded([columns], encoding)
        if resume and self._progress_path.exists():
            self._file: BinaryIO = path.open("r+b")
            self._go_on(head)
        elif path.exists():
            hint = "it is finished" if resume else "--resume goes on with one that was interrupted"
            raise SettingsError(f"{path} is there already: {hint}; remove it, or choose another name")
        else:
            self._file = path.open("xb")
            self._write(head)
        self._progress = self._progress_path.open("ab" if self.done else "wb")

    def _go_on(self, head: bytes) -> None:
        ends, done = len(head), set()
        for name, end in _finished(self._progress_path):
            ends = end
            done.add(name)
        if self._file.read(len(head)) != head:
            self._file.close()
            raise SettingsError("the report that is there has other columns or another encoding")
        self._file.truncate(ends)
        self._file.seek(ends)
        self.done = frozenset(done)

    def add(self, name: str, rows: Iterable[Row]) -> None:
        """Add the rows of one file, durably, and that it is done."""
        self._write(_encoded(rows, self._encoding))
        self._progress.write(json.dumps([name, self._file.tell()]).encode() + b"\n")
        self._progress.flush()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "BulkFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._progress.close()
        if kind is None:
            self._progress_path.unlink()


def _finished(path: Path) -> Iterator[tuple[str, int]]:
    """The lines of the progress that were written whole."""
    with path.open("rb") as file:
        for line in file:
            try:
                name, end = json.loads(line)
            except ValueError:
                return
            if not line.endswith(b"\n"):
                return
            yield str(name), int(end)


def _encoded(rows: Iterable[Row], encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode(encoding, errors="backslashreplace")


def _guarded(cell: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
