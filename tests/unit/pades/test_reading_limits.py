"""Large and hostile documents in a real engine process, within the bounds of its default settings."""

import random
from collections.abc import AsyncIterator, Callable
from itertools import repeat
from pathlib import Path

import pytest

from proxy.call import Deadline
from proxy.engine.pool import EnginePool
from proxy.errors import InvalidDocument
from proxy.pades.engine import TASKS
from proxy.pades.values import PREPARE, PreparedSignature
from proxy.settings import EngineSettings
from proxy.spool import SpooledDocument
from tests.support.odd_files import many_objects, with_start
from tests.support.pdf_files import HEADER, plain_file, write_sized_file
from tests.support.signed_files import request

OBJECTS = 200_000
RANDOM = random.Random(3)


@pytest.fixture
async def pool() -> AsyncIterator[EnginePool]:
    pool = EnginePool(EngineSettings(processes=1), tasks=TASKS)
    await pool.start()
    yield pool
    await pool.close(grace_seconds=0)


async def prepared(pool: EnginePool, document: bytes) -> PreparedSignature:
    """Where the update of a document would have its room; the engine's process is what is tried."""
    with SpooledDocument(limit=len(document)) as spool:
        spool.write(document)
        answer = await pool.run(PREPARE, spool.descriptor, request(), deadline=Deadline.after(60))
    assert isinstance(answer, PreparedSignature)
    assert answer.contents_start > len(document)
    return answer


async def test_two_hundred_thousand_objects_are_read_within_the_bounds(pool: EnginePool) -> None:
    table = plain_file(extra={1_000 + number: b"<</A %d>>" % number for number in range(OBJECTS)})
    for document in (table.with_table(), table.with_stream(), many_objects(OBJECTS)):
        await prepared(pool, document)


async def test_two_hundred_thousand_objects_are_repaired_within_the_bounds(pool: EnginePool) -> None:
    table = plain_file(extra={1_000 + number: b"<</A %d>>" % number for number in range(OBJECTS)})
    for document in (table.with_table(), many_objects(OBJECTS)):
        assert (await prepared(pool, with_start(document, b"1"))).end < len(document) + 21 * OBJECTS


def repeated(piece: bytes, size: int) -> bytes:
    """A file of ``size`` bytes whose cross-reference leads nowhere, most of it the same piece."""
    return HEADER % b"1.7" + b"1 0 obj\n<<>>\nendobj\n" + piece * (size // len(piece)) + b"\nstartxref\n1\n%%EOF\n"


HOSTILE: list[Callable[[], bytes]] = [
    lambda: repeated(b"1 0 obj ", 60_000_000),
    lambda: repeated(b"obj", 60_000_000),
    lambda: repeated(b"1 0 obj<</Length 9>>stream\n", 60_000_000),
    lambda: repeated(b">>stream\n", 60_000_000),
    lambda: repeated(b"trailer<<", 60_000_000),
    lambda: repeated(b"trailer" + b"<<" * 3_000, 6_000_000),
    lambda: repeated(b"startxref\n", 60_000_000),
    lambda: repeated(b"0" * 1_000_000 + b" 0 obj", 6_000_000),
]


@pytest.mark.parametrize("make", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_is_made_to_be_searched_in_vain_gets_its_code(pool: EnginePool, make: Callable[[], bytes]) -> None:
    with pytest.raises(InvalidDocument):
        await prepared(pool, make())


@pytest.mark.parametrize("size", [20_000_000, pytest.param(200_000_000, marks=pytest.mark.full)])
async def test_a_large_document_is_looked_through_without_being_read_into_memory(size: int, tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    piece = RANDOM.randbytes(1 << 20)
    with path.open("w+b") as out:
        write_sized_file(out, size, repeat(piece))
        out.seek(-len(b"0000000000\n%%EOF\n"), 2)
        out.write(b"9")
    # Less than twice the document, most of it what an idle process holds.
    pool = EnginePool(EngineSettings(processes=1, memory_bytes=350_000_000 + size // 4), tasks=TASKS)
    await pool.start()
    try:
        with SpooledDocument(limit=size) as spool, path.open("rb") as document:
            while data := document.read(1 << 20):
                spool.write(data)
            answer = await pool.run(PREPARE, spool.descriptor, request(), deadline=Deadline.after(60))
            assert b"/Prev" not in spool.read(size, answer.end - size)
    finally:
        await pool.close(grace_seconds=0)
