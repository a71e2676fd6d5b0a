"""Deadline, ledger and stages of one call."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime

import pytest

from proxy.call import Call, Deadline, Ledger
from proxy.errors import DeadlineExceeded
from proxy.model import Exchange


def new_call() -> Call:
    return Call("id", "client", "es", datetime(2030, 1, 1, tzinfo=UTC), Deadline.after(60))


def test_what_is_left_of_a_deadline_is_never_negative() -> None:
    assert 59 < Deadline.after(60).remaining <= 60
    assert Deadline(time.monotonic() - 5).remaining == 0


async def test_a_body_past_its_deadline_is_ended_by_name() -> None:
    ended = asyncio.Event()

    async def wait_for_ever() -> None:
        async with Deadline(time.monotonic() - 1).enforce():
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    with pytest.raises(DeadlineExceeded):
        await wait_for_ever()
    assert ended.is_set()


async def test_a_timeout_of_something_else_keeps_its_name() -> None:
    with pytest.raises(TimeoutError):
        async with Deadline.after(60).enforce():
            raise TimeoutError


async def test_a_body_in_time_is_left_alone() -> None:
    async with Deadline.after(60).enforce():
        result = await asyncio.sleep(0, "done")
    assert result == "done"


def test_the_ledger_keeps_order_counts_and_digests_apart_by_destination() -> None:
    ledger = Ledger()
    ledger.record("central", b"12345", 10)
    ledger.record("tsa", b"1", 3000)
    ledger.record("central", b"123", 20)
    assert ledger.exchanges == (
        Exchange("central", 5, 10, hashlib.sha256(b"12345").hexdigest()),
        Exchange("tsa", 1, 3000, hashlib.sha256(b"1").hexdigest()),
        Exchange("central", 3, 20, hashlib.sha256(b"123").hexdigest()),
    )
    assert ledger.totals("central") == (8, 30)
    assert ledger.totals("tsa") == (1, 3000)
    assert ledger.totals("nobody") == (0, 0)


def test_a_stage_is_timed_whether_it_ends_well_or_not() -> None:
    call = new_call()
    with call.stage("prepare"):
        pass
    with pytest.raises(KeyError), call.stage("sign"):
        raise KeyError
    assert [stage.stage for stage in call.stages] == ["prepare", "sign"]
    assert all(stage.microseconds >= 0 for stage in call.stages)


def test_an_exchange_is_timed_and_says_how_it_ended() -> None:
    call = new_call()
    with call.exchange("central"):
        pass
    with pytest.raises(KeyError), call.exchange("tsa"):
        raise KeyError
    assert [(span.kind, span.name, span.outcome) for span in call.spans] == [
        ("exchange", "central", "ok"),
        ("exchange", "tsa", "KeyError"),
    ]
    assert all(0 <= span.begun <= span.ended <= call.elapsed for span in call.spans)
    assert call.stages == ()


def test_two_calls_share_nothing() -> None:
    first, second = new_call(), new_call()
    first.ledger.record("central", b"x", 1)
    with first.stage("x"):
        pass
    first.facts.digests.append("00")
    assert second.facts.digests == []
    assert second.ledger.exchanges == ()
    assert second.stages == ()
