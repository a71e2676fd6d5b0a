"""The request's body as it streams in: bounded, timed, counted and, where the caller gave its digest, digested.

Nothing is read before the call is admitted; a caller that waits with ``Expect: 100-continue`` (RFC 9110, 10.1.1) is told to go
on at the first read, so that a refused upload costs it nothing.
"""

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping

from aiohttp import HttpVersion11, web

from proxy.errors import (
    DeadlineExceeded,
    DigestMismatch,
    InvalidParameter,
    LengthMismatch,
    LengthRequired,
    TooLarge,
    UnsupportedMediaType,
)

DIGESTS = {"sha-256": "sha256", "sha-512": "sha512"}
"""Algorithms of ``Content-Digest`` that are checked (RFC 9530, 5), by their names in ``hashlib``."""

_DIGEST_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Body:
    """One request's body.

    Args:
        request: Its request. The headers are judged here and now, before anything is read.
        limit: Bytes it may have.
        stall_seconds: How long the next byte may take.

    Raises:
        LengthRequired: There is none.
        TooLarge: Its declared length is over the limit.
        UnsupportedMediaType: It is encoded (compressed), for its whole way or for this connection.
        InvalidParameter: ``Content-Digest`` or ``Document-Length`` cannot be understood.
    """

    def __init__(self, request: web.Request, *, limit: int, stall_seconds: float) -> None:
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise UnsupportedMediaType("send the body without a Content-Encoding")
        if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
            # The HTTP library undoes this one and passes over others.
            raise UnsupportedMediaType("send the body with no Transfer-Encoding but chunked")
        if not request.body_exists or request.content_length == 0:
            raise LengthRequired("this request needs a body")
        if request.content_length is not None and request.content_length > limit:
            raise TooLarge(f"the body is larger than {limit} bytes")
        self._request = request
        self._limit = limit
        self._stall_seconds = stall_seconds
        self._expected_digests = _content_digests(request)
        self.document_length = _document_length(request)
        self.size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes in the pieces they come in.

        Raises:
            TooLarge: There are more than the limit.
            LengthMismatch: The body broke off.
            DigestMismatch: Its digest is not the declared one.
            DeadlineExceeded: The sender stalled.
        """
        running = {name: hashlib.new(DIGESTS[name]) for name in self._expected_digests}
        await self._continue()
        while chunk := await self._next():
            self.size += len(chunk)
            if self.size > self._limit:
                raise TooLarge(f"the body is larger than {self._limit} bytes")
            for state in running.values():
                state.update(chunk)
            yield chunk
        for name, state in running.items():
            if state.digest() != self._expected_digests[name]:
                raise DigestMismatch(f"the body has another {name} digest than Content-Digest says")

    async def read(self) -> bytes:
        """All of it, for bodies whose limit is small. Raises as :meth:`chunks`, and LengthRequired for an empty one."""
        content = b"".join([chunk async for chunk in self.chunks()])
        if not content:
            raise LengthRequired("this request needs a body")
        return content

    async def _continue(self) -> None:
        request = self._request
        if request.version >= HttpVersion11 and request.headers.get("Expect", "").strip().lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # The interim answer is not part of the final one, of which nothing has been sent yet.
            request.writer.output_size = 0

    async def _next(self) -> bytes:
        scope = asyncio.timeout(self._stall_seconds)
        try:
            async with scope:
                return await self._request.content.readany()
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise DeadlineExceeded(f"no byte of the body came for {self._stall_seconds:g} seconds") from error
        except (web.RequestPayloadError, ConnectionError) as error:
            raise LengthMismatch("the body broke off") from error
        except RuntimeError as error:
            # How the stream says that its connection was closed before this read began.
            if self._request.transport is not None:
                raise
            raise LengthMismatch("the body broke off") from error


def _content_digests(request: web.Request) -> Mapping[str, bytes]:
    values = request.headers.getall("Content-Digest", [])
    if not values:
        return {}
    found: dict[str, bytes] = {}
    for member in ",".join(values).split(","):
        parsed = _DIGEST_MEMBER.fullmatch(member.strip())
        if parsed is None:
            raise _invalid("Content-Digest", "expected sha-256=:BASE64: or sha-512=:BASE64: (RFC 9530)")
        name, value = parsed.groups()
        if name in DIGESTS:
            try:
                found[name] = base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise _invalid("Content-Digest", "its value is not base64") from error
    if not found:
        raise _invalid("Content-Digest", "only sha-256 and sha-512 are checked here")
    return found


def _document_length(request: web.Request) -> int | None:
    value = request.headers.get("Document-Length")
    if value is None:
        return None
    if _NUMBER.fullmatch(value) is None:
        raise _invalid("Document-Length", "expected a number of bytes")
    return int(value)


def _invalid(header: str, reason: str) -> InvalidParameter:
    return InvalidParameter(f"the header {header} cannot be understood: {reason}", fields={header: reason})
