"""Break a line of text where Japanese may be broken (engine process): JIS X 4051, 6.1 (line breaking), reduced to its basics.

Between ideographs and kana a line may end anywhere, but for characters that may not begin or end one; words of other scripts
stay whole where they fit.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from proxy.pades.appearance.fonts import Glyph

NOT_AT_START = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】〙〗〟’”｠»ヽヾゝゞ々〻ー‐–〜～％‰℃゛゜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "｡､･｣ｰﾞﾟｧｨｩｪｫｬｭｮｯ,.!?:;)]}%\u3099\u309a"
)
"""行頭禁則文字: closing marks, separators, small kana, iteration marks."""

NOT_AT_END = frozenset("（［｛〔〈《「『【〘〖〝‘“｟«｢([{￥＄￡＃№¥$£#")
"""行末禁則文字: opening marks, and signs that belong to the number after them."""

_INSEPARABLE = frozenset("—―…‥")
"""分離禁則文字: doubled dashes and leaders."""

_SPACES = frozenset(" \u2003\u3000")
_NO_BREAK_SPACE = "\u00a0"


class Breaks(Enum):
    """Where lines may be broken, in the order in which it is tried."""

    NOWHERE = auto()
    BETWEEN_PIECES = auto()
    ANYWHERE = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """What is not broken but in need.

    Attributes:
        glyphs: Spaces after it included.
        advance: Of all its glyphs.
        visible_advance: Of those before the spaces.
    """

    glyphs: tuple[Glyph, ...]
    advance: int
    visible_advance: int


def pieces_of(glyphs: Sequence[Glyph]) -> tuple[Piece, ...]:
    """Cut a line as the caller wrote it wherever it may be broken."""
    cuts = [index for index in range(1, len(glyphs)) if _may_break(glyphs[index - 1].text[0], glyphs[index].text[0])]
    return tuple(_piece(glyphs[start:end]) for start, end in pairwise([0, *cuts, len(glyphs)]) if start < end)


def fill_lines(pieces: Iterable[Piece], width: int, breaks: Breaks) -> list[tuple[Glyph, ...]] | None:
    """Set pieces into lines, as many as go into each.

    Args:
        pieces: Of one line as the caller wrote it.
        width: Of the lines, in the unit of the glyphs' advances.
        breaks: Where they may be broken.

    Returns:
        The lines, without the spaces at their ends; one empty line of no pieces; ``None`` when they do not fit so.
    """
    lines: list[tuple[Glyph, ...]] = []
    line: list[Glyph] = []
    used = 0
    for piece in pieces:
        if line and used + piece.visible_advance > width:
            if breaks is Breaks.NOWHERE:
                return None
            lines.append(_without_spaces(line))
            line, used = [], 0
        if piece.visible_advance <= width:
            line += piece.glyphs
            used += piece.advance
            continue
        # A word longer than a line: it is broken where the line ends.
        if breaks is not Breaks.ANYWHERE:
            return None
        for glyph in piece.glyphs:
            if line and used + glyph.advance > width and glyph.text not in _SPACES:
                lines.append(_without_spaces(line))
                line, used = [], 0
            if glyph.advance > width:
                return None
            line.append(glyph)
            used += glyph.advance
    return [*lines, _without_spaces(line)]


def _piece(glyphs: Sequence[Glyph]) -> Piece:
    return Piece(tuple(glyphs), _advance(glyphs), _advance(_without_spaces(glyphs)))


def _may_break(before: str, after: str) -> bool:
    if after in _SPACES:
        return False
    if before in _SPACES:
        return True
    if after in NOT_AT_START or before in NOT_AT_END or _NO_BREAK_SPACE in {before, after}:
        return False
    if before == after and before in _INSEPARABLE:
        return False
    return _stands_alone(before) or _stands_alone(after)


def _stands_alone(character: str) -> bool:
    """Whether it is no letter of a word: ideographs, kana, and the symbols that are as wide as they."""
    width = unicodedata.east_asian_width(character)
    return width in {"W", "F", "H"} or (width == "A" and not character.isalpha())


def _advance(glyphs: Sequence[Glyph]) -> int:
    return sum(glyph.advance for glyph in glyphs)


def _without_spaces(glyphs: Sequence[Glyph]) -> tuple[Glyph, ...]:
    end = len(glyphs)
    while end and glyphs[end - 1].text in _SPACES:
        end -= 1
    return tuple(glyphs[:end])
