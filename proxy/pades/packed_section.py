"""A section of a cross-reference whose entries stay as they lie in the file (engine process): ISO 32000-2, 7.5.4, 7.5.8.

A signature asks for some dozens of two hundred thousand entries. Those are decoded one by one; what a strict reading has to
know of all entries (which are free, which have a generation) is read off their columns. Whoever wants them as pyHanko keeps
them gets them so.
"""

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefSectionData

Entry = tuple[int, int, int]
"""Type (0 free, 1 in the file, 2 in an object stream), and two fields (7.5.8.3, table 18)."""

FREE, IN_FILE, IN_STREAM = 0, 1, 2
MAX_GENERATION = 0xFFFF

_SOMETHING = re.compile(rb"[^\0]")
# What an object in the file is marked with lets the bits of its generation through: of a digit, those that say how much it is.
_IN_TABLE = bytes(0x0F if mark == ord("n") else 0 for mark in range(256))
_IN_STREAM = bytes(0xFF if kind == IN_FILE else 0 for kind in range(256))


def _standing_out(masked: int, count: int) -> Iterator[int]:
    """Where of so many bytes, taken as one number, some are not 0."""
    return (match.start() for match in _SOMETHING.finditer(masked.to_bytes(count, "big"))) if masked else iter(())


class PackedSection(XRefSectionData):
    """Entries by object number.

    Args:
        runs: The subsections, in order and apart: first object number and how many entries follow.
    """

    def __init__(self, runs: Sequence[tuple[int, int]]) -> None:
        # Not pyHanko's own, which would put empty dictionaries where these are made when asked for.
        self.hybrid = None
        filled = [(first, count) for first, count in runs if count]
        self._firsts = [first for first, _ in filled]
        self._counts = [count for _, count in filled]
        self._ends = list(accumulate(self._counts))

    @abstractmethod
    def _at(self, index: int) -> Entry:
        """The entry with an index, whatever its number."""

    @abstractmethod
    def _free(self) -> Iterable[int]:
        """Indices of the free entries, in order."""

    @abstractmethod
    def _with_generation(self) -> Iterable[int]:
        """Indices of the entries in the file whose generation is not 0, in order."""

    def _numbered(self, indices: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Object number and index of the entries with such indices, but for object 0."""
        run, begins, ends = -1, 0, 0
        for index in indices:
            while index >= ends:
                run += 1
                begins, ends = ends, self._ends[run]
            if number := self._firsts[run] + index - begins:
                yield number, index

    def _entry(self, number: int) -> Entry | None:
        run = bisect_right(self._firsts, number) - 1
        if run < 0 or not number or number - self._firsts[run] >= self._counts[run]:
            return None
        return self._at(self._ends[run] - self._counts[run] + number - self._firsts[run])

    def _entries(self) -> Iterator[tuple[int, Entry]]:
        return ((number, self._at(index)) for number, index in self._numbered(range(self._count)))

    @property
    def _count(self) -> int:
        return self._ends[-1] if self._ends else 0

    def unpacked(self) -> XRefSectionData:
        """All of it as pyHanko keeps it, for who changes it."""
        data = XRefSectionData()
        data.freed, data.standard_xrefs, data.xrefs_in_objstm = self.freed, self.standard_xrefs, self.xrefs_in_objstm
        data.explicit_refs_in_revision, data.obj_streams_used = self.explicit_refs_in_revision, self.obj_streams_used
        return data

    @property
    def highest_number(self) -> int:
        """The highest object number that is given a place to, or freed."""
        last = next((index for index in reversed(range(self._count)) if self._at(index)[0] in (FREE, IN_FILE, IN_STREAM)), None)
        return 0 if last is None else next((number for number, _ in self._numbered([last])), 0)

    def try_resolve(self, ref: generic.Reference | generic.IndirectObject) -> int | ObjStreamRef | None:
        """Where an object is; ``None`` where this section frees it. Raises ``KeyError`` where it says nothing of it."""
        kind, first, second = self._entry(ref.idnum) or (None, 0, 0)
        if kind == IN_FILE and second == ref.generation:
            return first
        if kind == IN_STREAM and not ref.generation:
            return ObjStreamRef(first, second)
        if kind == FREE and second - 1 == ref.generation:
            return None
        raise KeyError(ref)

    def higher_generation_refs(self) -> Iterator[tuple[int, int]]:
        """Number and generation of the objects whose generation is not 0."""
        for number, index in self._numbered(self._with_generation()):
            yield number, self._at(index)[2]

    @cached_property
    def freed(self) -> dict[int, int]:  # type: ignore[override]  # an attribute there, as the others
        """The generation that each freed number has next."""
        return {number: self._at(index)[2] for number, index in self._numbered(self._free())}

    @cached_property
    def standard_xrefs(self) -> dict[int, tuple[int, int]]:  # type: ignore[override]
        """Generation and offset of each object in the file."""
        return {number: (second, first) for number, (kind, first, second) in self._entries() if kind == IN_FILE}

    @cached_property
    def xrefs_in_objstm(self) -> dict[int, ObjStreamRef]:  # type: ignore[override]
        """Object stream, and index in it, of each object in one."""
        return {number: ObjStreamRef(*place) for number, (kind, *place) in self._entries() if kind == IN_STREAM}

    @cached_property
    def explicit_refs_in_revision(self) -> set[tuple[int, int]]:  # type: ignore[override]
        """Number and generation of all that the section speaks of."""
        generations = {FREE: -1, IN_FILE: 0}
        return {
            (number, 0 if kind == IN_STREAM else second + generations[kind])
            for number, (kind, _, second) in self._entries()
            if kind in (FREE, IN_FILE, IN_STREAM)
        }

    @cached_property
    def obj_streams_used(self) -> set[int]:  # type: ignore[override]
        """The object streams that objects are in."""
        return {place.obj_stream_id for place in self.xrefs_in_objstm.values()}


def apart(runs: Sequence[tuple[int, int]]) -> bool:
    """Whether subsections are in order and no number is in two of them."""
    return all(first + count <= following for (first, count), (following, _) in pairwise(runs))


class PackedTable(PackedSection):
    """The entries of a table, twenty bytes each.

    Args:
        runs: As of :class:`PackedSection`.
        rows: The entries of all subsections.
    """

    ROW_BYTES = 20

    def __init__(self, runs: Sequence[tuple[int, int]], rows: bytes) -> None:
        super().__init__(runs)
        self._rows = rows
        self._marks = rows[17 :: self.ROW_BYTES]

    @property
    def has_impossible_generation(self) -> bool:
        """Whether there is a generation above 65,535."""
        suspects = re.finditer(rb"[6-9]", self._rows[11 :: self.ROW_BYTES])
        starts = (self.ROW_BYTES * suspect.start() + 11 for suspect in suspects)
        return any(self._rows[start : start + 5] > b"%d" % MAX_GENERATION for start in starts)

    def _at(self, index: int) -> Entry:
        at = self.ROW_BYTES * index
        kind = IN_FILE if self._marks[index] == ord("n") else FREE
        return kind, int(self._rows[at : at + 10]), int(self._rows[at + 11 : at + 16])

    def _free(self) -> Iterable[int]:
        return (match.start() for match in re.finditer(b"f", self._marks))

    def _with_generation(self) -> Iterable[int]:
        # Digits of the generations of what is in the file: those above 0 stand out once those of free entries are masked.
        mask = int.from_bytes(self._marks.translate(_IN_TABLE), "big")
        found: set[int] = set()
        for column in range(11, 16):
            digits = int.from_bytes(self._rows[column :: self.ROW_BYTES], "big") & mask
            found.update(_standing_out(digits, self._count))
        return sorted(found)


class PackedStream(PackedSection):
    """The entries of a cross-reference stream.

    Args:
        runs: As of :class:`PackedSection`.
        rows: The stream's data.
        widths: Bytes of each of the three fields; of the first at most one, of the third at most two.
    """

    def __init__(self, runs: Sequence[tuple[int, int]], rows: bytes, widths: tuple[int, int, int]) -> None:
        super().__init__(runs)
        self._rows = rows
        self._to_second = widths[0] + widths[1]
        self._to_type = widths[0]
        self._row_bytes = sum(widths)

    def _at(self, index: int) -> Entry:
        at = self._row_bytes * index
        row = self._rows[at : at + self._row_bytes]
        kind = row[0] if self._to_type else IN_FILE
        read = int.from_bytes
        return kind, read(row[self._to_type : self._to_second], "big"), read(row[self._to_second :], "big")

    @property
    def _kinds(self) -> bytes:
        return self._rows[0 :: self._row_bytes] if self._to_type else bytes((IN_FILE,)) * self._count

    def _free(self) -> Iterable[int]:
        return (match.start() for match in re.finditer(rb"\0", self._kinds))

    def _with_generation(self) -> Iterable[int]:
        mask = int.from_bytes(self._kinds.translate(_IN_STREAM), "big")
        found: set[int] = set()
        for column in range(self._to_second, self._row_bytes):
            generations = int.from_bytes(self._rows[column :: self._row_bytes], "big") & mask
            found.update(_standing_out(generations, self._count))
        return sorted(found)
