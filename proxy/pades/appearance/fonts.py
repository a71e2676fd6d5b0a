"""The font that text of a visible signature is set in, and subsets of it (engine process).

VL Gothic, shipped as package data: TrueType outlines, since a subset of a CFF font is not shown by every viewer. Only the
glyphs of one text are embedded, as a font file with what ISO 32000-2, 9.9.2, asks of it.
"""

import copy
import io
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._g_l_y_f import Glyph as Outline

from proxy.errors import AppearanceInvalid

NAME = "VL-Gothic-Regular"
_FILE = f"{NAME}.ttf"

_IGNORED = frozenset("\u200b\u2060\ufeff\ufe0e\ufe0f")
"""Characters without a glyph that change nothing of what is seen: zero-width spaces, byte order mark, emoji or text style."""

_VARIATIONS = range(0xE0100, 0xE01F0)
"""Selectors of ideographic variation sequences (Unicode Standard, 23.4)."""

_COPIED = ("head", "hhea", "maxp", "cvt ", "prep")

_NAMED_MISSING = 10
"""Characters without a glyph that a refusal names."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph of a text.

    Attributes:
        number: Its index in the font.
        advance: In thousandths of the font's size.
        text: The characters it stands for.
    """

    number: int
    advance: int
    text: str


class Font:
    """A TrueType font, read once a process."""

    def __init__(self, data: bytes) -> None:
        source = TTFont(io.BytesIO(data), lazy=True)
        # Glyphs are named by their index: decoding their real names would take as long as everything else.
        source.setGlyphOrder([str(number) for number in range(source["maxp"].numGlyphs)])
        self._tables = {tag: source[tag] for tag in _COPIED}
        self._outlines: bytes = source.reader["glyf"]
        self._offsets: Sequence[int] = source["loca"]
        units: int = source["head"].unitsPerEm
        metrics: dict[str, tuple[int, int]] = source["hmtx"].metrics
        self._metrics = metrics
        self._advances = [round(metrics[name][0] * 1000 / units) for name in source.getGlyphOrder()]
        self._units = units
        self._numbers = {code: int(name) for code, name in source.getBestCmap().items()}
        self._variations: dict[tuple[int, int], int | None] = {
            (code, selector): None if name is None else int(name)
            for table in source["cmap"].tables
            if table.format == 14
            for selector, sequences in table.uvsDict.items()
            for code, name in sequences
        }
        self._box = source["head"]
        self._ascent: int = source["hhea"].ascent
        self._descent: int = source["hhea"].descent
        source.close()

    @property
    def bounding_box(self) -> tuple[int, int, int, int]:
        """Of all its glyphs, in thousandths."""
        box = self._box
        return self._scaled(box.xMin), self._scaled(box.yMin), self._scaled(box.xMax), self._scaled(box.yMax)

    @property
    def ascent(self) -> int:
        """In thousandths."""
        return self._scaled(self._ascent)

    @property
    def descent(self) -> int:
        """In thousandths, below zero."""
        return self._scaled(self._descent)

    def glyphs(self, text: str) -> tuple[Glyph, ...]:
        """The glyphs of one line of text.

        A mark is joined with the letter before it where they make one character (a decomposed が); ideographs keep the shape
        they were written with, variation selectors included.

        Raises:
            AppearanceInvalid: The font has no glyph for some of its characters, which are named.
        """
        found: list[Glyph] = []
        missing: dict[str, None] = {}
        for cluster in _clusters(text):
            number = self._number(cluster)
            if number is None:
                missing[cluster] = None
            else:
                found.append(Glyph(number, self._advances[number], cluster))
        if missing:
            named = ", ".join(map(_named, list(missing)[:_NAMED_MISSING]))
            raise AppearanceInvalid(
                f"the text has characters that the font cannot show: {named}", fields={"appearance.text": f"no glyph: {named}"}
            )
        return tuple(found)

    def advance(self, number: int) -> int:
        """Width of a glyph in thousandths."""
        return self._advances[number]

    def heights(self, glyphs: Sequence[Glyph]) -> tuple[int, int]:
        """Lowest and highest point of their ink, in thousandths from the baseline."""
        lowest = highest = 0
        for number in {glyph.number for glyph in glyphs}:
            if outline := self._outline(number):
                _, _, bottom, _, top = struct.unpack_from(">hhhhh", outline)
                lowest, highest = min(lowest, self._scaled(bottom)), max(highest, self._scaled(top))
        return lowest, highest

    def subset(self, numbers: Sequence[int]) -> tuple[bytes, dict[int, int]]:
        """A font file with the glyphs ``numbers`` and those they are composed of.

        ``fontTools.subset`` reads and writes every table of the font for that, 150 ms for each new text; copying outlines
        takes 2.

        Returns:
            The file, and the new number of each glyph in it. Glyph 0 is the one for what is missing.
        """
        order, outlines = self._closure(numbers)
        font = TTFont(recalcBBoxes=False, recalcTimestamp=False)
        names = [str(number) for number in order]
        font.setGlyphOrder(names)
        for tag, table in self._tables.items():
            # The compiler writes the number of glyphs into them.
            font[tag] = copy.copy(table)
        font["hmtx"] = newTable("hmtx")
        font["hmtx"].metrics = {name: self._metrics[name] for name in names}
        font["loca"] = newTable("loca")
        font["glyf"] = newTable("glyf")
        font["glyf"].glyphs = dict(zip(names, outlines, strict=True))
        font["glyf"].setGlyphOrder(names)
        out = io.BytesIO()
        font.save(out, reorderTables=False)
        return out.getvalue(), {number: position for position, number in enumerate(order)}

    def _closure(self, numbers: Sequence[int]) -> tuple[list[int], list[Outline]]:
        everything = newTable("glyf")
        everything.setGlyphOrder([str(number) for number in range(len(self._advances))])
        outlines: dict[int, Outline] = {}
        waiting = [0, *numbers]
        while waiting:
            number = waiting.pop()
            if number in outlines:
                continue
            data = self._outline(number)
            outline = outlines[number] = Outline(data)
            if data and struct.unpack_from(">h", data)[0] < 0:
                # Composite: it names others, by their numbers in the whole font.
                outline.expand(everything)
                waiting += [int(name) for name in outline.getComponentNames(everything)]
        order = sorted(outlines)
        return order, [outlines[number] for number in order]

    def _outline(self, number: int) -> bytes:
        return self._outlines[self._offsets[number] : self._offsets[number + 1]]

    def _number(self, cluster: str) -> int | None:
        number = self._numbers.get(ord(cluster[0]))
        if len(cluster) == 1:
            return number
        varied = self._variations.get((ord(cluster[0]), ord(cluster[1])), 0)
        return number if varied is None else varied or None

    def _scaled(self, length: int) -> int:
        return round(length * 1000 / self._units)


@cache
def vl_gothic() -> Font:
    """The font of this package."""
    return Font((files("proxy") / "fonts" / _FILE).read_bytes())


def _clusters(text: str) -> list[str]:
    """Characters, each with the variation selector that follows it, marks joined."""
    clusters: list[str] = []
    for character in text:
        if character in _IGNORED:
            continue
        if clusters and ord(character) in _VARIATIONS and len(clusters[-1]) == 1:
            clusters[-1] += character
        elif clusters and unicodedata.combining(character) and len(clusters[-1]) == 1:
            joined = unicodedata.normalize("NFC", clusters[-1] + character)
            # Only a composition: ideographs would be unified by it, and marks may be left over.
            clusters[-1:] = [joined] if len(joined) == 1 else [clusters[-1], character]
        else:
            clusters.append(character)
    return clusters


def _named(cluster: str) -> str:
    codes = " ".join(f"U+{ord(character):04X}" for character in cluster)
    return f"{cluster} ({codes})" if cluster.isprintable() else codes
