"""What a caller makes the event loop do by its parameters alone is bounded: by counts, which depend on no machine."""

import pytest

from proxy.api import schemas
from proxy.api.json_stream import SIGNS, JSONObjectReader, load_object
from proxy.api.schemas import ESParameters, HashRequest, parse
from proxy.errors import InvalidParameter
from proxy.spool import SpooledDocument


def test_many_unknown_members_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(InvalidParameter) as refusal:
        parse(ESParameters, {f"m{number}": 1 for number in range(100_000)})
    assert len(refusal.value.fields) == schemas.WRONG_FIELDS


def test_a_list_of_wrong_items_names_the_first_ones() -> None:
    with pytest.raises(InvalidParameter) as refusal:
        parse(HashRequest, {"certificateId": "x", "hashAlgorithm": "SHA-256", "hashes": [[]] * 1_000})
    assert 0 < len(refusal.value.fields) <= schemas.WRONG_FIELDS
    assert all(name.startswith("hashes.") for name in refusal.value.fields)


@pytest.mark.parametrize("body", [b"[" + b"[]," * SIGNS + b"[]]", b'{"a":[' + b'"",' * SIGNS + b'""]}'])
def test_many_values_are_refused_by_their_count(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        load_object(body)

    def begin(_: object) -> SpooledDocument:
        raise AssertionError("there is no document")

    reader = JSONObjectReader(limit=1 << 22, streamed="document", begin=begin)
    with pytest.raises(InvalidParameter):
        reader.feed(body)


def test_a_long_string_full_of_escapes_is_one_value() -> None:
    def begin(_: object) -> SpooledDocument:
        raise AssertionError("there is no document")

    text = b"\\/" * 500_000
    for cut in (1, 4_096, 65_537):
        reader = JSONObjectReader(limit=1 << 22, streamed="document", begin=begin)
        body = b'{"sealImage":"' + text + b'","reason":"\\\\"}'
        if cut == 1:
            body = body[:40] + body[-40:]
        for start in range(0, len(body), cut):
            reader.feed(body[start : start + cut])
        assert reader.finish()["reason"] == "\\"
