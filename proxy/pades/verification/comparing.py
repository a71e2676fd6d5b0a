"""Whether two versions of an object say the same, and where in an object another one is referred to (engine process)."""

from collections.abc import Iterator

from pyhanko.pdf_utils import generic

from proxy.pades.objects import entry

_MOST_LEVELS = 200
"""Containers in each other within one object."""

_HIDDEN, _PRINT, _NO_VIEW = 1 << 1, 1 << 2, 1 << 5
"""Flags of an annotation (table 167)."""

Path = tuple[str | int, ...]
"""Keys and indices from an object to a value in it, references unfollowed."""

_NUMBERS = (generic.NumberObject, generic.FloatObject)
_STRINGS = (generic.TextStringObject, generic.ByteStringObject)


def same(one: generic.PdfObject | None, other: generic.PdfObject | None, levels: int = _MOST_LEVELS) -> bool:
    """Whether two values are written alike: references lead to the same number, streams have the same encoded data.

    Raises:
        RecursionError: They nest deeper than is looked at.
    """
    if not levels:
        raise RecursionError("an object nests too deep")
    if isinstance(one, generic.StreamObject) or isinstance(other, generic.StreamObject):
        if not (isinstance(one, generic.StreamObject) and isinstance(other, generic.StreamObject)):
            return False
        if one.encoded_data != other.encoded_data:
            return False
    if isinstance(one, generic.DictionaryObject):
        return (
            isinstance(other, generic.DictionaryObject)
            and one.keys() == other.keys()
            and all(same(one.raw_get(key), other.raw_get(key), levels - 1) for key in one)
        )
    if isinstance(one, generic.ArrayObject):
        return (
            isinstance(other, generic.ArrayObject)
            and len(one) == len(other)
            and all(
                same(mine, theirs, levels - 1) or _same_number(mine, theirs)
                for mine, theirs in zip(one.iterate(), other.iterate(), strict=True)
            )
        )
    if isinstance(one, generic.IndirectObject):
        return isinstance(other, generic.IndirectObject) and (one.idnum, one.generation) == (other.idnum, other.generation)
    if isinstance(one, _STRINGS):
        return isinstance(other, _STRINGS) and one.original_bytes == other.original_bytes
    if isinstance(one, generic.NullObject):
        return isinstance(other, generic.NullObject)
    return type(one) is type(other) and one == other


def _same_number(one: generic.PdfObject, other: generic.PdfObject) -> bool:
    """Whether two coordinates are the same, as software writes ``0`` or ``0.0`` (7.3.3); elsewhere a real may be no integer."""
    return isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS) and one == other


def differing_keys(old: generic.DictionaryObject, new: generic.DictionaryObject) -> frozenset[str]:
    """Keys whose values are not the same; a null value is none (7.3.7)."""
    return frozenset(
        key
        for key in old.keys() | new.keys()
        if not same(value(old, key), value(new, key)) and not _same_content(value(old, key), value(new, key))
    )


def _same_content(old: generic.PdfObject | None, new: generic.PdfObject | None) -> bool:
    """Whether what was an object of its own is written directly now, or the other way round, or as another object."""
    if not isinstance(old, generic.IndirectObject) and not isinstance(new, generic.IndirectObject):
        return False
    if old is None or new is None:
        return False
    content = old.get_object(), new.get_object()
    # Streams and what holds them are more than their text: they stay where they are.
    return not any(isinstance(item, generic.StreamObject) for item in content) and same(*content)


def value(dictionary: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    """A value as it is written; ``None`` where there is none or it is null."""
    if key not in dictionary:
        return None
    raw = dictionary.raw_get(key)
    return None if isinstance(raw, generic.NullObject) else raw


def paths_to(container: generic.PdfObject, number: int) -> Iterator[Path]:
    """Where in an object there are references to another one."""
    waiting: list[tuple[generic.PdfObject, Path]] = [(container, ())]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, generic.IndirectObject):
            if item.idnum == number:
                yield path
        elif isinstance(item, generic.DictionaryObject):
            waiting.extend((item.raw_get(key), (*path, str(key))) for key in item)
        elif isinstance(item, generic.ArrayObject):
            waiting.extend((part, (*path, index)) for index, part in enumerate(item.iterate()))


def numbers_in(container: generic.PdfObject) -> frozenset[int]:
    """Numbers of all objects that an object itself refers to."""
    found: set[int] = set()
    waiting: list[generic.PdfObject] = [container]
    while waiting:
        item = waiting.pop()
        if isinstance(item, generic.IndirectObject):
            found.add(item.idnum)
        elif isinstance(item, generic.DictionaryObject):
            waiting.extend(item.raw_get(key) for key in item)
        elif isinstance(item, generic.ArrayObject):
            waiting.extend(item.iterate())
    return frozenset(found)


def is_visible(annotation: generic.DictionaryObject) -> bool:
    """Whether an annotation takes room on its page, on the screen or in print (12.5.2, 12.5.3)."""
    flags = entry(annotation, "/F")
    if isinstance(flags, int) and (flags & _HIDDEN or (flags & _NO_VIEW and not flags & _PRINT)):
        return False
    corners = entry(annotation, "/Rect")
    if not isinstance(corners, generic.ArrayObject) or len(corners) != 4:
        return False
    numbers = [item.get_object() for item in corners.iterate()]
    if not all(isinstance(number, (generic.NumberObject, generic.FloatObject)) for number in numbers):
        return True
    return bool(numbers[0] != numbers[2] and numbers[1] != numbers[3])
