"""Multipart bodies, wherever they are cut."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.multipart import PARTS, read_parts
from proxy.errors import InvalidParameter


class Part:
    def __init__(self) -> None:
        self.content = b""
        self.finished = False

    def write(self, data: bytes) -> None:
        assert not self.finished
        self.content += data

    def finish(self) -> None:
        self.finished = True


async def read(body: bytes, boundary: str | None = "b", cuts: list[int] | None = None) -> list[tuple[str, bytes]]:
    found: list[tuple[str, Part]] = []

    def open_part(name: str) -> Part:
        found.append((name, Part()))
        return found[-1][1]

    async def chunks() -> AsyncIterator[bytes]:
        edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts or []), len(body)]
        for start, end in pairwise(edges):
            yield body[start:end]

    await read_parts(chunks(), boundary, open_part)
    assert all(part.finished for _, part in found)
    return [(name, part.content) for name, part in found]


def body_of(parts: list[tuple[str, bytes]], boundary: str, *, preamble: bytes = b"", padding: bytes = b"") -> bytes:
    delimiter = b"--" + boundary.encode()
    made = preamble
    for name, content in parts:
        made += (
            delimiter
            + padding
            + b'\r\nContent-Disposition: form-data; name="'
            + name.encode()
            + b'"\r\n\r\n'
            + content
            + b"\r\n"
        )
    return made + delimiter + b"--\r\n"


# Content made of what delimiters are made of.
CONTENT = st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"x", b"b", b"\r\n--", b"\r\n-", b"%PDF"]), max_size=12).map(
    b"".join
)


@given(
    contents=st.lists(CONTENT, max_size=4),
    cuts=st.lists(st.integers(0, 1 << 16), max_size=20),
    preamble=st.sampled_from([b"", b"\r\n", b"for old readers\r\n"]),
    padding=st.sampled_from([b"", b" \t"]),
)
async def test_parts_come_out_as_they_went_in(contents: list[bytes], cuts: list[int], preamble: bytes, padding: bytes) -> None:
    boundary = "bx'-0=9"
    parts = [(f"part {index}", content.replace(b"--" + boundary.encode(), b"")) for index, content in enumerate(contents)]
    body = body_of(parts, boundary, preamble=preamble, padding=padding)
    assert await read(body + b"epilogue", boundary, cuts) == parts


@given(
    body=st.lists(st.sampled_from([b"--b", b"\r\n", b"--", b"a: b", b"x", b"\r\n\r\n"]), max_size=14).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
async def test_cuts_change_nothing(body: bytes, cuts: list[int]) -> None:
    async def outcome(cuts: list[int]) -> object:
        try:
            return await read(body, "b", cuts)
        except InvalidParameter as error:
            return error.detail

    assert await outcome(cuts) == await outcome([])


async def test_an_empty_part_whose_delimiter_follows_its_headers() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n--b--'
    for cut in range(len(body)):
        assert await read(body, "b", [cut]) == [("a", b"")]


@pytest.mark.parametrize("boundary", [None, "", "x" * 71, "ends with a space ", "ünicode", "a\r\nb"])
async def test_boundaries_that_are_none(boundary: str | None) -> None:
    with pytest.raises(InvalidParameter):
        await read(b"----", boundary)


@pytest.mark.parametrize(
    "disposition",
    [
        b"attachment; name=a",
        b"form-data",
        b"form-data; filename=a",
        b"form-data; name*=UTF-8''a",
        b"",
    ],
)
async def test_parts_without_a_name(disposition: bytes) -> None:
    with pytest.raises(InvalidParameter):
        await read(b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\nx\r\n--b--")


async def test_parts_are_counted() -> None:
    parts = [(f"p{index}", b"") for index in range(PARTS)]
    assert len(await read(body_of(parts, "b"))) == PARTS
    with pytest.raises(InvalidParameter):
        await read(body_of([*parts, ("one more", b"")], "b"))
