"""Does a recorded stream hold any part of a document? Every 16-byte window is looked for, in every way it could travel."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from urllib.parse import quote

WINDOW = 16
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(rb"[0-9A-Fa-f]{32,}")
_MAGIC = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def windows(document: bytes) -> frozenset[bytes]:
    """Every window of :data:`WINDOW` bytes of the document."""
    return frozenset(document[start : start + WINDOW] for start in range(len(document) - WINDOW + 1))


def text_windows(text: str) -> frozenset[bytes]:
    """Every window of a text, in every way a text of a caller's is written: in documents, in JSON, in URLs, in Japan."""
    in_pdf = b"\xfe\xff" + text.encode("utf-16-be")
    writings = (
        text.encode(),
        text.encode("utf-16-be"),
        text.encode("utf-16-le"),
        text.encode("cp932", "replace"),
        json.dumps(text).encode(),
        quote(text).encode(),
        "".join(f"\\{octet:03o}" for octet in in_pdf).encode(),
        # A PDF string escapes what is not printable, and so its first half where it is ASCII in UTF-16.
        re.sub(rb"[^ -~]", lambda found: b"\\%03o" % found[0][0], in_pdf),
    )
    return frozenset(window for writing in writings for window in windows(writing))


def leaked(document: frozenset[bytes], stream: bytes) -> bytes | None:
    """The first window of ``document`` found in ``stream``: raw, hex, base64, inflated; ``None`` if none is there."""
    for reading in _readings(stream):
        for start in range(len(reading) - WINDOW + 1):
            window = reading[start : start + WINDOW]
            if window in document:
                return window
    return None


def _readings(stream: bytes) -> Iterator[bytes]:
    yield stream
    for run in _HEX.findall(stream):
        for shift in (0, 1):
            text = run[shift:]
            yield binascii.unhexlify(text[: len(text) // 2 * 2])
    for run in _BASE64.findall(stream):
        # A run may begin anywhere within a group of four: each of the four readings of it is tried.
        text = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for shift in range(4):
            part = text[shift:]
            yield base64.b64decode(part + b"A" * (-len(part) % 4))
    for magic in _MAGIC:
        start = stream.find(magic)
        while start >= 0:
            yield _inflated(stream[start:], 31 if magic == b"\x1f\x8b" else 15)
            start = stream.find(magic, start + 1)


def _inflated(data: bytes, wbits: int) -> bytes:
    try:
        return zlib.decompressobj(wbits).decompress(data, 1 << 24)
    except zlib.error:
        return b""
