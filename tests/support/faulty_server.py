"""A server on loopback that speaks HTTP as badly as a test wants: it reads one request and then does what it is told."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FaultyServer:
    """What came in, whole requests with head and body, and where it listens."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def head(self) -> str:
        """Head of the latest request."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].decode()


def sends(data: bytes) -> Reply:
    """Write this and close."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return reply


def answers(
    body: bytes, *, status: str = "200 OK", content_type: str = "application/octet-stream", headers: tuple[str, ...] = ()
) -> Reply:
    """A correct HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers, "", ""]
    return sends("\r\n".join(lines).encode() + body)


def resets(data: bytes = b"") -> Reply:
    """Write this, then send a TCP reset."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.transport.abort()

    return reply


def drips(data: bytes, every: float = 0.02) -> Reply:
    """One byte at a time, until the other side has had enough."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        closed = asyncio.ensure_future(writer.wait_closed())
        try:
            for position in range(len(data)):
                writer.write(data[position : position + 1])
                await asyncio.wait([closed], timeout=every)
                if writer.is_closing() or closed.done():
                    return
        finally:
            closed.cancel()

    return reply


@asynccontextmanager
async def faulty_server(reply: Reply | None, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultyServer]:
    """Serve ``reply`` to every request; ``None`` reads and never answers."""
    server = FaultyServer("")
    stopping = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
            server.requests.append(head + await reader.readexactly(length))
            server.asked.set()
            if reply is None:
                await stopping.wait()
            else:
                await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            return  # the client left, which is what some tests are about, or the test is over
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        stopping.set()
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def unused_url() -> str:
    """A URL on loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
