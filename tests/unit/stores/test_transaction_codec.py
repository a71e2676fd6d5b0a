"""Records and their JSON say the same, and one record has one text."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Exchange, StageTime, TransactionRecord
from proxy.stores.transaction_codec import decode_record, encode_record, encode_time

texts = st.text(max_size=20)
counts = st.integers(0, 1 << 40)
moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - the zone is drawn
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
)
records = st.builds(
    TransactionRecord,
    transaction_id=texts,
    client=texts,
    operation=texts,
    state=texts,
    started=moments,
    ended=st.none() | moments,
    result_code=st.none() | texts,
    certificate_id=st.none() | texts,
    form=st.none() | texts,
    level=st.none() | texts,
    dry_run=st.booleans(),
    document_bytes=st.none() | counts,
    document_sha256=st.none() | texts,
    result_sha256=st.none() | texts,
    digests=st.lists(texts, max_size=3).map(tuple),
    timestamp_time=st.none() | moments,
    valid_until=st.none() | moments,
    stages=st.lists(st.builds(StageTime, texts, counts), max_size=3).map(tuple),
    exchanges=st.lists(
        st.builds(Exchange, texts, counts, counts, texts)
        | st.builds(Exchange, texts, counts, counts, texts, st.integers(1, 100), st.integers(1, 100)),
        max_size=3,
    ).map(tuple),
)


@given(records)
def test_a_record_survives_its_json(record: TransactionRecord) -> None:
    text = encode_record(record)
    assert text.isascii()
    assert decode_record(text) == record
    assert encode_record(decode_record(text)) == text


def test_every_field_has_its_place() -> None:
    record = TransactionRecord("t", "a", "es", "FAILED", datetime(2026, 1, 1, tzinfo=UTC))
    assert set(json.loads(encode_record(record))) == {field.name for field in dataclasses.fields(TransactionRecord)}


def test_fields_that_an_older_record_lacks_have_their_defaults() -> None:
    record = TransactionRecord("t", "a", "es", "FAILED", datetime(2026, 1, 1, tzinfo=UTC))
    values = json.loads(encode_record(record))
    required = {field.name for field in dataclasses.fields(TransactionRecord) if field.default is dataclasses.MISSING}
    assert decode_record(json.dumps({name: values[name] for name in required})) == record


@given(moments, moments)
def test_times_sort_as_their_texts(one: datetime, other: datetime) -> None:
    assert (one < other) == (encode_time(one) < encode_time(other))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        encode_time(datetime(2026, 1, 1))  # noqa: DTZ001 - the fault under test
