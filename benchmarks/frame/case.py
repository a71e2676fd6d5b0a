"""What a benchmark is: sides that do the same thing, and goals that hold one of them against another.

A case is a module of :mod:`benchmarks` whose ``CASE`` is one of these; :data:`benchmarks.registry.CASES` names the module.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from math import nan

from benchmarks.frame.surroundings import Surroundings


class Measure(StrEnum):
    """What is told of one turn of a side."""

    SECONDS = "seconds"
    CPU = "cpu"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of a side; what it does not measure is not a number.

    Attributes:
        seconds: How long it took, or what took the time that counts.
        cpu: Seconds of processors, of every process whose work it is.
        memory: Bytes.
    """

    seconds: float = nan
    cpu: float = nan
    memory: float = nan


Side = Callable[[], Sample]
"""Takes one turn."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A side that this machine does not have. Attributes: ``why``, as a phrase."""

    why: str


Sides = Mapping[str, Side | Missing]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for a side, held against the medians of all turns.

    Attributes:
        text: What it says, for the table.
        side: Whose bound it is.
        measure: What is bounded.
        at_most: The bound: a ratio to ``against``; where that is ``None`` or ``beyond``, seconds or bytes.
        against: The side it is held against.
        beyond: Whether the difference to ``against`` is bounded instead of the ratio.
    """

    text: str
    side: str
    measure: Measure
    at_most: float
    against: str | None = None
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A benchmark.

    Attributes:
        name: Of its module.
        title: What is measured, for the table.
        open: Makes everything ready and gives the sides by name.
        goals: What is to hold.
        tls: Whether the bytes travel over TLS.
        rounds: Turns of each side; a quick run takes ``quick_rounds``.
        seconds: After so many no further round begins, where ``LEAST_ROUNDS`` are done.
        warm_up: Whether each side takes a turn that does not count before the others.
    """

    name: str
    title: str
    open: Callable[[Surroundings], AbstractContextManager[Sides]]
    goals: tuple[Goal, ...] = ()
    tls: bool = False
    rounds: int = 9
    quick_rounds: int = 2
    seconds: float = 60.0
    warm_up: bool = True

    @property
    def command(self) -> str:
        """What runs it alone."""
        return f"python -m benchmarks.{self.name}"
