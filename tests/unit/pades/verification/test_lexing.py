"""Where an object's text ends, and where its keys and values stand, whatever strings and comments would like to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pades.verification.lexing import head_end, located, plain_name
from proxy.pades.verification.repeated_keys import says_twice


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


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (b"<</A 1/B/A/C/A>>", False),
        (b"<</S/P/P 12 0 R/K[/P/P/P]>>", False),
        (b"<</A 1/A 1>>", False),
        (b"<</A 1/A 2>>", True),
        (b"<</A/B/A/C>>", True),
        (b"<</A/A/A/A>>", False),
        (b"<</A 1/#41 2>>", True),
        (b"<</A<</B 1/C 2/B 3>>>>", True),
        (b"<</A[<</B 1>><</B 2>>]>>", False),
        (b"<</A<</B 1>>/C<</B 2>>>>", False),
        (b"<</A 1/B(/A 2 \\) (/A 3) /A 4)>>", False),
        (b"<</A 1%/A 2\n>>", False),
        (b"<</A 1/B<2F41>/A (x)>>", True),
        (b"<</A<</B 1>>/A<</B 2>>>>", True),
        (b"<</A%\n/B/A 2>>", True),
        (b"<</A/B/C[/A/B/A]/B 1>>", False),
        (b"<</A[/B]/B[/A]/A 1>>", True),
        (b"[/A/A/A]", False),
        (b"<</A 1>>>>/A 2", False),
    ],
)
def test_a_key_that_comes_twice_with_two_values_is_found(text: bytes, twice: bool) -> None:
    assert says_twice(text, 0, len(text)) is twice
