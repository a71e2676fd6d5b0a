"""Pages as a viewer shows them (engine process): ISO 32000-2, 7.7.3 (page tree), 14.11.2 (page boundaries).

The page tree is read as viewers read it: what is missing or malformed takes the value that pdfium and poppler give it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.errors import AppearanceInvalid
from proxy.pades.objects import entry

LETTER = (0.0, 0.0, 612.0, 792.0)
"""The media box of a page that has none."""

_MOST_ANCESTORS = 1000

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right and top in default user space."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the tree.

    Attributes:
        index: Counted from 0; ``None`` where it was not counted.
        reference: To its dictionary.
        nodes: Its dictionary and those above it, nearest first: where an inheritable attribute is looked for.
    """

    index: int | None
    reference: generic.IndirectObject
    nodes: tuple[generic.DictionaryObject, ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """What of a page is seen, and how.

    Attributes:
        box: Its crop box, as far as it lies in the media box.
        rotation: Degrees clockwise by which it is turned for display: 0, 90, 180 or 270.
        user_unit: Points in one unit of default user space.
    """

    box: Rectangle
    rotation: int
    user_unit: float


def page_at(handler: PdfHandler, index: int) -> Page:
    """The page with ``index``, counted from 0.

    Raises:
        AppearanceInvalid: There is no such page.
    """
    count = entry(entry(handler.root, "/Pages"), "/Count")
    # What lies beyond a count is shown by no viewer, and to count again would mean to read every page.
    if not isinstance(count, int) or not 0 < count <= index:
        found = next(_pages(handler, skip_to=index), None)
        if found is None:
            every = {page.index: page for page in pages(handler)}
            count = len(every)
            found = every.get(index)
        elif found.index != index:
            raise AppearanceInvalid(
                f"page {index + 1} is written in a way that nothing can be added to it",
                fields={"appearance.page": "no indirect object"},
            )
        if found is not None:
            return found
    raise AppearanceInvalid(
        f"the document has {count} pages, there is no page {index + 1}", fields={"appearance.page": f"not in 1 to {count}"}
    )


def pages(handler: PdfHandler) -> Iterator[Page]:
    """Every page in its order, without trust in a ``/Count``."""
    yield from _pages(handler, skip_to=0)


def page_from(reference: generic.IndirectObject) -> Page:
    """The page that ``reference`` leads to, as it stands in the tree by its own account (``/Parent``)."""
    node = reference.get_object()
    nodes: list[generic.DictionaryObject] = []
    # A chain that loops ends as it does in viewers, where nobody looks deeper.
    while isinstance(node, generic.DictionaryObject) and len(nodes) < _MOST_ANCESTORS:
        nodes.append(node)
        node = entry(node, "/Parent")
    return Page(None, reference, tuple(nodes))


def _pages(handler: PdfHandler, skip_to: int) -> Iterator[Page]:
    """Pages in their order, from the one with index ``skip_to`` on."""
    index = 0
    seen: set[generic.Reference] = set()
    # Not recursive: a tree may be as deep as it has pages. What is left of each level, and the node it is of.
    levels: list[Iterator[generic.PdfObject]] = [iter([handler.root.raw_get("/Pages")])]
    above: list[generic.DictionaryObject] = []
    while levels:
        kid = next(levels[-1], None)
        if kid is None:
            levels.pop()
            del above[-1:]
            continue
        node = kid.get_object()
        if not isinstance(node, generic.DictionaryObject):
            continue
        kids = entry(node, "/Kids")
        if not isinstance(kids, generic.ArrayObject):
            # A page that is no indirect object can have no annotation added, and counts all the same.
            if index >= skip_to and isinstance(kid, generic.IndirectObject):
                yield Page(index, kid, (node, *reversed(above)))
            index += 1
            continue
        if isinstance(kid, generic.IndirectObject):
            if kid.reference in seen:
                continue
            seen.add(kid.reference)
        count = entry(node, "/Count")
        if isinstance(count, int) and 0 < count <= skip_to - index:
            index += count
            continue
        # As many pages as kids: one each, so that those before need not be read.
        start = skip_to - index
        if count == len(kids) and 0 < start < count and _is_page(kids[start]):
            index = skip_to
            levels.append(islice(kids.iterate(), start, None))
        else:
            levels.append(kids.iterate())
        above.append(node)


def view_of(page: Page) -> PageView:
    """How a viewer shows the page."""
    media = next(_rectangles(page, "/MediaBox"), LETTER)
    crop = next(_rectangles(page, "/CropBox"), media)
    visible = (max(crop[0], media[0]), max(crop[1], media[1]), min(crop[2], media[2]), min(crop[3], media[3]))
    rotate = next((value for node in page.nodes if (value := _number(entry(node, "/Rotate"))) is not None), 0.0)
    unit = _number(entry(page.nodes[0], "/UserUnit"))
    return PageView(
        box=visible if visible[0] < visible[2] and visible[1] < visible[3] else media,
        rotation=int(rotate) % 360 if rotate % 90 == 0 else 0,
        user_unit=1.0 if unit is None or unit <= 0 else unit,
    )


def rectangle(value: object) -> Rectangle | None:
    """A rectangle (ISO 32000-2, 7.9.5) with its corners in order; ``None`` where there is none or it has no area."""
    if not isinstance(value, generic.ArrayObject) or len(value) != 4:
        return None
    numbers = [number for item in value if (number := _number(item.get_object())) is not None]
    if len(numbers) != 4:
        return None
    left, right = sorted((numbers[0], numbers[2]))
    bottom, top = sorted((numbers[1], numbers[3]))
    return (left, bottom, right, top) if left < right and bottom < top else None


def _is_page(node: object) -> bool:
    return isinstance(node, generic.DictionaryObject) and not isinstance(entry(node, "/Kids"), generic.ArrayObject)


def _rectangles(page: Page, key: str) -> Iterator[Rectangle]:
    for node in page.nodes:
        if (found := rectangle(entry(node, key))) is not None:
            yield found


def _number(value: object) -> float | None:
    if not isinstance(value, (generic.NumberObject, generic.FloatObject)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
