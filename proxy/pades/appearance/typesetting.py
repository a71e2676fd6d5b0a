"""Set a text into a box as large as it fits (engine process): what the size of the box says is all there is to go by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.errors import AppearanceInvalid
from proxy.pades.appearance.fonts import Glyph, vl_gothic
from proxy.pades.appearance.line_breaking import Breaks, Piece, fill_lines, pieces_of

SMALLEST = 4.0
LARGEST = 24.0
"""Points."""

READABLE = 6.0
"""Points from which on the caller's own lines, and then whole words, are worth more than a larger size."""

LEADING = 1.25
"""From baseline to baseline, in sizes of the font."""

_STEPS = 4
"""Sizes a point."""

_EM_ASCENT = 860
_EM_DESCENT = 140
"""The ideographs' square around the baseline, in thousandths: what stands on a line at least."""

_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A text with its lines.

    Attributes:
        size: Of the font, points.
        lines: From the top.
        width: Points of the longest line.
        height: Points from the top of the first line's ink to the bottom of the last one's.
        ascent: Points from that top to the first baseline.
    """

    size: float
    lines: tuple[tuple[Glyph, ...], ...]
    width: float
    height: float
    ascent: float


def typeset(text: str, width: float, height: float) -> TextBlock:
    """Set ``text`` into a box at the largest size that fits.

    Lines the caller made are kept where the size is readable then; otherwise they are broken, between words if that is enough
    for a readable size, else within them too.

    Args:
        text: Lines end with any of the usual line ends; a tab is a space.
        width: Points.
        height: Points.

    Raises:
        AppearanceInvalid: It does not fit at the smallest size, or has characters the font cannot show.
    """
    lines = [vl_gothic().glyphs(line.replace("\t", " ")) for line in _LINE_ENDS.split(text.strip())]
    lowest, highest = vl_gothic().heights([glyph for line in lines for glyph in line])
    setting = _Setting([pieces_of(line) for line in lines], width, height, max(highest, _EM_ASCENT), max(-lowest, _EM_DESCENT))
    blocks = []
    for breaks in Breaks:
        block = setting.largest(breaks)
        if block is not None and block.size >= READABLE:
            return block
        blocks += [block] if block is not None else []
    if not blocks:
        raise AppearanceInvalid(
            f"the text does not fit into its box at {SMALLEST:g} points", fields={"appearance.text": "does not fit"}
        )
    return max(blocks, key=lambda block: block.size)


@dataclass(frozen=True, slots=True)
class _Setting:
    lines: Sequence[Sequence[Piece]]
    width: float
    height: float
    ascent: int
    descent: int

    def largest(self, breaks: Breaks) -> TextBlock | None:
        """At the largest size that fits, found by halving."""
        low, high = round(SMALLEST * _STEPS), round(LARGEST * _STEPS)
        best = self._at(low / _STEPS, breaks)
        while best is not None and low < high:
            middle = (low + high + 1) // 2
            block = self._at(middle / _STEPS, breaks)
            if block is None:
                high = middle - 1
            else:
                best, low = block, middle
        return best

    def _at(self, size: float, breaks: Breaks) -> TextBlock | None:
        room = int(self.width * 1000 / size)
        lines: list[tuple[Glyph, ...]] = []
        for line in self.lines:
            set_lines = fill_lines(line, room, breaks)
            if set_lines is None:
                return None
            lines += set_lines
        height = size * ((len(lines) - 1) * LEADING + (self.ascent + self.descent) / 1000)
        if height > self.height:
            return None
        longest = max(sum(glyph.advance for glyph in line) for line in lines)
        return TextBlock(size, tuple(lines), longest * size / 1000, height, self.ascent * size / 1000)
