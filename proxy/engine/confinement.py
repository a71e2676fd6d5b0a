"""What an engine process may take and touch, set by itself before it reads its first document.

Processor time is bounded by ``ITIMER_PROF`` with the signal's default action, so that a loop inside a C library ends like one
in Python: the kernel kills the process. Memory is bounded by ``RLIMIT_AS``, which makes allocations fail. Elapsed time is the
pool's to watch. The process goes when its parent does, leaves no core, and has no use for the network or for other programs:
no URL that a document names can be contacted from it, whatever a library would like.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from proxy.processes.inside import live_for

_FORBIDDEN_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "subprocess.Popen",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
    }
)


def confine(parent: int, memory_bytes: int) -> None:
    """Set what holds for the whole life of the process.

    Args:
        parent: Process id of the pool's process; the engine process ends with it.
        memory_bytes: Bound of the address space.
    """
    live_for(parent)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # When the machine runs out of memory, an engine process is to go, not the one that holds the requests. Systems without
    # /proc choose by themselves.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def shut_out_the_world() -> None:
    """Refuse network connections and new programs from here on; called once everything is imported."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[object, ...]) -> None:
    if event in _FORBIDDEN_EVENTS:
        raise PermissionError(f"an engine process does no {event}")


def limit_cpu(seconds: float) -> None:
    """Let the process use ``seconds`` of processor time from now, user and system; 0 lifts the bound."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def resident_bytes() -> int:
    """Physical memory the process holds; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
