"""The pool of engine processes: one task at a time each, first come first served, every bound kept.

An operation hands a spool's descriptor and a small argument to :meth:`EnginePool.run` and gets a small value back. A process
that passes a bound or dies costs the request it served and nobody else; another takes its place at once.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from proxy import errors
from proxy.call import Deadline
from proxy.engine.large_values import Names, dump
from proxy.engine.process import Died, EngineProcess
from proxy.engine.wire import Answered, Exceeded, Failed, Refused, Request, Resource, Unknown
from proxy.errors import DeadlineExceeded, InternalError, InvalidDocument, ProxyError, SettingsError, ShuttingDown
from proxy.processes.child import ProcessLost, ProcessNotStarted
from proxy.processes.messages import MalformedMessage
from proxy.settings import EngineSettings

TASKS_A_PROCESS = 2000
"""After so many tasks a process is replaced, whatever leaked in it."""

GROWTH_BYTES = 64 << 20
"""Memory a process may hold between tasks beyond what it held when fresh."""

ABANDONED_SECONDS = 2.0
"""How long a task that nobody waits for any more may go on: starting another process takes about as long."""

_log = structlog.get_logger("proxy.engine")

_Outcome = Answered | Failed | Refused | Exceeded | Unknown | Died


class TaskFailed(Exception):
    """A task raised something outside the error tree. Whoever owns the task maps it; it is no answer for a caller.

    Attributes:
        type_name: Full name of the exception's type in the engine process.
        text: Its text, shortened. It may quote the document: not for logs, not for callers.
        trace: Where it was raised, outermost first: ``file:line function``.
    """

    def __init__(self, type_name: str, text: str, trace: tuple[str, ...]) -> None:
        super().__init__(f"{type_name} in {trace[-1]}" if trace else type_name)
        self.type_name = type_name
        self.text = text
        self.trace = trace


class EnginePool:
    """Runs tasks in engine processes.

    Args:
        settings: How many processes, and the bounds of one task.
        tasks: Dotted name of the module whose ``TASKS`` (:data:`proxy.engine.wire.Task` by name) the processes may run. What
            its tasks take and give are Python's plain values, dates, and the dataclasses and enumerations of ``proxy`` and of
            that module.
        lost: Told of each task that gave no answer, by its name and why: ``died``, ``failed`` or the bound that it passed.
    """

    def __init__(self, settings: EngineSettings, *, tasks: str, lost: Callable[[str, str], None] | None = None) -> None:
        self._settings = settings
        self._tasks = tasks
        self._lost_task = lost or _unheard
        self._size = settings.processes or os.cpu_count() or 1
        self._processes: set[EngineProcess] = set()
        self._idle: list[EngineProcess] = []
        self._waiting: deque[asyncio.Future[EngineProcess]] = deque()
        self._serving: set[asyncio.Task[_Outcome]] = set()
        self._upkeep: set[asyncio.Task[None]] = set()
        self._names = Names()
        self._fresh_bytes = 0
        self._closing = False

    @property
    def size(self) -> int:
        """How many processes there are to be."""
        return self._size

    def readings(self) -> dict[tuple[str, ...], float]:
        """How many processes are idle and how many there are, and how many tasks wait for one."""
        return {
            ("idle",): float(len(self._idle)),
            ("all",): float(len(self._processes)),
            ("tasks_waiting",): float(len(self._waiting)),
        }

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the processes there are, those still starting included."""
        return frozenset(process.pid for process in self._processes)

    async def start(self) -> None:
        """Start all processes and wait until each has imported its tasks.

        Raises:
            SettingsError: One did not start: the tasks cannot be imported, or not within ``memory_bytes``.
        """
        try:
            processes = [self._spawn() for _ in range(self._size)]
            ends = await asyncio.gather(*(process.started() for process in processes), return_exceptions=True)
            for failure in ends:
                if isinstance(failure, ProcessNotStarted):
                    raise SettingsError(f"an engine process does not start: {failure}") from failure
                if failure is not None:
                    raise failure
        except BaseException:
            await self.close(grace_seconds=0)
            raise
        for process in processes:
            self._admit(process)

    async def run(
        self, task: str, descriptor: int | None, argument: object, *, deadline: Deadline, allowance: float = 1.0
    ) -> Any:
        """Run one task in the next idle process.

        Args:
            task: Its name in ``TASKS``.
            descriptor: The document's, to be kept open by the caller until this returns; ``None`` for a task without one. The
                process reads and writes the same file with an offset of its own.
            argument: A small value.
            deadline: Until when; waiting for a process counts.
            allowance: How many times the settings' processor and elapsed time it may take.

        Returns:
            What the task returned.

        Raises:
            ProxyError: What the task raised of the tree, as it raised it.
            InvalidDocument: Reading the document takes more time, memory or depth than the settings allow.
            TaskFailed: The task raised something outside the tree.
            DeadlineExceeded: The request's time is over, before or while the task ran.
            ShuttingDown: The pool is closed, or was closed before the task was through.
            InternalError: The process was killed from outside or crashed, or the argument is too large.
        """
        request = Request(task, argument, allowance * self._settings.cpu_seconds)
        outcome = await self._attempt(request, descriptor, deadline, allowance, whole=False)
        if isinstance(outcome, Unknown):
            outcome = await self._attempt(request, descriptor, deadline, allowance, whole=True)
        return self._concluded(outcome, allowance)

    async def _attempt(
        self, request: Request, descriptor: int | None, deadline: Deadline, allowance: float, *, whole: bool
    ) -> _Outcome:
        """Let a process work on a request, with the large values in it (``whole``) or their names alone."""
        try:
            message = dump(request, self._names, whole=whole)
        except MalformedMessage as error:
            raise InternalError("the request is too large to be worked on") from error
        if not deadline.remaining:
            raise DeadlineExceeded("the request's time is over")
        process = await self._engage(message, descriptor, deadline)
        process.kill_after(allowance * self._settings.wall_seconds, timed_out=True)
        serving = asyncio.get_running_loop().create_task(self._serve(process, request.task, message))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        try:
            async with deadline.enforce():
                return await asyncio.shield(serving)
        except (asyncio.CancelledError, DeadlineExceeded):
            # The answer goes to nobody. A task that is nearly done leaves its process in service.
            if not serving.done():
                process.kill_after(ABANDONED_SECONDS, timed_out=False)
            raise

    async def _engage(self, message: bytes, descriptor: int | None, deadline: Deadline) -> EngineProcess:
        """Take the next idle process and begin the task in it."""
        while True:
            process = await self._next(deadline)
            try:
                process.begin(message, descriptor)
            except ProcessLost:
                # It died while nobody was looking, and nothing was begun: another one serves.
                self._discard(process)
            except BaseException:
                # A descriptor that is none: the process has heard nothing of it.
                self._release(process)
                raise
            else:
                return process

    async def _next(self, deadline: Deadline) -> EngineProcess:
        if self._closing:
            raise ShuttingDown("the service is stopping")
        async with deadline.enforce():
            if self._idle:
                process = self._idle.pop()
                process.unwatch()
                return process
            place: asyncio.Future[EngineProcess] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                return await place
            except asyncio.CancelledError:
                # Cancelled at the very moment a process came: it goes to the next in the queue.
                if place.done() and not place.cancelled() and place.exception() is None:
                    self._release(place.result())
                raise

    async def _serve(self, process: EngineProcess, task: str, message: bytes) -> _Outcome:
        try:
            outcome: _Outcome = (await process.exchange(message)).outcome
        except ProcessLost:
            outcome = await process.cause_of_death()
        except MalformedMessage as error:
            _log.error("engine.malformed_answer", pid=process.pid, reason=str(error))
            outcome = Died(await process.reap())
        process.let_live()
        match outcome:
            case Died(returncode):
                if process.killed:
                    _log.info("engine.task_abandoned", pid=process.pid)
                else:
                    _log.error("engine.process_died", pid=process.pid, task=task, returncode=returncode)
                    self._lost_task(task, "died")
                self._discard(process)
            case Exceeded(resource):
                _log.warning("engine.bound_passed", pid=process.pid, task=task, resource=resource)
                self._lost_task(task, resource)
                # A heap that was full once is full of holes.
                if resource in {Resource.DEPTH, Resource.ANSWER}:
                    self._release(process)
                else:
                    self._discard(process)
            case Failed():
                self._lost_task(task, "failed")
                self._release(process)
            case _:
                self._release(process)
        return outcome

    def _concluded(self, outcome: _Outcome, allowance: float) -> object:
        match outcome:
            case Answered(value):
                return value
            case Refused():
                raise _as_raised(outcome) from (None if outcome.cause is None else _task_failed(outcome.cause))
            case Failed():
                raise _task_failed(outcome)
            case Exceeded(resource):
                raise InvalidDocument(self._bound(resource, allowance))
            case Unknown():
                raise InternalError("an engine process does not know what it was sent")
            case Died():
                if self._closing:
                    raise ShuttingDown("the service is stopping")
                raise InternalError("the process that worked on the document ended unexpectedly")

    def _bound(self, resource: Resource, allowance: float) -> str:
        match resource:
            case Resource.CPU:
                seconds = allowance * self._settings.cpu_seconds
                return f"reading the document takes more than the {seconds:g} seconds of processor time it is allowed"
            case Resource.WALL:
                seconds = allowance * self._settings.wall_seconds
                return f"reading the document takes more than the {seconds:g} seconds it is allowed"
            case Resource.MEMORY:
                return "reading the document takes more than the memory it is allowed"
            case Resource.DEPTH:
                return "the document nests deeper than it is allowed"
            case Resource.ANSWER:
                return "reading the document yields more than it is allowed"

    # -- the processes' lives --------------------------------------------------------------------------------------------

    def _spawn(self) -> EngineProcess:
        process = EngineProcess(self._settings, self._tasks)
        self._processes.add(process)
        return process

    def _admit(self, process: EngineProcess) -> None:
        self._fresh_bytes = max(self._fresh_bytes, process.resident_bytes)
        self._release(process)

    def _release(self, process: EngineProcess) -> None:
        """A process is free: for the next in the queue, or idle."""
        if process.superseded or self._closing or not process.usable:
            self._discard(process)
            return
        if not process.worn and (
            process.served >= TASKS_A_PROCESS or process.resident_bytes > self._fresh_bytes + GROWTH_BYTES
        ):
            process.worn = True
            self._in_background(self._replace(process))
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(process)
                return
        self._idle.append(process)
        process.watch(self._lost)

    def _lost(self, process: EngineProcess) -> None:
        """An idle process ended by itself."""
        _log.error("engine.process_died", pid=process.pid)
        process.unwatch()
        self._idle.remove(process)
        self._discard(process)

    def _discard(self, process: EngineProcess) -> None:
        """End a process, and start another in its place unless that is done already."""
        self._in_background(self._bury(process))
        if not process.worn and not self._closing:
            self._in_background(self._replace(None))

    async def _bury(self, process: EngineProcess) -> None:
        await process.reap()
        self._processes.discard(process)

    async def _replace(self, worn: EngineProcess | None) -> None:
        """Start a process, again and again until one comes up, and let it take the place of the worn one, if there is one."""
        pause = 0.1
        while not self._closing:
            try:
                process = self._spawn()
            except OSError as error:
                _log.error("engine.process_not_started", reason=str(error))
            else:
                try:
                    await process.started()
                except ProcessNotStarted as error:
                    _log.error("engine.process_not_started", reason=str(error))
                    await self._bury(process)
                else:
                    self._supersede(worn)
                    self._admit(process)
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _supersede(self, worn: EngineProcess | None) -> None:
        if worn is None:
            return
        worn.superseded = True
        if worn in self._idle:
            worn.unwatch()
            self._idle.remove(worn)
            self._discard(worn)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._upkeep.add(task)
        task.add_done_callback(self._upkeep.discard)

    async def close(self, *, grace_seconds: float | None = None) -> None:
        """Refuse what is waiting, let the tasks in progress finish, end the processes. Closing twice is harmless.

        Args:
            grace_seconds: How long to wait for tasks in progress; by default as long as one may take. Those that remain end
                with ``ShuttingDown``.
        """
        self._closing = True
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(ShuttingDown("the service is stopping"))
        while self._idle:
            self._idle.pop().unwatch()
        if self._serving:
            await asyncio.wait(self._serving, timeout=self._settings.wall_seconds if grace_seconds is None else grace_seconds)
        for process in self._processes:
            process.kill()
        if self._serving:
            await asyncio.wait(self._serving)
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)
        await asyncio.gather(*(process.reap() for process in self._processes))
        self._processes.clear()


def _unheard(_task: str, _cause: str) -> None:
    """Nobody wants to know."""


def _task_failed(failed: Failed) -> TaskFailed:
    return TaskFailed(failed.type_name, failed.text, failed.trace)


def _as_raised(refused: Refused) -> ProxyError:
    """The error as the task raised it, made anew: exceptions do not travel."""
    kind = getattr(errors, refused.error, None)
    if not (isinstance(kind, type) and issubclass(kind, ProxyError)):
        return InternalError("the document could not be worked on")
    return kind(refused.detail, fields=dict(refused.fields), retry_after=refused.retry_after)
