"""Which writers of a transaction log still live: each holds a lock on a file of its own beside the log until it ends.

The system gives a lock back when its process ends, however it ends and in whichever container it ran, which process ids and
heartbeats do not tell as surely. The files hold nothing; one left behind by a crash is removed by the next writer.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class WriterLock:
    """A living writer's lock.

    Args:
        log: Path of the transaction log.
        writer: The writer's id, a name that is unique among all its writers ever.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, log: Path, writer: str) -> None:
        self._path = _lock_file(log, writer)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """The writer is gone from here on. Releasing twice is harmless."""
        if self._descriptor >= 0:
            # Another log's sweep may have been faster.
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def living_writers(log: Path) -> frozenset[str]:
    """Ids of the writers that hold their lock now."""
    return frozenset(writer for writer, path in _lock_files(log) if _is_held(path))


def remove_dead(log: Path, known: frozenset[str]) -> None:
    """Remove the files of writers that are gone.

    Args:
        log: Path of the transaction log.
        known: Writers the log knows of. A file of any other may be that of one just about to lock it.
    """
    for writer, path in _lock_files(log):
        if writer in known and not _is_held(path):
            path.unlink(missing_ok=True)


def _lock_file(log: Path, writer: str) -> Path:
    return log.with_name(f"{log.name}-writer-{writer}")


def _lock_files(log: Path) -> Iterator[tuple[str, Path]]:
    prefix = f"{log.name}-writer-"
    for path in log.parent.iterdir():
        if path.name.startswith(prefix):
            yield path.name.removeprefix(prefix), path


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at the same time do not take each other for the writer.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
