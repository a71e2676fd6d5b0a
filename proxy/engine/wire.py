"""What crosses the socket between the pool and an engine process, and how it is framed.

A message is its length (4 bytes, big-endian) and a pickle of one of the values below; a document's descriptor travels with
the length by ``SCM_RIGHTS``. The pool trusts itself and not the process that reads hostile documents: what comes back is
unpickled with nothing but plain values allowed (:func:`decode_reply`), so that a process that was taken over cannot run code
in the one that holds the keys' sessions.
"""

import datetime
import io
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import Enum, StrEnum
from typing import Any, BinaryIO

Task = Callable[[BinaryIO | None, Any], Any]
"""One entry of a module's ``TASKS``: the open document (or ``None``) and the argument in, a small plain value out."""

MESSAGE_BYTES = 32 << 20
"""The longest message, either way."""

HEADER = struct.Struct(">I")

MEMORY_EXIT = 77
"""Exit status of a process that had not even the memory to say so."""


class Resource(StrEnum):
    """What reading a document may run out of."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    DEPTH = "depth"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Request:
    """Run ``TASKS[task]`` with the document and ``argument``, within ``cpu_seconds`` of processor time."""

    task: str
    argument: object
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What the task returned."""

    value: object


@dataclass(frozen=True, slots=True)
class Failed:
    """An exception outside the error tree: its full type name, its text, and where it went (``file:line function``)."""

    type_name: str
    text: str
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A ``ProxyError``: the name of its class in ``proxy.errors``, its parts, and the exception it was raised from."""

    error: str
    detail: str
    fields: tuple[tuple[str, str], ...]
    retry_after: float | None
    cause: Failed | None


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The task passed a bound."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Reply:
    """How a task ended, and how much memory the process holds between tasks (0 where the system does not say)."""

    outcome: Answered | Failed | Refused | Exceeded
    resident_bytes: int


class MalformedMessage(Exception):
    """What arrived is no message: too long, no pickle, or not made of plain values."""


def encode(message: Request | Reply | Failed) -> bytes:
    """Pickle a message.

    Raises:
        MalformedMessage: It is longer than :data:`MESSAGE_BYTES`.
    """
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    if len(data) > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {len(data)} bytes")
    return data


def body_size(header: bytes) -> int:
    """The length that a header announces.

    Raises:
        MalformedMessage: It is over :data:`MESSAGE_BYTES`.
    """
    size: int = HEADER.unpack(header)[0]
    if size > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {size} bytes is announced")
    return size


def decode_reply(data: bytes | bytearray, tasks: str) -> object:
    """Unpickle what an engine process sent.

    Allowed are Python's plain types, dates and times, and the dataclasses and enumerations of ``proxy`` and of the module
    ``tasks``.

    Raises:
        MalformedMessage: It is no pickle, or holds something else.
    """
    try:
        return _PlainValues(io.BytesIO(data), tasks).load()
    except Exception as error:
        # Bytes that are no pickle make the unpickler raise nearly anything.
        raise MalformedMessage(f"{type(error).__name__}: {error}") from error


class _PlainValues(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, tasks: str) -> None:
        super().__init__(file)
        self._tasks = tasks

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == "datetime" and global_name in {"datetime", "date", "time", "timedelta", "timezone"}:
            return getattr(datetime, global_name)
        if (module_name, global_name) == ("builtins", "getattr"):
            return _enumeration_member
        if module_name == self._tasks or module_name.split(".", 1)[0] == "proxy":
            found = super().find_class(module_name, global_name)
            if isinstance(found, type) and found.__module__ == module_name and (is_dataclass(found) or issubclass(found, Enum)):
                return found
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not a plain value")


def _enumeration_member(enumeration: object, name: str) -> Enum:
    """Stands in for ``getattr``, by which the first releases of Python 3.11 pickle members of enumerations."""
    if isinstance(enumeration, type) and issubclass(enumeration, Enum):
        return enumeration[name]
    raise pickle.UnpicklingError("getattr on something that is no enumeration")
