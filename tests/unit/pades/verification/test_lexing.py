"""Where an object's text ends, and where its keys and values stand, whatever strings and comments would like to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pades.verification.lexing import head_end, located, plain_name


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (b"<</A 1>>endobj", b"endobj"),
        (b"<</A (endobj)>> endobj", b" endobj"),
        (b"<</A (a \\) endobj (nested (stream)) )/B 1>>\nstream\n", b"\nstream"),
        (b"<</endobj/stream>>endobj", b"endobj"),
        (b"% endobj\n<</A 1>>endobj", b"endobj"),
        (b"<</A <656e646f626a>>>endobj", b"endobj"),
        (b"<</A <x y z>/B[(]endobj[)]>>endobj", b"endobj"),
        (b"true false null seen endobj", b" endobj"),
    ],
)
def test_only_the_word_itself_ends_an_object(text: bytes, before: bytes) -> None:
    word = before.strip()
    assert head_end(text, 0, len(text)) == text.rindex(before) + len(before) - len(word)


@pytest.mark.parametrize("text", [b"<</A (never closed endobj", b"<</A 1>>", b"(((", b"<</A (\\", b""])
def test_what_does_not_end_goes_on_to_the_end(text: bytes) -> None:
    assert head_end(text, 0, len(text)) == len(text)


@given(st.binary(max_size=200))
def test_any_bytes_have_an_end(data: bytes) -> None:
    assert 0 <= head_end(data, 0, len(data)) <= len(data)


def values_of(text: bytes) -> list[tuple[tuple[bytes, ...], bytes]]:
    return [(found.path, text[found.start : found.end]) for found in located(text, 0, len(text)) if not found.is_key]


def test_values_stand_where_their_keys_lead() -> None:
    text = b"<</A 1 0 R/B#43[(x) <00>]/D<</E/F/A(in (it))>>/G true% comment\n/H<6162>>>"
    assert values_of(text) == [
        ((b"/A",), b"1"),
        ((b"/A",), b"0"),
        ((b"/A",), b"R"),
        ((b"/BC", b"["), b"(x)"),
        ((b"/BC", b"["), b"<00>"),
        ((b"/D", b"/E"), b"/F"),
        ((b"/D", b"/A"), b"(in (it))"),
        ((b"/G",), b"true"),
        ((b"/H",), b"<6162>"),
    ]
    keys = [found.path for found in located(text, 0, len(text)) if found.is_key]
    assert keys == [(b"/A",), (b"/BC",), (b"/D",), (b"/D", b"/E"), (b"/D", b"/A"), (b"/G",), (b"/H",)]


@pytest.mark.parametrize("text", [b"<</A 1", b"<</A]>>", b">>", b"<<[>>]", b"{", b"[" * 30_000])
def test_what_is_not_balanced_is_no_object(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"bracket|end|tokens"):
        list(located(text, 0, len(text)))


def test_names_are_read_without_their_escapes() -> None:
    assert plain_name(b"/Byte#52ange") == b"/ByteRange"
