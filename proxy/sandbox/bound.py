"""``python -m proxy.sandbox.bound PARENT COMMAND…``: become a command that gets SIGTERM when the parent process dies.

The kernel does it (Linux, ``PR_SET_PDEATHSIG``), so it holds however the parent dies; the setting survives ``execv``. This
step in between does it because between fork and exec of a parent with threads it would not be safe. On other systems a killed
parent leaves its children running.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def bound_command(command: Sequence[str]) -> list[str]:
    """``command``, bound to the process that calls this; the thread that then starts it has to live as long as the command."""
    return [sys.executable, "-m", "proxy.sandbox.bound", str(os.getpid()), *command]


def main() -> None:
    """Bind and become."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the kernel was told
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
