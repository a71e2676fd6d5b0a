"""What the caller prefers: ``Accept`` and its relatives with their weights (RFC 9110, 12.4.2 and 12.5.1)."""

import re
from collections.abc import Iterator, Sequence

from proxy.errors import NotAcceptable

_WEIGHT = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def weighted(header: str) -> Iterator[tuple[str, float]]:
    """The elements of a header of preferences, each with its weight.

    A weight that is none counts as 0: what cannot be understood is not preferred. Parameters other than ``q`` are left out.
    """
    for element in header.split(","):
        name, *parameters = (part.strip() for part in element.split(";"))
        if not name:
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
        yield name, weight


def acceptable(accept: str | None, offers: Sequence[str]) -> str:
    """The media type to answer with.

    Args:
        accept: The request's ``Accept``; ``None`` accepts everything.
        offers: What the route has, preferred first.

    Raises:
        NotAcceptable: None of it fits.
    """
    if accept is None or not accept.strip():
        return offers[0]
    ranges = [(name.lower(), weight) for name, weight in weighted(accept)]
    best, best_weight = None, 0.0
    for offer in offers:
        weight = _weight_of(offer, ranges)
        if weight > best_weight:
            best, best_weight = offer, weight
    if best is None:
        raise NotAcceptable(f"this answer comes as {' or '.join(offers)}")
    return best


def _weight_of(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that matches: the type itself, then ``type/*``, then ``*/*``."""
    for pattern in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0.0
