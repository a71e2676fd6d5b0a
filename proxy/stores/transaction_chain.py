"""The hash chain of the transaction log: each writer's records, linked by SHA-256.

A writer's chain begins with the hash of its own description (who it is, since when). A record's hash is over the hash before
it and the record's canonical JSON, so that a changed, removed, inserted or moved record shows; a removed end shows by the
sequence numbers, which have no gaps.
"""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from proxy.stores.sqlite_file import open_for_reading


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """One place where the log is not as it was written.

    Attributes:
        sequence: Number of the record at which it shows.
        writer: Id of its writer, where the log still has it.
        reason: What is wrong there.
    """

    sequence: int
    writer: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What :func:`verify_log` found. The log is as it was written when ``breaks`` is empty."""

    records: int
    writers: int
    breaks: tuple[ChainBreak, ...]


def first_link(description: str) -> bytes:
    """The hash a writer's chain begins with: of its description, as stored."""
    return hashlib.sha256(description.encode("utf-8")).digest()


def next_link(previous: bytes, body: str) -> bytes:
    """The hash of a record.

    Args:
        previous: Hash of the same writer's record before, or :func:`first_link`.
        body: The record's canonical JSON.
    """
    return hashlib.sha256(previous + body.encode("utf-8")).digest()


def verify_log(path: Path) -> ChainReport:
    """Recompute every link of every chain of a log, which may be in use meanwhile.

    One break is told once; the walk goes on from what is stored.

    Args:
        path: The file, which a writer has opened before.

    Raises:
        sqlite3.Error: The file cannot be read, or is no transaction log.
    """
    with closing(open_for_reading(path)) as connection:
        # One snapshot, whatever is appended meanwhile.
        connection.execute("BEGIN")
        return _walk(connection)


def _walk(connection: sqlite3.Connection) -> ChainReport:
    ids: dict[int, str] = {}
    ends: dict[int, tuple[int, bytes]] = {}
    for number, writer, description in connection.execute("SELECT number, id, description FROM writer"):
        ids[number] = writer
        ends[number] = (0, first_link(description))
    breaks: list[ChainBreak] = []
    count = 0
    expected = 1
    for sequence, number, position, body, link in connection.execute(
        "SELECT sequence, writer, position, body, hash FROM record ORDER BY sequence"
    ):
        count += 1
        reasons: list[str] = []
        if sequence != expected:
            reasons.append(f"{sequence - expected} records before it are missing")
        if number not in ends:
            reasons.append("its writer is missing")
        else:
            last, previous = ends[number]
            if position != last + 1:
                reasons.append(f"it is number {position} of its writer and follows number {last}")
            elif next_link(previous, body) != link:
                reasons.append("it or its writer's record before it was changed")
        breaks += [ChainBreak(sequence, ids.get(number), reason) for reason in reasons]
        ends[number] = (position, link)
        expected = sequence + 1
    written = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'").fetchone()[0]
    if written != expected - 1:
        breaks.append(ChainBreak(expected, None, f"the last of {written} records are missing"))
    return ChainReport(count, len(ids), tuple(breaks))
