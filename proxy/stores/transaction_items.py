"""The items of the transaction log's DynamoDB table: partition key ``partition``, sort key ``place``, both strings.

==================  ========================  ===============================================================================
partition           place                     what it holds
==================  ========================  ===============================================================================
``log``             ``writers``               ``count``: how many writers there have been
``writer N``        ``writer``                ``description``, ``position`` and ``link`` of its last record, ``alive`` until
                                              when it counts as living unless it says more, ``ended``
``writer N``        ``record P``              the record at a position of the writer's chain: ``sealed``, ``hash``
``client C``        ``transaction T``         ``started``, and ``writer`` and ``position`` of the latest record
``client C``        ``time S T``              the same of a transaction by its start, and what is searched for
==================  ========================  ===============================================================================

The record is the truth, and the chain is over its canonical JSON as in every other log (``transaction_chain``). What the other
items hold are ways to it. In clear are times, client, operation, certificate, outcome; what could tell of a document is in the
sealed record, and its digests are searched for by keyed ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.model import TransactionRecord
from proxy.ports import Sealer
from proxy.stores.transaction_codec import encode_time

COUNTER = {"partition": "log", "place": "writers"}

TIMES = "time "
_AFTER_ALL_TIMES = "~"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way into the log, with its canonical JSON."""

    record: TransactionRecord
    body: str


def writer_key(number: int) -> dict[str, str]:
    """Of a writer's own item."""
    return {"partition": _writer(number), "place": "writer"}


def record_key(number: int, position: int) -> dict[str, str]:
    """Of the record at a position of a writer's chain."""
    return {"partition": _writer(number), "place": f"record {position:012d}"}


def position_of(place: str) -> int:
    """The position that the sort key of a record says."""
    return int(place.removeprefix("record "))


def transaction_key(client: str, transaction_id: str) -> dict[str, str]:
    """Of a transaction's way to its latest record."""
    return {"partition": client_partition(client), "place": f"transaction {transaction_id}"}


def time_key(client: str, started: str, transaction_id: str) -> dict[str, str]:
    """Of a transaction among those of its client, by start."""
    return {"partition": client_partition(client), "place": f"{TIMES}{started} {transaction_id}"}


def transaction_of(place: str) -> str:
    """The transaction that the sort key of :func:`time_key` names."""
    return place.removeprefix(TIMES).partition(" ")[2]


def time_bounds(start: str | None, end: str | None) -> tuple[str, str]:
    """Sort keys between which transactions lie that started at ``start`` or later, and before ``end``."""
    return TIMES + (start or ""), TIMES + (end or _AFTER_ALL_TIMES)


def client_partition(client: str) -> str:
    """Where a client's transactions are."""
    return f"client {client}"


def record_context(number: int, position: int) -> dict[str, str]:
    """What a sealed record is bound to: its place in the log."""
    return {"purpose": "transaction record", "writer": str(number), "position": str(position)}


def document_tag(sealer: Sealer, sha256: str | None) -> str | None:
    """What stands for a document's digest; ``None`` where there is none."""
    return None if sha256 is None else sealer.keyed_digest("document", sha256.encode("utf-8")).hex()


def time_item(sealer: Sealer, record: TransactionRecord, number: int, position: int) -> dict[str, Any]:
    """A transaction's item among those of its client."""
    return {
        **time_key(record.client, encode_time(record.started), record.transaction_id),
        **latest(number, position),
        "state": record.state,
        "operation": record.operation,
        "result_code": record.result_code,
        "certificate_id": record.certificate_id,
        "idempotency": record.idempotency,
        "document": document_tag(sealer, record.document_sha256),
        "result": document_tag(sealer, record.result_sha256),
    }


def latest(number: int, position: int) -> Mapping[str, int]:
    """Where a transaction's latest record is."""
    return {"writer": number, "position": position}


def _writer(number: int) -> str:
    return f"writer {number:010d}"
