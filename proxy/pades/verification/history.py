"""Where each object was in each revision, and the document as it was then (engine process): ISO 32000-2, 7.5.4, 7.5.6.

A revision is what one cross-reference section says on top of those before it. They are counted from 0, as the sections of
pyHanko's reader are.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefSectionData, XRefSectionMetaInfo, XRefSectionType

from proxy.pades.document import DocumentReader


class Place(NamedTuple):
    """Where one version of an object is. A tuple, since a document has hundreds of thousands.

    Attributes:
        offset: Of the object, from the first byte of the file; of an object in an object stream, that stream's number.
        position: In its object stream; -1 for an object that stands in the file itself.
        generation: Generation number.
    """

    offset: int
    position: int = -1
    generation: int = 0

    @property
    def compressed(self) -> bool:
        """Whether it is in an object stream."""
        return self.position >= 0


class History:
    """The versions of every object.

    Args:
        reader: The document, its cross-reference read.
    """

    def __init__(self, reader: DocumentReader) -> None:
        self._reader = reader
        count = reader.xrefs.total_revisions
        self._oldest = dict(_entries(reader.xrefs.get_xref_data(0)))
        self._named: list[frozenset[int]] = [frozenset()]
        # Of the objects that a later section names: since which revisions there are versions of them, and where.
        self._since: dict[int, list[int]] = {}
        self._places: dict[int, list[Place | None]] = {}
        for revision in range(1, count):
            entries = dict(_entries(reader.xrefs.get_xref_data(revision)))
            self._named.append(frozenset(entries))
            for number, place in entries.items():
                self._since.setdefault(number, [0]).append(revision)
                self._places.setdefault(number, [self._oldest.get(number)]).append(place)
        self._views: dict[int, View] = {}
        self._parsed: dict[tuple[int, Place], generic.PdfObject] = {}

    @property
    def last(self) -> int:
        """The newest revision."""
        return len(self._named) - 1

    def section(self, revision: int) -> XRefSectionMetaInfo:
        """The cross-reference section that makes a revision."""
        info: XRefSectionMetaInfo = self._reader.xrefs.get_xref_container_info(revision)
        return info

    def place(self, number: int, revision: int) -> Place | None:
        """Where an object was in a revision; ``None`` where there was none: its number was free, or in no section yet."""
        since = self._since.get(number)
        if since is None:
            return self._oldest.get(number)
        return self._places[number][bisect_right(since, revision) - 1]

    def changed(self, revision: int) -> frozenset[int]:
        """Numbers of the objects that are elsewhere than in the revision before, gone, or new."""
        return frozenset(
            number for number in self._named[revision] if self.place(number, revision) != self.place(number, revision - 1)
        )

    def versions(self) -> Iterator[tuple[int, Place]]:
        """Every version of every object, each once: its number and where it is."""
        for number, place in self._oldest.items():
            if place is not None and number not in self._places:
                yield number, place
        for number in self._places:
            yield from ((number, place) for place in self.versions_of(number))

    def versions_of(self, number: int) -> frozenset[Place]:
        """Where there are versions of an object."""
        places = self._places.get(number) or [self._oldest.get(number)]
        return frozenset(place for place in places if place is not None)

    def replaced_numbers(self) -> Iterator[int]:
        """Numbers of the objects of which there are several versions."""
        return (number for number in self._places if len(self.versions_of(number)) > 1)

    def sections_in_streams(self) -> Iterator[tuple[int, Place]]:
        """The cross-reference streams themselves, which need not be among the objects that they lead to."""
        for revision in range(self.last + 1):
            info = self.section(revision)
            hybrid = self._reader.xrefs.get_xref_data(revision).hybrid
            for found in (info, None if hybrid is None else hybrid.meta_info):
                if (
                    found is not None
                    and found.stream_ref is not None
                    and found.xref_section_type is not XRefSectionType.HYBRID_MAIN
                ):
                    yield found.stream_ref.idnum, Place(found.start_location, generation=found.stream_ref.generation)

    def defined_by(self, revision: int) -> Iterator[tuple[int, Place]]:
        """What one section itself says of objects in use."""
        if not revision:
            yield from ((number, place) for number, place in self._oldest.items() if place is not None)
            return
        for number in self._named[revision]:
            place = self.place(number, revision)
            if place is not None:
                yield number, place

    def view(self, revision: int) -> "View":
        """The document as it was."""
        if revision not in self._views:
            self._views[revision] = View(self._reader, self, revision)
        return self._views[revision]

    def read(self, number: int, place: Place) -> generic.PdfObject:
        """One version of an object, parsed once; encrypted objects as they stand. Raises as pyHanko's reader does."""
        key = (number, place)
        if key not in self._parsed:
            marker = ObjStreamRef(place.offset, place.position) if place.compressed else place.offset
            reference = generic.Reference(number, place.generation, self._reader)
            encoded = reference in self._reader.xrefs.xref_stream_refs
            self._parsed[key] = self._reader._read_object(reference, marker, never_decrypt=encoded)  # noqa: SLF001 - no public way to read a place
        return self._parsed[key]


class View(HistoricalResolver):
    """A document as it was in one revision.

    pyHanko's own looks through all sections for every object, and takes a free entry of another generation than it expects for
    none.
    """

    def __init__(self, reader: DocumentReader, history: History, revision: int) -> None:
        super().__init__(reader, revision)
        self.history = history

    def place(self, number: int) -> Place | None:
        """Where an object is; ``None`` where there is none."""
        return self.history.place(number, self.revision)

    def get_object(self, ref: generic.Reference, as_metadata_stream: bool = False) -> generic.PdfObject:
        """The object that a reference leads to; the null object where it leads nowhere (7.3.10). Raises as pyHanko's does."""
        del as_metadata_stream
        found = self.cache.get(ref)
        if found is None:
            place = self.place(ref.idnum)
            if place is None or place.generation != ref.generation:
                found = generic.NullObject()
                found.container_ref = generic.Reference(ref.idnum, ref.generation, self)
            else:
                found = self._subsume_object(self.history.read(ref.idnum, place))  # type: ignore[no-untyped-call]  # untyped in pyHanko
            self.cache[ref] = found
        return found.decrypted if isinstance(found, generic.DecryptedObjectProxy) else found

    def object(self, number: int) -> generic.PdfObject:
        """The object with a number; the null object where there is none."""
        place = self.place(number)
        return self.get_object(generic.Reference(number, place.generation if place else 0, self))


def _entries(data: XRefSectionData) -> Iterator[tuple[int, Place | None]]:
    """What a section says; a later entry for a number takes the place of an earlier one."""
    for number in data.freed:
        yield number, None
    if data.hybrid is not None:
        # Hidden objects are free in the table, for readers that do not look further (7.5.8.4).
        yield from _entries(data.hybrid.xref_data)
    for number, (generation, offset) in data.standard_xrefs.items():
        yield number, Place(offset, generation=generation)
    for number, held in data.xrefs_in_objstm.items():
        yield number, Place(held.obj_stream_id, held.ix_in_stream)
