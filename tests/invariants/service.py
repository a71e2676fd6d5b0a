"""The product's services as processes of their own: started, waited for by what they log, looked at from outside, stopped."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from proxy.sandbox.bound import bound_command

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 40.0
ENGINE = "proxy.engine.worker"


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for something that another process does and does not tell."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


class Service:
    """A running process of the product.

    Args:
        module: What ``python -m`` runs.
        arguments: Of the module.
        path: Folders before the repository on ``PYTHONPATH``.

    Attributes:
        log: The JSON lines it has written so far; a line that is none is under ``text``.
    """

    def __init__(self, module: str, *arguments: str, path: Sequence[Path] = ()) -> None:
        self.log: list[dict[str, Any]] = []
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            # It stops with the worker that started it, however that ends.
            bound_command([sys.executable, "-m", module, *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": ":".join(str(folder) for folder in (*path, REPOSITORY)),
            },
        )
        self._listener = threading.Thread(target=self._listen, name=f"log of {module}", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"text": line.rstrip("\n")}
            with self._heard:
                self.log.append(entry)
                self._heard.notify_all()

    def wait_for(self, event: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """The first log line of this event, awaited if it has not come yet."""
        end = time.monotonic() + seconds
        with self._heard:
            while not (found := [entry for entry in self.log if entry.get("event") == event]):
                assert self._listener.is_alive(), f"it ended without {event}: {self.log[-20:]}"
                assert time.monotonic() < end, f"no {event}: {self.log[-20:]}"
                self._heard.wait(0.1)
        return found[0]

    @property
    def pid(self) -> int:
        """Its main process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Its main process and all below it."""
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def engines(self) -> list[psutil.Process]:
        """Its engine processes, those that are just starting included."""
        found = []
        for child in self.processes()[1:]:
            try:
                if ENGINE in child.cmdline():
                    found.append(child)
            except psutil.Error:
                continue  # ended meanwhile
        return found

    def pss(self) -> int:
        """Proportional set size of all its processes together, in bytes: memory shared among them counts once."""
        return sum(_pss(process.pid) for process in self.processes())

    def files_below(self, folder: Path) -> list[str]:
        """Files below ``folder`` that one of its processes holds open, files without a name included."""
        held = []
        for process in self.processes():
            for entry in _listed(Path(f"/proc/{process.pid}/fd")):
                try:
                    target = str(entry.readlink())
                except OSError:
                    continue  # closed meanwhile
                if target.startswith(f"{folder}/"):
                    held.append(target)
        return held

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended and said its last word."""
        code = self._process.wait(seconds)
        self._listener.join(seconds)
        return code

    def stop(self) -> None:
        """Have it end, in order if it will: nothing must be left behind.

        Raises:
            subprocess.TimeoutExpired: It would not, and was killed.
        """
        try:
            self.terminate()
            self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            assert self._process.stderr is not None
            self._process.stderr.close()


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return 0  # ended meanwhile
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # ended meanwhile
