"""What a repeat finds of the request before it, over the real store and the real sealer."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.errors import (
    IdempotencyConflict,
    InProgress,
    InternalError,
    Maintenance,
    NotSupported,
    SignerUnavailable,
    TooLarge,
)
from proxy.operations.idempotency import Idempotency
from proxy.operations.steps import Kept, Steps
from proxy.secrets import SecretReference
from proxy.stores.idempotency_sqlite import SQLiteIdempotencyStore
from proxy.stores.sealing import MessageSealer
from tests.support.pki import FixedClock, new_call

LEASE = 30.0


@dataclass(frozen=True, slots=True)
class Value:
    data: bytes


KEPT = Kept(Value)


@dataclass
class Bench:
    """One task, and what its operation did."""

    idempotency: Idempotency
    store: SQLiteIdempotencyStore
    sealer: MessageSealer
    clock: FixedClock
    made: list[str] = field(default_factory=list)
    upstream: list[str | None] = field(default_factory=list)

    async def run(
        self, *parts: str, failing: Exception | None = None, parameters: bytes = b"p", seconds: float = 30.0, client: str = "c"
    ) -> Value:
        """An operation of several spending steps; the last fails as asked."""
        call = new_call(seconds)
        call.client, call.idempotency_key = client, "key"

        async def perform(steps: Steps) -> Value:
            values = [
                (await steps.once(part, KEPT, self.make(steps, part, failing if part == parts[-1] else None), spends=True)).data
                for part in parts
            ]
            return Value(b" ".join(values))

        return await self.idempotency.run(call, parameters, KEPT, perform)

    def make(self, steps: Steps, part: str, failure: Exception | None) -> Callable[[], Awaitable[Value]]:
        async def make() -> Value:
            self.made.append(part)
            self.upstream.append(steps.upstream_key(part.encode()))
            if failure is not None:
                raise failure
            return Value(f"{part}-{len(self.made)}".encode())

        return make


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "key").write_bytes(base64.b64encode(bytes(32)))
    sealer, clock = MessageSealer(SecretReference(f"file:{tmp_path / 'key'}")), FixedClock()
    store = await SQLiteIdempotencyStore.open(tmp_path / "kept.sqlite", clock=clock, lease_seconds=LEASE)
    yield Bench(Idempotency(store, sealer, wait_seconds=0.0, value_bytes=100_000), store, sealer, clock)
    await store.close()
    await sealer.close()


async def test_a_finished_request_is_not_performed_again(bench: Bench) -> None:
    first = await bench.run("a", "b")
    assert await bench.run("a", "b") == first == Value(b"a-1 b-2")
    assert bench.made == ["a", "b"]


async def test_a_request_that_may_have_spent_something_goes_on(bench: Bench) -> None:
    with pytest.raises(SignerUnavailable):
        await bench.run("a", "b", failing=SignerUnavailable("gone"))
    assert await bench.run("a", "b") == Value(b"a-1 b-3")
    assert bench.made == ["a", "b", "b"]
    # Asked again it is told the same key, and another for another question.
    assert bench.upstream[1] == bench.upstream[2] != bench.upstream[0]
    assert None not in bench.upstream


async def test_nothing_spent_frees_the_key_for_another_request(bench: Bench) -> None:
    with pytest.raises(Maintenance):
        await bench.run("a", failing=Maintenance("closed"))
    assert await bench.run("a", parameters=b"others") == Value(b"a-2")
    assert bench.upstream[0] != bench.upstream[1]


async def test_a_refusal_after_something_was_spent_frees_nothing(bench: Bench) -> None:
    with pytest.raises(Maintenance):
        await bench.run("a", "b", failing=Maintenance("closed"))
    with pytest.raises(IdempotencyConflict):
        await bench.run("a", "b", parameters=b"others")
    assert await bench.run("a", "b") == Value(b"a-1 b-3")


async def test_keys_are_those_of_a_client(bench: Bench) -> None:
    assert await bench.run("a") != await bench.run("a", client="d")
    assert bench.idempotency.tag("c", "key") != bench.idempotency.tag("d", "key")


async def test_a_value_that_came_as_the_call_was_cancelled_is_kept(bench: Bench) -> None:
    begun = asyncio.Event()

    async def perform(steps: Steps) -> Value:
        async def make() -> Value:
            begun.set()
            return Value(b"paid for")

        return await steps.once("a", KEPT, make, spends=True)

    call = new_call()
    call.client, call.idempotency_key = "c", "key"
    running = asyncio.create_task(bench.idempotency.run(call, b"p", KEPT, perform))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await bench.run("a") == Value(b"paid for")


async def test_one_who_was_taken_over_stops(bench: Bench) -> None:
    async def perform(steps: Steps) -> Value:
        async def make() -> Value:
            bench.clock.advance(timedelta(seconds=LEASE + 1))
            assert await bench.run("a") == Value(b"a-1")
            return Value(b"too late")

        return await steps.once("a", KEPT, make, spends=True)

    call = new_call()
    call.client, call.idempotency_key = "c", "key"
    with pytest.raises(InProgress):
        await bench.idempotency.run(call, b"p", KEPT, perform)
    assert await bench.run("a") == Value(b"a-1")


async def test_a_repeat_meanwhile_is_told_so_or_waits_within_its_time(bench: Bench) -> None:
    patient = Idempotency(bench.store, bench.sealer, wait_seconds=60.0)
    inside, goes_on = asyncio.Event(), asyncio.Event()

    async def perform(_: Steps) -> Value:
        inside.set()
        await goes_on.wait()
        return Value(b"done")

    async def ask(idempotency: Idempotency, seconds: float = 30.0) -> Value:
        call = new_call(seconds)
        call.client, call.idempotency_key = "c", "key"
        return await idempotency.run(call, b"p", KEPT, perform)

    first = asyncio.create_task(ask(patient))
    await inside.wait()
    with pytest.raises(InProgress) as told:
        await ask(bench.idempotency)
    assert 0 < (told.value.retry_after or 0) <= 5
    with pytest.raises(InProgress):
        await ask(patient, seconds=1.2)
    waiting = asyncio.create_task(ask(patient))
    goes_on.set()
    assert await first == await waiting == Value(b"done")


async def test_what_is_too_large_to_keep_ends_the_request_and_frees_the_key(bench: Bench) -> None:
    async def perform(steps: Steps) -> Value:
        async def make() -> Value:
            return Value(bytes(100_000))

        return await steps.once("update", KEPT, make)

    call = new_call()
    call.client, call.idempotency_key = "c", "key"
    with pytest.raises(TooLarge):
        await bench.idempotency.run(call, b"p", KEPT, perform)
    assert await bench.run("a", parameters=b"others") == Value(b"a-1")


async def test_a_result_may_be_larger_than_a_step(bench: Bench) -> None:
    async def perform(_: Steps) -> Value:
        return Value(bytes(100_000))

    call = new_call()
    call.client, call.idempotency_key = "c", "key"
    assert await bench.idempotency.run(call, b"p", KEPT, perform) == await bench.run("a")


def test_what_another_version_kept_is_not_told_to_the_log() -> None:
    with pytest.raises(InternalError) as caught:
        KEPT.load(b'[{"other":"planted"}]')
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "planted" not in str(caught.value)


async def test_without_a_key_or_in_a_dry_run_nothing_is_kept(bench: Bench) -> None:
    for key, dry_run in ((None, False), ("key", True)):
        call = new_call()
        call.client, call.idempotency_key, call.facts.dry_run = "c", key, dry_run

        async def perform(steps: Steps) -> Value:
            assert steps.upstream_key(b"") is None
            return await steps.once("a", KEPT, bench.make(steps, "a", None))

        await bench.idempotency.run(call, b"p", KEPT, perform)
    assert bench.made == ["a", "a"]


async def test_a_service_that_keeps_nothing_says_so() -> None:
    with pytest.raises(NotSupported):
        Idempotency(None, None).tag("c", "key")
