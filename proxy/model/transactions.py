"""What the transaction log keeps, and searches in it."""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the ledger: what went to and came from one destination, bodies only.

    ``sent_sha256`` is the hex SHA-256 of the request body, so that what left can be proven afterwards. Where the request
    carried the digests of several calls, ``digests`` is how many it carried and ``own_digests`` how many of them were this
    call's; both are 0 where it was this call's alone.
    """

    destination: str
    sent: int
    received: int
    sent_sha256: str
    digests: int = 0
    own_digests: int = 0

    @property
    def share(self) -> Fraction:
        """This call's part of the exchange, by digests."""
        return Fraction(self.own_digests, self.digests) if self.digests else Fraction(1)


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage of an operation took, in microseconds."""

    stage: str
    microseconds: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """What the transaction log keeps of one call. No document, no text of the caller, no signature state.

    ``verification_result`` is the verdict on a document that was verified.
    ``state`` is ``IN_PROGRESS`` when the record was written before the first byte left, ``SUCCEEDED`` or ``FAILED`` at the end.
    """

    transaction_id: str
    client: str
    operation: str
    state: str
    started: datetime
    ended: datetime | None = None
    result_code: str | None = None
    certificate_id: str | None = None
    form: str | None = None
    level: str | None = None
    dry_run: bool = False
    document_bytes: int | None = None
    document_sha256: str | None = None
    result_sha256: str | None = None
    digests: tuple[str, ...] = ()
    timestamp_time: datetime | None = None
    valid_until: datetime | None = None
    idempotency: str | None = None
    original_transaction_id: str | None = None
    verification_result: str | None = None
    stages: tuple[StageTime, ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TransactionQuery:
    """A client's search in its own transactions; newest first. ``cursor`` is what the former page returned.

    ``start`` is included, ``end`` is not. ``result`` is a state (``UNKNOWN`` too) or a result code. ``document_sha256`` (hex)
    is of the document as it came, or as it went.
    """

    client: str
    start: datetime | None = None
    end: datetime | None = None
    result: str | None = None
    certificate_id: str | None = None
    idempotency: str | None = None
    operation: str | None = None
    document_sha256: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """One page of found transactions, each in its latest state."""

    records: tuple[TransactionRecord, ...]
    next_cursor: str | None
