"""What is made of files and made anew when they change: certificates, their keys, and the authorities they are held against.

Who uses such a thing takes its value at the moment of use, so that new connections have the new one and those that are open go
on. A file that cannot be used (half written, or of another key) leaves the former value in use, is told of in the log, and is
shown to operators until it is put right.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from proxy.errors import SettingsError

T = TypeVar("T")

_Mark = tuple[tuple[int, int, int] | None, ...]
"""Of each file: when it was written, how long it is, and which one it is. ``None`` where there is none."""

_log = structlog.get_logger("proxy.files")


@dataclass(frozen=True, slots=True)
class FilesState:
    """Whether what is in use is what the files hold; ``problem`` says why not."""

    name: str
    problem: str | None


class Followed(Generic[T]):
    """One thing made of files.

    Args:
        name: What it is, in the words of the settings.
        paths: The files.
        make: Reads them. It may block, and raises SettingsError for what cannot be used.

    Raises:
        SettingsError: They cannot be used to begin with.

    Attributes:
        value: As last made.
        problem: Why the files as they are now are not in use; ``None`` where they are.
    """

    def __init__(self, name: str, paths: Iterable[Path], make: Callable[[], T]) -> None:
        self.name = name
        self._paths = tuple(paths)
        self._make = make
        self._looking = asyncio.Lock()
        # Before they are read: what is written meanwhile is a change.
        self._mark = self._now()
        self.value = make()
        self.problem: str | None = None

    def _now(self) -> _Mark:
        return tuple(_mark(path) for path in self._paths)

    async def look(self) -> None:
        """Make it anew, off the event loop, if a file has changed since the last look."""
        mark = self._now()
        if mark == self._mark:
            return
        async with self._looking:
            if mark == self._mark:
                return
            self._mark = mark
            try:
                self.value = await asyncio.to_thread(self._make)
            except SettingsError as error:
                self.problem = error.detail
                _log.warning("files.unusable", name=self.name, reason=error.detail)
            else:
                self.problem = None
                _log.info("files.read_again", name=self.name)


class FollowedFiles:
    """All that an application makes of files and follows.

    Args:
        seconds: Between two looks at them.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._all: list[Followed[object]] = []

    def follow(self, name: str, paths: Iterable[Path | None], make: Callable[[], T]) -> Followed[T]:
        """Make something of files, now and whenever they change. Paths that are ``None`` are none. Raises SettingsError."""
        followed = Followed(name, [path for path in paths if path is not None], make)
        self._all.append(followed)  # type: ignore[arg-type]  # its value is only ever read as what it is
        return followed

    @property
    def states(self) -> tuple[FilesState, ...]:
        """Of each, in the order in which they were first read."""
        return tuple(FilesState(followed.name, followed.problem) for followed in self._all)

    async def look(self) -> None:
        """Look at all of them."""
        for followed in self._all:
            await followed.look()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look at them every now and then while the body runs."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
