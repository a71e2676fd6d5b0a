"""The engine process: takes one request at a time from the pool's socket, runs the task, answers.

Started by ``proxy.engine.process`` as ``python -m proxy.engine.worker DESCRIPTOR PARENT MEMORY_BYTES TASKS``. It ends when
the socket does. It imports the task module and little else, since every process pays for it.
"""

import errno
import faulthandler
import fcntl
import gc
import importlib
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, cast

from proxy import errors
from proxy.engine.confinement import confine, limit_cpu, resident_bytes, shut_out_the_world
from proxy.engine.large_values import UnknownValue, Values
from proxy.engine.wire import MEMORY_EXIT, Answered, Exceeded, Failed, Refused, Reply, Request, Resource, Task, Unknown
from proxy.errors import ProxyError
from proxy.processes.inside import receive_exactly, send
from proxy.processes.messages import HEADER, MalformedMessage, body_size, encode

BUFFER = 1 << 16
"""Bytes of a read of the document: pyHanko reads in small pieces."""

TEXT_CHARACTERS = 1000
TRACE_FRAMES = 20
"""How much of a foreign exception is told: enough to find where it was raised."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: list[str]) -> None:
    """Serve until the pool closes the socket.

    Args:
        arguments: Descriptor of the socket, process id of the pool, bytes of memory, and the dotted name of the module with
            ``TASKS``.
    """
    descriptor, parent, memory_bytes, module = arguments
    confine(int(parent), int(memory_bytes))
    faulthandler.enable()
    channel = socket.socket(fileno=int(descriptor))
    try:
        tasks: Mapping[str, Task] = importlib.import_module(module).TASKS
    except Exception as error:  # noqa: BLE001 - whatever keeps the tasks from loading is told to the pool
        send(channel, encode(_failed(error)))
        return
    shut_out_the_world()
    # What was imported stays. It is collected between tasks (see below): in the middle of one the collector would look through
    # a large document's objects again and again, a third of the task's time, and find nothing to give back.
    gc.collect()
    gc.freeze()
    gc.disable()
    send(channel, encode(Reply(Answered(None), resident_bytes())))
    try:
        _serve(channel, tasks)
    except ConnectionError:
        # The pool went away while the task ran: nobody waits for the answer.
        return
    except MemoryError:
        os._exit(MEMORY_EXIT)


def _serve(channel: socket.socket, tasks: Mapping[str, Task]) -> None:
    resident = 0
    values = Values()
    while (received := _receive(channel)) is not None:
        data, descriptor = received
        reply = _reply(tasks, data, descriptor, values, resident)
        limit_cpu(0)
        send(channel, reply)
        del received, data, reply
        # Readers of documents are full of cycles; their memory is given back now, not in the middle of the next request.
        gc.collect()
        resident = resident_bytes()


def _reply(tasks: Mapping[str, Task], data: bytes, descriptor: int | None, values: Values, resident: int) -> bytes:
    outcome = _outcome(tasks, data, descriptor, values)
    try:
        return encode(Reply(outcome, resident))
    except MalformedMessage:
        outcome = Exceeded(Resource.ANSWER)
    except MemoryError:
        outcome = Exceeded(Resource.MEMORY)
    except RecursionError:
        outcome = Exceeded(Resource.DEPTH)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        outcome = _failed(error)
    return encode(Reply(outcome, resident))


def _outcome(
    tasks: Mapping[str, Task], data: bytes, descriptor: int | None, values: Values
) -> Answered | Failed | Refused | Exceeded | Unknown:
    try:
        with _document(descriptor) as stream:
            request = values.load(data)
            assert isinstance(request, Request)
            limit_cpu(request.cpu_seconds)
            return Answered(tasks[request.task](stream, request.argument))
    except UnknownValue:
        return Unknown()
    except MemoryError:
        return Exceeded(Resource.MEMORY)
    except RecursionError:
        return Exceeded(Resource.DEPTH)
    except ProxyError as error:
        return _refused(error)
    except OSError as error:
        if error.errno in _FULL:
            return _refused(errors.SpoolFull("there is no room to spool the document"))
        return _failed(error)
    except Exception as error:  # noqa: BLE001 - a parser raises anything on a hostile file; the caller of the pool judges it
        return _failed(error)


@contextmanager
def _document(descriptor: int | None) -> Iterator[BinaryIO | None]:
    """The document as a file object with an offset of its own, with the access the descriptor was opened with."""
    if descriptor is None:
        yield None
        return
    access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", access | os.O_CLOEXEC)
    except OSError:
        # No /proc, or the file cannot be opened again: the offset is shared then, which nobody but this process uses.
        own = descriptor
    else:
        os.close(descriptor)
    mode = "rb" if access == os.O_RDONLY else "r+b"
    with open(own, mode, buffering=BUFFER) as stream:  # noqa: PTH123 - a descriptor, not a path
        yield cast(BinaryIO, stream)


def _refused(error: ProxyError) -> Refused:
    named = next(parent for parent in type(error).__mro__ if parent.__module__ == errors.__name__)
    cause = error.__cause__
    return Refused(
        error=named.__name__,
        detail=error.detail,
        fields=tuple(error.fields.items()),
        retry_after=error.retry_after,
        cause=None if cause is None else _failed(cause),
    )


def _failed(error: BaseException) -> Failed:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)
    return Failed(
        type_name=f"{kind.__module__}.{kind.__qualname__}",
        text=str(error)[:TEXT_CHARACTERS],
        trace=tuple(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-TRACE_FRAMES:]),
    )


def _receive(channel: socket.socket) -> tuple[bytes, int | None] | None:
    """One message and the descriptor that came with it; ``None`` when the pool is gone."""
    header, descriptors, _, _ = socket.recv_fds(channel, HEADER.size, 1)
    rest = receive_exactly(channel, HEADER.size - len(header)) if header else None
    body = None if rest is None else receive_exactly(channel, body_size(header + rest))
    if body is None:
        return None
    return body, descriptors[0] if descriptors else None


if __name__ == "__main__":
    main(sys.argv[1:])
