"""A seal to try visible signatures with: a square company seal (角印) as PNG with transparency, and where it goes on a page.

The company is the invoice's, and as made up; the font is the one that the proxy sets Japanese text in.
"""

import io
from datetime import date
from importlib.resources import as_file, files

from PIL import Image, ImageDraw, ImageFont

from proxy.model import Appearance, LengthUnit, Origin

_COLUMNS = ("株式会社", "サンプル", "商事之印")
"""Read downwards, from the right column to the left."""

_RED = (200, 36, 40, 235)
_PIXELS = 560
_BORDER = 22
_CORNER = 36

_MARGIN = 15.0
_WIDTH = 78.0
_HEIGHT = 24.0
"""Millimetres: a seal is 21 to 24 mm, and its text stands beside it."""

_MOST = 0.8
"""Share of a page's side that the box takes at most."""

_LEGIBLE = (40.0, 10.0)
"""Millimetres of a box in which a text is worth setting beside the seal."""


def make_seal() -> bytes:
    """The seal as PNG."""
    image = Image.new("RGBA", (_PIXELS, _PIXELS), (255, 255, 255, 0))
    drawing = ImageDraw.Draw(image)
    inset = _BORDER // 2
    drawing.rounded_rectangle((inset, inset, _PIXELS - inset, _PIXELS - inset), _CORNER, outline=_RED, width=_BORDER)
    free = _PIXELS - 3 * _BORDER
    column_width, row_height = free / len(_COLUMNS), free / len(_COLUMNS[0])
    with as_file(files("proxy") / "fonts" / "VL-Gothic-Regular.ttf") as path:
        font = ImageFont.truetype(str(path), int(row_height * 0.98))
    for column, characters in enumerate(_COLUMNS):
        middle = _PIXELS - 1.5 * _BORDER - (column + 0.5) * column_width
        for row, character in enumerate(characters):
            place = (middle, 1.5 * _BORDER + (row + 0.5) * row_height)
            drawing.text(place, character, font=font, fill=_RED, anchor="mm", stroke_width=4, stroke_fill=_RED)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def sealed(page_size: tuple[float, float], day: date) -> Appearance:
    """A visible signature with the seal and a text in Japanese, at the lower right of the first page.

    Args:
        page_size: Width and height of that page as it is seen, in mm; on a small one all is smaller, and there may be no text.
        day: Of the text.
    """
    width, height = (min(full, _MOST * side) for full, side in zip((_WIDTH, _HEIGHT), page_size, strict=True))
    x, y = (min(_MARGIN, (side - box) / 2) for side, box in zip(page_size, (width, height), strict=True))
    legible = width >= _LEGIBLE[0] and height >= _LEGIBLE[1]
    text = f"電子署名済\n株式会社サンプル商事\n経理部 {day.year}年{day.month}月{day.day}日"
    return Appearance(
        page=1,
        origin=Origin.BOTTOM_RIGHT,
        x=round(x, 2),
        y=round(y, 2),
        width=round(width, 2),
        height=round(height, 2),
        unit=LengthUnit.MILLIMETRE,
        text=text if legible else None,
        seal_image=make_seal(),
    )
