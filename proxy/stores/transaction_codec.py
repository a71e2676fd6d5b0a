"""Transaction records as canonical JSON, and back: what the log stores, and what its hash chain is computed over.

Canonical: keys sorted, no white space, ASCII. Times are RFC 3339 in UTC with six decimals, so that they sort as text. Every
field of :class:`~proxy.model.TransactionRecord` has its line here; one that a later version adds is absent from older records
and decodes to its default.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from proxy.model import Exchange, StageTime, TransactionRecord


def encode_record(record: TransactionRecord) -> str:
    """The record's canonical JSON. Raises ``ValueError`` for a time without a zone."""
    return canonical_json(
        {
            "transaction_id": record.transaction_id,
            "client": record.client,
            "operation": record.operation,
            "state": record.state,
            "started": encode_time(record.started),
            "ended": _time_or_none(record.ended),
            "result_code": record.result_code,
            "certificate_id": record.certificate_id,
            "form": record.form,
            "level": record.level,
            "dry_run": record.dry_run,
            "document_bytes": record.document_bytes,
            "document_sha256": record.document_sha256,
            "result_sha256": record.result_sha256,
            "digests": list(record.digests),
            "timestamp_time": _time_or_none(record.timestamp_time),
            "idempotency": record.idempotency,
            "original_transaction_id": record.original_transaction_id,
            "verification_result": record.verification_result,
            "valid_until": _time_or_none(record.valid_until),
            "stages": [[entry.stage, entry.microseconds] for entry in record.stages],
            "exchanges": [
                {
                    "destination": entry.destination,
                    "sent": entry.sent,
                    "received": entry.received,
                    "sent_sha256": entry.sent_sha256,
                    **({"digests": entry.digests, "own_digests": entry.own_digests} if entry.digests else {}),
                }
                for entry in record.exchanges
            ],
        }
    )


def decode_record(text: str) -> TransactionRecord:
    """The record back from its JSON. Raises ``KeyError`` or ``ValueError`` for anything else."""
    values: Mapping[str, Any] = json.loads(text)
    return TransactionRecord(
        transaction_id=values["transaction_id"],
        client=values["client"],
        operation=values["operation"],
        state=values["state"],
        started=datetime.fromisoformat(values["started"]),
        ended=_moment_or_none(values.get("ended")),
        result_code=values.get("result_code"),
        certificate_id=values.get("certificate_id"),
        form=values.get("form"),
        level=values.get("level"),
        dry_run=values.get("dry_run", False),
        document_bytes=values.get("document_bytes"),
        document_sha256=values.get("document_sha256"),
        result_sha256=values.get("result_sha256"),
        digests=tuple(values.get("digests", ())),
        timestamp_time=_moment_or_none(values.get("timestamp_time")),
        valid_until=_moment_or_none(values.get("valid_until")),
        idempotency=values.get("idempotency"),
        original_transaction_id=values.get("original_transaction_id"),
        verification_result=values.get("verification_result"),
        stages=tuple(StageTime(stage, microseconds) for stage, microseconds in values.get("stages", ())),
        exchanges=tuple(
            Exchange(
                entry["destination"],
                entry["sent"],
                entry["received"],
                entry["sent_sha256"],
                entry.get("digests", 0),
                entry.get("own_digests", 0),
            )
            for entry in values.get("exchanges", ())
        ),
    )


def canonical_json(values: Mapping[str, Any]) -> str:
    """One text for one value."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def encode_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals: texts of one length that sort as the times do.

    Raises:
        ValueError: The time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else encode_time(moment)


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
