"""Read a document's cross-reference (engine process): ISO 32000-2, 7.5.4 (table), 7.5.8 (stream).

pyHanko's parsers take entries one by one in whatever shape they have; 200,000 objects cost them a second of processor time. A
section in the shape the standard gives it is read here at once; any other is left to them, and so is every judgement on it.
"""

import re
from io import SEEK_CUR
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.xref import (
    XRefBuilder,
    XRefSection,
    XRefSectionData,
    XRefSectionMetaInfo,
    XRefSectionType,
)

from proxy.pades.object_streams import readable
from proxy.pades.packed_section import PackedSection, PackedStream, PackedTable, apart

_SUBSECTION = re.compile(rb"[\0\t\n\f\r ]*([0-9]{1,10}) ([0-9]{1,10}) ?(?:\r\n|\r|\n)")
_TRAILER = re.compile(rb"[\0\t\n\f\r ]*trailer[\0\t\n\f\r ]*")
_HEAD_BYTES = 64
_ENTRY_ENDS = (b" \r", b" \n", b"\r\n")
_DIGITS = b"0123456789"
_GENERATION_BYTES = 2
_MAX_SUBSECTIONS = 100_000
"""Each takes as long as an entry, and costs its author four bytes."""


class FromHeader:
    """A file whose first byte is that of the header, as far as the parsers of cross-references look at it."""

    def __init__(self, stream: BinaryIO, origin: int) -> None:
        self._stream = stream
        self._origin = origin

    def read(self, size: int = -1) -> bytes:
        """Bytes from where the file is at."""
        return self._stream.read(size)

    def tell(self) -> int:
        """Where it is at."""
        return self._stream.tell() - self._origin

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere else, as files do."""
        return self._stream.seek(offset + (0 if whence else self._origin), whence) - self._origin


def highest_number(data: XRefSectionData) -> int:
    """The highest object number that a section gives a place to."""
    if isinstance(data, PackedSection):
        return data.highest_number
    highest = max((*data.standard_xrefs, *data.xrefs_in_objstm, *data.freed), default=0)
    return highest if data.hybrid is None else max(highest, highest_number(data.hybrid.xref_data))


class SectionReader(XRefBuilder):
    """Reads a cross-reference from its newest section back."""

    def _read_xref_table(self, declared_startxref: int) -> int | None:
        start = self.stream.tell()
        data = _table(self.stream)
        if data is not None:
            end = self.stream.tell()
            trailer = generic.DictionaryObject.read_from_stream(self.stream, generic.TrailerReference(self.handler))
            # Neither a hybrid section nor one without its end is in the common shape.
            if "/XRefStm" not in trailer and "/Size" in trailer:
                size = int(trailer.raw_get("/Size"))
                if highest_number(data) < size:
                    return self._add(XRefSectionType.STANDARD, declared_startxref, (start, end), data, size, trailer)
        self.stream.seek(start)
        previous: int | None = super()._read_xref_table(declared_startxref)
        return previous

    def _read_xref_stream(self, declared_startxref: int) -> int | None:
        start = self.stream.tell()
        reference, stream = self._read_xref_stream_object()
        data = _stream(stream)
        if data is None:
            self.stream.seek(start)
            previous: int | None = super()._read_xref_stream(declared_startxref)
            return previous
        places = (start, self.stream.tell())
        size = int(stream.raw_get("/Size"))
        return self._add(XRefSectionType.STREAM, declared_startxref, places, data, size, stream, reference)

    def _add(
        self,
        kind: XRefSectionType,
        declared: int,
        places: tuple[int, int],
        data: XRefSectionData,
        size: int,
        trailer: generic.DictionaryObject,
        reference: generic.Reference | None = None,
    ) -> int | None:
        self.sections.append(XRefSection(XRefSectionMetaInfo(kind, size, declared, *places, reference), data))
        self.trailer.add_trailer_revision(trailer)
        previous = trailer.get("/Prev")
        if previous is not None and not isinstance(previous, generic.NumberObject):
            raise PdfReadError("/Prev is not a number")
        return previous

    def _read_xref_stream_object(self) -> tuple[generic.Reference, generic.StreamObject]:
        reference, stream = super()._read_xref_stream_object()  # type: ignore[no-untyped-call]  # untyped in pyHanko
        if not self.strict:
            stream = readable(stream, DecodePurpose.XREF_STREAM, _expected_size(stream))
        return reference, stream


def _rows(stream: generic.StreamObject) -> list[tuple[int, int]]:
    """The subsections of a cross-reference stream: first object number and how many follow."""
    index = [int(number) for number in list(stream.get("/Index", [0, stream["/Size"]]))]
    return list(zip(index[::2], index[1::2], strict=True))


def _expected_size(stream: generic.StreamObject) -> int:
    """Bytes of a cross-reference stream, a predictor's byte in each row included (table 17)."""
    return sum(count for _, count in _rows(stream)) * (sum(int(width) for width in stream["/W"]) + 1)


def _stream(stream: generic.StreamObject) -> XRefSectionData | None:
    widths = [int(width) for width in stream["/W"]]
    rows = _rows(stream)
    content = stream.read_data(DecodePurpose.XREF_STREAM, expected_size=_expected_size(stream))
    in_shape = len(widths) == 3 and min(widths) >= 0 and widths[0] <= 1 and widths[2] <= _GENERATION_BYTES
    if not in_shape or not apart(rows) or sum(count for _, count in rows) * sum(widths) != len(content):
        return None
    return PackedStream(rows, content, (widths[0], widths[1], widths[2]))


def _table(stream: BinaryIO) -> XRefSectionData | None:
    """The entries of a table whose word ``xref`` was read, up to its trailer's dictionary."""
    runs: list[tuple[int, int]] = []
    blocks: list[bytes] = []
    for _ in range(_MAX_SUBSECTIONS):
        head = stream.read(_HEAD_BYTES)
        match = _SUBSECTION.match(head)
        if match is None:
            end = _TRAILER.match(head)
            if end is None or not runs:
                return None
            stream.seek(end.end() - len(head), SEEK_CUR)
            table = PackedTable(runs, b"".join(blocks))
            return None if table.has_impossible_generation or not apart(runs) else table
        stream.seek(match.end() - len(head), SEEK_CUR)
        count = int(match[2])
        block = stream.read(PackedTable.ROW_BYTES * count)
        if not _in_shape(block, count):
            return None
        runs.append((int(match[1]), count))
        blocks.append(block)
    raise PdfReadError("a cross-reference table of too many subsections")


def _in_shape(block: bytes, count: int) -> bool:
    rest = block.translate(None, _DIGITS)
    return (
        len(block) == PackedTable.ROW_BYTES * count
        and len(rest) == 5 * count
        and block[10::20] == block[16::20] == b" " * count
        and not block[17::20].translate(None, b"nf")
        and any(block[18::20] == end[:1] * count and block[19::20] == end[1:] * count for end in _ENTRY_ENDS)
    )
