"""A child process as its parent sees it: started by exec, killed, reaped.

A process must be started on the thread that lives as long as the service, the event loop's: Linux ends it with the thread
that started it (``PR_SET_PDEATHSIG``).
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What of the environment a child sees: secrets that settings name by ``env:`` are not among it."""


class ProcessLost(Exception):
    """The socket to the process broke: it is dead, or about to be."""


class ProcessNotStarted(Exception):
    """The process did not come up; the text says why."""


class ChildProcess:
    """A running child process. Those that extend it speak over its socket, which does not block.

    Args:
        module: Dotted name of the module that it runs, by ``python -m MODULE DESCRIPTOR PARENT ARGUMENTS``: the descriptor of
            its end of the socket, and the process id of its parent.
        arguments: What the module is told beyond those two.
        environment: Names of variables that it sees beyond the usual ones.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, module: str, arguments: Sequence[str] = (), *, environment: Iterable[str] = ()) -> None:
        self._killed = False
        self._channel, theirs = socket.socketpair()
        try:
            self._channel.setblocking(False)
            self._process = subprocess.Popen(
                # -P: never the current folder; whoever can write there would choose our modules.
                [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(environment),
                # An own process group: Ctrl-C in a terminal is the service's to handle.
                process_group=0,
            )
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """End it now. Harmless when it has ended already."""
        self._killed = True
        self._process.kill()

    @property
    def killed(self) -> bool:
        """Whether this side has ended it."""
        return self._killed

    @property
    def usable(self) -> bool:
        """Whether it still runs, as far as is known without asking it."""
        return not self._killed and self._process.poll() is None

    async def reap(self) -> int:
        """Make sure it has ended, and give back its socket and its entry in the process table.

        Returns:
            Its exit status, or minus the signal's number. A process whose socket broke had ended by itself: its status is
            settled then, and the kill comes too late to change it.
        """
        self._channel.close()
        pause = 0.001
        while (returncode := self._process.poll()) is None:
            self._process.kill()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
        return returncode


def _environment(more: Iterable[str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in (*_ENVIRONMENT, *more) if name in os.environ}
    kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return kept
