"""One call as it travels down the layers: who, until when, and what left because of it.

A ``Call`` is made by the edge and handed to every port, so that a deadline reaches the last socket and every outbound byte
is on the ledger of the call that caused it.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil

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
        self._entries: list[LedgerEntry] = []

    def begin(self, destination: str, sent: bytes) -> "LedgerEntry":
        """Add an exchange whose request is leaving; what comes back is counted in the entry as it comes.

        Args:
            destination: To whom.
            sent: The request body.
        """
        entry = LedgerEntry(destination, len(sent), hashlib.sha256(sent).hexdigest())
        self._entries.append(entry)
        return entry

    def record(self, destination: str, sent: bytes, received: int) -> None:
        """Add one exchange that is over: the request body and the count of response body bytes read."""
        self.begin(destination, sent).received = received

    def take_over(self, other: "Ledger", *, digests: int, own_digests: int) -> None:
        """Add what was exchanged for several calls, as it is now.

        Args:
            other: Of what did it for them.
            digests: How many its requests carried.
            own_digests: How many of these are of this ledger's call.
        """
        for done in other.exchanges:
            entry = LedgerEntry(done.destination, done.sent, done.sent_sha256, done.received, digests, own_digests)
            self._entries.append(entry)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges so far."""
        return tuple(
            Exchange(entry.destination, entry.sent, entry.received, entry.sent_sha256, entry.digests, entry.own_digests)
            for entry in self._entries
        )

    def totals(self, destination: str) -> tuple[int, int]:
        """Body bytes sent to and received from one destination. Of what other calls shared, this one's part, rounded up."""
        mine = [entry for entry in self.exchanges if entry.destination == destination]
        sent, received = (entry.sent * entry.share for entry in mine), (entry.received * entry.share for entry in mine)
        return sum(map(ceil, sent)), sum(map(ceil, received))


@dataclass(slots=True)
class LedgerEntry:
    """An exchange that may be under way: :class:`~proxy.model.Exchange`, with what has come back so far."""

    destination: str
    sent: int
    sent_sha256: str
    received: int = 0
    digests: int = 0
    own_digests: int = 0


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
        counted: Whether the exchange counts as this call's. One that was made for several calls counts as one of theirs.
    """

    kind: str
    name: str
    begun: int
    ended: int
    outcome: str = "ok"
    counted: bool = True


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

    @classmethod
    def for_several(cls, calls: Sequence["Call"]) -> "Call":
        """What does once what several calls of one client want: with the first one's name, and the time of the most patient."""
        first = calls[0]
        return cls(
            transaction_id=first.transaction_id,
            client=first.client,
            operation=first.operation,
            started=first.started,
            deadline=max((call.deadline for call in calls), key=lambda deadline: deadline.at),
            traceparent=first.traceparent,
        )

    def take_over(self, several: "Call", *, digests: int, own_digests: int, counted: bool) -> None:
        """Make part of this call what was done for several: what it exchanged, and how long that took.

        Args:
            several: From :meth:`for_several`.
            digests: How many its requests carried.
            own_digests: How many of these are this call's.
            counted: Whether its exchanges count as this call's.
        """
        self.ledger.take_over(several.ledger, digests=digests, own_digests=own_digests)
        later = self.elapsed - several.elapsed
        for span in several.spans:
            self.spans.append(replace(span, begun=span.begun + later, ended=span.ended + later, counted=counted))
