"""Revisions appended to a PDF byte by byte, as an attacker or another producer writes them (ISO 32000-1, 7.5.6)."""

import re
from collections.abc import Collection, Mapping

_OBJECT = rb"(?:^|[\r\n])%d 0 obj\s*(.*?)\s*endobj"


def newest_start(document: bytes) -> int:
    """What the last ``startxref`` says."""
    return int(document[document.rindex(b"startxref") + 9 :].split()[0])


def highest(document: bytes) -> int:
    """The largest ``/Size`` there is."""
    return max(int(size) for size in re.findall(rb"/Size (\d+)", document))


def object_text(document: bytes, number: int) -> bytes:
    """What the last definition of an object in the file says."""
    found: list[bytes] = re.findall(_OBJECT % number, document, re.DOTALL)
    return found[-1]


def appended(
    document: bytes,
    objects: Mapping[int, bytes],
    *,
    freed: Collection[int] = (),
    entries: Mapping[int, int] | None = None,
    trailer: bytes = b"/Root 1 0 R",
    between: bytes = b"",
) -> bytes:
    """The document with one more revision.

    Args:
        document: What is updated.
        objects: By number, what stands between ``obj`` and ``endobj``.
        freed: Numbers of objects that are removed.
        entries: Offsets for the cross-reference instead of, or beside, those of ``objects``.
        trailer: Entries of the trailer beside ``/Size`` and ``/Prev``.
        between: Bytes before the objects that nothing leads to.
    """
    out = bytearray(document)
    if not out.endswith(b"\n"):
        out += b"\n"
    out += between
    places: dict[int, int] = {}
    for number, content in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    places.update(entries or {})
    start = len(out)
    out += b"xref\n"
    for number in sorted({*places, *freed}):
        entry = b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 00001 f \n"
        out += b"%d 1\n%s" % (number, entry)
    size = max(highest(document), *(number + 1 for number in {*places, *freed, 0}))
    out += b"trailer\n<</Size %d/Prev %d%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, newest_start(document), trailer, start)
    return bytes(out)
