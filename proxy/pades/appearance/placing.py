"""Where a visible signature lies (engine process): from the page as it is seen to default user space.

ISO 32000-2, 8.3.2.3 (user space, ``/UserUnit``), 12.5.2 (``/Rect``), table 31 (``/Rotate``).
"""

import math
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.errors import AppearanceInvalid
from proxy.model import Appearance, LengthUnit, Origin
from proxy.pades.appearance.pages import Page, PageView, Rectangle, page_at, page_from, pages, rectangle, view_of
from proxy.pades.objects import entry

POINTS_PER_MILLIMETRE = 72 / 25.4

SMALLEST_SIDE = 3.0
"""Points (about 1 mm) below which nothing could be seen in a box."""

OVERHANG = 1.0
"""Points by which a box may pass the page's edge: an A4 page is 595 or 595.28 points wide, as its maker rounds."""

_NO_ROTATE = 1 << 4
"""Bit 5 of ``/F`` (ISO 32000-2, 12.5.3): the annotation does not turn with the page."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A box on a page.

    Attributes:
        page_index: Counted from 0; ``None`` for an existing field, whose page is not counted.
        page: Reference to the page's dictionary.
        box: Left, bottom, right and top in default user space: the widget's ``/Rect``.
        rotation: Degrees clockwise by which what is drawn in the box is turned for display: 0, 90, 180 or 270.
        user_unit: Points in one unit of default user space.
    """

    page_index: int | None
    page: generic.IndirectObject
    box: Rectangle
    rotation: int
    user_unit: float = 1.0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, as they are seen."""
        width = (self.box[2] - self.box[0]) * self.user_unit
        height = (self.box[3] - self.box[1]) * self.user_unit
        return (height, width) if self.rotation % 180 else (width, height)


def place(handler: PdfHandler, appearance: Appearance) -> Placement:
    """The box that ``appearance`` asks for.

    Args:
        handler: The document.
        appearance: Its lengths are those of the printed page: a unit of user space that is not a point is accounted for.

    Raises:
        AppearanceInvalid: There is no such page, or the box is not on it or has no proper size.
    """
    scale = POINTS_PER_MILLIMETRE if appearance.unit is LengthUnit.MILLIMETRE else 1.0
    x, y, width, height = (scale * value for value in (appearance.x, appearance.y, appearance.width, appearance.height))
    if not all(map(math.isfinite, (x, y, width, height))):
        raise AppearanceInvalid("a length of the appearance is not a number", fields={"appearance": "not finite"})
    for name, length in (("width", width), ("height", height)):
        if length < SMALLEST_SIDE:
            raise AppearanceInvalid("the box of the appearance is too small", fields={f"appearance.{name}": "less than 1 mm"})
    if appearance.page < 1:
        raise AppearanceInvalid("pages count from 1", fields={"appearance.page": "less than 1"})
    page = page_at(handler, appearance.page - 1)
    view = view_of(page)
    seen_width, seen_height = _seen_size(view)
    for name, start, length, room in (("x", x, width, seen_width), ("y", y, height, seen_height)):
        if start < -OVERHANG or start + length > room + OVERHANG:
            raise AppearanceInvalid(
                f"the box lies outside page {appearance.page}, which is {seen_width / POINTS_PER_MILLIMETRE:.1f} mm wide and "
                f"{seen_height / POINTS_PER_MILLIMETRE:.1f} mm high as it is seen",
                fields={f"appearance.{name}": "outside the page"},
            )
    left = x if appearance.origin in {Origin.BOTTOM_LEFT, Origin.TOP_LEFT} else seen_width - x - width
    bottom = y if appearance.origin in {Origin.BOTTOM_LEFT, Origin.BOTTOM_RIGHT} else seen_height - y - height
    return Placement(
        page_index=page.index,
        page=page.reference,
        box=_in_user_space(view, (left, bottom, left + width, bottom + height)),
        rotation=view.rotation,
        user_unit=view.user_unit,
    )


def widget_of(field: generic.DictionaryObject) -> generic.DictionaryObject | None:
    """The widget of a signature field: the field itself where they are merged, else its first kid that is one."""
    if entry(field, "/Subtype") == "/Widget" or entry(field, "/Rect") is not None:
        return field
    kids = entry(field, "/Kids")
    for kid in kids if isinstance(kids, generic.ArrayObject) else ():
        widget = kid.get_object()
        if isinstance(widget, generic.DictionaryObject) and "/T" not in widget:
            return widget
    return None


def box_of(handler: PdfHandler, field: generic.DictionaryObject) -> Placement | None:
    """The box of an existing field, ``None`` where it is invisible: no widget, no area, or on no page.

    Args:
        handler: The document.
        field: The field's dictionary.
    """
    widget = widget_of(field)
    box = rectangle(entry(widget, "/Rect"))
    page = None if widget is None or box is None else _page_of(handler, widget)
    if widget is None or box is None or page is None:
        return None
    view = view_of(page)
    flags = entry(widget, "/F")
    stays = isinstance(flags, int) and bool(flags & _NO_ROTATE)
    return Placement(
        page_index=page.index,
        page=page.reference,
        box=box,
        rotation=0 if stays else view.rotation,
        user_unit=view.user_unit,
    )


def _page_of(handler: PdfHandler, widget: generic.DictionaryObject) -> Page | None:
    """The page a widget is on: the one it names if that lists it, else one that does, else the one it names."""
    named = widget.raw_get("/P") if "/P" in widget else None
    own_word = page_from(named) if isinstance(named, generic.IndirectObject) else None
    if own_word is not None and _lists(own_word, widget):
        return own_word
    listing = next((page for page in pages(handler) if _lists(page, widget)), None)
    if listing is None and own_word is not None and own_word.nodes:
        return own_word
    return listing


def _lists(page: Page, widget: generic.DictionaryObject) -> bool:
    annotations = entry(page.nodes[0], "/Annots") if page.nodes else None
    if not isinstance(annotations, generic.ArrayObject):
        return False
    return any(
        isinstance(item, generic.IndirectObject) and item.reference == widget.container_ref for item in annotations.iterate()
    )


def _seen_size(view: PageView) -> tuple[float, float]:
    width = (view.box[2] - view.box[0]) * view.user_unit
    height = (view.box[3] - view.box[1]) * view.user_unit
    return (height, width) if view.rotation % 180 else (width, height)


def _in_user_space(view: PageView, seen: Rectangle) -> Rectangle:
    """A rectangle given in points from the lower left corner of the page as it is seen."""
    left, bottom, right, top = view.box
    x1, y1, x2, y2 = (length / view.user_unit for length in seen)
    match view.rotation:
        case 90:
            turned = (right - y2, bottom + x1, right - y1, bottom + x2)
        case 180:
            turned = (right - x2, top - y2, right - x1, top - y1)
        case 270:
            turned = (left + y1, top - x2, left + y2, top - x1)
        case _:
            turned = (left + x1, bottom + y1, left + x2, bottom + y2)
    return (round(turned[0], 4), round(turned[1], 4), round(turned[2], 4), round(turned[3], 4))
