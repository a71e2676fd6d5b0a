"""The transaction log in a DynamoDB table, which all tasks of a proxy share (``proxy.ports.TransactionLog``).

Each task is a writer with a hash chain of its own. That a writer lives it says with every commit, and every now and then; a
transaction in progress whose writer does not is told as ``UNKNOWN``.
"""

import asyncio

import structlog

from proxy.errors import InternalError
from proxy.model import TransactionPage, TransactionQuery, TransactionRecord
from proxy.ports import Clock, Sealer
from proxy.stores.commit_queue import CommitQueue
from proxy.stores.dynamodb_connection import DynamoDBConnection
from proxy.stores.transaction_codec import encode_record
from proxy.stores.transaction_items import Entry
from proxy.stores.transaction_table_reader import TransactionTableReader
from proxy.stores.transaction_table_writer import ALIVE, TransactionTableWriter

_log = structlog.get_logger("proxy.stores")


class DynamoDBTransactionLog:
    """A log opened for appending; made by :meth:`open`.

    Args:
        connection: To DynamoDB; closed with the log.
        table: Its name.
        sealer: Seals records; closed by who made it.
        clock: Tells when this writer began, and which ones live.
    """

    def __init__(self, connection: DynamoDBConnection, table: str, sealer: Sealer, clock: Clock) -> None:
        self._connection = connection
        self._writing = TransactionTableWriter(connection, table, sealer, clock)
        self._reading = TransactionTableReader(connection, table, sealer, clock)
        self._queue = CommitQueue(self._writing.append, self._writing.fit)
        self._living: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(
        cls, connection: DynamoDBConnection, table: str, *, sealer: Sealer, clock: Clock
    ) -> "DynamoDBTransactionLog":
        """Open the log as a new writer.

        Raises:
            InternalError: The table cannot be used.
        """
        log = cls(connection, table, sealer, clock)
        try:
            await log._writing.open()
        except BaseException:
            await connection.close()
            raise
        log._living = asyncio.create_task(log._live())
        return log

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(ALIVE.total_seconds() / 3)
            try:
                await self._writing.live_on()
            except InternalError as error:
                # The next commit says it too. Until then its transactions in progress may be told as unknown.
                _log.warning("transactions.writer_not_seen", exc_info=error)

    async def append(self, record: TransactionRecord) -> None:
        """Add one record; it is durable when this returns. A cancelled append is written all the same.

        Raises:
            InternalError: The log cannot be written, or is closed.
        """
        self._check_open()
        await self._queue.append(Entry(record, encode_record(record)))

    async def get(self, client: str, transaction_id: str) -> TransactionRecord | None:
        """See :meth:`proxy.ports.TransactionLog.get`. Raises InternalError."""
        self._check_open()
        return await self._reading.get(client, transaction_id)

    async def find(self, query: TransactionQuery) -> TransactionPage:
        """See :meth:`proxy.ports.TransactionLog.find`; as the log in a file finds."""
        self._check_open()
        return await self._reading.find(query)

    def _check_open(self) -> None:
        if self._closed:
            raise InternalError("the transaction log is closed")

    async def close(self) -> None:
        """Write what is pending and end this writer. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        await self._queue.drain()
        try:
            await self._writing.close()
        except InternalError as error:
            # It is found out by its silence.
            _log.warning("transactions.writer_not_ended", exc_info=error)
        await self._connection.close()
