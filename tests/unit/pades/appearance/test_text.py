"""Text: where lines break, how large they are set, and what the embedded font says."""

import io
import re
from itertools import pairwise
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.errors import AppearanceInvalid
from proxy.pades.appearance import draw, place
from proxy.pades.appearance.fonts import vl_gothic
from proxy.pades.appearance.line_breaking import NOT_AT_END, NOT_AT_START, Breaks, fill_lines, pieces_of
from proxy.pades.appearance.typesetting import LARGEST, READABLE, SMALLEST, TextBlock, typeset
from tests.unit.pades.appearance.sealed import appearance, blank, run, with_appearance

EM = 1000


def broken(text: str, width: int, breaks: Breaks = Breaks.ANYWHERE) -> list[str] | None:
    lines = fill_lines(pieces_of(vl_gothic().glyphs(text)), width, breaks)
    return None if lines is None else ["".join(glyph.text for glyph in line) for line in lines]


def lines_of(block: TextBlock) -> list[str]:
    return ["".join(glyph.text for glyph in line) for line in block.lines]


@pytest.mark.parametrize(
    ("text", "ems", "lines"),
    [
        pytest.param("電子署名済", 2, ["電子", "署名", "済"], id="ideographs"),
        pytest.param("契約です。以上", 4, ["契約で", "す。以上"], id="no full stop at a start"),
        pytest.param("契約、です", 2, ["契", "約、", "です"], id="no comma at a start"),
        pytest.param("（株）甲乙", 4, ["（株）甲", "乙"], id="brackets fit"),
        pytest.param("甲（株）", 2, ["甲", "（株", "）"], id="what cannot be kept together is broken"),
        pytest.param("甲乙「丙", 3, ["甲乙", "「丙"], id="no opening mark at an end"),
        pytest.param("シャッター", 4, ["シャッ", "ター"], id="no long vowel mark at a start"),
        pytest.param("きゃっか", 1, ["き", "ゃ", "っ", "か"], id="small kana in need"),
        pytest.param("人々人々", 3, ["人々", "人々"], id="no iteration mark at a start"),
        pytest.param("甲——乙", 2, ["甲", "——", "乙"], id="a dash of two"),
        pytest.param("Signed by Taro", 5, ["Signed by", "Taro"], id="words"),
        pytest.param("Signed  by", 3, ["Signed", "by"], id="spaces at the end of a line go"),
        pytest.param("甲　乙", 1, ["甲", "乙"], id="so does a wide one"),
        pytest.param("contract", 3, ["contra", "ct"], id="a word too long"),
        pytest.param("契約書No.1", 4, ["契約書", "No.1"], id="a word after ideographs"),
        pytest.param("No.\u00a012 ab", 4, ["No.\u00a012", "ab"], id="a space that holds together"),
        pytest.param("2026-07-01付", 6, ["2026-07-01付"], id="a date in half widths"),
        pytest.param("", 3, [""], id="nothing"),
        pytest.param("  甲", 3, ["  甲"], id="indented"),
    ],
)
def test_lines_break_by_the_rules(text: str, ems: int, lines: list[str]) -> None:
    assert broken(text, ems * EM) == lines


def test_each_way_of_breaking_breaks_no_more_than_it_says() -> None:
    assert broken("甲乙 丙", 2 * EM, Breaks.NOWHERE) is None
    assert broken("甲乙 丙", 2 * EM, Breaks.BETWEEN_PIECES) == ["甲乙", "丙"]
    assert broken("contract 甲", 2 * EM, Breaks.BETWEEN_PIECES) is None
    assert broken("甲", EM - 1) is None


@given(st.text(alphabet="甲乙あっー、。「」（）ABC123 　.,—", max_size=60), st.integers(4, 12))
@settings(deadline=None, max_examples=300)
def test_no_line_is_too_long_and_nothing_but_spaces_is_lost(text: str, ems: int) -> None:
    lines = broken(text, ems * EM)
    assert lines is not None
    assert re.sub("[ 　]", "", "".join(lines)) == re.sub("[ 　]", "", text)
    font = vl_gothic()
    assert all(sum(glyph.advance for glyph in font.glyphs(line)) <= ems * EM for line in lines)


@given(st.text(alphabet="甲乙丙あいうっー、。「」（）", max_size=60), st.integers(6, 12))
@settings(deadline=None, max_examples=300)
def test_no_line_starts_or_ends_with_what_it_must_not(text: str, ems: int) -> None:
    lines = broken(text, ems * EM, Breaks.BETWEEN_PIECES)
    # Marks in a row that are longer than a line can only be broken in need.
    if lines is not None:
        assert "".join(lines) == text
        for before, after in pairwise(lines):
            assert after[0] not in NOT_AT_START
            assert before[-1] not in NOT_AT_END
            first = pieces_of(vl_gothic().glyphs(after))[0]
            assert sum(glyph.advance for glyph in vl_gothic().glyphs(before)) + first.advance > ems * EM, "a line is filled"


def test_a_text_is_as_large_as_its_box_allows_and_not_larger_than_a_stamp() -> None:
    assert typeset("承認", 500, 500).size == LARGEST
    block = typeset("電子署名", 60, 30)
    assert block.size == 15
    assert (block.width, len(block.lines)) == (60, 1)


def test_the_callers_lines_are_kept_while_they_can_be_read() -> None:
    text = "株式会社サンプル商事\n代表取締役 山田太郎"
    assert lines_of(typeset(text, 70, 200)) == text.split("\n")
    narrow = typeset(text, 55, 200)
    assert len(narrow.lines) > 2
    assert narrow.size > READABLE


def test_words_are_kept_whole_while_they_can_be_read() -> None:
    words = "approved by internal.audit@example.co.jp"
    assert "internal.audit@example.co.jp" in lines_of(typeset(words, 90, 60))
    assert "internal.audit@example.co.jp" not in lines_of(typeset(words, 40, 60))


def test_every_line_end_ends_a_line_and_a_tab_is_a_space() -> None:
    assert lines_of(typeset(" a\r\nb\rc\nd\u2028\te\x0bf\n\n g ", 200, 200)) == ["a", "b", "c", "d", " e", "f", "", " g"]


@pytest.mark.parametrize("text", ["甲" * 200, "甲\n" * 30, "W" * 4000])
def test_more_text_than_fits_at_the_smallest_size_is_refused(text: str) -> None:
    with pytest.raises(AppearanceInvalid, match="does not fit") as refused:
        typeset(text, 50, 50)
    assert set(refused.value.fields) == {"appearance.text"}


def test_a_text_that_just_fits_is_set_at_the_smallest_size() -> None:
    assert typeset("甲" * (12 * 10), 50, 50).size == SMALLEST


def test_what_the_font_lacks_is_named() -> None:
    with pytest.raises(AppearanceInvalid) as refused:
        typeset("魚は𩸽👍です\x07\u202e甲", 100, 100)
    assert "𩸽 (U+29E3D), 👍 (U+1F44D), U+0007, U+202E" in refused.value.detail
    assert refused.value.fields.keys() == {"appearance.text"}


def test_decomposed_kana_are_joined_and_ideographs_keep_their_shapes() -> None:
    font = vl_gothic()
    assert [glyph.text for glyph in font.glyphs("か\u3099ハ\u309ae\u0301")] == ["が", "パ", "é"]
    assert [glyph.text for glyph in font.glyphs("﨑\ufa19神")] == ["﨑", "\ufa19", "神"]
    plain, varied = font.glyphs("叉叉\U000e0100")
    assert varied.text == "叉\U000e0100"
    assert plain.number != varied.number
    with pytest.raises(AppearanceInvalid, match=r"U\+4E00 U\+E0100"):
        font.glyphs("一\U000e0100")
    assert [glyph.text for glyph in font.glyphs("\ufeff☎\ufe0e\u200b")] == ["☎"]


def test_a_subset_holds_the_glyphs_and_what_they_are_composed_of() -> None:
    font = vl_gothic()
    # Composed glyphs of this font name others by number.
    composed = font.glyphs("ÀÉñ㈱①ガプ")
    data, numbers = font.subset([glyph.number for glyph in composed])
    assert data == font.subset([glyph.number for glyph in reversed(composed)])[0]
    whole = TTFont(Path(__file__).parents[4] / "proxy" / "fonts" / "VL-Gothic-Regular.ttf")
    part = TTFont(io.BytesIO(data), recalcTimestamp=False)
    assert {"glyf", "head", "hhea", "hmtx", "loca", "maxp"} <= set(part.keys())
    for glyph in composed:
        name, own = whole.getGlyphName(glyph.number), part.getGlyphName(numbers[glyph.number])
        coordinates = whole["glyf"][name].getCoordinates(whole["glyf"])[0]
        assert coordinates == part["glyf"][own].getCoordinates(part["glyf"])[0]
        assert whole["hmtx"][name] == part["hmtx"][own]
        assert whole["hmtx"][name][0] == glyph.advance


TEXT = "株式会社サンプル商事\n代表取締役 山田太郎\n2026-07-01 Signed ABC 123"


def test_poppler_sees_an_embedded_subset_and_reads_the_text_back(tmp_path: Path) -> None:
    path = tmp_path / "shown.pdf"
    path.write_bytes(with_appearance(blank(), appearance(text=TEXT, size=(90, 30))))
    (line,) = run("pdffonts", path).splitlines()[2:]
    assert re.fullmatch(r"[A-Z]{6}\+VL-Gothic-Regular +CID TrueType +Identity-H +yes yes yes +\d+ +0", line)
    read = run("pdftotext", "-layout", path, "-")
    assert [line.strip() for line in read.split("\n") if line.strip()] == TEXT.split("\n")
    run("qpdf", "--check", path)


def test_twenty_characters_embed_a_small_font_with_their_own_widths() -> None:
    document = with_appearance(blank(), appearance(text="一二三四五六七八九十ABCDE12345"))
    reader = PdfFileReader(io.BytesIO(document))
    form = reader.root["/AcroForm"]["/Fields"][0]["/AP"]["/N"]
    font = form["/Resources"]["/Font"]["/Text"]
    (descendant,) = [font["/DescendantFonts"][0]]
    file = descendant["/FontDescriptor"]["/FontFile2"]
    assert len(file.encoded_data) < 60_000
    assert len(file.data) == file["/Length1"]
    embedded = TTFont(io.BytesIO(file.data))
    start, widths = descendant["/W"]
    assert start == 0
    assert list(widths) == [embedded["hmtx"][name][0] for name in embedded.getGlyphOrder()]
    codes = bytes.fromhex(re.search(rb"<([0-9a-f]+)> Tj", form.data)[1].decode())  # type: ignore[index]  # it is there
    shown = [widths[int.from_bytes(codes[at : at + 2], "big")] for at in range(0, len(codes), 2)]
    assert shown == [1000] * 10 + [500] * 10


def test_a_text_that_differs_in_its_date_alone_has_the_same_subset() -> None:
    def file(text: str) -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(blank()))
        asked = appearance(text=text)
        form = draw(writer, place(writer, asked), asked).get_object()
        found: bytes = form["/Resources"]["/Font"]["/Text"]["/DescendantFonts"][0]["/FontDescriptor"]["/FontFile2"].encoded_data
        return found

    assert file("承認 2026-07-01 12:34:56") is file("承認 2031年12月31日 00:00")
