"""Certificates that were registered to keys, and who made keys, in one SQLite file (``proxy.ports.CertificateStore``).

The file may be shared by several processes of one machine. Nothing in it is secret.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from proxy.errors import InternalError
from proxy.model import RegisteredCertificate
from proxy.stores.sqlite_file import FileKind
from proxy.stores.sqlite_thread import SQLiteThread

CERTIFICATES = FileKind(
    "stores.certificates",
    "certificate store",
    0x53504345,
    1,
    """
CREATE TABLE certificate (
    certificate_id TEXT PRIMARY KEY,
    backend        TEXT NOT NULL,
    key_id         TEXT NOT NULL,
    der            BLOB NOT NULL,
    client         TEXT NOT NULL,
    registered     REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX certificate_by_backend ON certificate (backend);
CREATE TABLE maker (
    public_key BLOB PRIMARY KEY,
    client     TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE issuer (
    certificate_id TEXT NOT NULL REFERENCES certificate (certificate_id) ON DELETE CASCADE,
    place          INTEGER NOT NULL,
    der            BLOB NOT NULL,
    PRIMARY KEY (certificate_id, place)
) WITHOUT ROWID;
""",
)

_COLUMNS = "certificate_id, backend, key_id, der, client, registered"


class SQLiteCertificateStore:
    """A store opened for reading and writing; made by :meth:`open`."""

    def __init__(self, file: SQLiteThread) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> "SQLiteCertificateStore":
        """Open the store; the file is made when there is none.

        Raises:
            SettingsError: The file is no certificate store, one of a later version, or cannot be opened.
        """
        return cls(await SQLiteThread.open(path, CERTIFICATES))

    async def put(self, registered: RegisteredCertificate) -> None:
        """See :meth:`proxy.ports.CertificateStore.put`."""

        def work(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                f"INSERT INTO certificate ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608 - its own names
                "ON CONFLICT (certificate_id) DO UPDATE SET backend = excluded.backend, key_id = excluded.key_id "
                "WHERE der = excluded.der",
                (
                    registered.certificate_id,
                    registered.backend,
                    registered.key_id,
                    registered.certificate,
                    registered.client,
                    registered.at.timestamp(),
                ),
            )
            if changed.rowcount != 1:
                return False
            connection.execute("DELETE FROM issuer WHERE certificate_id = ?", (registered.certificate_id,))
            connection.executemany(
                "INSERT INTO issuer VALUES (?, ?, ?)",
                [(registered.certificate_id, place, der) for place, der in enumerate(registered.chain)],
            )
            return True

        if not await self._file.run(work):
            raise InternalError("another certificate has this id")

    async def get(self, certificate_id: str) -> RegisteredCertificate | None:
        """See :meth:`proxy.ports.CertificateStore.get`."""

        def work(connection: sqlite3.Connection) -> RegisteredCertificate | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM certificate WHERE certificate_id = ?",  # noqa: S608 - its own names
                (certificate_id,),
            ).fetchone()
            return None if row is None else _registered(connection, row)

        return await self._file.run(work)

    async def list(self, backend: str) -> tuple[RegisteredCertificate, ...]:
        """See :meth:`proxy.ports.CertificateStore.list`."""

        def work(connection: sqlite3.Connection) -> tuple[RegisteredCertificate, ...]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM certificate WHERE backend = ? ORDER BY certificate_id",  # noqa: S608 - its own names
                (backend,),
            ).fetchall()
            return tuple(_registered(connection, row) for row in rows)

        return await self._file.run(work)

    async def put_maker(self, public_key: bytes, client: str) -> None:
        """See :meth:`proxy.ports.CertificateStore.put_maker`."""
        await self._file.run(lambda connection: connection.execute("INSERT INTO maker VALUES (?, ?)", (public_key, client)))

    async def maker(self, public_key: bytes) -> str | None:
        """See :meth:`proxy.ports.CertificateStore.maker`."""

        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT client FROM maker WHERE public_key = ?", (public_key,)).fetchone()
            return None if row is None else row[0]

        return await self._file.run(work)

    async def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        await self._file.close()


def _registered(connection: sqlite3.Connection, row: tuple[str, str, str, bytes, str, float]) -> RegisteredCertificate:
    certificate_id, backend, key_id, der, client, at = row
    issuers = connection.execute("SELECT der FROM issuer WHERE certificate_id = ? ORDER BY place", (certificate_id,))
    return RegisteredCertificate(
        certificate_id=certificate_id,
        backend=backend,
        key_id=key_id,
        certificate=der,
        chain=tuple(issuer for (issuer,) in issuers),
        client=client,
        at=datetime.fromtimestamp(at, UTC),
    )
