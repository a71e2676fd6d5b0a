"""One authority over real HTTP: what it is sent, what is made of its answers, and what it is not asked for twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from asn1crypto import tsp

from proxy.errors import DeadlineExceeded, SettingsError, TSAError, TSAUnavailable
from proxy.model import Digest, HashAlgorithm
from proxy.settings import TSASettings
from proxy.tsa.client import RFC3161Authority
from proxy.tsa.query import TimeStampReq
from tests.support.faulty_server import answers, drips, faulty_server, resets, sends, unused_url
from tests.support.pki import NOW, FixedClock, Hierarchy, new_call
from tests.support.tls_files import make_tls_files
from tests.support.tsa import Stamp, rejection, tsa_server

IMPRINT = Digest.of(b"signature value", HashAlgorithm.SHA256)
REPLY = "application/timestamp-reply"

Authority = Callable[..., RFC3161Authority]


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make("Time")


@pytest.fixture(scope="module")
def stamp(pki: Hierarchy) -> Stamp:
    return Stamp(pki.tsa(), pki.chain)


@pytest.fixture
async def authority(pki: Hierarchy, tmp_path: Path) -> AsyncIterator[Authority]:
    """Makes authorities that trust the root, and closes them."""
    made: list[RFC3161Authority] = []
    anchor = tmp_path / "root.pem"
    anchor.write_bytes(pki.root.pem)

    def make(url: str, **changes: object) -> RFC3161Authority:
        settings = TSASettings.model_validate({"url": url, "trust_anchors": (anchor,), **changes})
        made.append(RFC3161Authority(settings, FixedClock(), 4))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_an_authority_is_sent_imprint_nonce_policy_and_that_certificates_are_wanted(
    authority: Authority, stamp: Stamp
) -> None:
    call = new_call(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    async with tsa_server(stamp.reply) as server:
        one = authority(server.url, policy_oid="2.999.4")
        token = await one.timestamp(call, IMPRINT)
        await one.timestamp(call, IMPRINT)
    first, second = (tsp.TimeStampReq.load(query) for query in server.queries)
    assert first["message_imprint"]["hashed_message"].native == IMPRINT.value
    assert (first["req_policy"].dotted, first["cert_req"].native) == ("2.999.4", True)
    assert first["extensions"].native is None
    assert first["nonce"].native != second["nonce"].native
    assert (token.gen_time, token.policy_oid) == (NOW, "2.999.4")
    assert {exchange.destination for exchange in call.ledger.exchanges} == {f"tsa:{one.name}"}
    assert call.ledger.exchanges[0].sent == len(server.queries[0])


async def test_a_rejection_is_an_error_that_says_why(authority: Authority) -> None:
    async with tsa_server(lambda _: rejection(failure="unaccepted_policy", text="ask us first")) as server:
        with pytest.raises(TSAError, match="policy asked for; it says: ask us first"):
            await authority(server.url).timestamp(new_call(), IMPRINT)


async def test_http_failures(authority: Authority, stamp: Stamp) -> None:
    async with tsa_server(stamp.reply) as server:
        one = authority(server.url)
        for status, kind in (
            (500, TSAUnavailable),
            (503, TSAUnavailable),
            (429, TSAUnavailable),
            (403, TSAError),
            (404, TSAError),
        ):
            server.status = status
            server.headers = {"Retry-After": "9"}
            with pytest.raises(kind, match=f"HTTP {status}") as failure:
                await one.timestamp(new_call(), IMPRINT)
            assert failure.value.retry_after == (9 if kind is TSAUnavailable else None)
        server.status, server.headers = 200, {}
        for content_type in ("text/html", "application/octet-stream", "application/timestamp-query"):
            server.content_type = content_type
            with pytest.raises(TSAError, match="no timestamp reply"):
                await one.timestamp(new_call(), IMPRINT)
        for content_type in (
            "application/timestamp-reply",
            "application/timestamp-response",
            "Application/Timestamp-Reply; x=y",
        ):
            server.content_type = content_type
            await one.timestamp(new_call(), IMPRINT)


async def test_transport_failures(authority: Authority) -> None:
    with pytest.raises(TSAUnavailable):
        await authority(unused_url()).timestamp(new_call(), IMPRINT)
    for reply, kind in (
        (resets(), TSAUnavailable),
        (resets(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), TSAUnavailable),
        (sends(b"not HTTP at all\r\n\r\n"), TSAError),
        (answers(bytes(70_000), content_type=REPLY), TSAError),
        (answers(b"rubbish", content_type=REPLY), TSAError),
    ):
        async with faulty_server(reply) as server:
            with pytest.raises(kind):
                await authority(server.url).timestamp(new_call(), IMPRINT)
    async with faulty_server(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")) as slow:
        with pytest.raises(TSAUnavailable):
            await authority(slow.url, timeout_seconds=0.2).timestamp(new_call(), IMPRINT)
        with pytest.raises(DeadlineExceeded):
            await authority(slow.url).timestamp(new_call(0.2), IMPRINT)


async def test_mutual_tls(authority: Authority, stamp: Stamp, tmp_path: Path) -> None:
    tls = make_tls_files(tmp_path)

    async def reply(writer: asyncio.StreamWriter) -> None:
        query = server.requests[-1].partition(b"\r\n\r\n")[2]
        await answers(stamp.reply(query), content_type=REPLY)(writer)

    async with faulty_server(reply, tls=tls.server_context()) as server:
        files = {"ca": tls.ca, "client_certificate": tls.client, "client_key": tls.client_key}
        await authority(server.url, **files).timestamp(new_call(), IMPRINT)
        with pytest.raises(TSAUnavailable):
            await authority(server.url).timestamp(new_call(), IMPRINT)


class TestRelay:
    async def test_the_callers_nonce_and_policy_travel_and_the_reply_comes_back_as_it_is(
        self, authority: Authority, stamp: Stamp
    ) -> None:
        query = TimeStampReq(IMPRINT, 12345, "2.999.77", cert_req=True)
        async with tsa_server(stamp.reply) as server:
            answer = await authority(server.url, policy_oid="2.999.4").relay(new_call(), query)
        assert server.queries == [query.dump()]
        token = tsp.TimeStampResp.load(answer)["time_stamp_token"]
        info = token["content"]["encap_content_info"]["content"].parsed
        assert (info["nonce"].native, info["policy"].dotted) == (12345, "2.999.77")

    async def test_a_rejection_is_an_answer(self, authority: Authority) -> None:
        rejected = rejection(failure="bad_alg")
        async with tsa_server(lambda _: rejected) as server:
            assert await authority(server.url).relay(new_call(), TimeStampReq(IMPRINT, None, None, False)) == rejected

    async def test_a_wrong_token_is_not_handed_on(self, authority: Authority, stamp: Stamp) -> None:
        for wrong in (stamp.but(nonce=1), stamp.but(imprint=bytes(32)), stamp.but(spoil_signature=True)):
            async with tsa_server(wrong.reply) as server:
                with pytest.raises(TSAError):
                    await authority(server.url).relay(new_call(), TimeStampReq(IMPRINT, 7, None, True))

    async def test_a_token_without_certificates_is_checked_by_those_of_another(
        self, authority: Authority, stamp: Stamp
    ) -> None:
        bare = TimeStampReq(IMPRINT, 7, None, cert_req=False)
        async with tsa_server(stamp.reply) as server:
            one = authority(server.url)
            for _ in range(2):
                answer = await one.relay(new_call(), bare)
                assert tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]["certificates"].native is None
            asked = [tsp.TimeStampReq.load(query)["cert_req"].native for query in server.queries]
        assert asked == [False, True, False]

    async def test_certificates_asked_for_and_left_out_are_an_error(self, authority: Authority, stamp: Stamp) -> None:
        async with tsa_server(stamp.but(with_certificates=False).reply) as server:
            with pytest.raises(TSAError, match="does not hold its signer's certificate"):
                await authority(server.url).relay(new_call(), TimeStampReq(IMPRINT, 7, None, True))
            assert len(server.queries) == 1


def test_settings_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    for url in ("tsa.example", "ldap://tsa.example/", "https://user:secret@tsa.example/"):
        with pytest.raises(SettingsError, match=r"tsa\.url"):
            authority(url)
    with pytest.raises(SettingsError):
        authority("http://tsa.example", trust_anchors=(tmp_path / "missing.pem",))
    with pytest.raises(SettingsError):
        authority("https://tsa.example", ca=tmp_path / "missing.pem")
