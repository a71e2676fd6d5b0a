"""What is done under idempotency keys, in one SQLite file (``proxy.ports.IdempotencyStore``).

The file may be shared by several processes of one machine. Who works on a request holds its claim by a lease, renewed while
the work goes on; the claim of a process that died is free when its lease ends. The file holds keyed digests, sealed values and
times: nothing in it tells of a document, a client or a key.
"""

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from proxy.model import Claim, ClaimState
from proxy.ports import Clock
from proxy.stores.sqlite_file import FileKind
from proxy.stores.sqlite_thread import SQLiteThread

KEPT = timedelta(hours=24)
"""How long a result, or what there is of it, is kept (contract)."""

PURGED_AT_ONCE = 100
"""Expired requests that one claim removes at most."""

IDEMPOTENCY = FileKind(
    "stores.idempotency",
    "idempotency store",
    0x53504944,
    1,
    """
CREATE TABLE request (
    scope          BLOB PRIMARY KEY,
    fingerprint    BLOB NOT NULL,
    execution      TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    owner          TEXT,
    lease          REAL NOT NULL,
    expires        REAL NOT NULL,
    done           INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX request_by_expiry ON request (expires);
CREATE TABLE step (
    scope  BLOB NOT NULL REFERENCES request (scope) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (scope, name)
);
""",
)

_T = TypeVar("_T")


class SQLiteIdempotencyStore:
    """A store opened for reading and writing; made by :meth:`open`.

    Args:
        file: The opened file.
        clock: By which leases and results end.
        lease_seconds: How long a claim is held without being renewed.
    """

    def __init__(self, file: SQLiteThread, clock: Clock, lease_seconds: float) -> None:
        self._file = file
        self._clock = clock
        self.lease_seconds = lease_seconds

    @classmethod
    async def open(cls, path: Path, *, clock: Clock, lease_seconds: float) -> "SQLiteIdempotencyStore":
        """Open the store; the file is made when there is none.

        Raises:
            SettingsError: The file is no idempotency store, one of a later version, or cannot be opened.
        """
        return cls(await SQLiteThread.open(path, IDEMPOTENCY, secure_delete=True), clock, lease_seconds)

    async def begin(self, scope: bytes, fingerprint: bytes, owner: str, transaction_id: str) -> Claim:
        """See :meth:`proxy.ports.IdempotencyStore.begin`."""

        def work(connection: sqlite3.Connection, now: float) -> Claim:
            connection.execute(
                "DELETE FROM request WHERE scope IN (SELECT scope FROM request WHERE expires <= ? LIMIT ?)",
                (now, PURGED_AT_ONCE),
            )
            found = connection.execute(
                "SELECT fingerprint, execution, transaction_id, owner, lease, done FROM request "
                "WHERE scope = ? AND expires > ?",
                (scope, now),
            ).fetchone()
            lease, expires = now + self.lease_seconds, now + KEPT.total_seconds()
            if found is None:
                execution = secrets.token_hex(16)
                connection.execute(
                    "INSERT OR REPLACE INTO request VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                    (scope, fingerprint, execution, transaction_id, owner, lease, expires),
                )
                return Claim(ClaimState.CLAIMED, execution, transaction_id)
            held_fingerprint, execution, first, holder, until, done = found
            if held_fingerprint != fingerprint:
                return Claim(ClaimState.CONFLICT, execution, first)
            if done:
                return Claim(ClaimState.DONE, execution, first)
            if holder is not None and until > now:
                return Claim(ClaimState.HELD, execution, first, until - now)
            connection.execute(
                "UPDATE request SET owner = ?, lease = ?, expires = ? WHERE scope = ?", (owner, lease, expires, scope)
            )
            return Claim(ClaimState.CLAIMED, execution, first)

        return await self._run(work)

    async def replay(self, scope: bytes) -> Mapping[str, bytes]:
        """See :meth:`proxy.ports.IdempotencyStore.replay`."""

        def work(connection: sqlite3.Connection, now: float) -> Mapping[str, bytes]:
            return dict(
                connection.execute(
                    "SELECT name, sealed FROM step JOIN request USING (scope) WHERE scope = ? AND expires > ?", (scope, now)
                )
            )

        return await self._run(work)

    async def prepared(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.prepared`."""

        def work(connection: sqlite3.Connection, now: float) -> bool:
            if not self._renewed(connection, scope, owner, now):
                return False
            connection.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?)", (scope, name, sealed))
            return True

        return await self._run(work)

    async def done(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.done`."""

        def work(connection: sqlite3.Connection, now: float) -> bool:
            if not self._renewed(connection, scope, owner, now):
                return False
            connection.execute("DELETE FROM step WHERE scope = ?", (scope,))
            connection.execute("INSERT INTO step VALUES (?, ?, ?)", (scope, name, sealed))
            connection.execute(
                "UPDATE request SET done = 1, owner = NULL, expires = ? WHERE scope = ?", (now + KEPT.total_seconds(), scope)
            )
            return True

        return await self._run(work)

    async def renew(self, scope: bytes, owner: str) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.renew`."""
        return await self._run(lambda connection, now: self._renewed(connection, scope, owner, now))

    def _renewed(self, connection: sqlite3.Connection, scope: bytes, owner: str, now: float) -> bool:
        changed = connection.execute(
            "UPDATE request SET lease = ? WHERE scope = ? AND owner = ?", (now + self.lease_seconds, scope, owner)
        )
        return changed.rowcount == 1

    async def release(self, scope: bytes, owner: str, *, forget: bool) -> None:
        """See :meth:`proxy.ports.IdempotencyStore.release`."""

        def work(connection: sqlite3.Connection, _now: float) -> None:
            if forget:
                connection.execute("DELETE FROM request WHERE scope = ? AND owner = ?", (scope, owner))
            else:
                connection.execute("UPDATE request SET owner = NULL WHERE scope = ? AND owner = ?", (scope, owner))

        await self._run(work)

    async def _run(self, work: Callable[[sqlite3.Connection, float], _T]) -> _T:
        """Do one piece of work as one durable commit."""
        return await self._file.run(lambda connection: work(connection, self._clock.now().timestamp()))

    async def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        await self._file.close()
