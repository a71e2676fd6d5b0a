"""Tasks that behave, and tasks that do everything a hostile document could make a parser do."""

import fractions
import hashlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from proxy import errors
from proxy.engine.wire import Task
from proxy.errors import ProxyError
from proxy.model import Digest, HashAlgorithm


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Note:
    """A value of the tasks' own module, holding values of others."""

    text: str
    colour: Colour
    digest: Digest
    at: datetime
    parts: tuple[bytes, ...]


def note(_: BinaryIO | None, text: str) -> Note:
    return Note(text, Colour.RED, Digest.of(text.encode(), HashAlgorithm.SHA384), datetime(2026, 1, 1, tzinfo=UTC), (b"", b"a"))


def digest(_: BinaryIO | None, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(value).digest() for value in values)


def append(stream: BinaryIO | None, data: bytes) -> tuple[bytes, int]:
    assert stream is not None
    received = stream.read()
    stream.seek(0, os.SEEK_END)
    stream.write(data)
    return received, stream.tell()


def sink(stream: BinaryIO | None, data: bytes) -> None:
    assert stream is not None
    stream.write(data)


def pid(_: BinaryIO | None, __: object) -> int:
    return os.getpid()


def announce_and_wait(stream: BinaryIO | None, fifo: str) -> int:
    """Tell the process id through a FIFO, then wait for the end of the pipe that came as the document."""
    assert stream is not None
    Path(fifo).write_text(str(os.getpid()), encoding="ascii")
    stream.read()
    return os.getpid()


def announce_and_loop(_: BinaryIO | None, fifo: str) -> None:
    Path(fifo).write_text(str(os.getpid()), encoding="ascii")
    while True:
        pass


def sleep(_: BinaryIO | None, seconds: float) -> None:
    time.sleep(seconds)


def burn(_: BinaryIO | None, seconds: float) -> int:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()


def python_loop(_: BinaryIO | None, __: object) -> None:
    while True:
        pass


def big_power(_: BinaryIO | None, __: object) -> int:
    """One call into C that holds the interpreter for minutes and looks at no signal."""
    return int(pow(7, 7**10) % 10)


def backtracking(_: BinaryIO | None, __: object) -> object:
    return re.match(r"(a+)+$", "a" * 60 + "b")


def memory_bomb(_: BinaryIO | None, __: object) -> int:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def recursion(_: BinaryIO | None, depth: int) -> int:
    return recursion(None, depth + 1) + 1


def die(_: BinaryIO | None, signal_number: int) -> None:
    os.kill(os.getpid(), signal_number)


def leave(_: BinaryIO | None, status: int) -> None:
    os._exit(status)


def refuse(_: BinaryIO | None, name: str) -> None:
    kind: type[ProxyError] = getattr(errors, name)
    catalog: dict[str, str] = {}
    try:
        catalog["Root"]
    except KeyError as missing:
        raise kind("it is refused", fields={"fieldName": "no"}, retry_after=2.5) from missing


class OwnRefusal(errors.FieldLocked):
    """Not a class of the error tree's module."""


def refuse_in_its_own_words(_: BinaryIO | None, __: object) -> None:
    raise OwnRefusal("locked")


def fail(_: BinaryIO | None, text: str) -> None:
    raise UnicodeError(text)


def zeros(_: BinaryIO | None, size: int) -> bytes:
    return bytes(size)


def unpicklable(_: BinaryIO | None, __: object) -> object:
    return (byte for byte in b"")


def not_plain(_: BinaryIO | None, __: object) -> object:
    return fractions.Fraction(1, 3)


class _Attack:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def attack(_: BinaryIO | None, path: str) -> object:
    return _Attack(path)


def descriptors(_: BinaryIO | None, __: object) -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


_kept: list[bytes] = []


def leak(_: BinaryIO | None, size: int) -> int:
    _kept.append(b"x" * size)
    return os.getpid()


@dataclass(frozen=True, slots=True)
class Surroundings:
    modules: frozenset[str]
    environment: Mapping[str, str]
    path: tuple[str, ...]
    core_bytes: tuple[int, int]
    ignored: frozenset[int]
    oom_score: int


def surroundings(_: BinaryIO | None, __: object) -> Surroundings:
    ignored = {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}
    return Surroundings(
        frozenset(sys.modules),
        dict(os.environ),
        tuple(sys.path),
        resource.getrlimit(resource.RLIMIT_CORE),
        frozenset(int(number) for number in ignored),
        int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")),
    )


def connect(_: BinaryIO | None, port: int) -> None:
    socket.create_connection(("127.0.0.1", port))


def resolve(_: BinaryIO | None, name: str) -> None:
    socket.getaddrinfo(name, 80)


def start_program(_: BinaryIO | None, program: str) -> None:
    subprocess.run([program], check=True)


TASKS: Mapping[str, Task] = {
    entry.__name__: entry
    for entry in (
        note, digest, append, sink, pid, announce_and_wait, announce_and_loop, sleep, burn, python_loop, big_power,
        backtracking, memory_bomb, recursion, die, leave, refuse, refuse_in_its_own_words, fail, zeros, unpicklable,
        not_plain, attack, descriptors, leak, surroundings, connect, resolve, start_program,
    )
}  # fmt: skip
