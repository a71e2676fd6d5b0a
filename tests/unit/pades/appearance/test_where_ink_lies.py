"""Seal and text lie at the stated millimetres, as pdfium and poppler show the page."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

import proxy
from proxy.model import LengthUnit, Origin
from proxy.pades.appearance.placing import POINTS_PER_MILLIMETRE
from tests.unit.pades.appearance.sealed import (
    BLACK,
    DPI,
    RED,
    RENDERERS,
    Box,
    Color,
    Renderer,
    appearance,
    blank,
    from_top_left,
    square,
    where,
    with_appearance,
)

FONT = Path(proxy.__file__).parent / "fonts" / "VL-Gothic-Regular.ttf"

NEAR = 0.3
"""Millimetres."""

CORNERS: dict[Origin, tuple[Color, Color]] = {
    Origin.BOTTOM_LEFT: ((255, 0, 0), (128, 0, 0)),
    Origin.BOTTOM_RIGHT: ((0, 255, 0), (0, 128, 0)),
    Origin.TOP_LEFT: ((0, 0, 255), (0, 0, 128)),
    Origin.TOP_RIGHT: ((255, 0, 255), (128, 0, 128)),
}

BOUNDARIES = [
    pytest.param(b"/MediaBox[0 0 595 842]", (595, 842), id="media box"),
    pytest.param(b"/MediaBox[0 0 595 842]/CropBox[50 70 550 800]", (500, 730), id="shifted crop box"),
    # No wider than the media box: poppler ignores one that is.
    pytest.param(b"/MediaBox[-100 -50 495 792]/CropBox[-150 0 400 830]", (500, 792), id="crop box partly outside"),
]

renderers = pytest.mark.parametrize("render", RENDERERS, ids=["pdfium", "poppler"])
rotations = pytest.mark.parametrize("rotate", [0, 90, 180, 270])


def seen(size: tuple[int, int], rotate: int) -> tuple[float, float]:
    """Size in millimetres of the page as it is seen."""
    width, height = (side / POINTS_PER_MILLIMETRE for side in size)
    return (height, width) if rotate % 180 else (width, height)


def near(found: Box | None, wanted: Box, *, within: float = NEAR) -> bool:
    return found is not None and all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))


@renderers
@rotations
@pytest.mark.parametrize(("boundaries", "size"), BOUNDARIES)
def test_a_seal_lies_where_it_was_asked_for_and_stands_upright(
    boundaries: bytes, size: tuple[int, int], rotate: int, render: Renderer, tmp_path: Path
) -> None:
    document = blank(boundaries + b"/Rotate %d" % rotate)
    page_mm = seen(size, rotate)
    asked = {}
    for origin, (color, marker) in CORNERS.items():
        asked[origin] = appearance(origin=origin, at=(13, 27.5), size=(22, 22), image=square(color, marker))
        document = with_appearance(document, asked[origin], origin.value)
    image = render(document, tmp_path)
    assert (image.width * 25.4 / DPI, image.height * 25.4 / DPI) == pytest.approx(page_mm, abs=0.3)
    for origin, (color, marker) in CORNERS.items():
        left, top, right, bottom = from_top_left(asked[origin], page_mm)
        assert near(where(image, color, page_mm), (left, top, right, bottom)), origin
        assert near(where(image, marker, page_mm), (left, top, left + 11, top + 11)), origin


@renderers
@rotations
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_content_is_turned_counterclockwise_within_its_box(turned: int, rotate: int, render: Renderer, tmp_path: Path) -> None:
    asked = appearance(origin=Origin.TOP_RIGHT, size=(22, 22), image=square(RED, (0, 0, 255)), rotation=turned)
    document = with_appearance(blank(b"/MediaBox[0 0 595 842]/Rotate %d" % rotate), asked)
    page_mm = seen((595, 842), rotate)
    left, top, right, bottom = from_top_left(asked, page_mm)
    across, down = {0: (left, top), 90: (left, top + 11), 180: (left + 11, top + 11), 270: (left + 11, top)}[turned]
    image = render(document, tmp_path)
    assert near(where(image, RED, page_mm), (left, top, right, bottom))
    assert near(where(image, (0, 0, 255), page_mm), (across, down, across + 11, down + 11))


@renderers
@rotations
@pytest.mark.parametrize("turned", [0, 90])
def test_text_lies_inside_its_box_beside_the_seal(turned: int, rotate: int, render: Renderer, tmp_path: Path) -> None:
    size = (70.0, 20.0) if turned == 0 else (20.0, 70.0)
    text = "株式会社サンプル商事\n代表取締役 山田太郎\n2026-07-01 gjpqy|ÅÇ"
    asked = appearance(at=(30, 40), size=size, image=square(), text=text, rotation=turned)
    document = with_appearance(blank(b"/MediaBox[0 0 595 842]/CropBox[20 30 595 842]/Rotate %d" % rotate), asked)
    page_mm = seen((575, 812), rotate)
    image = render(document, tmp_path)
    left, top, right, bottom = from_top_left(asked, page_mm)
    if turned == 0:
        seal, room = (left, top, left + 20, bottom), (left + 20, top, right, bottom)
    else:
        seal, room = (left, bottom - 20, right, bottom), (left, top, right, bottom - 20)
    assert near(where(image, RED, page_mm), seal)
    ink = where(image, BLACK, page_mm)
    assert ink is not None
    assert room[0] < ink[0] < ink[2] < room[2]
    assert room[1] < ink[1] < ink[3] < room[3]
    # The text makes use of its room along the lines or across them.
    across, down = (ink[2] - ink[0]) / (room[2] - room[0]), (ink[3] - ink[1]) / (room[3] - room[1])
    assert max(across, down) > 0.75


@renderers
@rotations
def test_every_glyph_has_the_outline_of_its_character(rotate: int, render: Renderer, tmp_path: Path) -> None:
    text = "電子印鑑Ag1"
    document = with_appearance(blank(b"/MediaBox[0 0 595 842]/Rotate %d" % rotate), appearance(text=text))
    page = render(document, tmp_path).convert("L").point([255 if value < 128 else 0 for value in range(256)])
    ink = page.getbbox()
    assert ink is not None
    shown = page.crop(ink)
    drawn = Image.new("L", (4000, 400))
    ImageDraw.Draw(drawn).text((10, 10), text, fill=255, font=ImageFont.truetype(FONT, 200))
    expected = drawn.crop(drawn.getbbox()).resize(shown.size, Image.Resampling.BOX)
    difference = ImageChops.difference(shown, expected).histogram()
    inked = shown.histogram()[255]
    assert sum(difference[200:]) < 0.1 * inked


@renderers
def test_a_unit_of_user_space_that_is_not_a_point_is_accounted_for(render: Renderer, tmp_path: Path) -> None:
    asked = appearance(origin=Origin.TOP_RIGHT, at=(50, 60), size=(44, 44), image=square())
    document = with_appearance(blank(b"/MediaBox[0 0 595 842]/UserUnit 2.5/Rotate 90"), asked)
    page_mm = (842 * 2.5 / POINTS_PER_MILLIMETRE, 595 * 2.5 / POINTS_PER_MILLIMETRE)
    # Poppler does not enlarge the page, so that one of its pixels is 0.32 mm.
    assert near(where(render(document, tmp_path), RED, page_mm), from_top_left(asked, page_mm), within=2 * NEAR)


@renderers
@pytest.mark.parametrize("rotate", [-90, 450, -630, 720])
def test_rotations_beyond_one_turn_count_by_what_remains(rotate: int, render: Renderer, tmp_path: Path) -> None:
    asked = appearance(origin=Origin.TOP_LEFT, at=(20, 90), size=(40, 10), image=square(), text="一一一一")
    page_mm = seen((595, 842), rotate)
    image = render(with_appearance(blank(b"/MediaBox[0 0 595 842]/Rotate %d" % rotate), asked), tmp_path)
    left, top, _, bottom = from_top_left(asked, page_mm)
    assert near(where(image, RED, page_mm), (left, top, left + 10, bottom))
    ink = where(image, BLACK, page_mm)
    assert ink is not None
    assert ink[2] - ink[0] > 4 * (ink[3] - ink[1]), "the strokes lie"


@renderers
def test_what_a_page_inherits_counts(render: Renderer, tmp_path: Path) -> None:
    above = b"/MediaBox[0 0 595 842]/CropBox[500 800 50 70]/Rotate 270"
    asked = appearance(at=(13, 27.5), size=(22, 22), image=square())
    page_mm = seen((450, 730), 270)
    image = render(with_appearance(blank(b"", above=above), asked), tmp_path)
    assert near(where(image, RED, page_mm), from_top_left(asked, page_mm))


@renderers
def test_points_are_points(render: Renderer, tmp_path: Path) -> None:
    asked = appearance(at=(72, 144), size=(72, 72), unit=LengthUnit.POINT, image=square())
    page_mm = seen((595, 842), 0)
    image = render(with_appearance(blank(), asked), tmp_path)
    assert near(where(image, RED, page_mm), (25.4, page_mm[1] - 76.2, 50.8, page_mm[1] - 50.8))
