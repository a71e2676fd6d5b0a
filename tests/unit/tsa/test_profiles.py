"""Profiles: which one is meant, which authority is asked first, and what happens when it fails."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from proxy.errors import DeadlineExceeded, SettingsError, TSAError, TSAProfileNotFound, TSAUnavailable
from proxy.model import Digest, HashAlgorithm
from proxy.settings import TSASettings
from proxy.tsa.profiles import TSAProfiles
from proxy.tsa.query import TimeStampReq
from tests.support.faulty_server import faulty_server, unused_url
from tests.support.pki import FixedClock, Hierarchy, new_call
from tests.support.stepped import SteppedTime
from tests.support.tsa import Stamp, rejection, tsa_server

IMPRINT = Digest.of(b"signature value", HashAlgorithm.SHA256)

Profiles = Callable[..., TSAProfiles]


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make("Time")


@pytest.fixture(scope="module")
def stamp(pki: Hierarchy) -> Stamp:
    return Stamp(pki.tsa(), pki.chain)


@pytest.fixture
def time() -> SteppedTime:
    return SteppedTime()


@pytest.fixture
async def profiles(pki: Hierarchy, time: SteppedTime, tmp_path: Path) -> AsyncIterator[Profiles]:
    """Makes profiles of ``(name, url)`` pairs or whole sections, and closes them."""
    made: list[TSAProfiles] = []
    anchor = tmp_path / "root.pem"
    anchor.write_bytes(pki.root.pem)

    def make(*sections: dict[str, object]) -> TSAProfiles:
        settings = [TSASettings.model_validate({"trust_anchors": (anchor,), **section}) for section in sections]
        made.append(TSAProfiles(settings, FixedClock(), 4, time.links(pause_seconds=10)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def section(profile: str, url: str = "http://tsa.example", **changes: object) -> dict[str, object]:
    return {"profile": profile, "url": url, **changes}


async def test_without_a_name_it_is_the_default_or_the_first(profiles: Profiles) -> None:
    assert profiles(section("a"), section("default")).profile(None).name == "default"
    assert profiles(section("a"), section("b")).profile(None).name == "a"
    assert profiles(section("a"), section("b")).profile("b").name == "b"
    for made, name in ((profiles(section("a")), "default"), (profiles(), None), (profiles(), "a")):
        with pytest.raises(TSAProfileNotFound):
            made.profile(name)


async def test_one_profile_has_one_hash_algorithm(profiles: Profiles) -> None:
    made = profiles(section("a", hash_algorithm="SHA-512"), section("b"))
    assert [profile.hash_algorithm for profile in made.profiles] == [HashAlgorithm.SHA512, HashAlgorithm.SHA256]
    with pytest.raises(SettingsError, match="hash_algorithm"):
        profiles(section("a", hash_algorithm="SHA-512"), section("a"))


async def test_the_next_authority_is_asked_when_one_fails(profiles: Profiles, stamp: Stamp) -> None:
    async with (
        tsa_server(lambda _: rejection(failure="system_failure")) as refusing,
        tsa_server(stamp.but(nonce=1).reply) as lying,
        tsa_server(stamp.reply) as good,
    ):
        profile = profiles(*(section("p", url) for url in (unused_url(), refusing.url, lying.url, good.url))).profile("p")
        token = await profile.timestamp(new_call(), IMPRINT)
        assert token.tsa_certificate == stamp.tsa.der
        assert [len(server.queries) for server in (refusing, lying, good)] == [1, 1, 1]


async def test_when_all_fail_the_first_answer_counts_more_than_silence(profiles: Profiles) -> None:
    async with tsa_server(lambda _: rejection(failure="bad_alg")) as first, tsa_server(lambda _: b"") as second:
        silent = section("p", unused_url())
        with pytest.raises(TSAError, match="hash algorithm"):
            await (
                profiles(silent, section("p", first.url), section("p", second.url)).profile("p").timestamp(new_call(), IMPRINT)
            )
        with pytest.raises(TSAUnavailable):
            await profiles(silent, silent).profile("p").timestamp(new_call(), IMPRINT)


async def test_one_that_could_not_be_reached_is_tried_last_for_a_while(
    profiles: Profiles, stamp: Stamp, time: SteppedTime
) -> None:
    async with tsa_server(stamp.reply) as front, tsa_server(stamp.reply) as back:
        profile = profiles(section("p", front.url), section("p", back.url)).profile("p")
        front.status = 500
        for _ in range(3):
            await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries)) == (1, 3)
        time.moment += 9
        await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries)) == (1, 4)
        back.status = 500
        front.status = 200
        await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries)) == (2, 5), "last is not never"


async def test_one_whose_tokens_are_wrong_is_left_alone_until_they_are_right(
    profiles: Profiles, stamp: Stamp, time: SteppedTime
) -> None:
    made = stamp.but(spoil_signature=True)
    async with tsa_server(lambda query: made.reply(query)) as one:
        profile = profiles(section("p", one.url)).profile("p")
        for _ in range(5):
            with pytest.raises(TSAError):
                await profile.timestamp(new_call(), IMPRINT)
        with pytest.raises(TSAUnavailable):
            await profile.timestamp(new_call(), IMPRINT)
        assert len(one.queries) == 5
        time.moment += 10
        with pytest.raises(TSAError):
            await profile.timestamp(new_call(), IMPRINT)
        with pytest.raises(TSAUnavailable):
            await profile.relay(new_call(), TimeStampReq(IMPRINT, 7, None, True))
        time.moment += 10
        made = stamp
        for _ in range(2):
            await profile.timestamp(new_call(), IMPRINT)
        assert len(one.queries) == 8


async def test_one_whose_tokens_are_wrong_is_tried_last_for_a_while(profiles: Profiles, stamp: Stamp) -> None:
    async with tsa_server(stamp.but(imprint=bytes(32)).reply) as front, tsa_server(stamp.reply) as back:
        profile = profiles(section("p", front.url), section("p", back.url)).profile("p")
        for _ in range(3):
            await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries)) == (1, 3)


async def test_it_comes_first_again_after_a_while(profiles: Profiles, stamp: Stamp, time: SteppedTime) -> None:
    async with tsa_server(stamp.reply) as front, tsa_server(stamp.reply) as back:
        profile = profiles(section("p", front.url), section("p", back.url)).profile("p")
        front.status = 500
        await profile.timestamp(new_call(), IMPRINT)
        front.status = 200
        time.moment += 10
        await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries)) == (2, 1)


async def test_one_that_fails_again_and_again_is_not_asked(profiles: Profiles, stamp: Stamp, time: SteppedTime) -> None:
    async with tsa_server(stamp.reply) as only:
        profile = profiles(section("p", only.url)).profile("p")
        only.status = 500
        for asked in (1, 2, 3, 4, 5):
            with pytest.raises(TSAUnavailable):
                await profile.timestamp(new_call(), IMPRINT)
            assert len(only.queries) == asked, "a token that may have been made is not asked for again"
        with pytest.raises(TSAUnavailable) as failure:
            await profile.timestamp(new_call(), IMPRINT)
        assert (len(only.queries), failure.value.retry_after) == (5, 10)
        only.status = 200
        time.moment += 10
        await profile.timestamp(new_call(), IMPRINT)
        await profile.timestamp(new_call(), IMPRINT)
        assert len(only.queries) == 7


async def test_an_authority_is_asked_no_more_often_than_its_budget_has_it(
    profiles: Profiles, stamp: Stamp, time: SteppedTime
) -> None:
    async with tsa_server(stamp.reply) as front, tsa_server(stamp.reply) as back:
        first = section("p", front.url, rate_per_second=0.5, burst=2)
        profile = profiles(first, section("p", back.url, rate_per_second=0.2)).profile("p")
        for _ in range(3):
            await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries), time.slept) == (2, 1, []), "over budget, the next one is asked"
        await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries), time.slept) == (3, 1, [2.0]), "then whoever may be asked first"
        with pytest.raises(TSAUnavailable) as failure:
            await profile.timestamp(new_call(1.5), IMPRINT)
        assert (len(front.queries), failure.value.retry_after) == (3, 2.0)


async def test_a_budget_counts_every_attempt(profiles: Profiles, stamp: Stamp) -> None:
    async with tsa_server(stamp.reply) as busy:
        busy.status = 429
        for budget, attempts in (({"rate_per_second": 10.0}, 1), ({}, 3)):
            busy.queries.clear()
            with pytest.raises(TSAUnavailable):
                await profiles(section("p", busy.url, **budget)).profile("p").timestamp(new_call(), IMPRINT)
            assert len(busy.queries) == attempts


async def test_one_over_its_budget_is_waited_for_when_no_other_gives_a_token(
    profiles: Profiles, stamp: Stamp, time: SteppedTime
) -> None:
    async with tsa_server(stamp.reply) as front, tsa_server(lambda _: rejection(failure="bad_alg")) as back:
        profile = profiles(section("p", front.url, rate_per_second=1), section("p", back.url)).profile("p")
        await profile.timestamp(new_call(), IMPRINT)
        await profile.timestamp(new_call(), IMPRINT)
        assert (len(front.queries), len(back.queries), time.slept) == (2, 1, [1.0])
        front.status = 500
        with pytest.raises(TSAError):
            await profile.timestamp(new_call(), IMPRINT)


async def test_the_deadline_is_the_calls_own(profiles: Profiles, stamp: Stamp) -> None:
    async with faulty_server(None) as silent, tsa_server(stamp.reply) as good:
        profile = profiles(section("p", silent.url), section("p", good.url)).profile("p")
        with pytest.raises(DeadlineExceeded):
            await profile.timestamp(new_call(0.2), IMPRINT)
        assert good.queries == []
        quick = profiles(section("p", silent.url, timeout_seconds=0.1), section("p", good.url)).profile("p")
        await quick.timestamp(new_call(), IMPRINT)


async def test_a_relayed_rejection_is_the_answer_and_not_a_reason_to_ask_another(profiles: Profiles, stamp: Stamp) -> None:
    rejected = rejection(failure="unaccepted_policy")
    async with tsa_server(lambda _: rejected) as first, tsa_server(stamp.reply) as second:
        profile = profiles(section("p", first.url), section("p", second.url)).profile("p")
        assert await profile.relay(new_call(), TimeStampReq(IMPRINT, 1, "2.999.1", True)) == rejected
        first.status = 503
        await profile.relay(new_call(), TimeStampReq(IMPRINT, 1, "2.999.1", True))
        assert len(second.queries) == 1
