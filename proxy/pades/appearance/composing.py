"""What stands where in the box of a visible signature (engine process).

A seal alone fills the box, centred, in its own proportions. A text alone stands in its middle. Of both, the seal stands at the
left of a box that is wider than high, as high as the box, and the text to its right; in another box the seal stands at the
top, as wide as the box, and the text below. The seal leaves the text at least a third of the longer side.
"""

from dataclasses import dataclass

from proxy.errors import AppearanceInvalid
from proxy.pades.appearance.font_embedding import Subset, subset_for
from proxy.pades.appearance.seals import Seal, seal_for
from proxy.pades.appearance.typesetting import LEADING, TextBlock, typeset

SEAL_SHARE = 2 / 3
"""Of the longer side that a seal with text beside it may take."""

_PADDING_SHARE = 0.05
_MOST_PADDING = 3.0
"""Space around a text: this share of its area's shorter side, and so many points at most."""

SEAL = "/Seal"
FONT = "/Text"
"""Resource names in the content."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A content stream, and what its resources are."""

    content: bytes
    seal: Seal | None
    subset: Subset | None


@dataclass(frozen=True, slots=True)
class _Area:
    left: float
    bottom: float
    width: float
    height: float

    def padded(self) -> "_Area":
        padding = min(_MOST_PADDING, _PADDING_SHARE * min(self.width, self.height))
        return _Area(self.left + padding, self.bottom + padding, self.width - 2 * padding, self.height - 2 * padding)


def compose(width: float, height: float, text: str | None, image: bytes | None) -> Composition:
    """Lay out text and seal.

    Args:
        width: Of the box as the content is read, points.
        height: Of the box, points.
        text: To set.
        image: The seal's file.

    Raises:
        AppearanceInvalid: There is neither, or the text cannot be set.
        SealImageInvalid: The image cannot be used.
    """
    has_text = text is not None and bool(text.strip())
    if not has_text and image is None:
        raise AppearanceInvalid("an appearance has a text or a seal image", fields={"appearance": "nothing to show"})
    box = _Area(0.0, 0.0, width, height)
    beside = width > height
    pieces: list[bytes] = []
    seal = subset = None
    if image is not None:
        share = SEAL_SHARE if has_text else 1.0
        most = (width * share, height) if beside else (width, height * share)
        seal = seal_for(image, *most)
        seal_width, seal_height = seal.fitted(*most)
        left = (width - seal_width) / 2
        bottom = (height - seal_height) / 2
        if has_text and beside:
            left = 0.0
            box = _Area(seal_width, 0.0, width - seal_width, height)
        elif has_text:
            bottom = height - seal_height
            box = _Area(0.0, 0.0, width, height - seal_height)
        pieces.append(_operation(f"q {_n(seal_width)} 0 0 {_n(seal_height)} {_n(left)} {_n(bottom)} cm {SEAL} Do Q"))
    if text is not None and has_text:
        area = box.padded()
        block = typeset(text, area.width, area.height)
        subset = subset_for({glyph for line in block.lines for glyph in line})
        centred = seal is None or not beside
        pieces.append(_text(block, area, subset, area.left + (area.width - block.width) / 2 if centred else area.left))
    return Composition(b"\n".join(pieces), seal, subset)


def _text(block: TextBlock, area: _Area, subset: Subset, left: float) -> bytes:
    """A text object (ISO 32000-2, 9.4) in the vertical middle of ``area``."""
    from_top = (area.height - block.height) / 2 + block.ascent
    pieces = [f"q 0 g BT {FONT} {_n(block.size)} Tf {_n(block.size * LEADING)} TL"]
    pieces.append(f"{_n(left)} {_n(area.bottom + area.height - from_top)} Td")
    pieces += [f"<{subset.codes(line).hex()}> Tj T*" for line in block.lines]
    return _operation(" ".join([*pieces, "ET Q"]))


def _operation(text: str) -> bytes:
    return text.encode("ascii")


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
