"""A man in the middle by invitation: terminates TLS, keeps every plaintext byte, and hands it on.

It stands where an upstream stood, with a certificate the proxy trusts, so what it keeps is all that the proxy sent there. It
can hold requests back, so that a test decides when an upstream answers.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP/1.1 message; ``start`` is its request or status line."""

    start: bytes
    body: bytes


@dataclass
class Conversation:
    """One connection: what went up and what came down."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)


@dataclass
class Recorder:
    """What one upstream was told and what it answered.

    Attributes:
        held: Connections on which something waits to be let through.
        most_held: The most there were at a time.
    """

    host: str
    port: int
    conversations: list[Conversation] = field(default_factory=list)
    held: int = 0
    most_held: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port

    def hold(self) -> None:
        """Keep back what comes from here on."""
        self._open.clear()
        self.most_held = 0

    def let_through(self) -> None:
        """Hand on what was kept back, and what comes."""
        self._open.set()

    async def pass_gate(self) -> None:
        """Wait while requests are held back."""
        self.held += 1
        self.most_held = max(self.held, self.most_held)
        try:
            await self._open.wait()
        finally:
            self.held -= 1

    @property
    def sent(self) -> bytes:
        """All bytes that went up, headers included."""
        return b"\n".join(bytes(item.sent) for item in self.conversations)

    @property
    def received(self) -> bytes:
        """All bytes that came down, headers included."""
        return b"\n".join(bytes(item.received) for item in self.conversations)

    def exchanges(self) -> list[tuple[Message, Message]]:
        """Requests and their answers, connection by connection."""
        return [
            pair
            for item in self.conversations
            for pair in zip(messages(bytes(item.sent)), messages(bytes(item.received)), strict=True)
        ]

    def body_bytes(self) -> tuple[int, int]:
        """Body bytes sent and received, by the messages' Content-Length."""
        exchanges = self.exchanges()
        return sum(len(request.body) for request, _ in exchanges), sum(len(answer.body) for _, answer in exchanges)

    def clear(self) -> None:
        """Forget what was recorded; connections stay open and go on being recorded."""
        for item in self.conversations:
            item.sent.clear()
            item.received.clear()


def messages(stream: bytes) -> list[Message]:
    """Consecutive HTTP/1.1 messages with Content-Length (RFC 9112, 6)."""
    found = []
    while stream:
        head, separator, rest = stream.partition(b"\r\n\r\n")
        assert separator, "a message without an end of its header"
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        assert b"chunked" not in head.lower(), "chunked bodies are not counted here"
        assert len(rest) >= size, "a message without its whole body"
        found.append(Message(head.partition(b"\r\n")[0], rest[:size]))
        stream = rest[size:]
    return found


@asynccontextmanager
async def recording(
    upstream: tuple[str, int],
    *,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    server_tls: ssl.SSLContext | None = None,
    upstream_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Recorder]:
    """Run a recorder in front of ``upstream``.

    Args:
        upstream: Host and port behind it.
        listen: Where it listens; port 0 for a free one.
        server_tls: How it answers; ``None`` for plain HTTP.
        upstream_tls: How it goes on; ``None`` for plain HTTP.
    """
    recorder = Recorder("", 0)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation()
        recorder.conversations.append(conversation)
        try:
            up_reader, up_writer = await asyncio.open_connection(*upstream, ssl=upstream_tls)
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, up_writer, conversation.sent, recorder.pass_gate))
                group.create_task(_pump(up_reader, writer, conversation.received, None))
        finally:
            for stream in (up_writer, writer):
                stream.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, *listen, ssl=server_tls)
    recorder.host, recorder.port = server.sockets[0].getsockname()[:2]
    try:
        yield recorder
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray, gate: Callable[[], Awaitable[None]] | None
) -> None:
    try:
        while data := await reader.read(1 << 16):
            kept += data
            if gate is not None:
                await gate()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()
    except (ConnectionError, ssl.SSLError):
        writer.close()
