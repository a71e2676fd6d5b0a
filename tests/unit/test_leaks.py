"""The leak detector finds a planted window in every disguise, and nothing where nothing is."""

import base64
import gzip
import random
import zlib

import pytest

from tests.support.leaks import leaked, text_windows, windows

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


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("承認 approved by 山田太郎".encode(), id="UTF-8"),
        pytest.param("承認 approved by 山田太郎".encode("utf-16-be"), id="UTF-16"),
        pytest.param("承認 approved by 山田太郎".encode("utf-16-be").hex().encode(), id="UTF-16 in hex, as PDF writes it"),
        pytest.param(rb"\376\377\147\177\212\215\000 \000a\000p\000p\000r\000o\000v\000e\000d", id="UTF-16 with octal escapes"),
        pytest.param(b"%E6%89%BF%E8%AA%8D%20approved%20by", id="in a URL"),
        pytest.param(rb'{"reason": "\u627f\u8a8d approved by \u5c71"}', id="in JSON"),
        pytest.param("承認 approved by 山田太郎".encode("cp932"), id="Shift_JIS"),
    ],
)
def test_a_text_is_found_however_it_is_written(written: bytes) -> None:
    secret = text_windows("承認 approved by 山田太郎")
    assert leaked(secret, NOISE + written + NOISE) is not None
    assert leaked(secret, NOISE + "否認 rejected by 鈴木花子".encode() + NOISE) is None
