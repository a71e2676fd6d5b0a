"""One token process as the pool sees it: given calls, heard by a callback, told of when an answer takes too long.

Its socket is read by a callback of the event loop and written at once: a message is a few kilobytes at most, and nothing else
waits in the socket while it is given.
"""

import asyncio
from collections.abc import Callable, Iterable

from proxy.processes.child import ChildProcess, ProcessLost
from proxy.processes.messages import HEADER, MalformedMessage, body_size, decode

WORKER = "proxy.signers.pkcs11.worker"
"""What a token process runs."""

_READ_BYTES = 1 << 16


class TokenProcess(ChildProcess):
    """A running token process.

    Args:
        heard: Called with each answer, and with ``None`` once when it has ended.
        late: Called when an answer has taken longer than it may.
        worker: Dotted name of the module that it runs.
        environment: Variables that the token's module reads.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        heard: Callable[["TokenProcess", object], None],
        late: Callable[["TokenProcess"], None],
        worker: str,
        environment: Iterable[str],
    ) -> None:
        super().__init__(worker, environment=environment)
        self._heard = heard
        self._late = late
        self._received = bytearray()
        self._seconds = 0.0
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._channel, self._read)

    def give(self, message: bytes, seconds: float) -> None:
        """Ask it something.

        Args:
            message: Encoded.
            seconds: How long each answer may take, until :meth:`rest`.

        Raises:
            ProcessLost: It is gone.
        """
        data = HEADER.pack(len(message)) + message
        try:
            sent = self._channel.send(data)
        except OSError as error:
            raise ProcessLost from error
        if sent != len(data):
            raise ProcessLost
        self._seconds = seconds
        self._expect()

    def rest(self) -> None:
        """Nothing is expected of it any more."""
        self._due = None

    def _expect(self) -> None:
        self._due = self._loop.time() + self._seconds
        self._watch(self._due)

    def _watch(self, due: float) -> None:
        """Have a timer that ends no later; one that is there and ends earlier looks again then."""
        if self._timer is not None and self._timer.when() > due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._watch(self._due)
        else:
            self._due = None
            self._late(self)

    def _read(self) -> None:
        try:
            data = self._channel.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        self._received += data
        try:
            while data and (answer := self._answer()) is not None:
                self._expect()
                self._heard(self, answer)
        except MalformedMessage:
            data = b""
        if not data:
            self._stop()
            self._heard(self, None)

    def _answer(self) -> object | None:
        """The next that has arrived whole; none any more once the process was discarded."""
        if self._channel.fileno() < 0 or len(self._received) < HEADER.size:
            return None
        end = HEADER.size + body_size(self._received[: HEADER.size])
        if len(self._received) < end:
            return None
        answer = decode(self._received[HEADER.size : end])
        del self._received[:end]
        return answer

    def _stop(self) -> None:
        """Nothing is heard of it any more, and nothing waited for."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel)

    async def reap(self) -> int:
        """See :meth:`ChildProcess.reap`."""
        self._stop()
        return await super().reap()
