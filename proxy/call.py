"""One call as it travels down the layers: who, until when, and what left because of it.

A ``Call`` is made by the edge and handed to every port, so that a deadline reaches the last socket and every outbound byte
is on the ledger of the call that caused it.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from proxy.errors import DeadlineExceeded
from proxy.model import Exchange, StageTime


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock (``time.monotonic`` seconds, the event loop's clock)."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The moment that is ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @asynccontextmanager
    async def enforce(self) -> AsyncIterator[None]:
        """Run the body until the deadline at most.

        Raises:
            DeadlineExceeded: The moment passed while the body ran.
        """
        scope = asyncio.timeout(self.remaining)
        try:
            async with scope:
                yield
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise DeadlineExceeded("the request's time is over") from error


class Ledger:
    """What one call exchanged with whom, in order."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []

    def record(self, destination: str, sent: bytes, received: int) -> None:
        """Add one exchange: the request body and the count of response body bytes read."""
        self._exchanges.append(Exchange(destination, len(sent), received, hashlib.sha256(sent).hexdigest()))

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges so far."""
        return tuple(self._exchanges)

    def totals(self, destination: str) -> tuple[int, int]:
        """Body bytes sent to and received from one destination."""
        mine = [entry for entry in self._exchanges if entry.destination == destination]
        return sum(entry.sent for entry in mine), sum(entry.received for entry in mine)


@dataclass(slots=True)
class Facts:
    """What the operation found out on its way, for the transaction record; set as soon as it is known.

    ``digests`` are the hex digests handed to a signer or a time-stamping authority. ``idempotency`` stands for client and
    Idempotency-Key without telling either; ``original_transaction_id`` is the call that first came with that key.
    """

    certificate_id: str | None = None
    form: str | None = None
    level: str | None = None
    dry_run: bool = False
    document_bytes: int | None = None
    document_sha256: str | None = None
    result_sha256: str | None = None
    digests: list[str] = field(default_factory=list)
    idempotency: str | None = None
    original_transaction_id: str | None = None
    timestamp_time: datetime | None = None
    valid_until: datetime | None = None
    verification_result: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a call: a stage of its operation, or an exchange with a dependency.

    Attributes:
        kind: ``stage`` or ``exchange``.
        name: Of the stage, or of the destination on the ledger.
        begun: Nanoseconds from the call's start.
        ended: The same.
        outcome: Of an exchange: ``ok``, or the name of the failure's class.
    """

    kind: str
    name: str
    begun: int
    ended: int
    outcome: str = "ok"


@dataclass(slots=True)
class Call:
    """The context of one call.

    Attributes:
        transaction_id: UUID, the caller's or ours.
        client: Name of the authenticated client; ``""`` while it is unknown, and for the proxy's own calls (warm-up, doctor).
        operation: Name of the operation, as in grants.
        started: When the call came in.
        deadline: Until when the answer must be there; set again once the call is admitted.
        traceparent: W3C trace context to hand on: the caller's, or where calls are traced one with this call as the parent.
        parent_span: Hex id of the span that the caller made this call in, where calls are traced.
        idempotency_key: As the caller sent it, if it did.
        upstream_key: While a signer is asked: the key under which a signer that honours such keys gives the same values again.
            ``None`` where asking again signs again.
    """

    transaction_id: str
    client: str
    operation: str
    started: datetime
    deadline: Deadline
    traceparent: str | None = None
    parent_span: str | None = None
    idempotency_key: str | None = field(default=None, repr=False)
    upstream_key: str | None = field(default=None, repr=False)
    facts: Facts = field(default_factory=Facts)
    ledger: Ledger = field(default_factory=Ledger)
    spans: list[Span] = field(default_factory=list)
    _origin: int = field(default_factory=time.perf_counter_ns, repr=False)

    @property
    def elapsed(self) -> int:
        """Nanoseconds since the call's start."""
        return time.perf_counter_ns() - self._origin

    @property
    def stages(self) -> tuple[StageTime, ...]:
        """How long each stage took, in the order in which they ended."""
        return tuple(StageTime(span.name, (span.ended - span.begun) // 1000) for span in self.spans if span.kind == "stage")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage of the operation, whether it ends well or not."""
        begun = self.elapsed
        try:
            yield
        finally:
            self.spans.append(Span("stage", name, begun, self.elapsed))

    @contextmanager
    def exchange(self, destination: str) -> Iterator[None]:
        """Time one exchange with a dependency, named as on the ledger; its outcome is ``ok`` or the name of the failure."""
        begun, outcome = self.elapsed, "ok"
        try:
            yield
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self.spans.append(Span("exchange", destination, begun, self.elapsed, outcome))
