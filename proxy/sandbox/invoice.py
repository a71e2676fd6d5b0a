"""A document to try signing on: a qualified invoice (適格請求書) in Japanese, one page A4.

It shows what the Consumption Tax Act (消費税法 57条の4) asks of one: the issuer and its registration number, the date, the
items with those at the reduced rate marked, the totals and the tax by rate, and who receives it. Companies, bank and numbers
are made up; the registration number cannot be anybody's (see ``profiles``). Its font has TrueType outlines, which every viewer
renders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import SettingsError

if TYPE_CHECKING:
    from fpdf import FPDF

STANDARD_RATE = 10
REDUCED_RATE = 8
"""Percent of consumption tax: the usual rate, and that on food and drink."""

_JAPAN = timezone(timedelta(hours=9), "JST")
_FAMILY = "VL Gothic"
_LEFT, _RIGHT = 18.0, 192.0
_INK = (38, 43, 51)
_QUIET = (105, 113, 125)
_ACCENT = (31, 73, 125)
_SHADE = (240, 244, 249)
_SEAL = (200, 48, 38)
_COLUMNS = (("品目", 88.0, "L"), ("数量", 20.0, "R"), ("単位", 14.0, "C"), ("単価", 24.0, "R"), ("金額", 28.0, "R"))


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    quantity: int
    unit: str
    price: int
    rate: int = STANDARD_RATE

    @property
    def amount(self) -> int:
        return self.quantity * self.price


_ITEMS = (
    _Item("電子署名サービス 月額基本料", 1, "式", 120_000),
    _Item("ハッシュ署名 従量料金", 12_500, "件", 4),
    _Item("タイムスタンプ付与 従量料金", 8_000, "件", 3),
    _Item("導入支援(接続試験・運用設計)", 2, "人日", 65_000),
    _Item("打合せ用緑茶 500ml", 24, "本", 120, REDUCED_RATE),
)


def make_invoice(path: Path, issued: date) -> None:
    """Write the invoice.

    Args:
        path: Where to.
        issued: Its date; payment is due at the end of the next month.

    Raises:
        SettingsError: The package fpdf2 is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise SettingsError('the invoice needs fpdf2: install "hash-signing-proxy[sandbox]"') from error
    pdf = FPDF(orientation="portrait", unit="mm", format="A4")
    with as_file(files("proxy") / "fonts" / "VL-Gothic-Regular.ttf") as font:
        pdf.add_font(_FAMILY, fname=font)
        pdf.set_title("請求書")
        pdf.set_author("株式会社サンプル商事")
        pdf.set_lang("ja-JP")
        pdf.set_creation_date(datetime.combine(issued, time(), _JAPAN))
        pdf.set_auto_page_break(False)
        pdf.set_draw_color(*_QUIET)
        pdf.add_page()
        _head(pdf, issued)
        _parties(pdf)
        end = _total(pdf, _due(issued))
        end = _items(pdf, end + 8)
        end = _taxes(pdf, end + 5)
        _payment(pdf, end + 10, _due(issued))
        pdf.output(str(path))


def _tax(rate: int) -> tuple[int, int]:
    """What is taxed at a rate, and the tax: rounded down once a rate, as the law wants."""
    amount = sum(item.amount for item in _ITEMS if item.rate == rate)
    return amount, amount * rate // 100


def _grand_total() -> int:
    return sum(sum(_tax(rate)) for rate in (STANDARD_RATE, REDUCED_RATE))


def _due(issued: date) -> date:
    """The last day of the month after."""
    first = issued.replace(day=1)
    return (first + timedelta(days=62)).replace(day=1) - timedelta(days=1)


def _japanese(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _text(
    pdf: "FPDF",
    x: float,
    y: float,
    text: str,
    *,
    size: float = 9.5,
    width: float = 0.0,
    align: str = "L",
    color: tuple[int, int, int] = _INK,
) -> None:
    """One line whose box begins at ``x``, ``y`` (mm from the top left corner)."""
    pdf.set_font(_FAMILY, size=size)
    pdf.set_text_color(*color)
    pdf.set_xy(x, y)
    pdf.cell(width or pdf.get_string_width(text) + 2 * pdf.c_margin, size * 0.5, text, align=align)


def _head(pdf: "FPDF", issued: date) -> None:
    pdf.set_fill_color(*_ACCENT)
    pdf.rect(0, 0, 210, 6, style="F")
    _text(pdf, _LEFT, 18, "請 求 書", size=24, width=_RIGHT - _LEFT, align="C", color=_ACCENT)
    _text(pdf, 132, 35, f"請求書番号  INV-{issued:%Y%m}-0042", width=60, align="R")
    _text(pdf, 132, 41, f"発行日  {_japanese(issued)}", width=60, align="R")


def _parties(pdf: "FPDF") -> None:
    _text(pdf, _LEFT, 50, "株式会社見本製作所 御中", size=14)
    pdf.line(_LEFT, 58.5, 104, 58.5)
    _text(pdf, _LEFT, 61, "経理部 ご担当者様")
    _text(pdf, _LEFT, 72, "下記のとおりご請求申し上げます。")
    lines = (
        "〒100-0000",
        "東京都千代田区見本町1-2-3",
        "サンプルビル 8階",
        "TEL 03-0000-0000",
        "登録番号 T0123456789012",
    )
    _text(pdf, 118, 50, "株式会社サンプル商事", size=12)
    for number, line in enumerate(lines):
        _text(pdf, 118, 57.5 + 5 * number, line, size=9)
    _seal(pdf, 168, 51)


def _seal(pdf: "FPDF", x: float, y: float) -> None:
    """A square company seal (角印), 22 mm, read from the right column to the left as they are."""
    pdf.set_draw_color(*_SEAL)
    pdf.set_line_width(0.9)
    pdf.rect(x, y, 22, 22, round_corners=True, corner_radius=1.2)
    for column, characters in enumerate(("サンプル", "商事之印")):
        for row, character in enumerate(characters):
            _text(pdf, x + 11 - 10 * column, y + 1.4 + 4.9 * row, character, size=12.5, width=10, align="C", color=_SEAL)
    pdf.set_line_width(0.2)
    pdf.set_draw_color(*_QUIET)


def _total(pdf: "FPDF", due: date) -> float:
    top = 86.0
    pdf.set_fill_color(*_SHADE)
    pdf.rect(_LEFT, top, 100, 15, style="F")
    pdf.set_fill_color(*_ACCENT)
    pdf.rect(_LEFT, top, 1.6, 15, style="F")
    _text(pdf, _LEFT + 4, top + 5, "ご請求金額(税込)", size=10)
    _text(pdf, _LEFT + 40, top + 3.4, f"¥{_grand_total():,} -", size=18, width=58, align="R")
    _text(pdf, 132, top + 5, f"お支払期限  {_japanese(due)}", width=60, align="R")
    return top + 15


def _row(pdf: "FPDF", y: float, cells: Sequence[str], *, color: tuple[int, int, int] = _INK) -> None:
    x = _LEFT
    for (_, width, align), cell in zip(_COLUMNS, cells, strict=True):
        _text(pdf, x, y + 2, cell, size=9, width=width, align=align, color=color)
        x += width


def _items(pdf: "FPDF", top: float) -> float:
    height = 8.5
    pdf.set_fill_color(*_ACCENT)
    pdf.rect(_LEFT, top, _RIGHT - _LEFT, height, style="F")
    _row(pdf, top, [name for name, _, _ in _COLUMNS], color=(255, 255, 255))
    y = top + height
    for number, item in enumerate(_ITEMS):
        if number % 2:
            pdf.set_fill_color(*_SHADE)
            pdf.rect(_LEFT, y, _RIGHT - _LEFT, height, style="F")
        mark = " ※" if item.rate == REDUCED_RATE else ""
        _row(pdf, y, (item.name + mark, f"{item.quantity:,}", item.unit, f"{item.price:,}", f"{item.amount:,}"))
        pdf.line(_LEFT, y, _RIGHT, y)
        y += height
    x = _LEFT
    for _, width, _ in _COLUMNS[:-1]:
        x += width
        pdf.line(x, top + height, x, y)
    pdf.rect(_LEFT, top, _RIGHT - _LEFT, y - top)
    _text(pdf, _LEFT, y + 1.5, f"※は軽減税率({REDUCED_RATE}%)対象品目です。", size=8, color=_QUIET)
    return y


def _taxes(pdf: "FPDF", top: float) -> float:
    """Totals by rate, and of all."""
    left, widths = 94.0, (42.0, 28.0, 28.0)
    rows = [("税率区分", "対象金額(税抜)", "消費税額")]
    for rate in (STANDARD_RATE, REDUCED_RATE):
        amount, tax = _tax(rate)
        rows.append((f"{rate}%対象" + (" ※" if rate == REDUCED_RATE else ""), f"{amount:,}", f"{tax:,}"))
    amounts = [_tax(rate) for rate in (STANDARD_RATE, REDUCED_RATE)]
    rows.append(("合計", f"{sum(amount for amount, _ in amounts):,}", f"{sum(tax for _, tax in amounts):,}"))
    y = top + 4
    for number, row in enumerate(rows):
        pdf.set_fill_color(*_SHADE)
        pdf.rect(left, y, sum(widths), 7.5, style="DF" if number == 0 else "D")
        x = left
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            align = "L" if column == 0 else "R"
            _text(pdf, x, y + 1.5, cell, size=8.5 if number == 0 else 9, width=width, align=align)
            if column:
                pdf.line(x, y, x, y + 7.5)
            x += width
        y += 7.5
    pdf.set_fill_color(*_ACCENT)
    pdf.rect(left, y, sum(widths), 10, style="F")
    white = (255, 255, 255)
    _text(pdf, left, y + 2.6, "ご請求合計(税込)", size=10, color=white)
    _text(pdf, left + 40, y + 1.8, f"¥{_grand_total():,}", size=13, width=sum(widths) - 40, align="R", color=white)
    return y + 10


def _payment(pdf: "FPDF", top: float, due: date) -> None:
    lines = (
        ("振込先", "見本銀行 本店営業部(店番 001)普通預金 0000042"),
        ("口座名義", "カ)サンプルショウジ"),
        ("お支払期限", _japanese(due)),
        ("備考", "恐れ入りますが、振込手数料は貴社にてご負担くださいますようお願い申し上げます。"),
    )
    height = 7.5
    pdf.set_fill_color(*_SHADE)
    pdf.rect(_LEFT, top, 28, height * len(lines), style="F")
    for number, (name, value) in enumerate(lines):
        y = top + height * number
        pdf.rect(_LEFT, y, _RIGHT - _LEFT, height)
        _text(pdf, _LEFT + 1, y + 1.7, name, size=9, color=_ACCENT)
        _text(pdf, _LEFT + 30, y + 1.7, value, size=9)
    pdf.line(_LEFT + 28, top, _LEFT + 28, top + height * len(lines))
    _text(pdf, _LEFT, 283, "1 / 1", size=8, width=_RIGHT - _LEFT, align="C", color=_QUIET)
