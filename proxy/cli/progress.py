"""Progress on a terminal: a bar over all files, with how many a second and the time left, and one for each on its way.

A file's bar has its bytes up and down.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from proxy.cli.terminal import messages, printable
from proxy.client import Progress as Observer
from proxy.client.transfer import Unobserved

_NAME_WIDTH = 40


class Bars:
    """Use as a context manager, while files are signed.

    Args:
        console: A terminal.
        total: How many files there are.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._all = self._progress.add_task("files", total=total, amount=f"0/{total}")
        self._total = total
        self._done = 0
        self._begun = time.monotonic()

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    @contextmanager
    def file(self, document: Path) -> Iterator[Observer]:
        """A bar for one file, and the count of files when it is done."""
        try:
            size = document.stat().st_size
        except OSError:
            # The reason why it cannot be read is told where it is opened.
            size = 0
        task = self._progress.add_task(printable(document.name)[:_NAME_WIDTH], total=size or None, amount="")
        try:
            yield _FileBar(self._progress, task)
        finally:
            self._progress.remove_task(task)
            self._done += 1
            rate = self._done / max(time.monotonic() - self._begun, 0.001)
            amount = f"{self._done}/{self._total}  {rate:.{0 if rate >= 10 else 1}f}/s"
            self._progress.update(self._all, completed=self._done, amount=amount)


class _FileBar:
    """One file's bar: the bar is what went up, the text what went both ways."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._up = 0
        self._down = 0

    def sent(self, count: int) -> None:
        """More of the document went up."""
        self._up += count
        self._show()

    def received(self, count: int) -> None:
        """More of the result came down."""
        self._down += count
        self._show()

    def _show(self) -> None:
        amount = f"↑ {decimal(self._up)}  ↓ {decimal(self._down)}"
        self._progress.update(self._task, completed=self._up, amount=amount)


class NoBars:
    """The same without a terminal: nothing is shown."""

    def __enter__(self) -> "NoBars":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is open."""

    @contextmanager
    def file(self, _document: Path) -> Iterator[Observer]:
        """Nothing is shown."""
        yield Unobserved()


def bars_for(files: int, *, quiet: bool) -> Bars | NoBars:
    """Progress where standard error is a terminal and nobody wants it quiet."""
    console = messages()
    return Bars(console, files) if console.is_terminal and not quiet else NoBars()
