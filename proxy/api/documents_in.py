"""Documents in: raw, in ``multipart/form-data`` or as base64 in JSON; each way straight to the spool, hashed as it is written.

What the query says is known before the body; what comes in the body before the document is known before the document. Both are
judged then, so that an upload that is refused anyway is refused early.
"""

from collections.abc import Callable, Mapping
from email.message import Message
from enum import Enum, auto
from typing import Any

from aiohttp import web

from proxy.api.body import Body
from proxy.api.json_stream import JSONObjectReader, load_object
from proxy.api.multipart import read_parts
from proxy.errors import InvalidParameter, LengthMismatch, LengthRequired, TooLarge, UnsupportedMediaType
from proxy.settings import LimitSettings
from proxy.spool import SpooledDocument

DOCUMENT = "document"
PARAMETERS = "params"
SEAL_IMAGE = "sealImage"

MULTIPART_OVERHEAD = 65_536
"""Bytes of delimiters and headers a multipart body may have beyond its document and parameters."""

PDF_HEADER = b"%PDF-"
PDF_HEADER_WITHIN = 1_024
"""Bytes in which readers look for the header (ISO 32000-1, Annex H.3, implementation note 13)."""

Members = Mapping[str, Any]
OpenDocument = Callable[[Members], SpooledDocument]


class BodyKind(Enum):
    """How a request carries its document."""

    PDF = auto()
    UNNAMED = auto()
    MULTIPART = auto()
    JSON = auto()

    @property
    def is_raw(self) -> bool:
        """Whether the body is the document, so that every parameter is in the query."""
        return self in {BodyKind.PDF, BodyKind.UNNAMED}


_KINDS = {
    "application/pdf": BodyKind.PDF,
    "application/x-pdf": BodyKind.PDF,
    "application/json": BodyKind.JSON,
    "multipart/form-data": BodyKind.MULTIPART,
    # What tools send that were told nothing: curl -T nothing at all, curl --data-binary the form's type.
    "": BodyKind.UNNAMED,
    "application/octet-stream": BodyKind.UNNAMED,
    "application/x-www-form-urlencoded": BodyKind.UNNAMED,
}


def body_kind(request: web.Request) -> BodyKind:
    """How the request carries its document.

    Raises:
        UnsupportedMediaType: Its Content-Type is none that this takes.
    """
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    kind = _KINDS.get(media_type)
    if kind is None:
        raise UnsupportedMediaType("send application/pdf, multipart/form-data or application/json")
    return kind


def open_body(request: web.Request, kind: BodyKind, limits: LimitSettings) -> Body:
    """The body, judged by the headers alone.

    Raises:
        LengthRequired, TooLarge, UnsupportedMediaType, InvalidParameter: As :class:`~proxy.api.body.Body`.
        LengthMismatch: A raw body is declared with two lengths.
    """
    limit = {
        BodyKind.JSON: limits.json_body_bytes,
        BodyKind.MULTIPART: limits.document_bytes + limits.seal_image_bytes + limits.parameter_bytes + MULTIPART_OVERHEAD,
    }.get(kind, limits.document_bytes)
    body = Body(request, limit=limit, stall_seconds=limits.upload_stall_seconds)
    if body.document_length is not None:
        if body.document_length > limits.document_bytes:
            raise TooLarge(f"the document is larger than {limits.document_bytes} bytes")
        if kind.is_raw and request.content_length not in {None, body.document_length}:
            raise LengthMismatch("Document-Length and Content-Length differ")
    return body


async def receive_document(
    request: web.Request, body: Body, kind: BodyKind, query: Members, limits: LimitSettings, open_document: OpenDocument
) -> tuple[SpooledDocument, Members]:
    """Spool the document of a request.

    Args:
        request: For its Content-Type.
        body: Its body, unread.
        kind: How it carries the document.
        query: The members from the query.
        limits: Of parameters.
        open_document: Called once, when the document begins, with the members known by then; gives the spool, which stays the
            caller's to close.

    Returns:
        The document, complete, and all members of query and body.

    Raises:
        InvalidParameter: The body cannot be read, or a member comes twice or not at all.
        UnsupportedMediaType: An unnamed body is no PDF.
        LengthMismatch: The document has another length than was declared.
        ProxyError: As :meth:`Body.chunks`, :meth:`SpooledDocument.write` and ``open_document``.
    """
    if kind is BodyKind.MULTIPART:
        document, members = await _receive_multipart(request, body, query, limits, open_document)
    elif kind is BodyKind.JSON:
        document, members = await _receive_json(body, query, limits, open_document)
    else:
        document, members = await _receive_raw(body, kind, query, open_document), query
    if body.document_length not in {None, document.size}:
        raise LengthMismatch(f"the document has {document.size} bytes, Document-Length says {body.document_length}")
    return document, members


async def _receive_raw(body: Body, kind: BodyKind, query: Members, open_document: OpenDocument) -> SpooledDocument:
    document = open_document(query)
    head = b"" if kind is BodyKind.UNNAMED else None
    async for chunk in body.chunks():
        if head is not None:
            head += chunk
            if len(head) >= PDF_HEADER_WITHIN:
                _require_pdf(head)
                head = None
        document.write(chunk)
    if not document.size:
        raise LengthRequired("this request needs a body")
    if head is not None:
        _require_pdf(head)
    return document


def _require_pdf(head: bytes) -> None:
    if PDF_HEADER not in head[:PDF_HEADER_WITHIN]:
        raise UnsupportedMediaType("the body is not a PDF; name its type with Content-Type")


async def _receive_json(
    body: Body, query: Members, limits: LimitSettings, open_document: OpenDocument
) -> tuple[SpooledDocument, Members]:
    opened: list[SpooledDocument] = []

    def begin(members: Members) -> SpooledDocument:
        opened.append(open_document(_merged(query, members)))
        return opened[0]

    reader = JSONObjectReader(limit=limits.parameter_bytes + limits.seal_image_bytes * 4 // 3, streamed=DOCUMENT, begin=begin)
    async for chunk in body.chunks():
        reader.feed(chunk)
    if not body.size:
        raise LengthRequired("this request needs a body")
    members = _merged(query, reader.finish())
    return _the_document(opened), members


class _ParametersPart:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = bytearray()
        self.members: Members = {}

    def write(self, data: bytes) -> None:
        if len(self._text) + len(data) > self._limit:
            raise TooLarge(f"the parameters are larger than {self._limit} bytes")
        self._text += data

    def finish(self) -> None:
        self.members = load_object(self._text)


class _SealImagePart:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self.members: Members = {}

    def write(self, data: bytes) -> None:
        if len(self._data) + len(data) > self._limit:
            raise TooLarge(f"the seal image is larger than {self._limit} bytes")
        self._data += data

    def finish(self) -> None:
        self.members = {SEAL_IMAGE: bytes(self._data)}


class _DocumentPart:
    def __init__(self, document: SpooledDocument) -> None:
        self.document = document
        self.write = document.write

    def finish(self) -> None:
        """Nothing is left to do: every byte is in the spool."""


async def _receive_multipart(
    request: web.Request, body: Body, query: Members, limits: LimitSettings, open_document: OpenDocument
) -> tuple[SpooledDocument, Members]:
    parts: dict[str, _ParametersPart | _SealImagePart | _DocumentPart] = {}
    parameters = _ParametersPart(limits.parameter_bytes)
    seal_image = _SealImagePart(limits.seal_image_bytes)

    def open_part(name: str) -> _ParametersPart | _SealImagePart | _DocumentPart:
        if name in parts:
            raise InvalidParameter(f"the part {name} comes twice", fields={name: "given twice"})
        if name == DOCUMENT:
            parts[name] = _DocumentPart(open_document(_merged(query, parameters.members)))
        elif name == PARAMETERS:
            parts[name] = parameters
        elif name == SEAL_IMAGE:
            parts[name] = seal_image
        else:
            raise InvalidParameter("the parts are params, document and sealImage", fields={name: "unknown part"})
        return parts[name]

    header = Message()
    header["Content-Type"] = request.headers["Content-Type"]
    boundary = header.get_boundary()
    await read_parts(body.chunks(), boundary, open_part)
    members = _merged(_merged(query, parameters.members), seal_image.members)
    return _the_document([part.document for part in parts.values() if isinstance(part, _DocumentPart)]), members


def _merged(query: Members, members: Members) -> Members:
    twice = query.keys() & members.keys()
    if twice:
        raise InvalidParameter(
            "a parameter is in the query and in the body", fields=dict.fromkeys(sorted(twice), "given in query and body")
        )
    return {**query, **members}


def _the_document(opened: list[SpooledDocument]) -> SpooledDocument:
    if not opened:
        raise InvalidParameter("the document is missing", fields={DOCUMENT: "missing"})
    if not opened[0].size:
        raise InvalidParameter("the document is empty", fields={DOCUMENT: "empty"})
    return opened[0]
