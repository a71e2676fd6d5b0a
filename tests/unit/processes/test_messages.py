"""What comes from a child process is unpickled with nothing but plain values allowed."""

import pickle
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from proxy.engine.wire import Answered, Exceeded, Reply, Resource
from proxy.model import HashAlgorithm, RevocationInfo, RevocationState, StageTime
from proxy.processes.messages import HEADER, MalformedMessage, body_size, decode, encode

TASKS = "tests.unit.engine.engine_tasks"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2.5, "三", b"4", True, {"five": (6,)}, {7}, frozenset({8}), bytearray(b"9")],
        (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), timedelta(seconds=1)),
        HashAlgorithm.SHA512,
        (StageTime("sign", 1), RevocationInfo(RevocationState.GOOD, datetime(2026, 1, 1, tzinfo=UTC), None)),
    ],
)
def test_plain_values_arrive(value: object) -> None:
    assert decode(encode(Reply(Answered(value), 5)), TASKS) == Reply(Answered(value), 5)


def test_members_of_enumerations_arrive_however_they_were_pickled() -> None:
    by_name = b"cbuiltins\ngetattr\n(cproxy.model.algorithms\nHashAlgorithm\nVSHA256\ntR."
    assert decode(by_name, TASKS) is HashAlgorithm.SHA256


class _Calls:
    def __init__(self, function: Any, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@dataclass
class Foreign:
    """A dataclass, of a module that has no say."""


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(_Calls(print, "taken over")),
        pickle.dumps(Foreign()),
        b"cproxy.spool\nopen_unnamed\n(NtR.",
        b"cproxy.spool\nSpooledDocument\n.",
        b"cproxy.errors\nInternalError\n(VtextetR.",
        b"\x80\x04\x8c\x0cproxy.spool\x8c\x0bos.unlink\x93.",
        b"cproxy.spool\nPath\n(V/etctR.",
        b"cbuiltins\ngetattr\n(cproxy.model.algorithms\nDigest\nVof\ntR.",
        b"cbuiltins\neval\n(V1\ntR.",
        b"proxy",
        b"",
        b"\x80\x05K\x01",
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(data, TASKS)


def test_a_length_over_the_cap_is_refused() -> None:
    assert body_size(HEADER.pack(32 << 20)) == 32 << 20
    with pytest.raises(MalformedMessage):
        body_size(HEADER.pack((32 << 20) + 1))
    with pytest.raises(MalformedMessage):
        encode(Reply(Answered(bytes(32 << 20)), 0))


def test_bounds_arrive_as_bounds() -> None:
    for resource in Resource:
        assert decode(encode(Reply(Exceeded(resource), 0)), TASKS) == Reply(Exceeded(resource), 0)
