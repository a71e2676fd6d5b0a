"""Encoding rules (X.690): what may be BER where it lies is made definite before a parser sees it.

CMS may be BER (RFC 5652, clause 2), and old signers wrote indefinite lengths. A parser of DER gives such values back in other
bytes than they came in, or not at all; one pass here, linear in the length, takes the indefinite lengths away. Whatever is
definite stays byte for byte what it was, so that nothing that was signed or hashed changes.
"""

_DEEPEST = 48
_CONSTRUCTED = 0x20
_INDEFINITE = 0x80
_END_OF_CONTENTS = b"\x00\x00"


class MalformedEncoding(ValueError):
    """The bytes are no BER, or nested beyond all measure."""


def definite(data: bytes) -> tuple[bytes, bytes]:
    """The first value in ``data``, with definite lengths throughout, and what follows it.

    Raises:
        MalformedEncoding: It is no BER, or nested too deeply.
    """
    end = _definite_end(data)
    if end is not None:
        return data[:end], data[end:]
    value, end, _ = _value(data, 0, len(data), 0)
    return value, data[end:]


def _definite_end(data: bytes) -> int | None:
    """Where the first value ends, if all lengths in it are definite, as nearly always."""
    at = 0
    ends: list[int] = []
    while True:
        constructed, _, contents_at, size = _header(data, at, ends[-1] if ends else len(data))
        if size is None:
            return None
        at = contents_at
        if constructed and size:
            ends.append(contents_at + size)
            if len(ends) > _DEEPEST:
                raise MalformedEncoding("nested too deeply")
            continue
        at += size
        while ends and at == ends[-1]:
            ends.pop()
        if not ends:
            return at


def _value(data: bytes, start: int, limit: int, depth: int) -> tuple[bytes, int, bool]:
    """One value from ``start``: its encoding, where it ends, and whether it had to be changed."""
    if depth > _DEEPEST:
        raise MalformedEncoding("nested too deeply")
    constructed, length_at, contents_at, size = _header(data, start, limit)
    if size is None:
        if not constructed:
            raise MalformedEncoding("a primitive value of indefinite length")
        parts, end, _ = _values(data, contents_at, limit, depth + 1, until_end_of_contents=True)
        return _encoded(data[start:length_at], parts), end, True
    end = contents_at + size
    if constructed:
        parts, _, changed = _values(data, contents_at, end, depth + 1, until_end_of_contents=False)
        if changed:
            return _encoded(data[start:length_at], parts), end, True
    return data[start:end], end, False


def _values(data: bytes, start: int, limit: int, depth: int, *, until_end_of_contents: bool) -> tuple[list[bytes], int, bool]:
    parts: list[bytes] = []
    changed = False
    while until_end_of_contents or start < limit:
        if until_end_of_contents and data[start : start + 2] == _END_OF_CONTENTS:
            return parts, start + 2, changed
        part, start, part_changed = _value(data, start, limit, depth)
        changed = changed or part_changed
        parts.append(part)
    return parts, start, changed


def _header(data: bytes, start: int, limit: int) -> tuple[bool, int, int, int | None]:
    """Whether it is constructed, where its length and its contents begin, and how long they are."""
    try:
        constructed = bool(data[start] & _CONSTRUCTED)
        at = start + 1
        if data[start] & 0x1F == 0x1F:
            while data[at] & 0x80:
                at += 1
            at += 1
        first = data[at]
    except IndexError as error:
        raise MalformedEncoding("cut off") from error
    if first == _INDEFINITE:
        return constructed, at, at + 1, None
    octets = first & 0x7F if first & 0x80 else 0
    size = int.from_bytes(data[at + 1 : at + 1 + octets], "big") if octets else first
    contents_at = at + 1 + octets
    if octets > 4 or contents_at + size > limit:
        raise MalformedEncoding("cut off")
    return constructed, at, contents_at, size


def _encoded(tag: bytes, parts: list[bytes]) -> bytes:
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return tag + bytes([size]) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(octets)]) + octets + contents
