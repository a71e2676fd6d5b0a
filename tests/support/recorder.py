"""A man in the middle by invitation: terminates TLS, keeps every plaintext byte, and hands it on.

It stands where an upstream stood, with a certificate the proxy trusts, so what it keeps is all that the proxy sent there.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass
class Conversation:
    """One connection: what went up and what came down."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)


@dataclass
class Recorder:
    """What one upstream was told and what it answered."""

    host: str
    port: int
    conversations: list[Conversation] = field(default_factory=list)

    @property
    def sent(self) -> bytes:
        """All bytes that went up, headers included."""
        return b"\n".join(bytes(item.sent) for item in self.conversations)

    def body_bytes(self) -> tuple[int, int]:
        """Body bytes sent and received, by the messages' Content-Length."""
        sent = sum(len(body) for item in self.conversations for body in bodies(bytes(item.sent)))
        received = sum(len(body) for item in self.conversations for body in bodies(bytes(item.received)))
        return sent, received

    def clear(self) -> None:
        """Forget what was recorded; connections stay open and go on being recorded."""
        for item in self.conversations:
            item.sent.clear()
            item.received.clear()


def bodies(stream: bytes) -> list[bytes]:
    """The bodies of consecutive HTTP/1.1 messages with Content-Length (RFC 9112, 6)."""
    found = []
    while stream:
        head, separator, rest = stream.partition(b"\r\n\r\n")
        assert separator, "a message without an end of its header"
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        assert b"chunked" not in head.lower(), "chunked bodies are not counted here"
        found.append(rest[:size])
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
                group.create_task(_pump(reader, up_writer, conversation.sent))
                group.create_task(_pump(up_reader, writer, conversation.received))
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


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    try:
        while data := await reader.read(1 << 16):
            kept += data
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()
    except (ConnectionError, ssl.SSLError):
        writer.close()
