"""Dictionaries that say something twice (engine process). ISO 32000-2, 7.3.7 forbids it, and readers take one or the other.

Hundreds of thousands of objects are looked at, so most are done with in one step: no name comes twice where keys stand.
"""

import re

from proxy.pades.scanning import Data
from proxy.pades.verification.lexing import COMMENT, HEX, NAME, plain_name, string_end

_WHITE = b"\0\t\n\f\r "
_NOTHING = re.compile(rb"(?:[\0\t\n\f\r ]++|" + COMMENT + b")*+")
_KEYS = re.compile(b"(" + NAME + rb")(?:[\0\t\n\f\r ]*+" + NAME + b")?")
"""Names that may be keys: of two in a row the second is the first one's value, unless a comment comes between."""

_WORDS = re.compile(
    rb"(?P<skip>" + COMMENT + b"|" + HEX + rb")|(?P<string>\()|(?P<open><<|\[)|(?P<close>>>|\])|(?P<name>" + NAME + rb")"
)
"""What structures an object, or hides what would."""


def says_twice(data: Data, start: int, end: int) -> bool:
    """Whether a dictionary in an object has a key twice, with another value.

    Args:
        data: The document.
        start: Where the object's text begins.
        end: Where it ends.
    """
    keys = _KEYS.findall(data, start, end)
    if len(keys) == len(set(keys)) and data.find(b"#", start, end) < 0 and data.find(b"%", start, end) < 0:
        return False
    containers = _Containers(data)
    position = start
    while not containers.twice and (match := _WORDS.search(data, position, end)) is not None:
        at, position = match.start(), match.end()
        match match.lastgroup:
            case "string":
                position = string_end(data, at, end)
            case "open":
                containers.open(match[0] == b"<<")
            case "close":
                containers.close(at)
            case "name":
                containers.name(match[0], at, position)
    return containers.twice


class _Containers:
    """The dictionaries and arrays that are open.

    Attributes:
        twice: Whether a key came with another value than before.
    """

    def __init__(self, data: Data) -> None:
        self.twice = False
        self._data = data
        # Of each: the values by their keys, ``None`` for an array; and the key that waits for its value, with its end.
        self._values: list[dict[bytes, bytes] | None] = []
        self._waiting: list[tuple[bytes, int] | None] = []

    def open(self, is_dictionary: bool) -> None:
        self._values.append({} if is_dictionary else None)
        self._waiting.append(None)

    def close(self, at: int) -> None:
        if self._values:
            self._value_ends(at)
            self._values.pop()
            self._waiting.pop()

    def name(self, text: bytes, start: int, end: int) -> None:
        if not self._values or self._values[-1] is None:
            return
        waiting = self._waiting[-1]
        # Right behind a key a name is its value.
        if waiting is None or not _NOTHING.fullmatch(self._data, waiting[1], start):
            self._value_ends(start)
            self._waiting[-1] = (plain_name(text), end)

    def _value_ends(self, at: int) -> None:
        known, waiting = self._values[-1], self._waiting[-1]
        if known is not None and waiting is not None:
            key, begun = waiting
            value = bytes(self._data[begun:at]).strip(_WHITE)
            self.twice |= known.setdefault(key, value) != value
        self._waiting[-1] = None
