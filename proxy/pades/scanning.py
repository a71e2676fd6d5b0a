"""Find the objects of a PDF by their own words, without its cross-reference (engine process): ISO 32000-2, 7.3.10, 7.5.

For documents whose cross-reference leads nowhere. The file is looked through for ``N G obj``, ``trailer`` and the marks that
end a revision; stream data are stepped over by their ``/Length`` where it leads to ``endstream``. Nothing is decoded here and
nothing decided: :mod:`proxy.pades.rebuilding` does both.
"""

import mmap
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from proxy.errors import InvalidDocument

Data = mmap.mmap | bytes
"""The document's bytes, without a copy where it is a file."""

MAX_OBJECTS = 500_000
"""Objects of a document that is looked through: more than real ones have, few enough for the processor time of a task."""

_MAX_MARKS = 4 * MAX_OBJECTS
_MAX_WORDS = 10_000
_PIECE_BYTES = 1 << 20
_WHITE_BYTES = frozenset(b"\0\t\n\f\r ")
_WHITE = rb"[\0\t\n\f\r ]"
_HEADER = re.compile(rb"(?<![0-9])([0-9]{1,10})" + _WHITE + rb"+([0-9]{1,5})" + _WHITE + rb"+\Z")
_HEADER_BYTES = 32
_OBJECT = re.compile(_WHITE + rb"*([0-9]{1,10})" + _WHITE + rb"+([0-9]{1,5})" + _WHITE + rb"+obj")
_STREAM_START = re.compile(rb">>" + _WHITE + rb"*\Z")
_LENGTH = re.compile(rb"/Length" + _WHITE + rb"+([0-9]{1,10})(" + _WHITE + rb"+[0-9]{1,5}" + _WHITE + rb"+R)?")
_STREAM_END = re.compile(_WHITE + rb"*endstream")
_TYPE = re.compile(rb"/Type" + _WHITE + rb"*/(ObjStm|XRef|Catalog)(?![0-9A-Za-z])")
_DICTIONARY_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Definition:
    """One ``N G obj``.

    Attributes:
        number: Object number.
        generation: Generation number.
        offset: Of the object number's first digit.
        end: Of what can be compared: in its ``endobj``, or where its stream's data end.
        type_name: ``ObjStm``, ``XRef`` or ``Catalog``, as its dictionary's text says; empty for all others.
    """

    number: int
    generation: int
    offset: int
    end: int
    type_name: str


@dataclass(slots=True)
class Scan:
    """What stands in a document.

    Attributes:
        definitions: In the file's order.
        trailers: Offsets after the word ``trailer``.
        revision_ends: Offsets of ``startxref`` and ``%%EOF``, in order.
        indirect_lengths: Streams whose ``/Length`` is a reference: its object number, where the data start, where they were
            taken to end.
        hidden: Whether stream data hold what looks like an object; nothing after it is looked at then.
        broken_off: Whether the file ends within a stream.
    """

    definitions: list[Definition] = field(default_factory=list)
    trailers: list[int] = field(default_factory=list)
    revision_ends: list[int] = field(default_factory=list)
    indirect_lengths: list[tuple[int, int, int]] = field(default_factory=list)
    hidden: bool = False
    broken_off: bool = False

    def same_revision(self, first: int, second: int) -> bool:
        """Whether no revision ends between two offsets."""
        return bisect_left(self.revision_ends, first) == bisect_right(self.revision_ends, second)


@contextmanager
def mapped(stream: BinaryIO) -> Iterator[Data]:
    """The bytes of a document: of a file without reading it into memory, of anything else as they are."""
    stream.flush()
    size = stream.seek(0, 2)
    try:
        descriptor = stream.fileno()
    except OSError:
        stream.seek(0)
        yield stream.read()
        return
    if not size:
        yield b""
        return
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as data:
        yield data


def contains(stream: BinaryIO, word: bytes) -> bool:
    """Whether ``word`` stands anywhere in a document. It is read piece by piece: of a mapping, all would stay in memory."""
    stream.seek(0)
    kept = b""
    while piece := stream.read(_PIECE_BYTES):
        if word in kept + piece:
            return True
        kept = piece[1 - len(word) :]
    return False


def occurrences(data: Data, word: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Offsets of ``word``, from the first to the last."""
    limit = len(data) if end is None else end
    found = data.find(word, start, limit)
    while found >= 0:
        yield found
        found = data.find(word, found + len(word), limit)


def object_at(data: Data, mark: int) -> tuple[int, int, int] | None:
    """Offset, number and generation of the object whose word ``obj`` is at ``mark``; ``None`` where it is no object's."""
    if data[mark - 1] not in _WHITE_BYTES:
        return None  # of endobj, every second one
    start = max(mark - _HEADER_BYTES, 0)
    match = _HEADER.search(data[start:mark])
    return match and (start + match.start(), int(match[1]), int(match[2]))


def is_object(data: Data, offset: int, number: int, generation: int) -> bool:
    """Whether an object stands at ``offset``, white space before it aside."""
    match = _OBJECT.match(data[offset : offset + 2 * _HEADER_BYTES])
    return match is not None and (int(match[1]), int(match[2])) == (number, generation)


def scan(data: Data) -> Scan:
    """Look through a document.

    Raises:
        InvalidDocument: It holds more marks than can be gone through.
    """
    found = Scan()
    streams = _Streams(data, found)
    marks = occurrences(data, b"obj")
    mark = next(marks, None)
    count = 0
    while mark is not None:
        count += 1
        if count > _MAX_MARKS or len(found.definitions) > MAX_OBJECTS:
            raise InvalidDocument("the PDF is damaged, and has too many objects to be repaired")
        following = next(marks, None)
        header = object_at(data, mark)
        if header is not None:
            offset, number, generation = header
            if streams.covers(offset):
                found.hidden = True
                return found
            body, limit = mark + 3, len(data) if following is None else following
            end, type_name = streams.step_over(body, limit)
            found.definitions.append(Definition(number, generation, offset, end, type_name))
        mark = following
    found.trailers = [at + len(b"trailer") for at in streams.outside(b"trailer")]
    found.revision_ends = sorted(streams.outside(b"startxref") + streams.outside(b"%%EOF"))
    return found


class _Streams:
    """Where the stream data lie."""

    def __init__(self, data: Data, found: Scan) -> None:
        self._data = data
        self._found = found
        self._starts: list[int] = []
        self._ends: list[int] = []

    def covers(self, offset: int) -> bool:
        index = bisect_right(self._starts, offset) - 1
        return index >= 0 and offset < self._ends[index]

    def outside(self, word: bytes) -> list[int]:
        """Where ``word`` stands outside of stream data."""
        offsets = [at for at in islice(occurrences(self._data, word), _MAX_WORDS + 1) if not self.covers(at)]
        if len(offsets) > _MAX_WORDS:
            raise InvalidDocument("the PDF is damaged, and has too many revisions to be repaired")
        return offsets

    def step_over(self, body: int, limit: int) -> tuple[int, str]:
        """Where the object whose body begins at ``body`` ends, and its type; ``limit``: the next mark of an object."""
        data = self._data
        for word in occurrences(data, b"stream", body, limit):
            if data[word + 6 : word + 7] in (b"\r", b"\n") and _STREAM_START.search(data[max(body, word - 64) : word]):
                dictionary = data[body : min(word, body + _DICTIONARY_BYTES)]
                start = word + (8 if data[word + 6 : word + 8] == b"\r\n" else 7)
                end = self._end_of_data(dictionary, start)
                self._starts.append(start)
                self._ends.append(end)
                return end, _type_of(dictionary)
        return limit, _type_of(data[body : min(limit, body + _DICTIONARY_BYTES)])

    def _end_of_data(self, dictionary: bytes, start: int) -> int:
        length = _LENGTH.search(dictionary)
        if length is not None and length[2] is None:
            end = start + int(length[1])
            if _STREAM_END.match(self._data[end : end + 64]):
                return end
        end = self._data.find(b"endstream", start)
        if end < 0:
            self._found.broken_off = True
            return len(self._data)
        if length is not None and length[2] is not None:
            self._found.indirect_lengths.append((int(length[1]), start, end))
        return end


def _type_of(dictionary: bytes) -> str:
    match = _TYPE.search(dictionary)
    return match[1].decode("ascii") if match else ""


def ends_stream(data: Data, offset: int) -> bool:
    """Whether stream data may end at ``offset``: ``endstream`` follows."""
    return _STREAM_END.match(data[offset : offset + 64]) is not None
