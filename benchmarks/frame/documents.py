"""The documents that are signed, made byte by byte: the same on every machine."""

import os
import zlib
from collections.abc import Callable
from functools import partial
from itertools import repeat
from pathlib import Path

from tests.support.pdf_files import PdfFile, plain_file, stream_object, write_sized_file

OBJECTS = 200_000


def _sized(size: int, path: Path) -> None:
    with path.open("wb") as out:
        write_sized_file(out, size, repeat(os.urandom(1 << 20)))


def _many() -> PdfFile:
    return plain_file(
        extra={number: b"<</N %d/Of(a form with many fields)>>" % number for number in range(1000, 1000 + OBJECTS)}
    )


def _with_table(path: Path) -> None:
    path.write_bytes(_many().with_table())


def _in_streams(path: Path) -> None:
    """Objects in object streams of 100 each, found by a cross-reference stream (ISO 32000-1, 7.5.7 and 7.5.8)."""
    file = _many()
    apart = {number: content for number, content in file.objects.items() if number < 1000}
    packed = [(number, content) for number, content in sorted(file.objects.items()) if number >= 1000]
    places: dict[int, tuple[int, int]] = {}
    container = 1000 + OBJECTS
    for start in range(0, len(packed), 100):
        group = packed[start : start + 100]
        heads, bodies, length = [], [], 0
        for index, (number, content) in enumerate(group):
            heads.append(b"%d %d" % (number, length))
            bodies.append(content)
            length += len(content) + 1
            places[number] = (container, index)
        head = b" ".join(heads) + b" "
        data = zlib.compress(head + b" ".join(bodies))
        entries = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(group), len(head))
        apart[container] = stream_object(data, entries)
        container += 1
    out, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), {}
    for number, content in sorted(apart.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start, offsets[container] = len(out), len(out)
    rows = bytearray()
    for number in range(container + 1):
        if number in offsets:
            rows += b"\x01" + offsets[number].to_bytes(4) + b"\0\0"
        elif number in places:
            rows += b"\x02" + places[number][0].to_bytes(4) + places[number][1].to_bytes(2)
        else:
            rows += b"\0" + bytes(4) + b"\xff\xff"
    entries = b"/Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Filter/FlateDecode" % (container + 1)
    out += b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (container, stream_object(zlib.compress(rows), entries), start)
    path.write_bytes(out)


TABLE = "200,000 objects, table"
STREAMS = "200,000 objects, streams"

DOCUMENTS: dict[str, Callable[[Path], None]] = {
    "100 KB": partial(_sized, 100_000),
    "10 MB": partial(_sized, 10_000_000),
    "200 MB": partial(_sized, 200_000_000),
    TABLE: _with_table,
    STREAMS: _in_streams,
}
"""By name, what writes each."""
