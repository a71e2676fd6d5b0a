"""What crosses the socket between the pool and an engine process, as messages of ``proxy.processes``.

A document's descriptor travels with a message's length by ``SCM_RIGHTS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

Task = Callable[[BinaryIO | None, Any], Any]
"""One entry of a module's ``TASKS``: the open document (or ``None``) and the argument in, a small plain value out."""

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
class Unknown:
    """The request names a large value that the process does not have; nothing of the task was begun."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a task ended, and how much memory the process holds between tasks (0 where the system does not say)."""

    outcome: Answered | Failed | Refused | Exceeded | Unknown
    resident_bytes: int
