"""The CSV file of a bulk run: UTF-8 with a byte order mark, as spreadsheets want it, or another encoding; CRLF."""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from proxy.cli.csv_cells import Row, encoded
from proxy.errors import SettingsError

_MARK = {"utf-8": b"\xef\xbb\xbf", "cp932": b""}

ENCODINGS = tuple(_MARK)


class ReportFile:
    """Use as a context manager.

    Args:
        path: Where it is.
        columns: Its first row.
        encoding: One of :data:`ENCODINGS`.
        ends: Bytes to go on behind; what follows them is cut off. 0 begins it.

    Raises:
        SettingsError: There is one already that is to be begun, or another than is to be gone on with.
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, columns: Row, encoding: str, *, ends: int = 0) -> None:
        self._encoding = encoding
        head = _MARK[encoding] + encoded([columns], encoding)
        self._file: BinaryIO = path.open("r+b" if ends else "wb")
        if not ends:
            self._write(head)
            return
        if self._file.read(len(head)) != head or os.fstat(self._file.fileno()).st_size < ends:
            self._file.close()
            raise SettingsError(
                f"{path} is not the report that the run left: remove it, and {path}.progress, or choose another"
            )
        self._file.truncate(ends)
        self._file.seek(ends)

    def add(self, rows: Iterable[Row]) -> int:
        """Add rows, durably, and give how many bytes there are now."""
        self._write(encoded(rows, self._encoding))
        return self._file.tell()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> "ReportFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
