"""Whether what a revision shows lies over what the one before it showed (engine process): ISO 32000-2, 12.5.2, 12.5.5.

An annotation is painted over its page, whatever is there: a change that is permitted can hide one that would not be. What
people look at when they trust a signed form are its fields and signatures, so nothing new may lie over these; nor over most of
a page. An appearance is scaled into the annotation's rectangle (algorithm 8.1), so that the rectangle says all.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from proxy.pades.objects import entry
from proxy.pades.verification.comparing import is_visible
from proxy.pades.verification.content_streams import operations
from proxy.pades.verification.form import MOST_LEVELS, SIGNATURE, Field
from proxy.pades.verification.step import TRAILER, Step

_TOUCHING = 2.0
"""Units by which two things that lie beside each other may overlap; of what is small, a tenth."""

_STROKED = frozenset({"/Ink", "/Line", "/PolyLine", "/Polygon", "/Highlight", "/Underline", "/StrikeOut", "/Squiggly"})
"""Annotations whose rectangle may be large and mostly empty, as long as nothing fills it."""

_FILLS = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"sh", b"Do", b"ID"})
_LONGEST_APPEARANCE = 1 << 20

_ANNOTATIONS = "/Annots"


class _Box(NamedTuple):
    """A rectangle with its corners in order."""

    left: float
    bottom: float
    right: float
    top: float

    def common(self, other: "_Box") -> tuple[float, float]:
        """Width and height of what both cover; negative where they lie apart."""
        width = min(self.right, other.right) - max(self.left, other.left)
        return width, min(self.top, other.top) - max(self.bottom, other.bottom)

    def covers_most_of(self, other: "_Box") -> bool:
        """Whether it lies over more than half of another."""
        width, height = self.common(other)
        return width > 0 and height > 0 and 2 * width * height > (other.right - other.left) * (other.top - other.bottom)

    def covers(self, other: "_Box") -> bool:
        """Whether it lies over more of another than an edge."""
        width, height = self.common(other)
        return width > min(_TOUCHING, (other.right - other.left) / 10) and height > min(
            _TOUCHING, (other.top - other.bottom) / 10
        )


def judge_covering(step: Step) -> None:
    """Judge what lies under all that a revision shows anew."""
    before: dict[int, _Before] = {}
    for number in sorted(step.changes.shown):
        pages = sorted(set(_pages(step, number)))
        for shown in _annotations(step.new.object(number)):
            box = _box(entry(shown, "/Rect"))
            if box is not None and pages and _hides(shown):
                for page in pages:
                    if page not in before:
                        before[page] = _before(step, step.old.object(page))
                    _judge_on_page(step, number, box, page, before[page])


class _Before(NamedTuple):
    """A page as it was: what is seen of it, and the fields on it that say something, each with its rectangle."""

    box: _Box | None
    fields: list[tuple[_Box, Field]]


def _before(step: Step, page: generic.PdfObject) -> _Before:
    found = ((_box(entry(known.dictionary, "/Rect")), known) for known in _fields_on(step, page))
    return _Before(_page_box(page), [(box, known) for box, known in found if box is not None])


def _pages(step: Step, number: int) -> Iterator[int]:
    """Numbers of the pages that have an annotation, or an array of annotations; a page's own."""
    if entry(step.new.object(number), "/Type") == "/Page":
        yield number
    for user, path in step.new_uses(number):
        if user == TRAILER:
            continue
        if path[0] == _ANNOTATIONS:
            yield user
        elif len(path) == 1 and isinstance(path[0], int):
            yield from (holder for holder, place in step.new_uses(user) if holder != TRAILER and place == (_ANNOTATIONS,))


def _annotations(item: generic.PdfObject) -> Iterator[generic.DictionaryObject]:
    """The annotation that an object is; of a page or an array, those that are written in it directly."""
    held = entry(item, _ANNOTATIONS) if entry(item, "/Type") == "/Page" else item
    if isinstance(held, generic.DictionaryObject):
        yield held
    elif isinstance(held, generic.ArrayObject):
        yield from (part for part in held if isinstance(part, generic.DictionaryObject))


def _judge_on_page(step: Step, number: int, box: _Box, page: int, before: _Before) -> None:
    own = step.new_fields.get(number)
    for covered, known in before.fields:
        if known.number == number or (own is not None and own.name == known.name):
            continue
        # Seals are set so that they reach into each other, and both tell whose they are.
        both_sign = known.kind == SIGNATURE and own is not None and own.signature is not None
        if box.covers_most_of(covered) if both_sign else box.covers(covered):
            step.changes.covered_fields.add(known.name)
    if before.box is not None and box.covers_most_of(before.box):
        step.changes.covered_page = page


def _fields_on(step: Step, page: generic.PdfObject) -> Iterator[Field]:
    """The fields of the earlier revision that show something on a page."""
    held = entry(page, _ANNOTATIONS)
    for item in held.iterate() if isinstance(held, generic.ArrayObject) else ():
        known = step.old_fields.get(item.idnum) if isinstance(item, generic.IndirectObject) else None
        if known is not None and is_visible(known.dictionary) and _says_something(step, known):
            yield known


def _says_something(step: Step, known: Field) -> bool:
    if known.kind == SIGNATURE:
        return step.signed_part(known)
    for _ in range(MOST_LEVELS):
        stated = entry(known.dictionary, "/V")
        if stated is not None:
            return stated not in ("", "/Off")
        parent = None if known.parent is None else step.old_fields.get(known.parent)
        if parent is None:
            return False
        known = parent
    return True


def _hides(annotation: generic.DictionaryObject) -> bool:
    """Whether an annotation may hide what lies in its rectangle."""
    kind = entry(annotation, "/Subtype")
    if kind == "/Popup":
        return entry(annotation, "/Open") is True
    appearance = entry(entry(annotation, "/AP"), "/N")
    if not is_visible(annotation) or (kind == "/Link" and appearance is None):
        return False
    return kind not in _STROKED or any(_fills(part) for part in _states(appearance))


def _states(appearance: object) -> Iterator[generic.StreamObject]:
    if isinstance(appearance, generic.StreamObject):
        yield appearance
    elif isinstance(appearance, generic.DictionaryObject):
        yield from (state for key in appearance if isinstance(state := entry(appearance, key), generic.StreamObject))


def _fills(appearance: generic.StreamObject) -> bool:
    """Whether an appearance fills areas. One that is made to let through what it marks does so by blending."""
    if entry(appearance, "/Group") is not None and _blends(entry(entry(appearance, "/Resources"), "/ExtGState")):
        return False
    content = appearance.read_data(DecodePurpose.GENERIC)
    return len(content) > _LONGEST_APPEARANCE or any(operator in _FILLS for operator, _, _ in operations(content))


def _blends(states: object) -> bool:
    if not isinstance(states, generic.DictionaryObject) or not states:
        return False
    return all(entry(entry(states, key), "/BM") == "/Multiply" for key in states)


def _page_box(page: generic.PdfObject) -> _Box | None:
    """What is seen of a page; inherited (7.7.3.4)."""
    for key in ("/CropBox", "/MediaBox"):
        node: object = page
        for _ in range(MOST_LEVELS):
            box = _box(entry(node, key))
            if box is not None:
                return box
            node = entry(node, "/Parent")
    return None


def _box(corners: object) -> _Box | None:
    numbers = [item.get_object() for item in corners.iterate()] if isinstance(corners, generic.ArrayObject) else []
    if len(numbers) != 4 or not all(isinstance(number, (generic.NumberObject, generic.FloatObject)) for number in numbers):
        return None
    left, bottom, right, top = (float(number) for number in numbers)
    return _Box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))
