"""A subset of the font as objects of a PDF (engine process): a composite font with the glyphs of one text.

ISO 32000-2, 9.7.4 (CIDFontType2), 9.7.5.2 (Identity-H), 9.8 (descriptor), 9.10.3 (ToUnicode).
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from proxy.engine.keeping import BoundedCache
from proxy.pades.appearance.fonts import NAME, Glyph, vl_gothic

ALWAYS = "0123456789 :/.-+年月日時分秒"
"""In every subset, so that a text whose date alone differs from the former one's finds its subset made."""

_SYMBOLIC = 1 << 2
"""Bit 3 of ``/Flags`` (ISO 32000-2, table 121): glyphs are chosen by their numbers, not by a standard Latin encoding."""

_CAP_HEIGHT = 730
_STEM = 76
"""Thousandths; measured on the letters H and I of VL Gothic."""

_RANGE = 100
"""Most mappings in one ``bfchar`` block (ISO 32000-2, 9.10.3, after Adobe technical note 5014)."""


@dataclass(frozen=True, slots=True)
class Subset:
    """An embeddable subset.

    Attributes:
        tag: Six letters that name it (ISO 32000-2, 9.9.2).
        length: Bytes of the font file.
        file: The font file, deflated.
        to_unicode: The character map for text extraction, deflated.
        numbers: Number in the subset by number in the whole font.
        widths: By number in the subset, thousandths.
    """

    tag: str
    length: int
    file: bytes
    to_unicode: bytes
    numbers: dict[int, int]
    widths: tuple[int, ...]

    def codes(self, glyphs: Iterable[Glyph]) -> bytes:
        """The character codes of a text, two bytes each."""
        return b"".join(self.numbers[glyph.number].to_bytes(2, "big") for glyph in glyphs)


_kept: BoundedCache[frozenset[Glyph], Subset] = BoundedCache(4_000_000)


def subset_for(glyphs: Iterable[Glyph]) -> Subset:
    """The subset that has all of ``glyphs``."""
    wanted = frozenset(glyphs) | frozenset(_always())
    subset = _kept.get(wanted)
    if subset is None:
        subset = _make(sorted(wanted, key=lambda glyph: (glyph.number, glyph.text)))
        _kept.keep(wanted, subset, len(subset.file) + len(subset.to_unicode) + 300 * len(wanted))
    return subset


def add_font(writer: BasePdfFileWriter, subset: Subset) -> generic.IndirectObject:
    """Add the subset to the document.

    Returns:
        A reference to its font dictionary.
    """
    font = vl_gothic()
    base_font = pdf_name(f"/{subset.tag}+{NAME}")
    flate = pdf_name("/FlateDecode")
    file = generic.StreamObject(
        {pdf_name("/Filter"): flate, pdf_name("/Length1"): generic.NumberObject(subset.length)}, encoded_data=subset.file
    )
    descriptor = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/FontDescriptor"),
            pdf_name("/FontName"): base_font,
            pdf_name("/Flags"): generic.NumberObject(_SYMBOLIC),
            pdf_name("/FontBBox"): _numbers(font.bounding_box),
            pdf_name("/ItalicAngle"): generic.NumberObject(0),
            pdf_name("/Ascent"): generic.NumberObject(font.ascent),
            pdf_name("/Descent"): generic.NumberObject(font.descent),
            pdf_name("/CapHeight"): generic.NumberObject(_CAP_HEIGHT),
            pdf_name("/StemV"): generic.NumberObject(_STEM),
            pdf_name("/FontFile2"): writer.add_object(file),
        }
    )
    descendant = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/CIDFontType2"),
            pdf_name("/BaseFont"): base_font,
            pdf_name("/CIDSystemInfo"): generic.DictionaryObject(
                {
                    pdf_name("/Registry"): generic.pdf_string("Adobe"),
                    pdf_name("/Ordering"): generic.pdf_string("Identity"),
                    pdf_name("/Supplement"): generic.NumberObject(0),
                }
            ),
            pdf_name("/FontDescriptor"): writer.add_object(descriptor),
            pdf_name("/DW"): generic.NumberObject(1000),
            pdf_name("/W"): generic.ArrayObject([generic.NumberObject(0), _numbers(subset.widths)]),
            pdf_name("/CIDToGIDMap"): pdf_name("/Identity"),
        }
    )
    return writer.add_object(
        generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Font"),
                pdf_name("/Subtype"): pdf_name("/Type0"),
                pdf_name("/BaseFont"): base_font,
                pdf_name("/Encoding"): pdf_name("/Identity-H"),
                pdf_name("/DescendantFonts"): generic.ArrayObject([writer.add_object(descendant)]),
                pdf_name("/ToUnicode"): writer.add_object(
                    generic.StreamObject({pdf_name("/Filter"): flate}, encoded_data=subset.to_unicode)
                ),
            }
        )
    )


def _always() -> tuple[Glyph, ...]:
    return vl_gothic().glyphs(ALWAYS)


def _make(glyphs: Sequence[Glyph]) -> Subset:
    font = vl_gothic()
    file, numbers = font.subset([glyph.number for glyph in glyphs])
    # Two characters may share a glyph; it then reads as the one with the lower code.
    texts = {numbers[glyph.number]: glyph.text for glyph in reversed(glyphs)}
    letters = int.from_bytes(hashlib.sha256(file).digest()[:8], "big")
    return Subset(
        tag="".join(chr(ord("A") + letters // 26**place % 26) for place in range(6)),
        length=len(file),
        file=zlib.compress(file, 9),
        to_unicode=zlib.compress(_character_map(texts), 9),
        numbers=numbers,
        widths=tuple(font.advance(number) for number in sorted(numbers)),
    )


def _character_map(texts: dict[int, str]) -> bytes:
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        "<0000> <FFFF>",
        "endcodespacerange",
    ]
    mappings = [f"<{number:04X}> <{text.encode('utf-16-be').hex().upper()}>" for number, text in sorted(texts.items())]
    for start in range(0, len(mappings), _RANGE):
        block = mappings[start : start + _RANGE]
        lines += [f"{len(block)} beginbfchar", *block, "endbfchar"]
    lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end", ""]
    return "\n".join(lines).encode("ascii")


def _numbers(values: Iterable[int]) -> generic.ArrayObject:
    return generic.ArrayObject(generic.NumberObject(value) for value in values)
