"""What processes took: elapsed time, processor time, and memory, of a process with everything below it."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from benchmarks.frame.case import Sample

_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time so far of processes, and of those of their children that have ended, in steps of nanoseconds.

    Linux names the processor clock of another process by its id (clock_getcpuclockid(3)).
    """
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += time.clock_gettime((~pid << 3) | 2) + (int(fields[13]) + int(fields[14])) / _TICK
        except (OSError, ProcessLookupError):
            continue  # it ended in this moment: its time is its parent's now
    return total


def pss_bytes(root: int) -> int:
    """Memory that a process and all below it hold together, what they share counted once (proportional set sizes)."""
    total = 0
    for pid in tree(root):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0) << 10
    return total


def timed(action: Callable[[], object], pids: Sequence[int]) -> Sample:
    """One turn: how long an action takes, and the processor time of processes meanwhile."""
    before, begun = cpu_seconds(pids), time.perf_counter()
    action()
    seconds = time.perf_counter() - begun
    return Sample(seconds, cpu_seconds(pids) - before)


def command(arguments: Sequence[str | Path], *, accepted: Sequence[int] = (0,), **environment: str) -> Sample:
    """One turn of a program from its start to its end: time, processor time, and the most memory it held.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode not in accepted:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {said[-2000:].decode(errors='replace')}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)


class MemoryWatch:
    """The most memory that processes held together while the body ran.

    Attributes:
        before: Bytes at its beginning.
        most: Bytes at most.
    """

    def __init__(self, root: int, every_seconds: float = 0.05) -> None:
        self._root = root
        self._every = every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory")
        self.before = self.most = 0

    def _sample(self) -> None:
        while not self._ended.wait(self._every):
            self.most = max(self.most, pss_bytes(self._root))

    def __enter__(self) -> "MemoryWatch":
        self.before = self.most = pss_bytes(self._root)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
