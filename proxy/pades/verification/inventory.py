"""What stands in the file, object by object, and who refers to whom (engine process): ISO 32000-2, 7.3.10, 7.5.

Every version of every object that some cross-reference section leads to is looked at once, by its text: where it ends, whether
it has stream data, which objects it refers to. Parsing all of them would take ten times as long. What lies between them, the
gaps, is where a file hides what its cross-reference does not mention.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError

from proxy.pades.document import DocumentReader
from proxy.pades.scanning import Data, object_at, occurrences
from proxy.pades.verification.history import History, Place
from proxy.pades.verification.lexing import head_end, located
from proxy.pades.verification.repeated_keys import says_twice

_WHITE = rb"(?:[\0\t\n\f\r ]|%[^\r\n]*[\r\n])+"
_REFERENCE = re.compile(rb"(?<![0-9])[0-9]++(?=" + _WHITE + rb"[0-9]++" + _WHITE + rb"R(?![0-9A-Za-z]))")
_LONGEST_NUMBER = 10
"""Digits of an object number, leading zeros aside, of which a file may have any number."""

_HEADER = re.compile(rb"[\0\t\n\f\r ]*([0-9]{1,10})[\0\t\n\f\r ]+([0-9]{1,5})[\0\t\n\f\r ]+obj")
_DATA_BEGIN = re.compile(rb"stream(?:\r\n|\n|\r)?")
_LENGTH = re.compile(rb"/Length" + _WHITE + rb"([0-9]{1,10})(" + _WHITE + rb"[0-9]{1,5}" + _WHITE + rb"R)?")
_END_OF_DATA = re.compile(rb"[\0\t\n\f\r ]*endstream")
_END_OF_OBJECT = re.compile(rb"[\0\t\n\f\r ]*endobj")
_FILE_KEY = re.compile(rb"/(?:F|#46|(?:R|#52)(?:e|#65)(?:f|#66))(?![0-9A-Za-z#_.+-])")
_NAMES_A_FILE = ((b"/F",), (b"/Ref",))
"""Keys of a stream whose data (7.3.8.2), or whose page (8.10.4), are in another file."""

_REVISION_MARKS = (b"trailer", b"startxref", b"%%EOF")
_HEADER_BYTES = 64
_BYTE_RANGE = b"/ByteRange"


class Span(NamedTuple):
    """One version of an object as it stands in the file. A tuple, since a document has hundreds of thousands.

    Attributes:
        number: Object number.
        place: Where.
        text_start: After its word ``obj``.
        text_end: At its ``endobj``, or where the data of a stream begin.
        end: After its ``endobj``, or after whatever ends it.
        is_stream: Whether it has data.
        is_closed: Whether it ends as objects do.
    """

    number: int
    place: Place
    text_start: int
    text_end: int
    end: int
    is_stream: bool
    is_closed: bool


@dataclass(frozen=True, slots=True)
class HiddenObject:
    """An object that no section of the cross-reference leads to."""

    number: int
    generation: int
    offset: int


class Inventory:
    """The objects of a document.

    Args:
        data: The document.
        reader: The same.
        history: The same.

    Attributes:
        spans: The objects in the file, by their offsets.
        misplaced: Versions that are not where the cross-reference says.
        hidden: Objects that it does not mention.
        gaps: What lies between the objects: cross-references, comments, and what has no business there.
        revision_marks: Offsets of what ends a revision, or what is left of that.
    """

    def __init__(self, data: Data, reader: DocumentReader, history: History) -> None:
        self._data = data
        self._reader = reader
        self._history = history
        self.misplaced: list[tuple[int, Place]] = []
        self.spans = tuple(self._spans())
        self._offsets = [span.place.offset for span in self.spans]
        self._ends = {span.place.offset: span.end for span in self.spans}
        self.gaps = tuple(self._gaps())
        self.hidden = tuple(self._hidden())
        self.revision_marks = sorted(
            at for start, end in self.gaps for word in _REVISION_MARKS for at in occurrences(data, word, start, end)
        )

    def span(self, number: int, place: Place) -> Span | None:
        """A version of an object; ``None`` where it is in an object stream, or not where it should be."""
        return (
            None
            if place.compressed
            else next((span for span in self._starting_at(place.offset) if span.number == number), None)
        )

    def end_of(self, place: Place) -> int:
        """Where a version of an object in the file ends; where it should begin, if it does not."""
        return self._ends.get(place.offset, place.offset)

    def _starting_at(self, offset: int) -> Iterator[Span]:
        """The objects that the cross-reference says to begin at an offset."""
        index = bisect_left(self._offsets, offset)
        while index < len(self.spans) and self._offsets[index] == offset:
            yield self.spans[index]
            index += 1

    def overlapping(self) -> Iterator[tuple[Span, Span]]:
        """Objects that reach into the next one."""
        return ((one, other) for one, other in pairwise(self.spans) if other.place.offset < one.end)

    def text(self, span: Span) -> bytes:
        """An object's text, without the data of a stream."""
        return bytes(self._data[span.text_start : span.text_end])

    def with_external_data(self) -> Iterator[Span]:
        """Streams of which something is in another file: no signature covers that."""
        for span in self.spans:
            if span.is_stream and _FILE_KEY.search(self._data, span.text_start, span.text_end):
                try:
                    external = any(
                        key.is_key and key.path in _NAMES_A_FILE for key in located(self._data, span.text_start, span.text_end)
                    )
                except ValueError:
                    external = True
                if external:
                    yield span

    def ambiguous(self) -> Iterator[int]:
        """Numbers of objects with a dictionary that says something twice."""
        yield from (span.number for span in self.spans if says_twice(self._data, span.text_start, span.text_end))
        yield from (number for number, _, text in self._compressed() if says_twice(text, 0, len(text)))

    def hidden_signatures(self) -> Iterator[HiddenObject]:
        """Objects that no section leads to and that look like signature dictionaries."""
        for found in self.hidden:
            end = self._data.find(b"endobj", found.offset)
            if self._data.find(_BYTE_RANGE, found.offset, len(self._data) if end < 0 else end) >= 0:
                yield found

    def _spans(self) -> Iterator[Span]:
        data, size = self._data, len(self._data)
        versions = {(place, number) for number, place in self._history.versions() if not place.compressed}
        versions.update((place, number) for number, place in self._history.sections_in_streams())
        for place, number in sorted(versions):
            match = _HEADER.match(data, place.offset, place.offset + _HEADER_BYTES)
            if match is None or int(match[1]) != number or int(match[2]) != place.generation:
                self.misplaced.append((number, place))
                continue
            text_end = head_end(data, match.end(), size)
            is_stream = data[text_end : text_end + 1] == b"s"
            end = self._end_of_data(match.end(), text_end) if is_stream else text_end
            closed = _END_OF_OBJECT.match(data, end, size)
            yield Span(number, place, match.end(), text_end, closed.end() if closed else end, is_stream, closed is not None)

    def _end_of_data(self, text_start: int, text_end: int) -> int:
        """Where the data of a stream, and the word after them, end."""
        data, size = self._data, len(self._data)
        begin = _DATA_BEGIN.match(data, text_end, size)
        assert begin is not None, "that it begins there was seen"
        # Of several a nested dictionary's is one; the last is as good as any, since it has to lead to the data's end.
        for stated in reversed(list(_LENGTH.finditer(data, text_start, text_end))):
            length = self._length(int(stated[1])) if stated[2] else int(stated[1])
            end = None if length is None else _END_OF_DATA.match(data, begin.end() + length, size)
            if end is not None:
                return end.end()
        found = data.find(b"endstream", begin.end())
        return size if found < 0 else found + len(b"endstream")

    def _length(self, number: int) -> int | None:
        place = self._history.place(number, self._history.last)
        if place is None:
            return None
        try:
            value = self._history.read(number, place)
        except (PdfError, ValueError, TypeError, OSError):
            return None
        return int(value) if isinstance(value, generic.NumberObject) else None

    def _gaps(self) -> Iterator[tuple[int, int]]:
        position = 0
        for span in self.spans:
            if span.place.offset > position:
                yield position, span.place.offset
            position = max(position, span.end)
        if position < len(self._data):
            yield position, len(self._data)

    def _hidden(self) -> Iterator[HiddenObject]:
        for start, end in self.gaps:
            for mark in occurrences(self._data, b"obj", start, end):
                found = object_at(self._data, mark)
                if found is not None and found[0] >= start:
                    yield HiddenObject(found[1], found[2], found[0])

    def referrers(self, wanted: Set[int]) -> "Referrers":
        """Who refers to some objects.

        Args:
            wanted: Their numbers. To ask for others later takes another look at all objects.
        """
        return Referrers(self, self._history, wanted)

    def references(self, wanted: Set[int]) -> Mapping[int, list[tuple[int, Place]]]:
        """By the numbers that are wanted: the versions of objects that refer to them."""
        found: dict[int, list[tuple[int, Place]]] = {number: [] for number in wanted}
        if not found:
            return found
        for span in self.spans:
            for number in self._targets(self._data, span.text_start, span.text_end) & found.keys():
                found[number].append((span.number, span.place))
        for number, place, text in self._compressed():
            for target in self._targets(text, 0, len(text)) & found.keys():
                found[target].append((number, place))
        return found

    @staticmethod
    def _targets(data: Data, start: int, end: int) -> set[int]:
        stated = {match[0].lstrip(b"0") for match in _REFERENCE.finditer(data, start, end)}
        return {int(digits or b"0") for digits in stated if len(digits) <= _LONGEST_NUMBER}

    def listed_in_streams(self) -> Iterator[tuple[int, Place]]:
        """What the object streams themselves say they hold: the number and the place of each object."""
        for holder in sorted({place.offset for _, place in self._history.versions() if place.compressed}):
            for position, (number, _) in enumerate(self._reader.object_stream(holder).entries):
                yield number, Place(holder, position)

    def _compressed(self) -> Iterator[tuple[int, Place, bytes]]:
        """The objects in object streams: number, place and text."""
        by_stream: dict[int, list[tuple[Place, int]]] = {}
        for number, place in self._history.versions():
            if place.compressed:
                by_stream.setdefault(place.offset, []).append((place, number))
        for holder, held in sorted(by_stream.items()):
            stream = self._reader.object_stream(holder)
            starts = sorted(offset for _, offset in stream.entries)
            for place, number in held:
                start = stream.offset_of(number, place.position, strict=False)
                if start is not None:
                    end = starts[index] if (index := bisect_right(starts, start)) < len(starts) else len(stream.data)
                    yield number, place, stream.data[start:end]


class Referrers:
    """Who refers to objects, in any revision."""

    def __init__(self, inventory: Inventory, history: History, wanted: Set[int]) -> None:
        self._inventory = inventory
        self._history = history
        self._found = dict(inventory.references(wanted))

    def of(self, number: int, revision: int) -> list[int]:
        """Numbers of the objects whose version in a revision refers to the object ``number``."""
        if number not in self._found:
            # Whoever asks for one of those that refer to others asks for more of them.
            more = {referrer for found in self._found.values() for referrer, _ in found}
            self._found.update(self._inventory.references((more | {number}) - self._found.keys()))
        return [referrer for referrer, place in self._found[number] if self._history.place(referrer, revision) == place]
