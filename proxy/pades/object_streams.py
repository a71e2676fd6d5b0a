"""Objects that lie in object streams (engine process): ISO 32000-2, 7.5.7.

A stream is decoded once for all that is read of it, not once an object.
"""

import re
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose, check_output_size
from pyhanko.pdf_utils.misc import PdfReadError, PdfStrictReadError

_KEPT_BYTES = 16 << 20
"""Decoded object streams that stay at hand, in bytes."""

_FLATE = (generic.NameObject("/FlateDecode"), generic.ArrayObject([generic.NameObject("/FlateDecode")]))
_ZLIB_HEADER_BYTES = 2
_SYNC_FLUSH = b"\0\0\xff\xff"
_INTEGER = re.compile(rb"[\0\t\n\f\r ]*([0-9]+)")


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """A decoded object stream.

    Attributes:
        data: Decoded.
        entries: Object number, and offset in ``data``, of each object.
        complete: Whether they are as many as the stream says.
    """

    data: bytes
    entries: tuple[tuple[int, int], ...]
    complete: bool

    def offset_of(self, number: int, index: int, *, strict: bool) -> int | None:
        """Where the object lies in ``data``; ``None`` where the stream does not hold it.

        Args:
            number: Its number.
            index: Its index by the cross-reference; only strict reading insists on it.
            strict: Raise where the two contradict each other.

        Raises:
            PdfStrictReadError: They do.
        """
        at_index = index < len(self.entries) and self.entries[index][0] == number
        if strict and not (at_index and self.complete):
            raise PdfStrictReadError("an object does not lie where the cross-reference says")
        if at_index:
            return self.entries[index][1]
        return next((offset for held, offset in self.entries if held == number), None)


class ObjectStreams:
    """The object streams of one document, as many as are worth keeping."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, ObjectStream] = OrderedDict()
        self._kept_bytes = 0

    def get(self, container: generic.Reference) -> ObjectStream:
        """The object stream that a reference leads to.

        Raises:
            PdfReadError: It leads to none, or to one that is damaged.
        """
        number = container.idnum
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        opened = _open(container)
        self._kept[number] = opened
        self._kept_bytes += len(opened.data)
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.data)
        return opened


def _open(container: generic.Reference) -> ObjectStream:
    stream = container.get_object()
    if not isinstance(stream, generic.StreamObject) or stream.get("/Type") != "/ObjStm":
        raise PdfReadError("an object is said to lie in an object stream that is none")
    count, first = stream["/N"], stream["/First"]
    if not isinstance(count, int) or not isinstance(first, int) or count < 0 or first < 0:
        raise PdfReadError("an object stream does not say what it holds")
    data = readable(stream, DecodePurpose.OBJECT_STREAM).read_data(DecodePurpose.OBJECT_STREAM)
    entries = []
    position = 0
    for _ in range(count):
        number = _INTEGER.match(data, position, first)
        offset = number and _INTEGER.match(data, number.end(), first)
        if not number or not offset:
            break
        position = offset.end()
        entries.append((int(number[1]), first + int(offset[1])))
    return ObjectStream(data, tuple(entries), complete=len(entries) == count)


def readable(stream: generic.StreamObject, purpose: DecodePurpose, expected_size: int | None = None) -> generic.StreamObject:
    """The stream, or where its Flate data lack their end mark or checksum, one that has them: no reader minds their absence.

    Args:
        stream: As it was read.
        purpose: What it is, which bounds how long its data may be.
        expected_size: Bytes that its dictionary says the data have, where it does.

    Raises:
        PdfDecodeLimitError: Its data are longer than such a stream's may be.
        zlib.error: Data are missing.
    """
    try:
        stream.read_data(purpose, expected_size=expected_size)
    except zlib.error:
        encoded = stream.encoded_data
        if stream.get("/Filter") not in _FLATE:
            raise
        cap = stream._decode_context().stream_output_cap(len(encoded), purpose, expected_size)  # noqa: SLF001 - it would not tell otherwise
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(encoded[_ZLIB_HEADER_BYTES:], 0 if cap is None else cap + 1)
        check_output_size(len(data), cap)
        if not inflater.eof and not encoded.endswith(_SYNC_FLUSH):
            raise
        completed = generic.StreamObject(dict(stream), encoded_data=zlib.compress(data, 1))
        completed.container_ref = stream.container_ref
        return completed
    return stream
