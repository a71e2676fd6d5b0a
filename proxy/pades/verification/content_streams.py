"""The operators of a content stream (engine process): ISO 32000-2, 7.8.2. Nothing is drawn."""

import re
from collections.abc import Iterator

MOST_TOKENS = 100_000
"""Tokens of a content stream that are looked at."""

_TOKEN = re.compile(
    rb"[\0\t\n\f\r ]++|%[^\r\n]*+|\((?:[^()\\]++|\\.)*+\)|<<|>>|<[^>]*+>|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*+)"
    rb"|(?P<number>[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++))|(?P<word>[A-Za-z'\"*]++[0-9]?)|.",
    re.DOTALL,
)
_INLINE_IMAGE_END = re.compile(rb"[\0\t\n\f\r ]EI(?=[\0\t\n\f\r ]|\Z)")


def operations(content: bytes) -> Iterator[tuple[bytes, str, list[float]]]:
    """Operators of a content stream, each with the last name and the numbers before it."""
    name = ""
    numbers: list[float] = []
    position = 0
    for _ in range(MOST_TOKENS):
        match = _TOKEN.match(content, position)
        if match is None:
            return
        position = match.end()
        if match.lastgroup == "number":
            numbers.append(float(match[0]))
        elif match.lastgroup == "name":
            name = match[0].decode("latin-1")
        elif match.lastgroup == "word":
            if match[0] == b"ID":
                ended = _INLINE_IMAGE_END.search(content, position)
                position = ended.end() if ended else len(content)
            yield match[0], name, numbers
            name, numbers = "", []
