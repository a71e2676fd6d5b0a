"""The leak detector finds a planted window in every disguise, and nothing where nothing is."""

import base64
import gzip
import random
import zlib

import pytest

from tests.support.leaks import leaked, windows

DOCUMENT = random.Random(1).randbytes(50_000)
NOISE = random.Random(2).randbytes(4_000)


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(DOCUMENT[1000:1016], id="raw"),
        pytest.param(DOCUMENT[1000:1016].hex().encode(), id="hex"),
        pytest.param(b"0" + DOCUMENT[1000:1016].hex().upper().encode(), id="hex, shifted"),
        pytest.param(base64.b64encode(DOCUMENT[1000:1016]), id="base64"),
        pytest.param(base64.urlsafe_b64encode(b"x" + DOCUMENT[1000:1016]), id="base64 for URLs, shifted"),
        pytest.param(zlib.compress(DOCUMENT[1000:1100]), id="deflated"),
        pytest.param(gzip.compress(DOCUMENT[1000:1100]), id="gzip"),
    ],
)
def test_a_planted_window_is_found(planted: bytes) -> None:
    assert leaked(windows(DOCUMENT), NOISE + planted + NOISE) is not None


def test_noise_holds_no_window() -> None:
    assert leaked(windows(DOCUMENT), NOISE + base64.b64encode(NOISE) + NOISE.hex().encode()) is None
