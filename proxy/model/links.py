"""How the link to something the proxy stands on is doing."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Of a circuit breaker: everything goes through, nothing does, or one attempt at a time that finds out."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class LinkState:
    """One destination, as operators see it.

    Attributes:
        name: As on the ledger: ``central``, ``tsa:host:port``, …
        state: Of its breaker.
        failures: In a row, up to now.
        last_failure: What the latest of them was; ``None`` where the latest exchange went well.
        retry_after: Seconds until it is tried again, while the breaker is open.
    """

    name: str
    state: BreakerState
    failures: int = 0
    last_failure: str | None = None
    retry_after: float | None = None
