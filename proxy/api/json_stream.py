"""A JSON object with one member that may be far larger than memory should be: its base64 goes to a sink piece by piece.

Everything but that member's characters is copied into a skeleton, which is bounded and at the end read by the ordinary JSON
parser (RFC 8259); so this reader tells strings from structure and nothing more. Depth is bounded before the parser sees it, and
a name that comes twice is refused (RFC 8259, 4 leaves it open, and two readers could see two requests in one).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from proxy.api.base64_stream import Base64Decoder
from proxy.errors import InvalidParameter, TooLarge

DEPTH = 16
"""How deep values may nest."""

SIGNS = 4_000
"""Brackets, commas, colons and opening quotes a body may have outside its strings: each costs time in the event loop."""

_STRUCTURE = re.compile(rb'["{}\[\],:]')
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_STRING_BODY = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_ESCAPES = (
    (re.compile(rb"\\/|\\u002[Ff]"), b"/"),
    (re.compile(rb"\\u002[Bb]"), b"+"),
    (re.compile(rb"\\u003[Dd]"), b"="),
    (re.compile(rb"\\[nrt]|\\u00(?:0[9AaDd]|20)"), b""),
)
"""How encoders escape the characters of base64, and the line breaks some put between them."""

LONGEST_ESCAPE = len(rb"\u0000")


class Sink(Protocol):
    """Where the large member's decoded bytes go."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        ...


class JSONObjectReader:
    """Fed with the body's chunks; gives the members at the end.

    Args:
        limit: Bytes everything but the large member may have together.
        streamed: Name of the large member.
        begin: Called when it begins, with the members that came before it; gives the sink.
    """

    def __init__(self, *, limit: int, streamed: str, begin: Callable[[Mapping[str, Any]], Sink]) -> None:
        self._limit = limit
        self._streamed = streamed
        self._begin = begin
        self._skeleton = bytearray()
        self._read: Callable[[bytes, int], int] = self._read_structure
        self._depth = 0
        self._signs = 0
        # At depth 1: whether the next string is a name, and if not, whether it is the value of ``_name``.
        self._name_next = False
        self._value_next = False
        self._string_start = 0
        self._name: object = None
        self._sink: Sink | None = None
        self._decoder = Base64Decoder()
        self._cut = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            InvalidParameter: They are not JSON, or the large member is not base64.
            TooLarge: The other members are over the limit.
        """
        position = 0
        while position < len(chunk):
            position = self._read(chunk, position)

    def finish(self) -> dict[str, Any]:
        """The members, without the large one.

        Raises:
            InvalidParameter: What came is not one JSON object, or the large member is no string.
        """
        members = load_object(self._skeleton)
        if self._sink is None and self._streamed in members:
            raise InvalidParameter(f"{self._streamed} is not base64", fields={self._streamed: "expected a string in base64"})
        members.pop(self._streamed, None)
        return members

    def _copy(self, piece: bytes) -> None:
        if len(self._skeleton) + len(piece) > self._limit:
            raise TooLarge(f"the parameters are larger than {self._limit} bytes")
        self._skeleton += piece

    def _read_structure(self, chunk: bytes, position: int) -> int:
        found = _STRUCTURE.search(chunk, position)
        if found is None:
            self._copy(chunk[position:])
            return len(chunk)
        end, sign = found.end(), found.group()
        self._signs += 1
        if self._signs > SIGNS:
            raise _malformed(f"it has more than {SIGNS} values and names")
        if sign == b'"':
            self._copy(chunk[position : end - 1])
            if self._value_next and self._name == self._streamed:
                self._begin_streamed()
            else:
                self._string_start = len(self._skeleton)
                self._copy(sign)
                self._read = self._read_string
            return end
        self._copy(chunk[position:end])
        if sign in b"{[":
            self._depth += 1
        elif sign in b"}]":
            self._depth -= 1
        self._name_next = self._depth == 1 and sign in b"{,"
        self._value_next = self._depth == 1 and sign == b":"
        return end

    def _read_string(self, chunk: bytes, position: int) -> int:
        found = _STRING_BODY.match(chunk, position)
        assert found is not None, "it matches nothing at all as well"
        end = found.end() + 1
        self._copy(chunk[position:end])
        if end > len(chunk):
            return len(chunk)
        if chunk[end - 1 : end] == b"\\":
            self._read = self._read_escaped
            return end
        if self._name_next:
            self._name = _loads(self._skeleton[self._string_start :])
        self._name_next = self._value_next = False
        self._read = self._read_structure
        return end

    def _read_escaped(self, chunk: bytes, position: int) -> int:
        """The one character after a backslash, which ends no string. The digits after ``u`` end none either."""
        self._copy(chunk[position : position + 1])
        self._read = self._read_string
        return position + 1

    def _begin_streamed(self) -> None:
        if self._sink is not None:
            raise _twice(self._streamed)
        self._copy(b"null")
        known = load_object(self._skeleton + b"}")
        del known[self._streamed]
        self._sink = self._begin(known)
        self._read = self._read_streamed

    def _read_streamed(self, chunk: bytes, position: int) -> int:
        quote = chunk.find(b'"', position)
        end = len(chunk) if quote < 0 else quote
        text = self._cut + chunk[position:end]
        self._cut = b""
        if b"\\" in text:
            if quote < 0:
                text, self._cut = _without_cut_escape(text)
            text = _unescaped(text)
        try:
            decoded = self._decoder.decode(text)
            if quote >= 0:
                self._decoder.finish()
        except ValueError as error:
            raise InvalidParameter(
                f"{self._streamed} is not base64", fields={self._streamed: f"not base64: {error}"}
            ) from error
        assert self._sink is not None, "streaming began with one"
        self._sink.write(decoded)
        if quote < 0:
            return len(chunk)
        self._value_next = False
        self._read = self._read_structure
        return quote + 1


def load_object(text: bytes | bytearray) -> dict[str, Any]:
    """Read a whole JSON object that is in memory.

    Raises:
        InvalidParameter: It is not one, nests deeper than :data:`DEPTH`, or a name comes twice.
    """
    depth = 0
    for count, token in enumerate(_NESTING.finditer(text)):
        if count > SIGNS:
            raise _malformed(f"it has more than {SIGNS} values and names")
        sign = token.group()
        depth += (sign in b"{[") - (sign in b"}]")
        if depth > DEPTH:
            raise _malformed(f"its values nest deeper than {DEPTH}")
    members = _loads(text)
    if not isinstance(members, dict):
        raise _malformed("it is of another type")
    return members


def _loads(text: bytes | bytearray) -> object:
    try:
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError as error:
        raise _malformed("it does not parse") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _twice(name)
        members[name] = value
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _without_cut_escape(text: bytes) -> tuple[bytes, bytes]:
    """The text up to an escape that the end of the chunk may have cut, and that."""
    start = text.rfind(b"\\", max(0, len(text) - LONGEST_ESCAPE + 1))
    return (text, b"") if start < 0 else (text[:start], text[start:])


def _unescaped(text: bytes) -> bytes:
    """Base64 with its JSON escapes undone. A backslash that is left over is not base64 and refused as such."""
    if b"\\\\" in text:
        # An escaped backslash is no base64 either; without it, undoing one escape cannot make another.
        raise InvalidParameter("the document is not base64", fields={"document": "not base64: it holds a backslash"})
    for pattern, character in _ESCAPES:
        text = pattern.sub(character, text)
    return text


def _twice(name: str) -> InvalidParameter:
    return InvalidParameter(f"{name!a} is given twice", fields={name: "given twice"})


def _malformed(why: str) -> InvalidParameter:
    return InvalidParameter(f"the body is not a JSON object as this route takes it: {why}")
