"""The tables of the transaction log's SQLite file.

``record.body`` is a record's canonical JSON and the only truth; the columns that queries need are computed from it and so
cannot say anything else. Triggers refuse every change and every removal: they keep honest programs honest, and the hash chain
(``transaction_chain``) shows what somebody did without them.
"""

from proxy.stores.sqlite_file import FileKind

APPLICATION_ID = 0x53504C47
VERSION = 1

_SCHEMA = """
CREATE TABLE writer (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL
);
CREATE TABLE record (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    writer         INTEGER NOT NULL REFERENCES writer (number),
    position       INTEGER NOT NULL,
    body           TEXT NOT NULL,
    hash           BLOB NOT NULL,
    client         TEXT GENERATED ALWAYS AS (json_extract(body, '$.client')) VIRTUAL,
    transaction_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.transaction_id')) VIRTUAL,
    started        TEXT GENERATED ALWAYS AS (json_extract(body, '$.started')) VIRTUAL,
    state          TEXT GENERATED ALWAYS AS (json_extract(body, '$.state')) VIRTUAL,
    result_code    TEXT GENERATED ALWAYS AS (json_extract(body, '$.result_code')) VIRTUAL,
    certificate_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.certificate_id')) VIRTUAL,
    UNIQUE (writer, position)
);
CREATE INDEX record_by_transaction ON record (client, transaction_id);
CREATE INDEX record_by_time ON record (client, started, transaction_id);
CREATE TRIGGER record_is_final BEFORE UPDATE ON record
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER record_stays BEFORE DELETE ON record
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER record_is_new BEFORE INSERT ON record
    WHEN EXISTS (SELECT 1 FROM record WHERE sequence = NEW.sequence OR (writer = NEW.writer AND position = NEW.position))
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_is_final BEFORE UPDATE ON writer
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_stays BEFORE DELETE ON writer
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
CREATE TRIGGER writer_is_new BEFORE INSERT ON writer
    WHEN EXISTS (SELECT 1 FROM writer WHERE number = NEW.number OR id = NEW.id)
    BEGIN SELECT raise(ABORT, 'the transaction log is append-only'); END;
"""

TRANSACTION_LOG = FileKind("stores.transaction_log", "transaction log", APPLICATION_ID, VERSION, _SCHEMA)
