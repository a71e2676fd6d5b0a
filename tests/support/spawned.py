"""Processes of the product as a test starts them: each told where to write what it says, waited for, and stopped."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 40.0


@contextmanager
def running(
    arguments: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    file_bytes: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python ARGUMENTS`` until the end of the block; then stop it by SIGTERM.

    Args:
        arguments: What the interpreter runs.
        log: Where standard output and error go.
        ready: Whether it is; asked until it says so.
        environment: Beyond this process's own.
        file_bytes: The size that no file the process writes may pass (RLIMIT_FSIZE).
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:
        if file_bytes is not None:
            # The interpreter is still starting: whatever the process starts later inherits it.
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        until(ready, lambda: _alive(process, log))
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _alive(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text('utf-8', 'replace')[-4000:]}"


def until(holds: Callable[[], bool], check: Callable[[], None] = lambda: None, seconds: float = START_SECONDS) -> None:
    """Wait until something holds that another process brings about. There is nothing to wait on but the thing itself.

    Args:
        holds: Whether it does; asked every now and then.
        check: Raises once waiting has become pointless.
        seconds: After so many it is a failure.
    """
    ends = time.monotonic() + seconds
    while not holds():
        check()
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.02)


def descendants(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def unnamed_files(pid: int, folder: Path) -> list[str]:
    """Files without a name that a process or those below it hold open, and that lie in ``folder``: spooled documents."""
    found = []
    for process in descendants(pid):
        for link in (Path("/proc") / str(process.pid) / "fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue  # closed in this moment
            if target.startswith(str(folder)) and target.endswith("(deleted)"):
                found.append(f"{process.pid}: {target}")
    return found
