"""What a run came to: every sample, the medians, and whether the goals hold."""

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Any

from benchmarks.frame.case import Case, Goal, Measure, Sample


def median(samples: Sequence[Sample], measure: Measure) -> float:
    """Of one measure; not a number where no turn was taken or measured."""
    values = [getattr(sample, measure) for sample in samples]
    return statistics.median(values) if values else float("nan")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What one case came to.

    Attributes:
        samples: Of every turn, by side.
        missing: Sides that this machine does not have, and why.
    """

    case: Case
    samples: Mapping[str, Sequence[Sample]]
    missing: Mapping[str, str]

    def value(self, goal: Goal) -> float | None:
        """What is held against a goal's bound; ``None`` where a side is missing."""
        if {goal.side, goal.against} & set(self.missing):
            return None
        own = median(self.samples[goal.side], goal.measure)
        if goal.against is None:
            return own
        other = median(self.samples[goal.against], goal.measure)
        return own - other if goal.beyond else own / other

    def held(self, goal: Goal) -> bool | None:
        """Whether a goal is reached; ``None`` where a side is missing."""
        value = self.value(goal)
        return None if value is None else value <= goal.at_most

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.case.name,
            "title": self.case.title,
            "command": self.case.command,
            "tls": self.case.tls,
            "sides": {name: _columns(samples) for name, samples in self.samples.items()},
            "missing": dict(self.missing),
            "goals": [
                {
                    "text": goal.text,
                    "side": goal.side,
                    "against": goal.against,
                    "measure": goal.measure,
                    "difference": goal.beyond,
                    "atMost": goal.at_most,
                    "value": self.value(goal),
                    "held": self.held(goal),
                }
                for goal in self.case.goals
            ],
        }


def _columns(samples: Sequence[Sample]) -> dict[str, Any]:
    """Median and every turn of what was measured."""
    found: dict[str, Any] = {}
    for measure in Measure:
        values = [getattr(sample, measure) for sample in samples]
        if values and not any(map(isnan, values)):
            found[measure] = {"median": statistics.median(values), "turns": values}
    return found


@dataclass(slots=True)
class Run:
    """One run of one or more cases.

    Attributes:
        seed: What it was shuffled by.
        date: When it began, UTC.
        machine: What it ran on.
        versions: Of what was compared.
    """

    quick: bool
    seed: int
    date: str
    machine: str
    versions: Mapping[str, str]
    results: list[CaseResult] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether no goal is missed."""
        return all(result.held(goal) is not False for result in self.results for goal in result.case.goals)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "date": self.date,
            "machine": self.machine,
            "versions": dict(self.versions),
            "quick": self.quick,
            "seed": self.seed,
            "cases": [result.as_json() for result in self.results],
        }


def begin(*, quick: bool, seed: int) -> Run:
    """A run that begins now on this machine."""
    versions = {"Python": platform.python_version(), "Linux": platform.release().partition("-")[0]}
    versions |= {name: version(name) for name in ("pyhanko", "cryptography", "aiohttp")}
    return Run(quick, seed, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), _machine(), versions)


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} × {_processor()}, {memory:.0f} GiB"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
