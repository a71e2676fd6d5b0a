"""The pool keeps its word with tasks that behave: answers, errors, documents, order, and nothing left behind."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from proxy import errors
from proxy.call import Deadline
from proxy.engine import pool as pool_module
from proxy.engine.pool import EnginePool, TaskFailed
from proxy.engine.process import EngineProcess
from proxy.engine.wire import Reply
from proxy.errors import DeadlineExceeded, InternalError, InvalidDocument, ProxyError, SettingsError, ShuttingDown, SpoolFull
from proxy.model import Digest, HashAlgorithm
from proxy.settings import EngineSettings
from proxy.spool import SpooledDocument
from tests.unit.engine.conftest import Meeting, OpenPool, ended, soon
from tests.unit.engine.engine_tasks import Colour, Note

LEAVES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProxyError) and kind.code]


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_arguments_and_answers_are_plain_values(pool: EnginePool) -> None:
    answer = await pool.run("note", None, "言葉", deadline=soon())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert answer == Note("言葉", Colour.RED, Digest.of("言葉".encode(), HashAlgorithm.SHA384), at, (b"", b"a"))


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 20_000_000])
async def test_small_and_large_answers_arrive_whole(pool: EnginePool, size: int) -> None:
    assert await pool.run("zeros", None, size, deadline=soon()) == bytes(size)


async def test_a_large_argument_arrives_whole(pool: EnginePool) -> None:
    data = os.urandom(1 << 20) * 20
    answer = await pool.run("note", None, data.hex()[:20_000_000], deadline=soon())
    assert answer.text == data.hex()[:20_000_000]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the messages that go to processes."""
    lengths: list[int] = []
    exchange = EngineProcess.exchange

    async def counted(self: EngineProcess, message: bytes) -> Reply:
        lengths.append(len(message))
        return await exchange(self, message)

    monkeypatch.setattr(EngineProcess, "exchange", counted)
    return lengths


async def test_a_large_value_crosses_once(pool: EnginePool, sent: list[int]) -> None:
    """The guard of what names are for: a revocation list goes into document after document."""
    value, small = os.urandom(1 << 20), b"small"
    expected = (sha256(value).digest(), sha256(small).digest())
    for copy in (value, value, bytes(bytearray(value))):
        assert await pool.run("digest", None, (copy, small), deadline=soon()) == expected
    unknown, first, *later = sent
    assert first > len(value)
    assert all(length < 1_000 for length in (unknown, *later))
    assert len(later) == 2


async def test_a_process_that_has_other_values_by_now_is_sent_them_again(pool: EnginePool, sent: list[int]) -> None:
    values = [os.urandom(7_000_000) for _ in range(3)]
    for value in (*values, *values):
        assert await pool.run("digest", None, (value,), deadline=soon()) == (sha256(value).digest(),)
    assert sum(length > 7_000_000 for length in sent) == 6


async def test_each_process_has_values_of_its_own(open_pool: OpenPool, sent: list[int]) -> None:
    pool = await open_pool(processes=2)
    value = os.urandom(1 << 20)
    for _ in range(2):
        answers = await asyncio.gather(*(pool.run("digest", None, (value,), deadline=soon()) for _ in range(2)))
        assert answers == [(sha256(value).digest(),)] * 2
    assert sum(length > len(value) for length in sent) == 2


async def test_an_argument_over_the_cap_reaches_no_process(pool: EnginePool) -> None:
    with pytest.raises(InternalError):
        await pool.run("note", None, bytes(33 << 20), deadline=soon())


async def test_an_answer_over_the_cap_is_the_documents_fault(pool: EnginePool) -> None:
    before = pool.pids
    with pytest.raises(InvalidDocument, match="yields more"):
        await pool.run("zeros", None, 33 << 20, deadline=soon())
    assert pool.pids == before


async def test_the_document_is_the_same_file_with_an_offset_of_its_own(pool: EnginePool, tmp_path: Path) -> None:
    with SpooledDocument(tmp_path, limit=1_000) as document:
        document.write(b"received")
        os.lseek(document.descriptor, 3, os.SEEK_SET)
        received, end = await pool.run("append", document.descriptor, b" and appended", deadline=soon())
        assert (received, end) == (b"received", 21)
        assert document.total_size == 21
        assert document.read(8, 100) == b" and appended"
        assert os.lseek(document.descriptor, 0, os.SEEK_CUR) == 3


async def test_a_descriptor_for_reading_lets_nothing_be_written(pool: EnginePool, tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(b"received")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(TaskFailed):
            await pool.run("append", descriptor, b"more", deadline=soon())
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"received"


async def test_a_full_disk_has_its_code(pool: EnginePool) -> None:
    descriptor = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(SpoolFull):
            await pool.run("sink", descriptor, b"more", deadline=soon())
    finally:
        os.close(descriptor)


async def test_a_descriptor_that_is_none_harms_nobody(pool: EnginePool) -> None:
    before = pool.pids
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await pool.run("append", reading, b"", deadline=soon())
    assert await pool.run("pid", None, None, deadline=soon()) in before


async def test_every_error_of_the_tree_crosses_as_itself(pool: EnginePool) -> None:
    for kind in LEAVES:
        with pytest.raises(ProxyError) as caught:
            await pool.run("refuse", None, kind.__name__, deadline=soon())
        error = caught.value
        assert type(error) is kind
        assert (error.detail, error.fields, error.retry_after) == ("it is refused", {"fieldName": "no"}, 2.5)
        cause = error.__cause__
        assert isinstance(cause, TaskFailed)
        assert cause.type_name == "builtins.KeyError"


async def test_a_subclass_of_an_error_crosses_as_the_error(pool: EnginePool) -> None:
    with pytest.raises(errors.FieldLocked, match="locked"):
        await pool.run("refuse_in_its_own_words", None, None, deadline=soon())


async def test_another_exception_crosses_as_task_failed(pool: EnginePool) -> None:
    with pytest.raises(TaskFailed) as caught:
        await pool.run("fail", None, "x" * 5_000, deadline=soon())
    assert caught.value.type_name == "builtins.UnicodeError"
    assert caught.value.text == "x" * 1_000
    assert caught.value.trace[-1].endswith(" fail")
    assert "xxx" not in str(caught.value)


async def test_only_the_tasks_of_the_module_run(pool: EnginePool) -> None:
    with pytest.raises(TaskFailed) as caught:
        await pool.run("python_exit", None, None, deadline=soon())
    assert caught.value.type_name == "builtins.KeyError"


async def test_an_answer_that_cannot_be_pickled_is_the_tasks_fault(pool: EnginePool) -> None:
    with pytest.raises(TaskFailed) as caught:
        await pool.run("unpicklable", None, None, deadline=soon())
    assert caught.value.type_name == "builtins.TypeError"
    assert await pool.run("zeros", None, 1, deadline=soon()) == b"\0"


async def test_waiting_requests_are_served_in_their_order(pool: EnginePool, meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    blocking = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    await first.pid()
    order: list[int] = []

    async def one(number: int) -> None:
        await pool.run("pid", None, None, deadline=soon())
        order.append(number)

    others = [asyncio.create_task(one(number)) for number in range(8)]
    await asyncio.sleep(0)
    first.let_go()
    await asyncio.gather(blocking, *others)
    assert order == list(range(8))


async def test_the_processes_work_side_by_side(open_pool: OpenPool, meeting: Callable[[str], Meeting]) -> None:
    pool = await open_pool(processes=2)
    meetings = [meeting("one"), meeting("two")]
    tasks = [
        asyncio.create_task(pool.run("announce_and_wait", one.document, str(one.fifo), deadline=soon())) for one in meetings
    ]
    pids = {await one.pid() for one in meetings}
    assert pids == pool.pids
    for one in meetings:
        one.let_go()
    assert set(await asyncio.gather(*tasks)) == pids


async def test_a_deadline_ends_the_wait_for_a_process(pool: EnginePool, meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    blocking = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    pid = await first.pid()
    with pytest.raises(DeadlineExceeded):
        await pool.run("pid", None, None, deadline=Deadline.after(0.05))
    first.let_go()
    assert await blocking == pid
    assert await pool.run("pid", None, None, deadline=soon()) == pid


async def test_a_deadline_that_is_past_begins_nothing(pool: EnginePool, tmp_path: Path) -> None:
    with SpooledDocument(tmp_path, limit=1_000) as document:
        with pytest.raises(DeadlineExceeded):
            await pool.run("append", document.descriptor, b"more", deadline=Deadline.after(-1))
        await pool.run("pid", None, None, deadline=soon())
        assert document.total_size == 0


async def test_a_cancelled_wait_keeps_its_place_for_nobody(pool: EnginePool, meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    blocking = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    pid = await first.pid()
    gone = [asyncio.create_task(pool.run("pid", None, None, deadline=soon())) for _ in range(3)]
    stays = asyncio.create_task(pool.run("pid", None, None, deadline=soon()))
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    first.let_go()
    assert await blocking == pid
    assert await stays == pid
    assert [type(end) for end in await asyncio.gather(*gone, return_exceptions=True)] == [asyncio.CancelledError] * 3


async def test_a_cancel_at_the_moment_of_the_handover_loses_no_process(pool: EnginePool) -> None:
    running = asyncio.create_task(pool.run("zeros", None, 1, deadline=soon()))
    waiting = asyncio.create_task(pool.run("zeros", None, 2, deadline=soon()))
    running.add_done_callback(lambda _: waiting.cancel())
    await asyncio.wait({running, waiting})
    assert waiting.cancelled()
    assert await pool.run("zeros", None, 3, deadline=soon()) == bytes(3)


async def test_two_hundred_tasks_leave_no_descriptor_open(open_pool: OpenPool, tmp_path: Path) -> None:
    pool = await open_pool(processes=2)
    with SpooledDocument(tmp_path, limit=1_000) as document:
        theirs = await pool.run("descriptors", document.descriptor, None, deadline=soon())
        ours = open_descriptors()
        for _ in range(100):
            await asyncio.gather(
                pool.run("append", document.descriptor, b"x", deadline=soon()), pool.run("note", None, "x", deadline=soon())
            )
        assert document.total_size == 100
        assert open_descriptors() == ours
        for _ in range(2):
            assert await pool.run("descriptors", document.descriptor, None, deadline=soon()) == theirs


async def test_a_process_is_replaced_after_its_number_of_tasks_without_a_gap(
    open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "TASKS_A_PROCESS", 3)
    pool = await open_pool()
    (first,) = pool.pids
    served: list[int] = []
    while not served or served[-1] == first:
        served.append(await pool.run("pid", None, None, deadline=soon()))
    # It went on serving while its successor started: nobody waited for a start.
    assert len(served) > 4
    await ended(first)


async def test_a_process_that_keeps_memory_is_replaced(open_pool: OpenPool) -> None:
    pool = await open_pool()
    (first,) = pool.pids
    assert await pool.run("leak", None, 80 << 20, deadline=soon()) == first
    while await pool.run("pid", None, None, deadline=soon()) == first:
        pass
    await ended(first)
    assert await pool.run("pid", None, None, deadline=soon()) in pool.pids - {first}


async def test_as_many_processes_as_processors_by_default() -> None:
    assert EnginePool(EngineSettings(), tasks="none").size == os.cpu_count()


async def test_closing_waits_for_what_runs_and_refuses_what_waits(open_pool: OpenPool, meeting: Callable[[], Meeting]) -> None:
    pool = await open_pool()
    (pid,) = pool.pids
    first = meeting()
    running = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    await first.pid()
    waiting = asyncio.create_task(pool.run("pid", None, None, deadline=soon()))
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    with pytest.raises(ShuttingDown):
        await waiting
    with pytest.raises(ShuttingDown):
        await pool.run("pid", None, None, deadline=soon())
    first.let_go()
    assert await running == pid
    await closing
    assert not pool.pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_closing_ends_what_runs_too_long(open_pool: OpenPool, meeting: Callable[[], Meeting]) -> None:
    pool = await open_pool(processes=2)
    pids = pool.pids
    first = meeting()
    running = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    await first.pid()
    await pool.close(grace_seconds=0.05)
    with pytest.raises(ShuttingDown):
        await running
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    await pool.close()


async def test_tasks_that_cannot_be_imported_are_the_operators_to_hear_of() -> None:
    pool = EnginePool(EngineSettings(processes=2), tasks="proxy.engine.absent")
    with pytest.raises(SettingsError, match="ModuleNotFoundError"):
        await pool.start()
    assert not pool.pids
