"""The processes of a sandbox: started together, watched, stopped together."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from proxy.sandbox.bound import bound_command
from proxy.sandbox.folder import StateFolder
from proxy.settings import PREFIX

STOP_SECONDS = 20.0
"""How long processes may take to finish what is in flight before they are killed."""
_LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Child:
    """One process and the task that waits for its end."""

    name: str
    process: asyncio.subprocess.Process
    end: "asyncio.Task[int]"


class Processes:
    """Children of this process, each with a log of its own; leaving the context ends them all.

    Args:
        folder: Where they log.
        announce: Told, in a sentence, when one ends that should not.
    """

    def __init__(self, folder: StateFolder, announce: Callable[[str], None]) -> None:
        self._folder = folder
        self._announce = announce
        self._children: dict[str, Child] = {}
        self._stopping = False

    async def __aenter__(self) -> "Processes":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def ids(self) -> Mapping[str, int]:
        """Process ids by name."""
        return {child.name: child.process.pid for child in self._children.values()}

    def ended(self) -> str | None:
        """The name of a child that has ended, or ``None``."""
        return next((child.name for child in self._children.values() if child.process.returncode is not None), None)

    async def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start this Python with ``arguments``.

        It has a session of its own, so that Ctrl-C reaches the sandbox alone, which then stops its children in order; and no
        settings from the environment, which are meant for one service and not for two.
        """
        environment = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        self._folder.logs.mkdir(exist_ok=True)
        with self._folder.log(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *bound_command([sys.executable, *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self._children[name] = Child(name, process, asyncio.create_task(self._watch(name, process)))

    async def _watch(self, name: str, process: asyncio.subprocess.Process) -> int:
        code = await process.wait()
        if not self._stopping:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            self._announce(f"{name} {how}; the others go on. Its log is {self._folder.log(name)}")
        return code

    async def stop(self) -> None:
        """Ask each to end, the last started first: it may need the others for what it has in flight.

        The time for all of them is bounded; whoever is not done by then is killed.
        """
        self._stopping = True
        try:
            async with asyncio.timeout(STOP_SECONDS):
                for child in reversed(self._children.values()):
                    self._signal(child, signal.SIGTERM)
                    await asyncio.shield(child.end)
        except TimeoutError:
            for child in self._children.values():
                self._signal(child, signal.SIGKILL)
            await asyncio.wait([child.end for child in self._children.values()])
        self._children.clear()

    def last_words(self, name: str) -> str:
        """The last lines of a child's log."""
        lines = self._folder.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])

    @staticmethod
    def _signal(child: Child, number: signal.Signals) -> None:
        if child.process.returncode is None:
            child.process.send_signal(number)
