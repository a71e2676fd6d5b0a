"""The files below a folder, found one after the other: of a hundred thousand no list is held.

Links are not followed, so nothing is found twice and no loop is entered. Names are the system's bytes: not every name is text.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from proxy.cli.terminal import printable


@dataclass(frozen=True, slots=True)
class Found:
    """A file below the folder, or a folder below it that cannot be looked into.

    Attributes:
        name: From the folder, parts separated as the system does.
        failure: Why there is nothing to be done with it; ``None`` for a file.
    """

    name: bytes
    failure: str | None = None


def files_below(folder: Path, pattern: str, leave_out: Callable[[bytes], bool] = lambda _: False) -> Iterator[Found]:
    """What is below a folder, in no order.

    Args:
        folder: With all folders in it.
        pattern: Of files' own names, capitals or not.
        leave_out: Names, of files and of folders, that are passed over.
    """
    folders = [b""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(_joined(os.fsencode(folder), below)) as entries:
                for entry in entries:
                    name = _joined(below, entry.name)
                    if entry.is_symlink() or leave_out(name):
                        continue
                    if entry.is_dir():
                        folders.append(name)
                    elif entry.is_file() and fnmatch(os.fsdecode(entry.name).lower(), pattern.lower()):
                        yield Found(name)
        except OSError as error:
            yield Found(below or b".", error.strerror or str(error))


def _joined(first: bytes, second: bytes) -> bytes:
    return os.path.join(first, second)  # noqa: PTH118 - bytes, which no Path takes


def shown(name: bytes) -> str:
    """A name as reports have it: the same on every system, bytes that are no text in hex, no control characters."""
    return printable(name.replace(os.fsencode(os.sep), b"/").decode("utf-8", errors="backslashreplace"))


def open_file(path: Path) -> BinaryIO:
    """Open what was found for reading, unless it has become something else than a file meanwhile.

    Raises:
        OSError: It is gone, may not be read, or is a link, a folder or a pipe now.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError as error:
        # Not that somebody named a file that is not there.
        raise OSError("it is not there any more") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no file any more")
    return os.fdopen(descriptor, "rb")
