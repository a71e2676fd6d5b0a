"""Do all readers see the same document (engine process): ISO 32000-2, 7.3.10, 7.5.

One reader follows the cross-reference, another repairs what it thinks is damaged and takes what it finds in the file, the last
definition of an object for the object. Where the two differ, a signature is over a document that others do not see, whoever
signed what. Files are made so on purpose (shadow attacks: objects prepared before the signature, to be shown after it).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from pyhanko.pdf_utils import generic

from proxy.model import Finding
from proxy.pades.document import DocumentReader
from proxy.pades.scanning import Data, occurrences
from proxy.pades.verification.findings import doubt
from proxy.pades.verification.history import History, Place
from proxy.pades.verification.inventory import HiddenObject, Inventory, Referrers, Span

_HEADER = b"%PDF-"
_STARTXREF = b"startxref"
_END = re.compile(_STARTXREF + rb"[\0\t\n\f\r ]*[0-9]{1,19}[\0\t\n\f\r ]*(?:%%EOF)?")
_LOOKED_AT = 1 << 16
_MOST_NAMED = 5


def unlisted(inventory: Inventory) -> frozenset[int]:
    """Numbers of objects of which it matters who refers to them: they are not where the cross-reference says, or not in it."""
    numbers = {number for number, _ in inventory.misplaced} | {hidden.number for hidden in inventory.hidden}
    return frozenset(number for number in numbers if number)


def disagreements(
    data: Data, reader: DocumentReader, history: History, inventory: Inventory, referrers: Referrers
) -> Iterator[Finding]:
    """Why readers may see different documents.

    Args:
        data: The document.
        reader: The same.
        history: Its revisions.
        inventory: Its objects.
        referrers: Who refers to those that :func:`unlisted` named.
    """
    last = history.last
    misplaced = {
        number
        for number, place in inventory.misplaced
        if any(history.place(number, at) == place and referrers.of(number, at) for at in range(last + 1))
    }
    if misplaced:
        yield doubt("OBJECT_MISPLACED", objects=_named(misplaced))
    hidden = {found.number for found in inventory.hidden if _is_taken(found, data, history, inventory, referrers)}
    hidden |= {number for number in history.replaced_numbers() if _is_older_shown(number, data, history, inventory)}
    hidden |= {number for number, place in inventory.listed_in_streams() if _is_newer(number, place, history)}
    if hidden:
        yield doubt("OBJECT_AMBIGUOUS", objects=_named(hidden))
    # What is said about the document is shown by nobody.
    ambiguous = set(inventory.ambiguous()) - {_number(reader.newest_trailer, "/Info")}
    if ambiguous:
        yield doubt("KEY_AMBIGUOUS", objects=_named(ambiguous))
    overlapping = {number for pair in inventory.overlapping() for number in (pair[0].number, pair[1].number)}
    if overlapping:
        yield doubt("OBJECTS_OVERLAP", objects=_named(overlapping))
    external = {span.number for span in inventory.with_external_data()}
    if external:
        yield doubt("EXTERNAL_DATA", objects=_named(external))
    if any(at > reader.origin for start, end in inventory.gaps for at in occurrences(data, _HEADER, start, end)):
        yield doubt("NESTED_DOCUMENT")
    if "/Root" not in reader.newest_trailer:
        yield doubt("TRAILER_INCOMPLETE")


def follows_without_revision(data: Data, end: int) -> bool:
    """Whether something follows that is no revision: more than white space after the newest one's end, beyond ``end``."""
    at = data.rfind(_STARTXREF)
    match = _END.match(data, at)
    begin = max(match.end() if match else at + len(_STARTXREF), end)
    return bool(bytes(data[begin : begin + _LOOKED_AT]).strip(b"\0\t\n\f\r ")) or len(data) - begin > _LOOKED_AT


def _is_taken(found: HiddenObject, data: Data, history: History, inventory: Inventory, referrers: Referrers) -> bool:
    """Whether a reader that repairs would take the object, and it is another than the one that the cross-reference leads to."""
    place = history.place(found.number, history.last)
    if place is None:
        return bool(referrers.of(found.number, history.last))
    listed = inventory.span(found.number, place)
    position = listed.place.offset if listed is not None else _container_offset(history, place)
    if listed is not None and _same(data, listed, found.offset):
        return False
    if found.offset > position:
        return True
    # Of two in one revision some readers take the first.
    return _same_revision(inventory, found.offset, position)


def _is_older_shown(number: int, data: Data, history: History, inventory: Inventory) -> bool:
    """Whether the newest version is not the last in the file."""
    newest = history.place(number, history.last)
    if newest is None:
        return False
    places = history.versions_of(number)
    positions = {place: place.offset if not place.compressed else _container_offset(history, place) for place in places}
    last = max(places, key=lambda place: positions[place])
    if last == newest or positions[last] == positions[newest]:
        return False
    one, other = inventory.span(number, newest), inventory.span(number, last)
    return one is None or other is None or not _same(data, one, other.place.offset)


def _is_newer(number: int, listed: Place, history: History) -> bool:
    """Whether an object stream holds a version of an object that comes after the one that the cross-reference leads to."""
    place = history.place(number, history.last)
    if place is None or place == listed:
        return False
    offset = _container_offset(history, place) if place.compressed else place.offset
    return offset < _container_offset(history, listed)


def _number(dictionary: generic.DictionaryObject, key: str) -> int:
    """Number of the object that an entry refers to; -1 where it refers to none."""
    raw = dictionary.raw_get(key) if key in dictionary else None
    return raw.idnum if isinstance(raw, generic.IndirectObject) else -1


def _container_offset(history: History, place: Place) -> int:
    container = history.place(place.offset, history.last)
    return -1 if container is None or container.compressed else container.offset


def _same(data: Data, span: Span, offset: int) -> bool:
    start = span.place.offset
    return data[start : span.end] == data[offset : offset + span.end - start]


def _same_revision(inventory: Inventory, first: int, second: int) -> bool:
    """Whether no revision ends between two offsets."""
    ends = inventory.revision_marks
    return bisect_left(ends, first) == bisect_left(ends, second)


def _named(numbers: set[int]) -> str:
    shown = ", ".join(str(number) for number in sorted(numbers)[:_MOST_NAMED])
    return shown if len(numbers) <= _MOST_NAMED else f"{shown}, …"
