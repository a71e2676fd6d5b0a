"""Every call leaves a record: a structured log line, an append to the transaction log, and its place in metrics and traces.

The record says who, what, when, how it ended, and by its ledger what left the proxy for it. It is durable before the answer
is released; for a signature a first record is durable before the first digest leaves, so that a lost answer can be asked for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from proxy.call import Call
from proxy.errors import InternalError, ProxyError, TransactionNotFound
from proxy.model import TransactionPage, TransactionQuery, TransactionRecord
from proxy.ports import Clock, TransactionLog
from proxy.telemetry.recorder import Telemetry

_log = structlog.get_logger("proxy.transaction")


class Journal:
    """Writes and finds transaction records."""

    def __init__(self, log: TransactionLog, clock: Clock, telemetry: Telemetry) -> None:
        self._transactions = log
        self._clock = clock
        self._telemetry = telemetry

    @asynccontextmanager
    async def transaction(self, call: Call) -> AsyncIterator[None]:
        """Run one call; whatever way it ends, its record is written before this returns.

        A failure that is not in the error tree is recorded and logged as ``INTERNAL`` and raised on as it is.
        """
        code: str | None = None
        try:
            yield
        except ProxyError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except BaseException:
            code = InternalError.code
            _log.exception("call.unexpected", transactionId=call.transaction_id, operation=call.operation)
            raise
        finally:
            ended = self._clock.now()
            record = _record(call, "FAILED" if code else "SUCCEEDED", code, ended)
            await asyncio.shield(self._transactions.append(record))
            _log.info("call.ended", **_line(record), **self._telemetry.embedded(call, code, ended))
            self._telemetry.call_ended(call, code)

    async def begun(self, call: Call) -> None:
        """Make durable that a digest is about to leave."""
        await self._transactions.append(_record(call, "IN_PROGRESS", None, None))

    async def known(self, client: str, transaction_id: str) -> bool:
        """Whether the client has used this id before."""
        return await self._transactions.get(client, transaction_id) is not None

    async def get(self, client: str, transaction_id: str) -> TransactionRecord:
        """One of the client's own transactions.

        Raises:
            TransactionNotFound: The client has none with this id.
        """
        record = await self._transactions.get(client, transaction_id)
        if record is None:
            raise TransactionNotFound("you have no transaction with this id")
        return record

    async def find(self, query: TransactionQuery) -> TransactionPage:
        """The client's own transactions, newest first. Raises InvalidParameter for a bad cursor."""
        return await self._transactions.find(query)


def _record(call: Call, state: str, code: str | None, ended: datetime | None) -> TransactionRecord:
    facts = call.facts
    return TransactionRecord(
        transaction_id=call.transaction_id,
        client=call.client,
        operation=call.operation,
        state=state,
        started=call.started,
        ended=ended,
        result_code=code,
        certificate_id=facts.certificate_id,
        form=facts.form,
        level=facts.level,
        dry_run=facts.dry_run,
        document_bytes=facts.document_bytes,
        document_sha256=facts.document_sha256,
        result_sha256=facts.result_sha256,
        digests=tuple(facts.digests),
        timestamp_time=facts.timestamp_time,
        idempotency=facts.idempotency,
        original_transaction_id=facts.original_transaction_id,
        verification_result=facts.verification_result,
        valid_until=facts.valid_until,
        stages=call.stages,
        exchanges=call.ledger.exchanges,
    )


def _line(record: TransactionRecord) -> dict[str, object]:
    ended = record.ended or record.started
    return {
        "transactionId": record.transaction_id,
        "client": record.client,
        "operation": record.operation,
        "state": record.state,
        "resultCode": record.result_code,
        "verificationResult": record.verification_result,
        "certificateId": record.certificate_id,
        "form": record.form,
        # "level" is the log level's name for every reader of structured logs.
        "signatureLevel": record.level,
        "dryRun": record.dry_run,
        "documentBytes": record.document_bytes,
        "documentSha256": record.document_sha256,
        "resultSha256": record.result_sha256,
        "digests": list(record.digests),
        "milliseconds": round((ended - record.started).total_seconds() * 1000, 1),
        "stages": {entry.stage: entry.microseconds for entry in record.stages},
        "exchanges": [
            {
                "destination": entry.destination,
                "sent": entry.sent,
                "received": entry.received,
                "sentSha256": entry.sent_sha256,
                **({"digests": entry.digests, "ownDigests": entry.own_digests} if entry.digests else {}),
            }
            for entry in record.exchanges
        ],
    }
