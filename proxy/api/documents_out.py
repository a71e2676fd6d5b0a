"""Documents out: the signed document, its increment, or JSON with either the document in base64 or the facts alone.

The file goes out as it lies in the spool: by ``sendfile`` on plain HTTP, and in writes of 256 KiB over TLS, where ``sendfile``
is ten times slower. A reader that stops reading is let go after the time an upload may stall.
"""

import asyncio
import base64
from collections.abc import Iterator, Sequence

import structlog
from aiohttp import web

from proxy.api.representations import SignatureFacts, TimestampFacts
from proxy.api.schemas import Return
from proxy.call import Call
from proxy.operations.signed import SignedDocument
from proxy.operations.timestamping import TimestampedDocument
from proxy.spool import CHUNK, SpooledDocument

PDF = "application/pdf"
OCTETS = "application/octet-stream"
JSON = "application/json"

SENDFILE_BYTES = 1 << 22
"""Bytes of one ``sendfile``: large enough to cost nothing, small enough to tell a slow reader from one that stopped."""

BASE64_CHUNK = CHUNK // 4 * 3
"""Bytes that make :data:`~proxy.spool.CHUNK` characters of base64, without padding inside."""

ANSWER_SECONDS = 30.0
LEAST_RATE = 1 << 20
"""Bytes a second at which an answer must be taken, after a while to begin: it keeps its place in the service until it is."""

_log = structlog.get_logger("proxy.api")


def offers(return_: Return, *, dry_run: bool, json_first: bool) -> Sequence[str]:
    """The media types an answer can come as, preferred first."""
    if dry_run:
        return (JSON,)
    if return_ is Return.INCREMENT:
        return (OCTETS,)
    return (JSON, PDF) if json_first else (PDF, JSON)


class DocumentResponse(web.StreamResponse):
    """An answer whose body is read from the spool while it is sent."""

    def __init__(self, media_type: str, document: SpooledDocument, *, start: int, stall_seconds: float) -> None:
        super().__init__()
        self._document = document
        self._first = start
        self._end = document.total_size
        self._stall_seconds = stall_seconds
        self.content_type = media_type
        self.content_length = self._end - start

    async def send_body(self, transport: asyncio.Transport) -> None:
        """Send the document after the headers.

        Raises:
            ConnectionError: The reader went away.
            TimeoutError: It stopped reading.
        """
        if transport.get_extra_info("ssl_object") is None:
            await self._send_file(transport)
        else:
            for piece in self._document.chunks(self._first, self._end):
                await self._write(piece)

    async def _send_file(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        with open(self._document.descriptor, "rb", buffering=0, closefd=False) as file:  # noqa: ASYNC230 - open already
            for offset in range(self._first, self._end, SENDFILE_BYTES):
                if transport.is_closing():
                    raise ConnectionResetError("the caller went away during the answer")
                async with asyncio.timeout(self._stall_seconds):
                    await loop.sendfile(transport, file, offset, min(SENDFILE_BYTES, self._end - offset))

    async def _write(self, piece: bytes) -> None:
        async with asyncio.timeout(self._stall_seconds):
            await self.write(piece)
            # A reader that keeps up never makes this wait; the others on the event loop get their turn all the same.
            await asyncio.sleep(0)


class JSONDocumentResponse(DocumentResponse):
    """The facts as a JSON object whose last member is the document in base64, encoded as it is sent."""

    def __init__(self, facts: SignatureFacts | TimestampFacts, document: SpooledDocument, *, stall_seconds: float) -> None:
        super().__init__(JSON, document, start=0, stall_seconds=stall_seconds)
        members = facts.model_dump_json(by_alias=True, exclude_none=True).encode()
        self._head = members[:-1] + b',"document":"'
        self.content_length = len(self._head) + (self._end + 2) // 3 * 4 + len(self._TAIL)

    _TAIL = b'"}'

    async def send_body(self, transport: asyncio.Transport) -> None:
        """As :meth:`DocumentResponse.send_body`; base64 has no ``sendfile``."""
        del transport
        for piece in self._pieces():
            await self._write(piece)

    def _pieces(self) -> Iterator[bytes]:
        yield self._head
        for offset in range(0, self._end, BASE64_CHUNK):
            yield base64.b64encode(self._document.read(offset, min(BASE64_CHUNK, self._end - offset)))
        yield self._TAIL


def document_response(
    call: Call, done: SignedDocument | TimestampedDocument, return_: Return, media_type: str, *, stall_seconds: float
) -> web.StreamResponse:
    """The answer to an operation on a document.

    Args:
        call: Whose ledger tells what was exchanged upstream.
        done: The document. Its spool must stay open until the answer is sent.
        return_: The document or its increment.
        media_type: One of :func:`offers`.
        stall_seconds: How long the reader may take nothing.
    """
    facts = SignatureFacts.of(call, done) if isinstance(done, SignedDocument) else TimestampFacts.of(call, done)
    response: web.StreamResponse
    if done.dry_run:
        response = web.Response(body=facts.model_dump_json(by_alias=True, exclude_none=True).encode(), content_type=JSON)
    elif media_type == JSON:
        response = JSONDocumentResponse(facts, done.document, stall_seconds=stall_seconds)
    else:
        start = done.document.size if return_ is Return.INCREMENT else 0
        response = DocumentResponse(media_type, done.document, start=start, stall_seconds=stall_seconds)
    valid_until = None if done.valid_until is None else done.valid_until.isoformat()
    for name, value in (
        ("Signature-Form", done.form),
        ("Signature-Level", done.level),
        ("Valid-Until", valid_until),
        ("Result-SHA256", done.result_sha256),
    ):
        if value is not None:
            response.headers[name] = value
    return response


async def send(request: web.Request, response: web.StreamResponse) -> None:
    """Send an answer to its end, or cut the connection: nothing may follow half an answer and make it look whole."""
    seconds = ANSWER_SECONDS + (response.content_length or 0) / LEAST_RATE
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            if isinstance(response, DocumentResponse):
                if request.transport is None:
                    raise ConnectionResetError("the caller went away before the answer")
                await response.send_body(request.transport)
            await response.write_eof()
    except (ConnectionError, TimeoutError) as error:
        _log.info("answer.interrupted", reason=type(error).__name__)
        _cut(request)
    except BaseException:
        _cut(request)
        raise


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
