"""Bytes on their way: the document up, the signed document or the increment down, each read once and hashed as it passes.

Memory does not depend on a document's size. While the document goes up it is also copied to where the result will be, when only
the increment comes back: so the copy is what the service saw even if the file changes meanwhile.
"""

import asyncio
import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, Protocol

from aiohttp import ClientResponse
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 1 << 18
"""Bytes of one read or write."""


class Progress(Protocol):
    """Is told of bytes as they pass."""

    def sent(self, count: int) -> None:
        """``count`` more bytes of the document went up."""
        ...

    def received(self, count: int) -> None:
        """``count`` more bytes of the result came down."""
        ...


class Unobserved:
    """Nobody looks."""

    def sent(self, count: int) -> None:
        """Nothing."""

    def received(self, count: int) -> None:
        """Nothing."""


class DocumentUpload(Payload):
    """A document as a request body or as one part of it.

    Args:
        document: From where it stands to its end; not closed here.
        media_type: Content-Type.
        progress: Told of every chunk.
        copy_to: Where the same bytes are also written.

    Attributes:
        running: SHA-256 over what was sent so far; over the whole document when ``complete``.
        failure: Why reading or copying broke, if it did: the HTTP library reports it as a broken connection.
    """

    def __init__(self, document: BinaryIO, *, media_type: str, progress: Progress, copy_to: BinaryIO | None = None) -> None:
        super().__init__(document, content_type=media_type)
        self._document = document
        self._progress = progress
        self._copy_to = copy_to
        self._size = _remaining(document)
        self.running: _Hash = hashlib.sha256()
        self.sent = 0
        self.complete = False
        self.failure: OSError | None = None

    # The base class fixes the arguments of both.
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        """Not offered: a document is never held in memory."""
        raise io.UnsupportedOperation("a document is streamed")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send all of it. Called by the HTTP library."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        """Send all of it; its length was announced already. Called by the HTTP library.

        Raises:
            OSError: The document cannot be read, changed its length, or the copy cannot be written.
        """
        while not self.complete and (chunk := await self._step()):
            # Counted first: with its last byte the answer may come before this task runs again.
            self.sent += len(chunk)
            self.complete = self.sent == self._size
            self._progress.sent(len(chunk))
            await writer.write(chunk)
        self.complete = True

    async def _step(self) -> bytes:
        try:
            return await asyncio.to_thread(self._next_chunk)
        except OSError as error:
            self.failure = error
            raise

    def _next_chunk(self) -> bytes:
        left = CHUNK if self._size is None else self._size - self.sent
        chunk = self._document.read(min(CHUNK, left)) if left else b""
        if self._size is not None and left and not chunk:
            raise OSError("the document became shorter while it was read")
        self.running.update(chunk)
        if self._copy_to is not None:
            self._copy_to.write(chunk)
        return chunk


def _remaining(document: BinaryIO) -> int | None:
    """Bytes from where the stream stands to its end; ``None`` for a stream that cannot seek."""
    if not document.seekable():
        return None
    start = document.tell()
    end = document.seek(0, io.SEEK_END)
    document.seek(start)
    return end - start


class ResultDownload:
    """Takes the body of an answer into a file.

    Args:
        target: Written from where it stands.
        running: The digest to continue: fresh for a whole document, the upload's for an increment.
        prefix: Bytes of the document as sent, with which a whole document is to begin; ``None`` for an increment.

    Attributes:
        received: Bytes so far.
        prefix_sha256: Hex, of the first ``prefix`` bytes, once they are there.
    """

    def __init__(self, target: BinaryIO, running: "_Hash", *, prefix: int | None = None) -> None:
        self._target = target
        self._prefix = prefix
        self.running = running
        self.received = 0
        self.prefix_sha256: str | None = None

    @property
    def whole(self) -> bool:
        """Whether the body is the whole signed document."""
        return self._prefix is not None

    async def take(self, response: ClientResponse, progress: Progress) -> None:
        """Read the body to its end.

        Raises:
            OSError: The file cannot be written.
            aiohttp.ClientError: The connection broke.
        """
        async for chunk in response.content.iter_chunked(CHUNK):
            await asyncio.to_thread(self._keep, chunk)
            progress.received(len(chunk))

    def _keep(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        left = (self._prefix or 0) - self.received
        if 0 < left <= len(view):
            self.running.update(view[:left])
            self.prefix_sha256 = self.running.hexdigest()
            self.running.update(view[left:])
        else:
            self.running.update(view)
        self._target.write(view)
        self.received += len(view)
