"""What a child process sets for its whole life before it does anything else, and how it listens and answers."""

import ctypes
import logging
import os
import resource
import signal
import socket
import sys

from proxy.processes.messages import HEADER

_PR_SET_PDEATHSIG = 1


def live_for(parent: int) -> None:
    """Belong to the parent alone: end when it does, leave stopping to it, dump no core and log nothing.

    Args:
        parent: Its process id.
    """
    # Whoever stops the service signals its whole group; work in progress is then still waited for by the parent.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Libraries log what they find odd in a document or a token, which belongs into no log.
    logging.disable(logging.CRITICAL)


def receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    """So many bytes; ``None`` when the parent is gone."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return bytes(data)


def send(channel: socket.socket, message: bytes) -> None:
    """Send one message, length first. Raises ``ConnectionError`` when the parent is gone."""
    channel.sendall(HEADER.pack(len(message)) + message)
