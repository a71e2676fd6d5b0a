"""The streaming JSON reader says what the ordinary one says, wherever the body is cut."""

import base64
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.base64_stream import Base64Decoder
from proxy.api.json_stream import DEPTH, JSONObjectReader, load_object
from proxy.errors import InvalidParameter, ProxyError, TooLarge


class Sink:
    def __init__(self) -> None:
        self.content = b""
        self.known: Mapping[str, Any] = {}

    def write(self, data: bytes) -> None:
        self.content += data


def read(text: bytes, cuts: list[int], limit: int = 65_536) -> tuple[dict[str, Any], Sink | None]:
    opened: list[Sink] = []

    def begin(known: Mapping[str, Any]) -> Sink:
        opened.append(Sink())
        opened[0].known = known
        return opened[0]

    reader = JSONObjectReader(limit=limit, streamed="document", begin=begin)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(edges):
        reader.feed(text[start:end])
    return reader.finish(), opened[0] if opened else None


CUTS = st.lists(st.integers(0, 1 << 20), max_size=12)
NAMES = st.text(max_size=8).filter(lambda name: name != "document")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BEFORE_AND_AFTER = st.tuples(st.dictionaries(NAMES, VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))


@given(around=BEFORE_AND_AFTER, document=st.binary(max_size=80), cuts=CUTS, ascii_only=st.booleans(), indent=st.booleans())
def test_members_and_document_as_the_ordinary_reader_sees_them(
    around: tuple[dict[str, Any], dict[str, Any]], document: bytes, cuts: list[int], ascii_only: bool, indent: bool
) -> None:
    before, after = around
    after = {name: value for name, value in after.items() if name not in before}
    members = {**before, "document": base64.b64encode(document).decode(), **after}
    text = json.dumps(members, ensure_ascii=ascii_only, indent=2 if indent else None).encode()
    found, sink = read(text, cuts)
    assert found == {**before, **after}
    assert sink is not None
    assert sink.content == document
    assert sink.known == before


ESCAPES = {
    "/": ["/", "\\/", "\\u002f", "\\u002F"],
    "+": ["+", "\\u002b", "\\u002B"],
    "=": ["=", "\\u003d", "\\u003D"],
}
BREAKS = ["", "", "", "\\n", "\\r\\n", "\\t", " ", "\\u000a", "\\u0020", "\n"]


@given(document=st.binary(max_size=60), cuts=CUTS, data=st.data())
def test_escapes_and_white_space_in_the_document(document: bytes, cuts: list[int], data: st.DataObject) -> None:
    text = '{"document":"'
    for character in base64.b64encode(document).decode():
        text += data.draw(st.sampled_from(BREAKS)) + data.draw(st.sampled_from(ESCAPES.get(character, [character])))
    _, sink = read((text + '"}').encode(), cuts)
    assert sink is not None
    assert sink.content == document


@given(text=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\/undcmet=A1 ', max_size=60).map(str.encode), cuts=CUTS)
def test_whatever_comes_it_is_an_object_or_refused(text: bytes, cuts: list[int]) -> None:
    try:
        found, _ = read(text, cuts)
    except InvalidParameter:
        return
    ordinary = json.loads(text)
    document = ordinary.pop("document", None)
    assert found == ordinary
    assert document is None or isinstance(document, str)


@given(text=st.binary(max_size=80), cuts=CUTS)
def test_cuts_change_nothing(text: bytes, cuts: list[int]) -> None:
    def outcome(cuts: list[int]) -> object:
        try:
            found, sink = read(b'{"a":1,"document":"' + text + b'","b":{"c":[2]}}', cuts)
        except ProxyError as error:
            return error.code
        return found, sink and sink.content

    assert outcome(cuts) == outcome([])


@pytest.mark.parametrize(
    "document",
    [
        "QQ",
        "QQ=",
        "QQ=Q",
        "QQ==QQ==",
        "Q===",
        "====",
        "QUI\\\\/",
        "QUI\\u0041",
        "Q-__",
        "QÀ==",
        'QU\\"',
        "\\b",
        "\\\\n",
        "QUJD\\",
    ],
)
@pytest.mark.parametrize("cuts", [[], list(range(40))])
def test_what_is_not_base64(document: str, cuts: list[int]) -> None:
    with pytest.raises(InvalidParameter):
        read(f'{{"document":"{document}"}}'.encode(), cuts)


@pytest.mark.parametrize(
    "text",
    [
        '{"document":"QQ==","document":"QQ=="}',
        '{"document":"QQ==","docum\\u0065nt":"QQ=="}',
        '{"document":null,"document":"QQ=="}',
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"document":5}',
        '{"document":null}',
        '{"document":["QQ=="]}',
        '{"document":"QQ=="',
        '{"document":"QQ==',
        '{"document":"QQ=="} {}',
        '{"document" "QQ=="}',
        '{document:"QQ=="}',
        '["document","QQ=="]',
        '"document"',
        "",
        '{"a":NaN,"document":"QQ=="}',
        '{"a":-Infinity}',
        '{"a":"\x01"}',
        '{"a":' + "1" * 5000 + "}",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        read(text.encode(), [])


def test_a_name_may_be_escaped_and_a_mark_may_come_first() -> None:
    found, sink = read(b'\xef\xbb\xbf{"docum\\u0065nt" : "QUJD"}', [])
    assert (found, sink and sink.content) == ({}, b"ABC")


def test_a_document_below_the_top_is_a_value_like_others() -> None:
    found, sink = read(b'{"a":{"document":"%%%"},"b":["document","x"]}', [])
    assert (found, sink) == ({"a": {"document": "%%%"}, "b": ["document", "x"]}, None)


def test_everything_but_the_document_is_bounded() -> None:
    document = b"QUJD" * 1000
    read(b'{"document":"' + document + b'"}', [], limit=50)
    for text in (
        b'{"a":"' + document,
        b" " * 60,
        b'{"document":"' + document + b'",' + b" " * 60,
        b"{" * 60,
        b'{"' + b"\\" * 60,
    ):
        with pytest.raises(TooLarge):
            read(text, [], limit=50)


def test_depth_is_bounded_before_the_parser_sees_it() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert load_object(nested(DEPTH))
    for text in (nested(DEPTH + 1), b'{"a":' + b"[" * 30_000, nested(30_000)):
        with pytest.raises(InvalidParameter, match="deeper"):
            load_object(text)
    assert load_object(b'{"a":"' + b"[" * 1000 + b'"}')


@given(content=st.binary(max_size=100), cuts=CUTS)
def test_base64_cut_anywhere(content: bytes, cuts: list[int]) -> None:
    text = base64.b64encode(content)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    decoder = Base64Decoder()
    decoded = b"".join(decoder.decode(text[start:end]) for start, end in pairwise(edges))
    decoder.finish()
    assert decoded == content
