"""Revocation data over real sockets: who is asked, in which order, and who is never asked."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography.x509 import ocsp as x509_ocsp

from proxy.errors import DeadlineExceeded, RevocationUnavailable, SettingsError
from proxy.model import RevocationState
from proxy.settings import RevocationSettings
from proxy.trust import ocsp
from proxy.trust.anchors import TrustAnchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from proxy.trust.reach import address_policy, is_public
from tests.support.faulty_server import answers, faulty_server, unused_url
from tests.support.pki import DAY, NOW, FixedClock, Hierarchy, Holder, crl, crl_at, new_call, ocsp_at, ocsp_response
from tests.support.revocation_server import RevocationServer, revocation_server
from tests.support.stepped import SteppedTime


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


def finder(*anchors: Holder) -> PathFinder:
    return PathFinder(TrustAnchors(tuple(anchor.der for anchor in anchors)))


Network = Callable[..., NetworkRevocationSource]


@pytest.fixture
async def network(pki: Hierarchy, clock: FixedClock) -> AsyncIterator[Network]:
    """Makes sources that trust the root, and closes them."""
    made: list[NetworkRevocationSource] = []

    def make(*allow: str, **changes: float) -> NetworkRevocationSource:
        settings = RevocationSettings.model_validate({"allow": allow, **changes})
        made.append(NetworkRevocationSource(settings, finder(pki.root), clock, 4, SteppedTime().links()))
        return made[-1]

    yield make
    for source in made:
        await source.close()


async def test_the_responder_is_asked_and_the_list_is_not(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with revocation_server() as server:
        signer = pki.signer("S", server.ocsp_url, server.crl_url())
        request = ocsp.build_request(signer.der, pki.issuing.der)
        server.ocsp[request] = ocsp_response(signer, pki.issuing)
        source, call = network(server.allow), new_call()
        info = await source.revocation(call, signer.der, pki.issuing.der, at=NOW)
    assert (info.state, info.ocsp_response) == (RevocationState.GOOD, server.ocsp[request])
    assert server.asked == [("POST", "/ocsp")]
    (exchange,) = call.ledger.exchanges
    assert (exchange.destination, exchange.sent) == (f"ocsp:{server.allow}", len(request))


@pytest.mark.parametrize("fault", ["error", "another's answer", "unknown", "outdated"])
async def test_where_the_responder_is_of_no_use_the_list_is_asked(pki: Hierarchy, network: Network, fault: str) -> None:
    async with revocation_server() as server:
        signer = pki.signer("S", server.ocsp_url, server.crl_url())
        server.default_ocsp = {
            "error": None,
            "another's answer": ocsp_response(pki.signer("Other"), pki.issuing),
            "unknown": ocsp_response(signer, pki.issuing, status=x509_ocsp.OCSPCertStatus.UNKNOWN),
            "outdated": ocsp_response(signer, pki.issuing, this_update=NOW - 2 * DAY, next_update=NOW - DAY),
        }[fault]
        server.crls["/crl"] = crl(pki.issuing, [(signer.certificate.serial_number, NOW - DAY)])
        source = network(server.allow)
        info = await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
    assert (info.state, info.crl) == (RevocationState.REVOKED, server.crls["/crl"])
    assert server.asked == [("POST", "/ocsp"), ("GET", "/crl")]


async def test_a_list_is_fetched_once_for_all_certificates_of_its_issuer(
    pki: Hierarchy, clock: FixedClock, network: Network
) -> None:
    async with revocation_server() as server:
        server.crls["/crl"] = crl(pki.issuing, following=NOW + timedelta(minutes=2))
        source = network(server.allow, cache_seconds=3600)

        async def ask() -> None:
            signer = pki.signer("S", server.crl_url())
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=clock.now())

        await ask()
        await ask()
        assert server.asked == [("GET", "/crl")]
        clock.advance(timedelta(minutes=2))
        server.crls["/crl"] = crl(pki.issuing, issued=clock.now(), following=NOW + DAY)
        await ask()
        assert server.asked == [("GET", "/crl")] * 2


async def test_without_an_answer_it_is_unavailable_and_says_so(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with revocation_server() as server:
        source = network(server.allow, unused_url().removeprefix("http://"))
        dead = pki.signer("S", ocsp_at(unused_url()), server.crl_url("/none"))
        silent = pki.signer("S")
        for signer, reason in ((dead, "no revocation data"), (silent, "names neither")):
            with pytest.raises(RevocationUnavailable, match=reason):
                await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)


async def test_nobody_is_asked_about_a_certificate_that_is_not_trusted(
    pki: Hierarchy, clock: FixedClock, network: Network
) -> None:
    stranger = Hierarchy.make("Stranger")
    async with revocation_server() as server:
        source = network(server.allow)
        foreign = stranger.signer("S", server.ocsp_url, server.crl_url())
        own = pki.signer("S", server.ocsp_url, server.crl_url())
        for certificate, issuer in ((foreign, stranger.issuing), (foreign, pki.issuing), (own, stranger.issuing)):
            with pytest.raises(RevocationUnavailable):
                await source.revocation(new_call(), certificate.der, issuer.der, at=NOW)
        # The issuer is known by now, and still the one that is named must be the certificate's own.
        await source._require_path(own.der, pki.issuing.der, NOW)
        for other in (stranger.issuing.der, b"rubbish"):
            with pytest.raises(RevocationUnavailable, match="own issuer"):
                await source.revocation(new_call(), own.der, other, at=NOW)
    assert server.asked == []


async def test_addresses_that_are_not_public_are_not_contacted(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with revocation_server() as server:
        port = server.url.rpartition(":")[2]
        source = network("127.0.0.1:1", f"elsewhere.example:{port}")
        for url in (server.url, f"http://localhost:{port}", f"http://[::ffff:127.0.0.1]:{port}", "http://169.254.169.254"):
            signer = pki.signer("S", ocsp_at(f"{url}/ocsp"), crl_at(f"{url}/crl"))
            with pytest.raises(RevocationUnavailable):
                await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
        assert server.asked == []
        listed = network(f"LOCALHOST:{port}")
        signer = pki.signer("S", ocsp_at(f"http://localhost:{port}/ocsp"))
        server.default_ocsp = ocsp_response(signer, pki.issuing)
        await listed.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
    assert server.asked == [("POST", "/ocsp")]


async def test_redirects_are_not_followed(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with (
        revocation_server() as server,
        faulty_server(answers(b"", status="307 Elsewhere", headers=(f"Location: {server.url}/ocsp",))) as front,
    ):
        signer = pki.signer("S", ocsp_at(front.url))
        server.default_ocsp = ocsp_response(signer, pki.issuing)
        source = network(server.allow, front.url.removeprefix("http://"))
        with pytest.raises(RevocationUnavailable):
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
    assert (len(front.requests), server.asked) == (1, [])


async def test_size_and_time_are_bounded(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with revocation_server() as server:
        server.crls["/crl"] = crl(pki.issuing, [(number, NOW) for number in range(1, 200)])
        signer = pki.signer("S", server.crl_url())
        source = network(server.allow, max_bytes=1000)
        with pytest.raises(RevocationUnavailable):
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
    async with faulty_server(None) as silent:
        signer = pki.signer("S", ocsp_at(silent.url))
        source = network(silent.url.removeprefix("http://"), timeout_seconds=0.1)
        with pytest.raises(RevocationUnavailable):
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
        with pytest.raises(DeadlineExceeded):
            await source.revocation(new_call(0.05), signer.der, pki.issuing.der, at=NOW)


def test_the_network_is_not_asked_without_anchors(clock: FixedClock) -> None:
    with pytest.raises(SettingsError, match=r"trust\.anchors"):
        NetworkRevocationSource(RevocationSettings(), finder(), clock, 1)


class TestCache:
    async def test_answers_are_kept_until_next_update_or_cache_seconds(
        self, pki: Hierarchy, clock: FixedClock, network: Network
    ) -> None:
        async with revocation_server() as server:
            await self._use(pki, clock, network, server, timedelta(seconds=100), next_update=NOW + DAY)
            await self._use(pki, clock, network, server, timedelta(seconds=40), next_update=clock.now() + timedelta(seconds=40))

    async def _use(
        self,
        pki: Hierarchy,
        clock: FixedClock,
        network: Network,
        server: RevocationServer,
        kept: timedelta,
        **times: object,
    ) -> None:
        signer = pki.signer("S", server.ocsp_url)
        server.default_ocsp = ocsp_response(signer, pki.issuing, this_update=clock.now(), **times)  # type: ignore[arg-type]
        server.asked.clear()
        source = CachedRevocationSource(network(server.allow), clock, cache_seconds=100)
        for _ in range(2):
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=clock.now())
        clock.advance(kept - timedelta(seconds=1))
        await source.revocation(new_call(), signer.der, pki.issuing.der, at=clock.now())
        assert len(server.asked) == 1
        clock.advance(timedelta(seconds=1))
        await source.revocation(new_call(), signer.der, pki.issuing.der, at=clock.now())
        assert len(server.asked) == 2

    async def test_a_dead_responder_is_asked_once_in_a_while(self, pki: Hierarchy, clock: FixedClock, network: Network) -> None:
        async with revocation_server() as server:
            signer = pki.signer("S", server.ocsp_url)
            source = CachedRevocationSource(network(server.allow), clock, cache_seconds=100)
            for _ in range(3):
                with pytest.raises(RevocationUnavailable):
                    await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
            assert len(server.asked) == 3, "as often as a question is asked, and then remembered"
            clock.advance(timedelta(seconds=5))
            server.default_ocsp = ocsp_response(signer, pki.issuing)
            await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_inside_or_of_the_cloud_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.119.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2400:cb00::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_the_allow_list_is_of_hosts_and_ports() -> None:
    policy = address_policy(["ocsp.internal:80", "[fd00::1]:8080"])
    inside = ip_address("10.1.2.3")
    assert policy("OCSP.internal", 80, inside)
    assert not policy("ocsp.internal", 443, inside)
    assert not policy("other.internal", 80, inside)
    assert policy("fd00::1", 8080, ip_address("fd00::1"))
    assert policy("public.example", 1234, ip_address("8.8.8.8"))
    for bad in ("host", "host:", ":80", "host:http", "host:70000", "host:²"):
        with pytest.raises(SettingsError, match=r"revocation\.allow"):
            address_policy([bad])
