"""Indefinite lengths become definite ones, and what is definite stays what it was."""

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from proxy.trust.der import MalformedEncoding, definite
from tests.support.pki import issue

CERTIFICATE = issue("Anybody").der


def test_what_is_definite_stays_and_what_follows_is_told() -> None:
    assert definite(CERTIFICATE) == (CERTIFICATE, b"")
    assert definite(CERTIFICATE + b"\x00\x01") == (CERTIFICATE, b"\x00\x01")


def test_indefinite_lengths_at_any_depth() -> None:
    inner = core.Integer(5).dump()
    expected = core.OctetString(b"x" * 200).dump() + core.SequenceOf([5], spec=core.Integer).dump()
    mixed = b"\x30\x80" + core.OctetString(b"x" * 200).dump() + b"\x30\x80" + inner + b"\x00\x00" + b"\x00\x00"
    value, rest = definite(mixed + b"rest")
    assert (value, rest) == (b"\x30\x81" + bytes([len(expected)]) + expected, b"rest")
    outer = core.OctetString(mixed).dump().replace(b"\x04", b"\x31", 1)
    assert definite(outer)[0].endswith(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x05\x00",
        b"\x04\x80\x00\x00",
        b"\x30\x80\x02\x01\x05",
        b"\x30\x85\x01\x00\x00\x00\x00",
        b"\x3f\x81",
        b"\x30\x80" * 200,
        b"\x30\x03\x30\x03\x05",
    ],
)
def test_what_is_no_ber(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        definite(data)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind(data: bytes) -> None:
    try:
        value, rest = definite(data)
    except MalformedEncoding:
        return
    assert data.endswith(rest)
    assert definite(value) == (value, b"")
