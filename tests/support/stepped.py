"""Monotonic time that a test moves, for links: whoever sleeps moves it too."""

import asyncio
from dataclasses import dataclass, field

from proxy.model import BreakerState
from proxy.outbound import Links
from proxy.settings import LinkSettings


@dataclass
class SteppedTime:
    """Seconds, and how long was slept."""

    moment: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds
        await asyncio.sleep(0)

    def links(self, observer: "Seen | None" = None, **settings: float) -> Links:
        """Links that live in this time."""
        return Links(LinkSettings.model_validate(settings), observer=observer, now=self.now, sleep=self.sleep)


@dataclass
class Seen:
    """What an observer was told (``proxy.ports.LinkObserver``)."""

    repeats: list[str] = field(default_factory=list)
    changes: list[tuple[str, BreakerState]] = field(default_factory=list)

    def repeated(self, destination: str) -> None:
        self.repeats.append(destination)

    def breaker_changed(self, destination: str, state: BreakerState) -> None:
        self.changes.append((destination, state))

    @property
    def states(self) -> list[BreakerState]:
        return [state for _, state in self.changes]
