"""The invoice to try signing on, judged by poppler and qpdf, and looked at by its pixels."""

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pypdfium2
import pytest

from proxy.sandbox.invoice import make_invoice

Judge = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    path = tmp_path / "invoice.pdf"
    make_invoice(path, date(2026, 11, 22))
    return path


async def test_it_says_what_the_law_asks_of_an_invoice(invoice: Path, tmp_path: Path, judge: Judge) -> None:
    code, said = await judge("pdftotext", "-layout", invoice, tmp_path / "text")
    assert code == 0, said
    text = " ".join((tmp_path / "text").read_text("utf-8").split())
    for expected in (
        "株式会社サンプル商事",
        "登録番号 T0123456789012",
        "発行日 2026年11月22日",
        "株式会社見本製作所 御中",
        "打合せ用緑茶 500ml ※",
        "10%対象 324,000 32,400",
        "8%対象 ※ 2,880 230",
        "合計 326,880 32,630",
        "¥359,510",
        "お支払期限 2026年12月31日",
    ):
        assert expected in text


async def test_it_is_a_sound_pdf_with_truetype_outlines(invoice: Path, judge: Judge) -> None:
    code, said = await judge("qpdf", "--check", invoice)
    assert code == 0, said
    _, said = await judge("pdffonts", invoice)
    fonts = said.splitlines()[2:]
    assert len(fonts) == 1
    assert "CID TrueType" in fonts[0]
    assert "yes yes yes" in fonts[0]


def test_no_glyph_is_missing_and_nothing_is_cut_off(invoice: Path) -> None:
    with pypdfium2.PdfDocument(invoice) as document:
        assert len(document) == 1
        page = document[0]
        text = page.get_textpage().get_text_range()
        assert "\0" not in text
        assert "\ufffd" not in text
        image = page.render(scale=1).to_pil().convert("RGB")
    seal = [image.getpixel((x, y)) for x in range(476, 540) for y in range(144, 208)]
    red = [pixel for pixel in seal if isinstance(pixel, tuple) and pixel[0] > 150 and pixel[1] < 110]
    assert len(red) > 200
    margin = {image.getpixel((x, y)) for x in (*range(40), *range(555, 595)) for y in range(20, 842)}
    assert margin == {(255, 255, 255)}


def test_the_same_day_gives_the_same_text_and_another_another_due_date(tmp_path: Path) -> None:
    def text(day: date) -> str:
        make_invoice(tmp_path / "invoice.pdf", day)
        with pypdfium2.PdfDocument(tmp_path / "invoice.pdf") as document:
            return str(document[0].get_textpage().get_text_range())

    assert text(date(2026, 11, 22)) == text(date(2026, 11, 22))
    assert "2028年2月29日" in text(date(2028, 1, 31))
    assert "2027年1月31日" in text(date(2026, 12, 1))
