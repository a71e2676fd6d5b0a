"""``multipart/form-data`` as it arrives (RFC 7578; RFC 2046, 5.1.1): parts in any order, none of them held in memory here.

A delimiter is searched for across chunk borders; everything before what could be its beginning is handed on.
"""

import re
from collections.abc import AsyncIterator, Callable
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Protocol

from proxy.errors import InvalidParameter

HEADER_BYTES = 8_192
"""Bytes the headers of one part may have."""

PREAMBLE_BYTES = 8_192
"""Bytes before the first delimiter, which no sender needs."""

PARTS = 16
"""Parts one body may have."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_IDENTITY_ENCODINGS = {"", "7bit", "8bit", "binary"}


class Part(Protocol):
    """Takes the content of one part."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        ...

    def finish(self) -> None:
        """Know that there are no more."""
        ...


async def read_parts(chunks: AsyncIterator[bytes], boundary: str | None, open_part: Callable[[str], Part]) -> None:
    """Read a body to its end.

    Args:
        chunks: The body.
        boundary: Of the Content-Type.
        open_part: Called with each part's name; gives what takes its content.

    Raises:
        InvalidParameter: The body is not ``multipart/form-data``.
    """
    reader = _MultipartReader(boundary, open_part)
    async for chunk in chunks:
        reader.feed(chunk)
    reader.finish()


class _MultipartReader:
    def __init__(self, boundary: str | None, open_part: Callable[[str], Part]) -> None:
        if boundary is None or _BOUNDARY.fullmatch(boundary) is None:
            raise _malformed("its Content-Type has no boundary")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._open_part = open_part
        # A delimiter begins with a line break, the first one's being that of the header before the body.
        self._buffer = b"\r\n"
        self._read: Callable[[], bool] = self._read_preamble
        self._part: Part | None = None
        self._parts = 0
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        if self._ended:
            # The epilogue, which is to be ignored (RFC 2046, 5.1.1).
            return
        self._buffer += chunk
        while self._read():
            pass

    def finish(self) -> None:
        if not self._ended:
            raise _malformed("its closing delimiter is missing")

    def _read_preamble(self) -> bool:
        found = self._buffer.find(self._delimiter)
        if found < 0:
            if len(self._buffer) > PREAMBLE_BYTES:
                raise _malformed("it does not begin with its delimiter")
            return False
        self._buffer = self._buffer[found + len(self._delimiter) :]
        self._read = self._read_after_delimiter
        return True

    def _read_after_delimiter(self) -> bool:
        """Two hyphens close the body; else white space may stand before the end of the line."""
        if self._buffer.startswith(b"--"):
            self._ended = True
            return False
        line, end_of_line, rest = self._buffer.partition(b"\r\n")
        if not end_of_line:
            if len(line) > HEADER_BYTES:
                raise _malformed("a delimiter's line does not end")
            return False
        if line.strip(b" \t"):
            raise _malformed("something follows a delimiter")
        self._parts += 1
        if self._parts > PARTS:
            raise _malformed(f"it has more than {PARTS} parts")
        # The line break stays: a part without headers has its empty line right here.
        self._buffer = b"\r\n" + rest
        self._read = self._read_headers
        return True

    def _read_headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEADER_BYTES:
            if len(self._buffer) > HEADER_BYTES:
                raise _malformed("the headers of a part are too large")
            return False
        headers = BytesHeaderParser().parsebytes(self._buffer[2 : end + 4])
        self._part = self._open_part(_name(headers))
        # Again the line break stays, for the delimiter that follows an empty part.
        self._buffer = self._buffer[end + 2 :]
        self._read = self._read_content_start
        return True

    def _read_content_start(self) -> bool:
        """Tell an empty part, whose delimiter shares the empty line's end, from one with content."""
        if len(self._buffer) < len(self._delimiter) and self._delimiter.startswith(self._buffer):
            return False
        if not self._buffer.startswith(self._delimiter):
            self._buffer = self._buffer[2:]
        self._read = self._read_content
        return True

    def _read_content(self) -> bool:
        assert self._part is not None, "content follows headers"
        found = self._buffer.find(self._delimiter)
        if found >= 0:
            self._part.write(self._buffer[:found])
            self._part.finish()
            self._part = None
            self._buffer = self._buffer[found + len(self._delimiter) :]
            self._read = self._read_after_delimiter
            return True
        safe = len(self._buffer) - len(self._delimiter) + 1
        if safe > 0:
            self._part.write(self._buffer[:safe])
            self._buffer = self._buffer[safe:]
        return False


def _name(headers: Message) -> str:
    if headers.get_content_maintype() == "multipart":
        raise _malformed("a part is multipart itself")
    if (headers.get("Content-Transfer-Encoding") or "").strip().lower() not in _IDENTITY_ENCODINGS:
        raise _malformed("a part has a Content-Transfer-Encoding (RFC 7578, 4.7)")
    name = headers.get_param("name", header="Content-Disposition")
    if headers.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise _malformed("a part has no Content-Disposition of form-data with a name")
    return name


def _malformed(why: str) -> InvalidParameter:
    return InvalidParameter(f"the body is not multipart/form-data as this route takes it: {why}")
