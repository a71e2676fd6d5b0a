"""Visible signatures (engine process): where they lie on a page, and what is drawn there.

``place`` turns a position as a reader sees the page into a rectangle of its user space, ``draw`` makes the form XObject for it;
the stage ``prepare`` gives both to the widget of the signature field (ISO 32000-2, 12.7.5.5). Parsed font, font subsets and
decoded seals are kept by content, within bounds, for as long as the process lives.
"""

from proxy.pades.appearance.drawing import draw, draw_for_field, set_appearance
from proxy.pades.appearance.placing import Placement, box_of, place

__all__ = ["Placement", "box_of", "draw", "draw_for_field", "place", "set_appearance"]
