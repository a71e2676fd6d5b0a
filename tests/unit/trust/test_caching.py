"""Kept revocation answers: until when each is used, who shares it, and what happens while nobody gives a newer one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.call import Call
from proxy.errors import RevocationUnavailable
from proxy.model import RevocationInfo, RevocationState
from proxy.settings import RevocationSettings
from proxy.trust.anchors import TrustAnchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from tests.support.pki import DAY, NOW, FixedClock, Hierarchy, crl, new_call, ocsp_response
from tests.support.revocation_server import RevocationServer, revocation_server
from tests.support.stepped import SteppedTime

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@dataclass
class Told:
    """A source that says what it is told to, and counts (:class:`proxy.ports.RevocationSource`)."""

    clock: FixedClock
    next_update: datetime | None = NOW + DAY
    away: bool = False
    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        del call, certificate, issuer, at, issued_after
        self.asked += 1
        await self.may_answer.wait()
        if self.away:
            raise RevocationUnavailable("away")
        return RevocationInfo(RevocationState.GOOD, self.clock.now(), self.next_update, ocsp_response=b"%d" % self.asked)

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def told(clock: FixedClock) -> Told:
    source = Told(clock)
    source.may_answer.set()
    return source


async def ask(cached: CachedRevocationSource, certificate: bytes = b"one", **more: Any) -> bytes | None:
    return (await cached.revocation(new_call(), certificate, b"issuer", at=NOW, **more)).ocsp_response


@pytest.mark.parametrize(
    ("cache_seconds", "next_update", "kept"),
    [
        (100, NOW + DAY, 100),
        (100, NOW + 40 * SECOND, 40),
        (10 * 86_400, None, 86_400),
        (100, None, 100),
        (0, NOW + DAY, 0),
    ],
)
async def test_an_answer_is_kept_until_its_next_update_and_the_maximum_age(
    clock: FixedClock, told: Told, cache_seconds: float, next_update: datetime | None, kept: float
) -> None:
    told.next_update = next_update
    cached = CachedRevocationSource(told, clock, cache_seconds)
    assert await ask(cached) == b"1"
    if kept:
        clock.advance(timedelta(seconds=kept) - SECOND)
        assert await ask(cached) == b"1"
        assert await ask(cached, b"another") == b"2"
        clock.advance(SECOND)
    assert await ask(cached) == b"%d" % (told.asked)
    assert told.asked == (3 if kept else 2)


async def test_many_who_ask_at_a_time_share_one_answer(clock: FixedClock, told: Told) -> None:
    cached = CachedRevocationSource(told, clock, 100)
    told.may_answer.clear()
    waiting = [asyncio.create_task(ask(cached)) for _ in range(50)]
    await asyncio.sleep(0)
    told.may_answer.set()
    assert await asyncio.gather(*waiting) == [b"1"] * 50
    assert told.asked == 1


async def test_that_there_is_none_is_shared_too_and_kept_for_a_moment(clock: FixedClock, told: Told) -> None:
    cached = CachedRevocationSource(told, clock, 100)
    told.away = True
    failures = await asyncio.gather(*(ask(cached) for _ in range(50)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {RevocationUnavailable}
    assert told.asked == 1
    told.away = False
    clock.advance(5 * SECOND)
    assert await ask(cached) == b"2"


async def test_an_answer_that_is_too_old_for_the_question_is_asked_for_anew(clock: FixedClock, told: Told) -> None:
    cached = CachedRevocationSource(told, clock, 100)
    assert await ask(cached) == b"1"
    clock.advance(10 * SECOND)
    assert await ask(cached, issued_after=NOW) == b"1"
    assert await ask(cached, issued_after=NOW + 5 * SECOND) == b"2"
    assert await ask(cached) == b"2"


class TestStale:
    async def test_never_unless_it_is_set(self, clock: FixedClock, told: Told) -> None:
        assert RevocationSettings().stale_seconds == 0
        cached = CachedRevocationSource(told, clock, 100)
        await ask(cached)
        told.away = True
        clock.advance(100 * SECOND)
        with pytest.raises(RevocationUnavailable):
            await ask(cached)

    async def test_for_as_long_as_it_is_set_and_with_a_warning(self, clock: FixedClock, told: Told) -> None:
        cached = CachedRevocationSource(told, clock, 100, stale_seconds=600)
        await ask(cached)
        told.away = True
        clock.advance(100 * SECOND)
        with capture_logs() as logs:
            assert await ask(cached) == b"1"
            assert await ask(cached) == b"1"
        assert [entry["event"] for entry in logs] == ["revocation.stale_answer"]
        assert told.asked == 2, "a source that is away is not asked each time"
        clock.advance(595 * SECOND)
        assert await ask(cached) == b"1"
        clock.advance(5 * SECOND)
        with pytest.raises(RevocationUnavailable):
            await ask(cached)

    async def test_a_newer_answer_takes_its_place(self, clock: FixedClock, told: Told) -> None:
        cached = CachedRevocationSource(told, clock, 100, stale_seconds=600)
        await ask(cached)
        told.away = True
        clock.advance(150 * SECOND)
        assert await ask(cached) == b"1"
        told.away = False
        clock.advance(5 * SECOND)
        assert await ask(cached) == b"3"

    @pytest.mark.parametrize(("next_update", "good_for"), [(NOW + 200 * SECOND, 200 * SECOND), (None, DAY)])
    async def test_never_past_next_update(
        self, clock: FixedClock, told: Told, next_update: datetime | None, good_for: timedelta
    ) -> None:
        told.next_update = next_update
        cached = CachedRevocationSource(told, clock, 100, stale_seconds=604_800)
        await ask(cached)
        told.away = True
        clock.advance(good_for - SECOND)
        assert await ask(cached) == b"1"
        clock.advance(SECOND)
        with pytest.raises(RevocationUnavailable):
            await ask(cached)

    async def test_never_where_a_fresh_one_is_asked_for(self, clock: FixedClock, told: Told) -> None:
        cached = CachedRevocationSource(told, clock, 100, stale_seconds=600)
        await ask(cached)
        told.away = True
        clock.advance(150 * SECOND)
        with pytest.raises(RevocationUnavailable):
            await ask(cached, issued_after=NOW - HOUR)


class TestBeforeTheNetwork:
    """The same before a real source: what a list says is no younger than the list."""

    @pytest.fixture
    async def server(self) -> AsyncIterator[RevocationServer]:
        async with revocation_server() as running:
            yield running

    @pytest.fixture
    async def cached(self, clock: FixedClock, server: RevocationServer) -> AsyncIterator[Callable[..., CachedRevocationSource]]:
        made: list[CachedRevocationSource] = []

        def make(pki: Hierarchy) -> CachedRevocationSource:
            finder = PathFinder(TrustAnchors((pki.root.der,)))
            settings = RevocationSettings(allow=(server.allow,), cache_seconds=100)
            network = NetworkRevocationSource(settings, finder, clock, 4, SteppedTime().links())
            made.append(CachedRevocationSource(network, clock, 100))
            return made[-1]

        yield make
        for source in made:
            await source.close()

    async def test_what_a_list_says_is_as_old_as_the_list(
        self, clock: FixedClock, server: RevocationServer, cached: Callable[..., CachedRevocationSource]
    ) -> None:
        pki = Hierarchy.make()
        source = cached(pki)
        signers = [pki.signer(f"S{number}", server.crl_url()) for number in range(2)]
        server.crls["/crl"] = crl(pki.issuing)
        for signer in signers:
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
            clock.advance(99 * SECOND)
        server.crls["/crl"] = crl(pki.issuing, [(signers[1].certificate.serial_number, NOW)], issued=NOW)
        info = await source.revocation(new_call(), signers[1].der, pki.issuing.der, at=clock.now())
        assert info.state is RevocationState.REVOKED

    async def test_a_dead_responder_is_asked_once_in_a_while(
        self, clock: FixedClock, server: RevocationServer, cached: Callable[..., CachedRevocationSource]
    ) -> None:
        pki = Hierarchy.make()
        source = cached(pki)
        signer = pki.signer("S", server.ocsp_url)
        for _ in range(3):
            with pytest.raises(RevocationUnavailable):
                await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
        assert len(server.asked) == 3, "as often as a question is asked, and then remembered"
        clock.advance(5 * SECOND)
        server.default_ocsp = ocsp_response(signer, pki.issuing)
        await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
