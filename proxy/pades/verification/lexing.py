"""The tokens of an object as they stand in the file (engine process): ISO 32000-2, 7.2 and 7.3.

A parsed dictionary does not say where its values stood, nor that a key came twice. Where that matters, the text is looked at:
:func:`head_end` finds where an object's text ends, :func:`located` where its keys and values stand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from proxy.pades.scanning import Data

_REGULAR = rb"[^\0\t\n\f\r ()<>\[\]{}/%]"
_STRING = rb"\((?:[^()\\]++|\\.)*+\)"
HEX = rb"<[0-9A-Fa-f\0\t\n\f\r ]*+>"
NAME = rb"/" + _REGULAR + rb"*+"
COMMENT = rb"%[^\r\n]*+"

_HARMLESS = re.compile(
    rb"(?:[^(/%<>es]++|" + b"|".join((_STRING, NAME, COMMENT, HEX, rb"<<|>>|>|e(?!ndobj)|s(?!tream)")) + rb")*+", re.DOTALL
)
"""All that ends no object's text: one step for most objects."""

_TOKEN = re.compile(
    rb"(?P<skip>[\0\t\n\f\r ]++|%[^\r\n]*+)|(?P<name>"
    + NAME
    + rb")|(?P<open><<|\[)|(?P<close>>>|\])|(?P<hex><[^>]*+>)|(?P<string>\()|(?P<word>"
    + _REGULAR
    + rb"++)|(?P<odd>.)",
    re.DOTALL,
)
_WORD_FOLLOWS = re.compile(rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+" + _REGULAR)
_CLOSING = {b"<<": b">>", b"[": b"]"}
_PARENTHESIS = re.compile(rb"[^()\\]*+(?:\\.|([()]))", re.DOTALL)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")

_MOST_TOKENS = 20_000
"""Tokens of a dictionary that is looked at one by one: signature dictionaries have a few dozen."""


def string_end(data: Data, start: int, limit: int) -> int:
    """Where a literal string that begins at ``start`` ends: after its closing parenthesis; ``limit`` where it has none."""
    depth = 0
    position = start
    while True:
        match = _PARENTHESIS.match(data, position, limit)
        if match is None:
            return limit
        position = match.end()
        if match[1]:
            depth += 1 if match[1] == b"(" else -1
            if not depth:
                return position


def head_end(data: Data, start: int, limit: int) -> int:
    """Where the text of an object ends: at its ``endobj``, or at ``stream`` where its data begin.

    Args:
        data: The document.
        start: After the object's ``obj``.
        limit: Where to give up.

    Returns:
        The offset of the word; ``limit`` where neither comes.
    """
    position = start
    while position < limit:
        match = _HARMLESS.match(data, position, limit)
        assert match is not None, "it matches nothing at all, too"
        position = match.end()
        if position >= limit:
            return limit
        if data[position] != ord("("):
            if data[position] in b"es":
                return position
            position += 1  # a hexadecimal string that is none
        else:
            position = string_end(data, position, limit)
    return limit


@dataclass(frozen=True, slots=True)
class Located:
    """A key of a dictionary, or a value that is no container, where it stands.

    Attributes:
        path: The keys that lead to it from the object's own dictionary, a key's own included.
        start: Offset of its first byte.
        end: Offset after its last.
        is_key: Whether it is a key.
    """

    path: tuple[bytes, ...]
    start: int
    end: int
    is_key: bool = False


def located(data: Data, start: int, end: int) -> Iterator[Located]:
    """The keys and values of an object's dictionaries, in order.

    Args:
        data: The document.
        start: Where the object's text begins.
        end: Where it ends.

    Raises:
        ValueError: It is no text of balanced dictionaries and arrays, or too long.
    """
    containers = _Containers()
    for kind, begun, ended in _tokens(data, start, end):
        text = bytes(data[begun:ended]) if kind != "string" else b""
        if kind == "open":
            containers.open(text)
        elif kind == "close":
            containers.close(text)
        elif kind == "odd":
            raise ValueError("a bracket that opens nothing")
        elif kind == "name" and containers.wants_key:
            yield Located(containers.key(plain_name(text)), begun, ended, is_key=True)
        else:
            yield Located(containers.path, begun, ended)
            # The three words of a reference are one value.
            if kind != "word" or not _WORD_FOLLOWS.match(data, ended, end):
                containers.value_ends()
    if containers.path:
        raise ValueError("a dictionary does not end")


def _tokens(data: Data, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Kind, begin and end of each token but white space and comments."""
    position = start
    for _ in range(_MOST_TOKENS):
        if position >= end:
            return
        match = _TOKEN.match(data, position, end)
        assert match is not None, "one of its alternatives is any byte"
        begun, position, kind = position, match.end(), match.lastgroup or ""
        if kind == "string":
            position = string_end(data, begun, end)
        if kind != "skip":
            yield kind, begun, position
    raise ValueError("a dictionary of too many tokens")


class _Containers:
    """The dictionaries and arrays that are open, and the keys that lead to what comes next."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        # Of a dictionary the key that waits for its value; empty where a key comes next, and in arrays.
        self._keys: list[bytes] = []

    @property
    def path(self) -> tuple[bytes, ...]:
        """The keys that lead to the value that comes next; what is open without any counts as one."""
        return tuple(key or bracket for key, bracket in zip(self._keys, self._open, strict=True))

    @property
    def wants_key(self) -> bool:
        return bool(self._open) and self._open[-1] == b"<<" and not self._keys[-1]

    def key(self, name: bytes) -> tuple[bytes, ...]:
        self._keys[-1] = name
        return self.path

    def open(self, bracket: bytes) -> None:
        self._open.append(bracket)
        self._keys.append(b"")

    def close(self, bracket: bytes) -> None:
        if not self._open or _CLOSING[self._open.pop()] != bracket:
            raise ValueError("a bracket closes nothing")
        self._keys.pop()
        self.value_ends()

    def value_ends(self) -> None:
        if self._keys:
            self._keys[-1] = b""


def plain_name(text: bytes) -> bytes:
    """A name without its escapes (7.3.5), with its solidus."""
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), text)
