"""The demonstration's seal, and the picture of the page that bears it."""

import io
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from proxy.sandbox.page_image import PageUnreadable, draw_first_page, first_page_size
from proxy.sandbox.seal import make_seal, sealed

DAY = date(2026, 4, 1)


def one_page(path: Path, *, width: int, height: int, rotate: int = 0) -> Path:
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Rotate {rotate} >>",
    )
    body = "".join(f"{number} 0 obj {text} endobj\n" for number, text in enumerate(objects, 1))
    path.write_text(f"%PDF-1.7\n{body}trailer << /Root 1 0 R /Size 4 >>\n%%EOF\n")
    return path


def test_the_seal_is_square_red_and_transparent() -> None:
    with Image.open(io.BytesIO(make_seal())) as seal:
        assert seal.format == "PNG"
        assert seal.width == seal.height
        colours = {colour for _, colour in seal.convert("RGBA").getcolors(1 << 20) or () if isinstance(colour, tuple)}
    assert {colour[3] for colour in colours} >= {0, 235}
    assert all(colour[0] > colour[1] and colour[0] > colour[2] for colour in colours if colour[3] > 128)


@pytest.mark.parametrize("page", [(210.0, 297.0), (297.0, 210.0), (60.0, 20.0), (5.0, 5.0), (0.4, 300.0)])
def test_the_box_is_on_the_page(page: tuple[float, float]) -> None:
    appearance = sealed(page, DAY)
    assert appearance.width > 0
    assert appearance.height > 0
    assert appearance.x + appearance.width <= page[0]
    assert appearance.y + appearance.height <= page[1]
    assert (appearance.text is not None) is (min(page) >= 20)
    if appearance.text is not None:
        assert "2026年4月1日" in appearance.text


@pytest.mark.parametrize(("rotate", "expected"), [(0, (200.0, 100.0)), (90, (100.0, 200.0))])
def test_a_page_is_measured_and_drawn_as_it_is_seen(tmp_path: Path, rotate: int, expected: tuple[float, float]) -> None:
    document = one_page(tmp_path / "page.pdf", width=567, height=283, rotate=rotate)
    assert first_page_size(document) == pytest.approx(expected, abs=0.2)
    draw_first_page(document, tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.width / picture.height == pytest.approx(expected[0] / expected[1], rel=0.01)


def test_a_picture_is_bounded(tmp_path: Path) -> None:
    draw_first_page(one_page(tmp_path / "page.pdf", width=14_400, height=7_200), tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert max(picture.size) <= 2401


def test_what_is_no_pdf_has_no_page(tmp_path: Path) -> None:
    document = tmp_path / "none.pdf"
    document.write_bytes(b"nothing")
    with pytest.raises(PageUnreadable):
        first_page_size(document)
