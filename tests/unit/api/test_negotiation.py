"""``Accept`` as RFC 9110, 12.5.1 has it."""

import pytest

from proxy.api.negotiation import acceptable
from proxy.errors import NotAcceptable

OFFERS = ("application/pdf", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, OFFERS[0]),
        ("", OFFERS[0]),
        ("*/*", OFFERS[0]),
        ("application/*;q=0.5", OFFERS[0]),
        ("application/json", OFFERS[1]),
        ("APPLICATION/JSON", OFFERS[1]),
        ("application/json;charset=utf-8;q=0.9, application/pdf;q=0.8", OFFERS[1]),
        ("*/*;q=0.9, application/pdf;q=0.1", OFFERS[1]),
        ("application/pdf;q=0, application/*", OFFERS[1]),
        ("application/json ; q=0.5 , application/pdf; Q=0.4", OFFERS[1]),
        ("application/json;q=0.5, application/json;q=0.9, application/pdf;q=0.7", OFFERS[1]),
        (",, application/json ,", OFFERS[1]),
    ],
)
def test_the_most_specific_range_and_the_highest_weight_decide(accept: str | None, chosen: str) -> None:
    assert acceptable(accept, OFFERS) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "*/*;q=0", "application/pdf;q=high", "pdf", "application/pdf;q=0.0, a/b"]
)
def test_nothing_fits(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="application/pdf or application/json"):
        acceptable(accept, OFFERS)
