"""A run over a folder: every file has something done with it, some at a time, and its rows in the report when that is over.

Beside ``report.csv`` lies ``report.csv.progress`` while the run goes on. One that was killed goes on with both: no row is lost,
none is there twice.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from proxy.cli.bulk.listing import Found, files_below, open_file, shown
from proxy.cli.bulk.progress_file import ProgressFile
from proxy.cli.bulk.report_file import ReportFile
from proxy.cli.csv_cells import Row
from proxy.errors import SettingsError

AHEAD = 64
"""Files that may be done while one before them, in the order of their names, is not."""

OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True)
class BulkFile:
    """A file whose turn it is.

    Attributes:
        document: Where it is.
        found: As it was found.
        begun: What a run that was killed kept of it, if one began with it.
    """

    document: Path
    found: Found
    begun: str | None = None

    @property
    def name(self) -> str:
        """As reports have it."""
        return shown(self.found.name)

    def open(self) -> BinaryIO:
        """Open it for reading.

        Raises:
            OSError: That cannot be done.
        """
        if self.found.failure is not None:
            raise OSError(f"the folder cannot be read: {self.found.failure}")
        return open_file(self.document)


@dataclass(frozen=True, slots=True)
class Report:
    """Where a run reports and how: the file, its first row, its encoding, whether to go on with one that is there."""

    path: Path
    columns: Row
    encoding: str
    resume: bool


class BulkRun:
    """Use as a context manager; at its end, if all went well, the progress is gone.

    Args:
        folder: Whose files.
        manner: What is done, and all that the rows depend on: a run that goes on has to be of the same.
        report: Where to; ``None`` for nowhere.

    Raises:
        SettingsError: The folder is none, there is a report already, or there is none to go on with, or it is another run's.
        OSError: The report cannot be written.

    Attributes:
        done: How many files were done before.
        waiting: How many are not.
    """

    def __init__(self, folder: Path, manner: str, report: Report | None) -> None:
        if not folder.is_dir():
            raise SettingsError(f"{folder} is no folder")
        self._folder = folder
        self._kept = None if report is None else report.path.with_name(f"{report.path.name}.progress")
        self._report: ReportFile | None = None
        self.done = self.waiting = 0
        with ExitStack() as stack:
            if report is not None and self._kept is not None:
                _make_room(report, self._kept)
            self._progress = stack.enter_context(ProgressFile(self._kept, f"{manner} {folder.resolve()}"))
            if report is not None:
                ends = self._progress.ends
                self._report = stack.enter_context(ReportFile(report.path, report.columns, report.encoding, ends=ends))
            self._stack = stack.pop_all()

    def find(self, pattern: str, leave_out: Callable[[bytes], bool] = lambda _: False) -> None:
        """Find the files; see :func:`proxy.cli.bulk.listing.files_below`."""
        self._progress.add(files_below(self._folder, pattern, leave_out))
        every, self.done = self._progress.count()
        self.waiting = every - self.done

    def begin(self, file: BulkFile, begun: str) -> None:
        """Keep something about a file for a run that goes on should this one be killed; durable against that."""
        self._progress.begin(file.found.name, begun)

    async def work(
        self,
        do: Callable[[BulkFile], Awaitable[OutcomeT]],
        rows: Callable[[BulkFile, OutcomeT], Iterable[Row]],
        *,
        jobs: int,
    ) -> AsyncIterator[OutcomeT]:
        """Have it done with every file, and give what became of each, in the order of their names, once its rows are on disk.

        Args:
            do: Does it with one file. It raises nothing that is to stop the run.
            rows: Of what became of one file.
            jobs: Files at a time.
        """
        places = asyncio.Semaphore(jobs)

        async def in_turn(file: BulkFile) -> OutcomeT:
            async with places:
                return await do(file)

        ahead: deque[tuple[BulkFile, asyncio.Task[OutcomeT]]] = deque()
        waiting = self._files()
        try:
            while True:
                while len(ahead) < jobs + AHEAD and (file := next(waiting, None)) is not None:
                    ahead.append((file, asyncio.create_task(in_turn(file))))
                if not ahead:
                    return
                first, task = ahead[0]
                outcome = await task
                ahead.popleft()
                await asyncio.to_thread(self._keep, first, rows(first, outcome))
                yield outcome
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)

    def _files(self) -> Iterator[BulkFile]:
        for found, begun in self._progress.waiting():
            yield BulkFile(self._folder / os.fsdecode(found.name), found, begun)

    def _keep(self, file: BulkFile, rows: Iterable[Row]) -> None:
        self._progress.finish(file.found.name, 0 if self._report is None else self._report.add(rows))

    def __enter__(self) -> "BulkRun":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
        if kind is None and self._kept is not None:
            self._kept.unlink()


def _make_room(report: Report, kept: Path) -> None:
    """A report that is there is gone on with where that is asked for and it is not finished; it is never replaced."""
    if report.path.exists() and not (report.resume and kept.exists()):
        hint = "it is finished" if report.resume else "--resume goes on with one that was interrupted"
        raise SettingsError(f"{report.path} is there already: {hint}; remove it, or choose another name")
    if not report.path.exists():
        # Of a run whose report somebody removed, or that died before it had one.
        for name in (kept, *(kept.with_name(f"{kept.name}-{more}") for more in ("wal", "shm"))):
            name.unlink(missing_ok=True)
