"""Revocation data over real sockets: who is asked, in which order, and who is never asked."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from cryptography.x509 import ocsp as x509_ocsp

from proxy.errors import RevocationUnavailable, SettingsError
from proxy.model import RevocationState
from proxy.settings import RevocationSettings
from proxy.trust import ocsp
from proxy.trust.anchors import TrustAnchors
from proxy.trust.crl import VerifiedCRL, read_crl
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from tests.support.faulty_server import unused_url
from tests.support.large_crl import large_crl
from tests.support.pki import (
    CA_USAGE,
    DAY,
    NOW,
    SIGNER_USAGE,
    FixedClock,
    Hierarchy,
    Holder,
    crl,
    issue,
    new_call,
    ocsp_at,
    ocsp_response,
)
from tests.support.revocation_server import revocation_server
from tests.support.stepped import SteppedTime

SERIAL = 1 << 84


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


async def test_a_list_that_did_not_change_is_not_parsed_again(
    pki: Hierarchy, clock: FixedClock, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def counted(der: bytes, issuer: bytes) -> VerifiedCRL:
        read.append(der)
        return read_crl(der, issuer)

    monkeypatch.setattr("proxy.trust.network.read_crl", counted)
    async with revocation_server() as server:
        signer = issue("S", pki.issuing, serial_number=SERIAL, extensions=[SIGNER_USAGE, server.crl_url()])
        first, second = crl(pki.issuing), crl(pki.issuing, [(SERIAL, NOW - DAY)])
        source, states = network(server.allow, cache_seconds=60), []
        for served in (first, first, second):
            server.crls["/crl"] = served
            states.append((await source.revocation(new_call(), signer.der, pki.issuing.der, at=clock.now())).state)
            clock.advance(timedelta(seconds=60))
    assert len(server.asked) == 3
    assert read == [first, second]
    assert states == [RevocationState.GOOD, RevocationState.GOOD, RevocationState.REVOKED]


async def test_lists_of_a_hundred_thousand_entries_are_asked_in_bounded_memory(pki: Hierarchy, network: Network) -> None:
    listed = range(SERIAL, SERIAL + 100_000)
    first, second = large_crl(pki.root, listed), large_crl(pki.issuing, listed)
    assert min(len(first), len(second)) > 3_000_000
    async with revocation_server() as server:
        server.crls |= {"/first": first, "/second": second}
        source = network(server.allow, crl_memory_bytes=len(first) + len(second) - 1)
        of_root = issue("CA", pki.root, ca=True, extensions=[CA_USAGE, server.crl_url("/first")])
        good, revoked = (
            issue("S", pki.issuing, serial_number=number, extensions=[SIGNER_USAGE, server.crl_url("/second")])
            for number in (SERIAL - 1, listed[-1])
        )

        async def state(certificate: Holder, issuer: Holder) -> RevocationState:
            return (await source.revocation(new_call(), certificate.der, issuer.der, at=NOW)).state

        assert await state(of_root, pki.root) is RevocationState.GOOD
        for _ in range(3):
            assert await state(good, pki.issuing) is RevocationState.GOOD
            assert await state(revoked, pki.issuing) is RevocationState.REVOKED
        assert [path for _, path in server.asked] == ["/first", "/second"]
        # There is no room for both: the one that was used before the other has gone.
        assert await state(of_root, pki.root) is RevocationState.GOOD
        assert [path for _, path in server.asked] == ["/first", "/second", "/first"]


async def test_without_an_answer_it_is_unavailable_and_says_so(pki: Hierarchy, clock: FixedClock, network: Network) -> None:
    async with revocation_server() as server:
        source = network(server.allow, unused_url().removeprefix("http://"))
        dead = pki.signer("S", ocsp_at(unused_url()), server.crl_url("/none"))
        silent = pki.signer("S")
        for signer, reason in ((dead, "no revocation data"), (silent, "names neither")):
            with pytest.raises(RevocationUnavailable, match=reason):
                await source.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)


def test_the_network_is_not_asked_without_anchors(clock: FixedClock) -> None:
    with pytest.raises(SettingsError, match=r"trust\.anchors"):
        NetworkRevocationSource(RevocationSettings(), finder(), clock, 1)
