"""Between the proxy and something it stands on: hands exchanges on, until a test has one of the things go wrong that go wrong.

It terminates TLS with a certificate the proxy trusts, and has a connection for each exchange, so that a fault meets the next
one whatever was there before.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.recorder import messages

Forward = Callable[[bytes], Awaitable[bytes]]
"""Sends a whole request to the upstream, and gives its whole answer."""


class Hangs(Exception):
    """Leave the connection open and silent."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        answer: Takes a request's place: gives the bytes to send back. ``None`` hands on.
        tls: Instead of the usual context of the listener.
        alert: Sent in answer to a TLS ClientHello.
        listens: Whether anybody does.
        resets: Whether half of the answer is sent, and then a TCP reset.
        drips: Whether the answer comes at one byte a second.
        times: How many exchanges it meets.
    """

    answer: Callable[[bytes, Forward], Awaitable[bytes]] | None = None
    tls: ssl.SSLContext | None = None
    alert: bytes | None = None
    listens: bool = True
    resets: bool = False
    drips: bool = False
    times: int = 1_000_000


@dataclass
class FaultProxy:
    """Where it listens and what came by.

    Attributes:
        fault: What goes wrong at the moment.
        exchanges: Requests that came, whole.
        connections: That came.
        open: Connections that are open now.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    upstream: tuple[str, int]
    upstream_tls: ssl.SSLContext | None
    fault: Fault | None = None
    exchanges: int = 0
    connections: int = 0
    open: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @asynccontextmanager
    async def failing(self, fault: Fault) -> AsyncIterator[None]:
        """Have it go wrong while the body runs."""
        self.fault = fault
        self.exchanges = self.connections = 0
        if not fault.listens:
            await self.stop()
        try:
            yield
        finally:
            self.fault = None
            await self.stop()
            await self.start()

    async def start(self) -> None:
        # The sockets are taken over as they are: a fault may be in the handshake.
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.fault
        self.connections += 1
        self.open += 1
        try:
            if fault is not None and fault.alert is not None:
                await reader.read(1)
                await _send(writer, fault.alert, None)
                return
            if self.tls is not None:
                await writer.start_tls(fault.tls if fault is not None and fault.tls is not None else self.tls)
            request = await _whole(reader)
            self.exchanges += 1
            if fault is not None and self.exchanges > fault.times:
                fault = None
            answer = await (
                self._forward(request) if fault is None or fault.answer is None else fault.answer(request, self._forward)
            )
            await _send(writer, answer, fault)
        except Hangs:
            # Until the other side has had enough.
            await reader.read()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # the other side left, which is what some faults are about
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _forward(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        reader, writer = await asyncio.open_connection(*self.upstream, ssl=self.upstream_tls)
        try:
            writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


async def _send(writer: asyncio.StreamWriter, answer: bytes, fault: Fault | None) -> None:
    if fault is not None and fault.drips:
        for position in range(len(answer)):
            writer.write(answer[position : position + 1])
            if writer.is_closing():
                return
            await asyncio.sleep(1)
    if fault is not None and fault.resets:
        writer.write(answer[: len(answer) // 2])
        await writer.drain()
        reset: socket.socket = writer.get_extra_info("socket")
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    writer.write(answer)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def with_body(answer: bytes, body: bytes) -> bytes:
    """A message with another body."""
    (message,) = messages(answer)
    head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in head if not line.lower().startswith(b"content-length:")]
    assert message.start == head[0]
    return b"\r\n".join([*kept, b"Content-Length: %d" % len(body), b"", body])


@asynccontextmanager
async def fault_proxy(
    upstream: tuple[str, int], *, tls: ssl.SSLContext | None = None, upstream_tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultProxy]:
    """Run one until the end of the block."""
    proxy = FaultProxy("127.0.0.1", 0, tls, upstream, upstream_tls)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
