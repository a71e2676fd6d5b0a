"""The searching side of the SQLite transaction log. Runs in the log's reading thread, on a connection of its own."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from proxy.errors import InvalidParameter
from proxy.model import TransactionPage, TransactionQuery, TransactionRecord
from proxy.stores.sqlite_file import open_for_reading
from proxy.stores.transaction_codec import decode_record, encode_time
from proxy.stores.transaction_cursor import no_cursor, read_cursor, written_cursor
from proxy.stores.writer_lock import living_writers

UNKNOWN = "UNKNOWN"
"""State of a transaction whose writer ended before it said how the transaction ended."""

PAGE_RECORDS = 1000
"""Records of one page at most, whatever the query asks for."""

_BEFORE_ALL_TIMES, _AFTER_ALL_TIMES = "", "~"

_GET = """
SELECT body, CASE WHEN state = 'IN_PROGRESS' AND writer_is_gone(writer) THEN 'UNKNOWN' ELSE state END
FROM record WHERE client = :client AND transaction_id = :transaction_id ORDER BY sequence DESC LIMIT 1
"""

_FIND = """
SELECT sequence, body, shown FROM (
    SELECT sequence, body, started, transaction_id, result_code,
        CASE WHEN state = 'IN_PROGRESS' AND writer_is_gone(writer) THEN 'UNKNOWN' ELSE state END AS shown
    FROM record AS latest
    WHERE client = :client AND started >= :start AND started < :end
        AND (started, transaction_id) < (:cursor_started, :cursor_transaction)
        AND (:certificate_id IS NULL OR certificate_id = :certificate_id)
        AND (:idempotency IS NULL OR json_extract(body, '$.idempotency') = :idempotency)
        AND (:operation IS NULL OR json_extract(body, '$.operation') = :operation)
        AND (:document_sha256 IS NULL OR :document_sha256 IN
            (json_extract(body, '$.document_sha256'), json_extract(body, '$.result_sha256')))
        AND NOT EXISTS (
            SELECT 1 FROM record AS later
            WHERE later.client = latest.client AND later.transaction_id = latest.transaction_id
                AND later.sequence > latest.sequence
        )
)
WHERE :result IS NULL OR shown = :result OR result_code = :result
ORDER BY started DESC, transaction_id DESC LIMIT :limit
"""


class TransactionReader:
    """Finds a client's own transactions, each in its latest state.

    Args:
        path: The file; a writer has opened it before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._last_writer = 0
        self._candidates: dict[int, str] = {}
        self._gone: set[int] = set()

    def open(self) -> None:
        """Open the connection. Raises ``sqlite3.Error``."""
        self._connection = open_for_reading(self._path)
        self._connection.create_function("writer_is_gone", 1, lambda number: number in self._gone)

    def _look_for_the_gone(self) -> sqlite3.Connection:
        """Find out which writers have ended, and give the connection for the search that follows.

        In this order: who has an entry, then who lives, then the search. A writer that begins in between has no entry yet, one
        that ends in between was alive, and so neither is taken for one that left its transactions behind.
        """
        assert self._connection is not None
        for number, identity in self._connection.execute(
            "SELECT number, id FROM writer WHERE number > ?", (self._last_writer,)
        ):
            self._candidates[number] = identity
            self._last_writer = max(self._last_writer, number)
        living = living_writers(self._path)
        for number in [number for number, identity in self._candidates.items() if identity not in living]:
            del self._candidates[number]
            self._gone.add(number)
        return self._connection

    def get(self, client: str, transaction_id: str) -> TransactionRecord | None:
        """The latest record of a client's own transaction. Raises ``sqlite3.Error``, or ``ValueError`` for a spoilt record."""
        found = self._look_for_the_gone().execute(_GET, {"client": client, "transaction_id": transaction_id}).fetchone()
        return None if found is None else replace(decode_record(found[0]), state=found[1])

    def find(self, query: TransactionQuery) -> TransactionPage:
        """One page of a client's own transactions, newest start first.

        Raises:
            InvalidParameter: The cursor is not one that this client was given, or ``limit`` is below 1.
            sqlite3.Error: The file cannot be read.
            ValueError: A record is spoilt.
        """
        if query.limit < 1:
            raise InvalidParameter("limit must be at least 1", fields={"limit": "below 1"})
        limit = min(query.limit, PAGE_RECORDS)
        connection = self._look_for_the_gone()
        started, transaction_id = self._after(connection, query)
        rows = connection.execute(
            _FIND,
            {
                "client": query.client,
                "start": _BEFORE_ALL_TIMES if query.start is None else encode_time(query.start),
                "end": _AFTER_ALL_TIMES if query.end is None else encode_time(query.end),
                "cursor_started": started,
                "cursor_transaction": transaction_id,
                "certificate_id": query.certificate_id,
                "idempotency": query.idempotency,
                "operation": query.operation,
                "document_sha256": query.document_sha256,
                "result": query.result,
                "limit": limit + 1,
            },
        ).fetchall()
        page = rows[:limit]
        return TransactionPage(
            tuple(replace(decode_record(body), state=shown) for _, body, shown in page),
            written_cursor(str(page[-1][0])) if len(rows) > limit else None,
        )

    @staticmethod
    def _after(connection: sqlite3.Connection, query: TransactionQuery) -> tuple[str, str]:
        """Where the page begins: after the transaction of the record that the cursor names."""
        if query.cursor is None:
            return _AFTER_ALL_TIMES, ""
        found: tuple[str, str] | None = connection.execute(
            "SELECT started, transaction_id FROM record WHERE sequence = ? AND client = ?",
            (_sequence(query.cursor), query.client),
        ).fetchone()
        if found is None:
            raise no_cursor()
        return found

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _sequence(cursor: str) -> int:
    text = read_cursor(cursor)
    # As it was written, and within what SQLite can compare.
    if not text.isascii() or not text.isdecimal() or text != str(int(text)) or not 0 < int(text) < 1 << 63:
        raise no_cursor()
    return int(text)
