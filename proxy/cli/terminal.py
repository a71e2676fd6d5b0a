"""What the command line writes, and to where: results to standard output, all else to standard error."""

import io
import re
import sys
from typing import TYPE_CHECKING

from proxy.errors import ProxyError

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")

_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""


def printable(text: object) -> str:
    """One line without control characters: file names and answers are not ours, and a terminal obeys what it is shown."""
    return _CONTROL.sub(" ", str(text)).strip()


def survive_odd_characters() -> None:
    """A file name that the terminal's encoding lacks is shown escaped instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def explain(error: BaseException) -> str:
    """An error as one line: its code, what it says, and the transaction to ask for."""
    if isinstance(error, ProxyError):
        fields = "".join(f"; {name}: {reason}" for name, reason in error.fields.items() if reason not in error.detail)
        known = f" (transaction {error.transaction_id})" if error.transaction_id else ""
        return printable(f"{error.code}: {error.detail}{fields}{known}")
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return printable(f"FILE: {named}{error.strerror}")
    return printable(f"FILE: {error}")


def complain(problem: BaseException | str) -> None:
    """Tell on standard error why the command ends."""
    said = problem if isinstance(problem, str) else explain(problem)
    print(f"signproxy: {said}", file=sys.stderr)


def output() -> "Console":
    """For results."""
    return _console(stderr=False)


def messages() -> "Console":
    """For progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console
