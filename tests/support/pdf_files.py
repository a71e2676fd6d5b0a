"""PDF files made byte by byte, so that a test knows every byte of its input (ISO 32000-1, 7.5)."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO

HEADER = b"%%PDF-%s\n%%\xe2\xe3\xcf\xd3\n"


@dataclass
class PdfFile:
    """Objects by number, written with a classic cross-reference table or a cross-reference stream.

    ``objects`` holds the bytes between ``obj`` and ``endobj``; number 1 is the catalog.
    """

    objects: dict[int, bytes] = field(default_factory=dict)
    version: bytes = b"1.7"
    trailer: bytes = b""

    def with_table(self, *, final_line_end: bool = True) -> bytes:
        out, offsets = self._body()
        start = len(out)
        size = max(self.objects) + 1
        out += b"xref\n0 %d\n" % size
        out += b"0000000000 65535 f \n"
        for number in range(1, size):
            out += b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n"
        out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (size, self.trailer, start)
        return bytes(out) + (b"\n" if final_line_end else b"")

    def with_stream(self) -> bytes:
        out, offsets = self._body()
        start = len(out)
        number = max(self.objects) + 1
        offsets[number] = start
        rows = b"".join(
            b"\x01" + offsets[item].to_bytes(8, "big") + b"\0" if item in offsets else b"\0" * 10 for item in range(number + 1)
        )
        data = zlib.compress(rows)
        out += b"%d 0 obj\n<</Type/XRef/Size %d/W[1 8 1]/Root 1 0 R/Filter/FlateDecode/Length %d%s>>stream\n" % (
            number,
            number + 1,
            len(data),
            self.trailer,
        )
        out += data + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start
        return bytes(out)

    def _body(self) -> tuple[bytearray, dict[int, int]]:
        out = bytearray(HEADER % self.version)
        offsets = {}
        for number, content in sorted(self.objects.items()):
            offsets[number] = len(out)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
        return out, offsets


def stream_object(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), entries, data)


def plain_file(
    pages: int = 1, *, text: bytes = b"Invoice 2026-001", catalog: bytes = b"", extra: Mapping[int, bytes] | None = None
) -> PdfFile:
    """A conforming file with ``pages`` pages; ``catalog`` is added to the catalog, ``extra`` objects by number from 1000."""
    numbers = range(10, 10 + pages)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    content = b"BT /F1 24 Tf 72 720 Td (" + text + b") Tj ET"
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages),
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        4: stream_object(content),
    }
    for number in numbers:
        objects[number] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents 4 0 R>>"
    objects.update(extra or {})
    return PdfFile(objects)


def write_sized_file(out: BinaryIO, size: int, filler: Iterable[bytes]) -> None:
    """Write a conforming file of exactly ``size`` bytes, most of it one stream filled from ``filler``.

    Args:
        out: Where to.
        size: Bytes of the whole file, at least 2,000.
        filler: Pieces of data, as many as needed are taken.
    """
    head = bytearray(HEADER % b"1.7")
    offsets = {}
    for number, content in (
        (1, b"<</Type/Catalog/Pages 2 0 R>>"),
        (2, b"<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        (3, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>"),
        (4, stream_object(b"q Q")),
    ):
        offsets[number] = len(head)
        head += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    offsets[5] = len(head)

    def tail(length: int) -> tuple[bytes, bytes]:
        opening = b"5 0 obj\n<</Type/EmbeddedFile/Length %010d>>stream\n" % length
        start = len(head) + len(opening) + length + len(b"\nendstream\nendobj\n")
        table = b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offsets[n] for n in range(1, 6))
        closing = b"\nendstream\nendobj\n" + table
        closing += b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%010d\n%%%%EOF\n" % start
        return opening, closing

    opening, closing = tail(0)
    length = size - len(head) - len(opening) - len(closing)
    opening, closing = tail(length)
    out.write(bytes(head) + opening)
    left = length
    for piece in filler:
        out.write(piece[:left])
        left -= min(left, len(piece))
        if not left:
            break
    out.write(closing)


def looping_page_tree() -> bytes:
    """A page tree that is its own kid: a walk without a guard never ends."""
    return PdfFile({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[2 0 R]/Count 1>>"}).with_table()


def stream_bomb(layers: int = 3, size: int = 1 << 30) -> bytes:
    """An object stream, the catalog in it, whose filters expand a few kilobytes to ``size`` bytes."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    data = b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()
    for _ in range(layers - 1):
        data = zlib.compress(data, 9)
    filters = b"/Filter[" + b"/FlateDecode" * layers + b"]"
    head = bytearray(HEADER % b"1.7")
    first = len(head)
    head += b"2 0 obj\n" + stream_object(data, b"/Type/ObjStm/N 1/First 4" + filters) + b"\nendobj\n"
    start = len(head)
    rows = bytes(10) + b"\x02" + (2).to_bytes(8, "big") + b"\0" + b"\x01" + first.to_bytes(8, "big") + b"\0"
    rows += b"\x01" + start.to_bytes(8, "big") + b"\0"
    head += b"3 0 obj\n" + stream_object(rows, b"/Type/XRef/Size 4/W[1 8 1]/Root 1 0 R") + b"\nendobj\n"
    return bytes(head) + b"startxref\n%d\n%%%%EOF\n" % start


def deep_nesting(depth: int = 100_000) -> bytes:
    """A catalog entry nested so deep that a recursive parser runs out of stack."""
    return plain_file(catalog=b"/Deep" + b"[" * depth + b"]" * depth).with_table()


def endless_previous() -> bytes:
    """A cross-reference table whose /Prev names itself."""
    data = plain_file().with_table()
    start = data.rindex(b"startxref\n") + 10
    offset = int(data[start:].split(b"\n", 1)[0])
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % offset, 1)


@cache
def cross_reference_bomb(entries: int = 40_000_000) -> bytes:
    """A cross-reference stream of a few kilobytes that says it has ``entries`` objects."""
    packer = zlib.compressobj(9)
    row = b"\x01\x09\x00"
    piece = row * 100_000
    data = b"".join(packer.compress(piece) for _ in range(entries // 100_000)) + packer.flush()
    head = bytearray(HEADER % b"1.7")
    for number, content in ((1, b"<</Type/Catalog/Pages 2 0 R>>"), (2, b"<</Type/Pages/Kids[]/Count 0>>")):
        head += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(head)
    entries_of_stream = b"/Type/XRef/Size %d/W[1 1 1]/Root 1 0 R/Filter/FlateDecode" % entries
    head += b"3 0 obj\n" + stream_object(data, entries_of_stream) + b"\nendobj\n"
    return bytes(head) + b"startxref\n%d\n%%%%EOF\n" % start
