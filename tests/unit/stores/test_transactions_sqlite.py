"""The SQLite file: append-only, chained, durable, shared, and refused when it is something else."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.errors import InternalError, SettingsError
from proxy.model import TransactionQuery, TransactionRecord
from proxy.ports import SystemClock
from proxy.stores import transaction_reader
from proxy.stores.transaction_chain import verify_log
from proxy.stores.transactions_sqlite import SQLiteTransactionLog

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


def record(number: int, state: str = "SUCCEEDED") -> TransactionRecord:
    return TransactionRecord(f"t-{number}", "a", "es", state, NOON + timedelta(seconds=number))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "transactions.sqlite"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SQLiteTransactionLog]:
    log = await SQLiteTransactionLog.open(path, clock=SystemClock())
    yield log
    await log.close()


def alter(path: Path, *statements: str) -> None:
    """What somebody with the file and without scruples would do."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# -- append-only -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET body = '{}'",
        "DELETE FROM record WHERE sequence = 2",
        "INSERT OR REPLACE INTO record (sequence, writer, position, body, hash) SELECT 2, 1, 9, body, hash FROM record",
        "INSERT OR REPLACE INTO record (writer, position, body, hash) SELECT writer, position, body, hash FROM record",
        "UPDATE writer SET description = '{}'",
        "DELETE FROM writer",
        "INSERT OR REPLACE INTO writer (number, id, description) VALUES (1, 'x', '{}')",
        "INSERT OR REPLACE INTO writer (id, description) SELECT id, '{}' FROM writer",
    ],
)
async def test_the_file_refuses_change_and_removal(log: SQLiteTransactionLog, path: Path, statement: str) -> None:
    for number in range(3):
        await log.append(record(number))
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert (await log.verify()).breaks == ()


async def test_computed_columns_cannot_be_set(log: SQLiteTransactionLog, path: Path) -> None:
    await log.append(record(1))
    with pytest.raises(sqlite3.OperationalError, match="generated column"):
        alter(path, "UPDATE record SET client = 'b'")


# -- the chain -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def chained(path: Path) -> Path:
    """Two writers with five records each, in turns."""
    logs = [await SQLiteTransactionLog.open(path, clock=SystemClock()) for _ in range(2)]
    for number in range(10):
        await logs[number % 2].append(record(number))
    for log in logs:
        await log.close()
    return path


async def test_an_untouched_log_verifies(chained: Path) -> None:
    report = verify_log(chained)
    assert (report.records, report.writers, report.breaks) == (10, 2, ())


@pytest.mark.parametrize(
    ("statements", "breaks"),
    [
        (["UPDATE record SET body = replace(body, 'SUCCEEDED', 'FAILED') WHERE sequence = 5"], [(5, "changed")]),
        (["UPDATE record SET hash = zeroblob(32) WHERE sequence = 5"], [(5, "changed"), (7, "changed")]),
        (["DELETE FROM record WHERE sequence = 5"], [(6, "1 records before it are missing"), (7, "follows number 2")]),
        (["DELETE FROM record WHERE sequence > 8"], [(9, "the last of 10 records are missing")]),
        (["DELETE FROM record"], [(1, "the last of 10 records are missing")]),
        (
            [
                "UPDATE record SET sequence = 99 WHERE sequence = 3",
                "UPDATE record SET sequence = 3 WHERE sequence = 5",
                "UPDATE record SET sequence = 5 WHERE sequence = 99",
            ],
            [(3, "follows number 1"), (5, "follows number 3"), (7, "follows number 2")],
        ),
        (["UPDATE writer SET description = '{}' WHERE number = 2"], [(2, "changed")]),
        (["DELETE FROM writer WHERE number = 2"], [(2, "writer is missing")]),
        (
            ["INSERT INTO record (writer, position, body, hash) SELECT 1, 6, body, hash FROM record WHERE sequence = 9"],
            [(11, "changed")],
        ),
    ],
)
async def test_every_tampering_shows_where_it_was_done(
    chained: Path, statements: list[str], breaks: list[tuple[int, str]]
) -> None:
    alter(chained, *statements)
    report = verify_log(chained)
    assert [one.sequence for one in report.breaks] == [sequence for sequence, _ in breaks]
    for one, (_, reason) in zip(report.breaks, breaks, strict=True):
        assert reason in one.reason


async def test_a_log_is_verified_while_it_is_written(log: SQLiteTransactionLog) -> None:
    appends = [asyncio.create_task(log.append(record(number))) for number in range(50)]
    for _ in range(5):
        assert (await log.verify()).breaks == ()
    await asyncio.gather(*appends)
    report = await log.verify()
    assert (report.records, report.breaks) == (50, ())


# -- durability ------------------------------------------------------------------------------------------------------


async def test_commits_reach_the_disk_before_they_return(log: SQLiteTransactionLog) -> None:
    connection = log._writing._connection
    assert connection is not None

    def pragmas() -> list[object]:
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]

    assert await log._in_thread(log._writer_thread, pragmas) == [2, "wal"]


async def test_concurrent_appends_share_commits(log: SQLiteTransactionLog) -> None:
    statements: list[str] = []
    connection = log._writing._connection
    assert connection is not None
    await log._in_thread(log._writer_thread, connection.set_trace_callback, statements.append)
    await asyncio.gather(*(log.append(record(number)) for number in range(100)))
    assert statements.count("COMMIT") <= 2
    await log.append(record(100))
    assert statements.count("COMMIT") <= 3
    assert (await log.verify()).records == 101


async def test_a_full_disk_fails_the_appends_and_breaks_nothing(log: SQLiteTransactionLog) -> None:
    connection = log._writing._connection
    assert connection is not None
    await log.append(record(0))
    pages = await log._in_thread(log._writer_thread, lambda: connection.execute("PRAGMA page_count").fetchone()[0])
    await log._in_thread(log._writer_thread, lambda: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    ends = await asyncio.gather(*(log.append(record(number)) for number in range(1, 200)), return_exceptions=True)
    assert any(isinstance(end, InternalError) for end in ends)
    await log._in_thread(log._writer_thread, lambda: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    await log.append(record(200))
    report = await log.verify()
    assert report.breaks == ()
    assert report.records == 2 + sum(end is None for end in ends)


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from proxy.model import TransactionRecord
from proxy.ports import SystemClock
from proxy.stores.transactions_sqlite import SQLiteTransactionLog

async def write(path, name, count, linger):
    log = await SQLiteTransactionLog.open(Path(path), clock=SystemClock())
    for number in range(int(count)):
        await log.append(TransactionRecord(f"{name}-{number}", "a", "es", "IN_PROGRESS", datetime.now(UTC)))
    print("written", flush=True)
    if linger == "linger":
        await asyncio.Event().wait()
    await log.close()

asyncio.run(write(*sys.argv[1:]))
"""


async def start_writer(path: Path, name: str, count: int, *, linger: bool) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITER,
        str(path),
        name,
        str(count),
        "linger" if linger else "leave",
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def test_a_killed_process_leaves_its_records_and_an_unknown_outcome(log: SQLiteTransactionLog, path: Path) -> None:
    process = await start_writer(path, "p", 1, linger=True)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"written\n"
        running = await log.get("a", "p-0")
        assert running is not None
        assert running.state == "IN_PROGRESS"
    finally:
        process.kill()
        await process.wait()
    left = await log.get("a", "p-0")
    assert left is not None
    assert left.state == "UNKNOWN"
    assert len(list(path.parent.glob("*-writer-*"))) == 2
    successor = await SQLiteTransactionLog.open(path, clock=SystemClock())
    assert len(list(path.parent.glob("*-writer-*"))) == 2
    await successor.close()
    assert (await log.verify()).breaks == ()


async def test_several_processes_share_a_new_file(path: Path) -> None:
    processes = [await start_writer(path, f"p{number}", 25, linger=False) for number in range(4)]
    for process in processes:
        await process.communicate()
        assert process.returncode == 0
    report = verify_log(path)
    assert (report.records, report.writers, report.breaks) == (100, 4, ())
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_a_link_to_the_file_is_the_same_log(log: SQLiteTransactionLog, path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    other = await SQLiteTransactionLog.open(link, clock=SystemClock())
    await other.append(record(1, "IN_PROGRESS"))
    found = await log.get("a", "t-1")
    assert found is not None
    assert found.state == "IN_PROGRESS"
    await other.close()


# -- the file --------------------------------------------------------------------------------------------------------


async def test_the_file_is_its_users_alone(log: SQLiteTransactionLog, path: Path) -> None:
    await log.append(record(1))
    assert {one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {0o600}


async def test_a_file_of_a_later_version_is_refused(path: Path) -> None:
    await (await SQLiteTransactionLog.open(path, clock=SystemClock())).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(SettingsError, match="version 2"):
        await SQLiteTransactionLog.open(path, clock=SystemClock())


async def test_another_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE record (body TEXT)")
        with pytest.raises(SettingsError, match="no transaction log"):
            await SQLiteTransactionLog.open(path, clock=SystemClock())
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("record",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.fixture
def text_file(path: Path) -> Path:
    path.write_bytes(b"not a database, and long enough to be told from an empty one" * 20)
    return path


async def test_what_is_no_database_is_refused(text_file: Path) -> None:
    with pytest.raises(SettingsError):
        await SQLiteTransactionLog.open(text_file, clock=SystemClock())


async def test_a_folder_that_is_not_there_is_the_operators_to_hear_of(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"stores\.transaction_log"):
        await SQLiteTransactionLog.open(tmp_path / "absent" / "log", clock=SystemClock())


async def test_a_spoilt_record_has_its_code(log: SQLiteTransactionLog, path: Path) -> None:
    await log.append(record(1))
    alter(path, "UPDATE record SET body = json_remove(body, '$.operation')")
    with pytest.raises(InternalError):
        await log.get("a", "t-1")
    with pytest.raises(InternalError):
        await log.find(TransactionQuery("a"))


async def test_searches_walk_an_index(log: SQLiteTransactionLog, path: Path) -> None:
    await log.append(record(1))
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("writer_is_gone", 1, lambda _: False)
        names = ["client", "transaction_id", "start", "end", "cursor_started", "cursor_transaction", "certificate_id", "result"]
        values = dict.fromkeys([*names, "idempotency", "operation", "document_sha256"], "x") | {"limit": 1}
        for query in (transaction_reader._FIND, transaction_reader._GET):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            assert any("USING INDEX record_by_" in step or "USING COVERING INDEX record_by_" in step for step in plan)
            assert not any("SCAN" in step or "TEMP B-TREE" in step for step in plan), plan
