"""One engine process as the pool sees it: handed a document and a task, waited for, killed by a timer."""

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from proxy.engine.wire import MEMORY_EXIT, Exceeded, Failed, Reply, Resource
from proxy.processes.child import ChildProcess, ProcessLost, ProcessNotStarted
from proxy.processes.messages import HEADER, MalformedMessage, body_size, decode
from proxy.settings import EngineSettings

START_SECONDS = 60.0
"""How long a process may take to import its tasks."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended in the middle of a task, by no bound of ours.

    Attributes:
        returncode: Exit status, or minus the signal's number.
    """

    returncode: int


class EngineProcess(ChildProcess):
    """A running engine process.

    Attributes:
        served: Tasks it was given.
        resident_bytes: Physical memory it held before its last task; of a fresh process, after its start.
        worn: A fresh process is being started in its place; it serves until that one is there.
        superseded: It is to take no further task.
    """

    def __init__(self, settings: EngineSettings, tasks: str) -> None:
        self.served = 0
        self.resident_bytes = 0
        self.worn = False
        self.superseded = False
        self._tasks = tasks
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False
        super().__init__("proxy.engine.worker", (str(settings.memory_bytes), tasks))

    async def started(self) -> None:
        """Wait until it has imported its tasks.

        Raises:
            ProcessNotStarted: It ended, took too long, or could not import them.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                answer = await self._receive()
        except ProcessLost as error:
            raise ProcessNotStarted(f"it ended with status {await self.reap()}") from error
        except MalformedMessage as error:
            raise ProcessNotStarted(f"it does not answer as it should: {error}") from error
        except TimeoutError as error:
            raise ProcessNotStarted(f"it was not ready after {START_SECONDS:g} seconds") from error
        if isinstance(answer, Failed):
            raise ProcessNotStarted(f"{answer.type_name}: {answer.text}")
        if not isinstance(answer, Reply):
            raise ProcessNotStarted("it does not answer as it should")
        self.resident_bytes = answer.resident_bytes

    def watch(self, lost: Callable[["EngineProcess"], None]) -> None:
        """While it is idle: call ``lost`` as soon as its socket says anything, which then can only be its end."""
        asyncio.get_running_loop().add_reader(self._channel, lost, self)

    def unwatch(self) -> None:
        """It is idle no more."""
        asyncio.get_running_loop().remove_reader(self._channel)

    def begin(self, message: bytes, descriptor: int | None) -> None:
        """Hand over the document, before anybody else can run: the descriptor belongs to its caller and may be closed then.

        Raises:
            ProcessLost: The process is gone; nothing of the task was begun.
        """
        header = HEADER.pack(len(message))
        try:
            # An idle process has read everything, so that four bytes always fit.
            sent = socket.send_fds(self._channel, [header], [] if descriptor is None else [descriptor])
        except (ConnectionError, BlockingIOError) as error:
            raise ProcessLost from error
        if sent != len(header):
            raise ProcessLost
        self.served += 1

    async def exchange(self, message: bytes) -> Reply:
        """Send the rest of the message and wait for the answer.

        Raises:
            ProcessLost: The process ended.
            MalformedMessage: It answered something that is no answer.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, message)
        except ConnectionError as error:
            raise ProcessLost from error
        reply = await self._receive()
        if not isinstance(reply, Reply):
            raise MalformedMessage("not a reply")
        self.resident_bytes = reply.resident_bytes or self.resident_bytes
        return reply

    async def _receive(self) -> object:
        header = await self._receive_exactly(HEADER.size)
        return decode(await self._receive_exactly(body_size(bytes(header))), self._tasks)

    async def _receive_exactly(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        filled = 0
        while filled < size:
            try:
                count = await loop.sock_recv_into(self._channel, memoryview(data)[filled:])
            except ConnectionError as error:
                raise ProcessLost from error
            if not count:
                raise ProcessLost
            filled += count
        return data

    def kill_after(self, seconds: float, *, timed_out: bool) -> None:
        """Kill it unless :meth:`let_live` comes first, or a timer is set that ends earlier.

        Args:
            seconds: From now.
            timed_out: Whether its task has then used up the time that reading a document may take.
        """
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            self.let_live()
            self._timer = loop.call_later(seconds, self._time_out if timed_out else self.kill)

    def let_live(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self._timed_out = True
        self.kill()

    async def reap(self) -> int:
        """See :meth:`ChildProcess.reap`."""
        self.let_live()
        if self._channel.fileno() >= 0:
            self.unwatch()
        return await super().reap()

    async def cause_of_death(self) -> Exceeded | Died:
        """Reap it, and tell which bound its task passed, if any."""
        returncode = await self.reap()
        if self._timed_out:
            return Exceeded(Resource.WALL)
        if returncode == -signal.SIGPROF:
            return Exceeded(Resource.CPU)
        if returncode == MEMORY_EXIT:
            return Exceeded(Resource.MEMORY)
        return Died(returncode)
