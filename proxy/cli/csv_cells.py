"""Cells of CSV files that a spreadsheet opens: what is in them was written by others."""

import csv
import io
from collections.abc import Iterable

from proxy.cli.terminal import printable

Row = tuple[str, ...]

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """One line that no spreadsheet takes for a formula, without control characters."""
    line = printable(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def encoded(rows: Iterable[Row], encoding: str) -> bytes:
    """Rows as they are in the file: lines end in CRLF, a character that the encoding lacks is escaped as Python does."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode(encoding, errors="backslashreplace")
