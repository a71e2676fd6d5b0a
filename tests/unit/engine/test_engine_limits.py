"""A hostile document costs its own request, and nothing else: bounds, deaths, and what a process may touch."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.call import Deadline
from proxy.engine import pool as pool_module
from proxy.engine.pool import EnginePool, TaskFailed
from proxy.errors import DeadlineExceeded, InternalError, InvalidDocument
from tests.unit.engine.conftest import Meeting, OpenPool, ended, soon


@pytest.mark.parametrize("task", ["python_loop", "big_power", "backtracking"])
async def test_a_loop_in_python_or_c_ends_with_its_processor_time(open_pool: OpenPool, task: str) -> None:
    pool = await open_pool(cpu_seconds=0.3, wall_seconds=60)
    (pid,) = pool.pids
    with pytest.raises(InvalidDocument, match=r"more than the 0\.3 seconds of processor time"):
        await pool.run(task, None, None, deadline=soon())
    assert await pool.run("pid", None, None, deadline=soon()) != pid


async def test_processor_time_is_counted_by_task(open_pool: OpenPool) -> None:
    pool = await open_pool(cpu_seconds=0.2)
    (pid,) = pool.pids
    for _ in range(5):
        assert await pool.run("burn", None, 0.1, deadline=soon()) == pid


async def test_a_task_that_waits_ends_with_its_elapsed_time(open_pool: OpenPool) -> None:
    pool = await open_pool(wall_seconds=0.2)
    with pytest.raises(InvalidDocument, match=r"more than the 0\.2 seconds it is allowed"):
        await pool.run("sleep", None, 60, deadline=soon())
    assert await pool.run("zeros", None, 1, deadline=soon()) == b"\0"


async def test_a_memory_bomb_ends_with_its_memory(open_pool: OpenPool) -> None:
    pool = await open_pool(memory_bytes=300_000_000)
    (pid,) = pool.pids
    with pytest.raises(InvalidDocument, match="more than the memory it is allowed"):
        await pool.run("memory_bomb", None, None, deadline=soon())
    assert await pool.run("pid", None, None, deadline=soon()) != pid


async def test_nesting_ends_with_its_depth_and_the_process_goes_on(pool: EnginePool) -> None:
    before = pool.pids
    with pytest.raises(InvalidDocument, match="nests deeper"):
        await pool.run("recursion", None, 0, deadline=soon())
    assert {await pool.run("pid", None, None, deadline=soon())} == before


@pytest.mark.parametrize(("task", "argument"), [("die", signal.SIGKILL), ("die", signal.SIGABRT), ("leave", 0), ("leave", 3)])
async def test_a_process_that_dies_fails_its_request_alone(open_pool: OpenPool, task: str, argument: int) -> None:
    pool = await open_pool(processes=2)
    dying, *others = await asyncio.gather(
        pool.run(task, None, int(argument), deadline=soon()),
        *(pool.run("zeros", None, size, deadline=soon()) for size in range(20)),
        return_exceptions=True,
    )
    assert isinstance(dying, InternalError)
    assert others == [bytes(size) for size in range(20)]


async def test_a_process_killed_from_outside_fails_its_request_alone(
    open_pool: OpenPool, meeting: Callable[[str], Meeting]
) -> None:
    pool = await open_pool(processes=2)
    one, two = meeting("one"), meeting("two")
    killed = asyncio.create_task(pool.run("announce_and_wait", one.document, str(one.fifo), deadline=soon()))
    pid = await one.pid()
    going_on = asyncio.create_task(pool.run("announce_and_wait", two.document, str(two.fifo), deadline=soon()))
    await two.pid()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(InternalError):
        await killed
    assert await pool.run("zeros", None, 1, deadline=soon()) == b"\0"
    two.let_go()
    assert await going_on != pid


async def test_an_idle_process_killed_from_outside_fails_no_request(open_pool: OpenPool) -> None:
    pool = await open_pool(processes=2)
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
        await ended(pid)
    answers = await asyncio.gather(*(pool.run("zeros", None, size, deadline=soon()) for size in range(5)))
    assert answers == [bytes(size) for size in range(5)]


async def test_a_loop_holds_up_nobody_else(open_pool: OpenPool) -> None:
    pool = await open_pool(processes=2, cpu_seconds=2)
    loop = asyncio.create_task(pool.run("python_loop", None, None, deadline=soon()))
    for size in range(20):
        assert await pool.run("zeros", None, size, deadline=soon()) == bytes(size)
    assert not loop.done()
    with pytest.raises(InvalidDocument):
        await loop


async def test_the_answer_to_a_cancelled_request_goes_to_nobody(pool: EnginePool, meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    gone = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    pid = await first.pid()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    following = asyncio.create_task(pool.run("zeros", None, 7, deadline=soon()))
    first.let_go()
    assert await following == bytes(7)
    # It had been let finish within its grace, and serves on.
    assert pool.pids == {pid}


async def test_a_cancelled_task_that_goes_on_is_killed(
    open_pool: OpenPool, meeting: Callable[[], Meeting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "ABANDONED_SECONDS", 0.05)
    pool = await open_pool()
    first = meeting()
    gone = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    pid = await first.pid()
    gone.cancel()
    assert await pool.run("zeros", None, 7, deadline=soon()) == bytes(7)
    assert pid not in pool.pids


async def test_a_deadline_ends_the_task(
    open_pool: OpenPool, meeting: Callable[[], Meeting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "ABANDONED_SECONDS", 0.05)
    pool = await open_pool()
    first = meeting()
    late = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=Deadline.after(0.3)))
    pid = await first.pid()
    with pytest.raises(DeadlineExceeded):
        await late
    assert await pool.run("zeros", None, 7, deadline=soon()) == bytes(7)
    assert pid not in pool.pids


async def test_an_answer_that_is_no_plain_value_is_not_unpickled(pool: EnginePool, tmp_path: Path) -> None:
    (pid,) = pool.pids
    with pytest.raises(InternalError):
        await pool.run("not_plain", None, None, deadline=soon())
    with pytest.raises(InternalError):
        await pool.run("attack", None, str(tmp_path / "taken"), deadline=soon())
    assert not (tmp_path / "taken").exists()
    assert await pool.run("pid", None, None, deadline=soon()) != pid


async def test_a_process_has_little_and_may_little(open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNPROXY_TEST_PIN", "secret")
    pool = await open_pool()
    found = await pool.run("surroundings", None, None, deadline=soon())
    assert not found.modules & {"aiohttp", "pydantic", "asyncio", "structlog", "proxy.settings", "proxy.call"}
    assert "SIGNPROXY_TEST_PIN" not in found.environment
    assert found.core_bytes == (0, 0)
    assert found.ignored >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert found.oom_score == 500
    assert all(Path(entry).is_absolute() for entry in found.path)


async def test_a_process_reaches_no_network_and_starts_no_program(pool: EnginePool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        for task, argument in (
            ("connect", listening.getsockname()[1]),
            ("resolve", "localhost"),
            ("start_program", "true"),
        ):
            with pytest.raises(TaskFailed) as caught:
                await pool.run(task, None, argument, deadline=soon())
            assert caught.value.type_name == "builtins.PermissionError"
        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_signals_to_the_service_do_not_reach_the_processes(pool: EnginePool, meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    running = asyncio.create_task(pool.run("announce_and_wait", first.document, str(first.fifo), deadline=soon()))
    pid = await first.pid()
    assert os.getpgid(pid) != os.getpgid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    first.let_go()
    assert await running == pid


SERVICE = """
import asyncio, sys
from proxy.call import Deadline
from proxy.engine.pool import EnginePool
from proxy.settings import EngineSettings

async def serve(fifo):
    pool = EnginePool(EngineSettings(processes=2, cpu_seconds=120, wall_seconds=120), tasks="tests.unit.engine.engine_tasks")
    await pool.start()
    print(*pool.pids, flush=True)
    await pool.run("announce_and_loop", None, fifo, deadline=Deadline.after(120))

asyncio.run(serve(sys.argv[1]))
"""


async def test_the_processes_end_with_the_service(meeting: Callable[[], Meeting]) -> None:
    first = meeting()
    service = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        str(first.fifo),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert service.stdout is not None
        pids = [int(word) for word in (await service.stdout.readline()).split()]
        assert len(pids) == 2
        # One loops without a look at its socket, one is idle.
        assert await first.pid() in pids
    finally:
        service.kill()
        await service.wait()
    for pid in pids:
        await asyncio.wait_for(ended(pid), 10)


async def test_a_task_with_an_allowance_may_take_so_many_times_the_bounds(open_pool: OpenPool) -> None:
    pool = await open_pool(cpu_seconds=0.2, wall_seconds=60)
    with pytest.raises(InvalidDocument, match=r"more than the 0\.2 seconds of processor time"):
        await pool.run("burn", None, 0.4, deadline=soon())
    await pool.run("burn", None, 0.4, deadline=soon(), allowance=4.0)
    with pytest.raises(InvalidDocument, match=r"more than the 0\.8 seconds of processor time"):
        await pool.run("python_loop", None, None, deadline=soon(), allowance=4.0)
    quick = await open_pool(wall_seconds=0.2)
    with pytest.raises(InvalidDocument, match=r"more than the 0\.4 seconds it is allowed"):
        await quick.run("sleep", None, 60, deadline=soon(), allowance=2.0)
