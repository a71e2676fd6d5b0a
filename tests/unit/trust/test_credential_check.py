"""May this credential sign? Every way it may not, and that knowing it costs nothing the second time."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509 import ocsp as x509_ocsp
from structlog.testing import capture_logs

from proxy.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnavailable,
    SignerError,
)
from proxy.model import Credential, HashAlgorithm, RevocationState, SignAlgorithm, SignerCertificates
from proxy.settings import RevocationSettings
from proxy.trust import ocsp
from proxy.trust.anchors import TrustAnchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.credential_check import CredentialChecker
from proxy.trust.failures import PathFailure
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from proxy.trust.validation_material import MaterialSource
from tests.support.keys import rsa_key
from tests.support.pki import (
    CA_USAGE,
    DAY,
    NOW,
    SIGNER_USAGE,
    YEAR,
    FixedClock,
    Hierarchy,
    Holder,
    crl,
    crl_at,
    issue,
    new_call,
    ocsp_response,
    usage,
)
from tests.support.revocation_server import RevocationServer, revocation_server


@pytest.fixture
async def server() -> AsyncIterator[RevocationServer]:
    async with revocation_server() as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def pki(server: RevocationServer) -> Hierarchy:
    """The issuing CA is on the root's list, the signers are known to the responder."""
    made = Hierarchy.make(issuing_extensions=[server.crl_url("/root.crl")])
    server.crls["/root.crl"] = crl(made.root)
    return made


def credential(signer: Holder, *chain: bytes, certificate_id: str = "c1") -> Credential:
    return Credential(certificate_id, signer.der, chain, (SignAlgorithm.ECDSA,), (HashAlgorithm.SHA256,), backend="software")


def finder(*anchors: Holder) -> PathFinder:
    return PathFinder(TrustAnchors(tuple(anchor.der for anchor in anchors)))


Network = Callable[[PathFinder], NetworkRevocationSource]
Checker = Callable[[], CredentialChecker]


@pytest.fixture
async def network(clock: FixedClock, server: RevocationServer) -> AsyncIterator[Network]:
    """Makes sources that may ask the server, and closes them."""
    made: list[NetworkRevocationSource] = []

    def make(trusted: PathFinder) -> NetworkRevocationSource:
        settings = RevocationSettings(allow=(server.allow,), cache_seconds=60)
        made.append(NetworkRevocationSource(settings, trusted, clock, 4))
        return made[-1]

    yield make
    for source in made:
        await source.close()


@pytest.fixture
def checker(pki: Hierarchy, clock: FixedClock, network: Network) -> Checker:
    """Makes checkers that trust the root and ask the server."""

    def make() -> CredentialChecker:
        trusted = finder(pki.root)
        return CredentialChecker(trusted, CachedRevocationSource(network(trusted), clock, 60), clock, 60)

    return make


@pytest.fixture
def offline(pki: Hierarchy, clock: FixedClock) -> CredentialChecker:
    """Trusts the root and asks nobody."""
    return CredentialChecker(finder(pki.root), None, clock, 60)


def good(server: RevocationServer, pki: Hierarchy, signer: Holder, clock: FixedClock) -> None:
    server.default_ocsp = ocsp_response(
        signer, pki.issuing, this_update=clock.now(), next_update=clock.now() + timedelta(hours=1)
    )


async def test_a_good_credential_comes_back_with_its_path_and_revocation_data(
    pki: Hierarchy, clock: FixedClock, server: RevocationServer, checker: Checker
) -> None:
    signer = pki.signer("S", server.ocsp_url)
    good(server, pki, signer, clock)
    checked = await checker().check(new_call(), credential(signer, pki.issuing.der), NOW)
    assert checked.path == (signer.der, *pki.chain)
    assert [info.state for info in checked.revocation] == [RevocationState.GOOD] * 2
    assert [info.crl is None for info in checked.revocation] == [True, False]
    assert checked.not_after == signer.certificate.not_valid_after_utc
    assert server.asked == [("GET", "/root.crl"), ("POST", "/ocsp")]


async def test_a_source_of_other_anchors_learns_the_issuers_on_the_way(
    pki: Hierarchy, clock: FixedClock, server: RevocationServer, network: Network
) -> None:
    policy = issue("Policy", pki.root, ca=True, extensions=[CA_USAGE, crl_at(f"{server.url}/root.crl")])
    issuing = issue("Issuing", policy, ca=True, extensions=[CA_USAGE, server.crl_url("/policy.crl")])
    signer = issue("Signer", issuing, extensions=[SIGNER_USAGE, server.crl_url("/issuing.crl")])
    server.crls |= {"/policy.crl": crl(policy), "/issuing.crl": crl(issuing)}
    checker = CredentialChecker(finder(pki.root), network(finder(pki.root)), clock, 60)
    checked = await checker.check(new_call(), credential(signer, issuing.der, policy.der), NOW)
    assert [info.crl for info in checked.revocation] == [
        server.crls[path] for path in ("/issuing.crl", "/policy.crl", "/root.crl")
    ]


async def test_it_is_checked_again_only_after_a_while(
    pki: Hierarchy, clock: FixedClock, server: RevocationServer, checker: Checker
) -> None:
    signer = pki.signer("S", server.ocsp_url)
    good(server, pki, signer, clock)
    made = checker()
    for _ in range(3):
        await made.check(new_call(), credential(signer, pki.issuing.der), clock.now())
    again = await made.check(new_call(), credential(signer, pki.issuing.der, certificate_id="c2"), clock.now())
    assert again.credential.certificate_id == "c2"
    assert len(server.asked) == 2
    clock.advance(timedelta(seconds=60))
    server.default_ocsp = ocsp_response(
        signer, pki.issuing, status=x509_ocsp.OCSPCertStatus.REVOKED, revoked_at=NOW, this_update=clock.now()
    )
    with pytest.raises(CertificateRevoked):
        await made.check(new_call(), credential(signer, pki.issuing.der), clock.now())


async def test_revoked_signer_and_revoked_issuer(
    pki: Hierarchy, clock: FixedClock, server: RevocationServer, checker: Checker
) -> None:
    signer = pki.signer("Revoked Signer", server.ocsp_url)
    server.default_ocsp = ocsp_response(signer, pki.issuing, status=x509_ocsp.OCSPCertStatus.REVOKED, revoked_at=NOW - DAY)
    with pytest.raises(CertificateRevoked, match="Revoked Signer"):
        await checker().check(new_call(), credential(signer, pki.issuing.der), NOW)
    good(server, pki, signer, clock)
    server.crls["/root.crl"] = crl(pki.root, [(pki.issuing.certificate.serial_number, NOW - DAY)])
    with pytest.raises(CertificateRevoked, match="Test Issuing"):
        await checker().check(new_call(), credential(signer, pki.issuing.der), NOW)


async def test_no_answer_no_signature(pki: Hierarchy, clock: FixedClock, server: RevocationServer, checker: Checker) -> None:
    signer = pki.signer("S", server.ocsp_url)
    with pytest.raises(RevocationUnavailable):
        await checker().check(new_call(), credential(signer, pki.issuing.der), NOW)


async def test_expired_not_yet_valid_untrusted_and_of_another_purpose(pki: Hierarchy, offline: CredentialChecker) -> None:
    expired = issue("S", pki.issuing, ends=NOW - DAY, extensions=[SIGNER_USAGE])
    future = issue("S", pki.issuing, begins=NOW + DAY, extensions=[SIGNER_USAGE])
    server_only = issue("S", pki.issuing, extensions=[usage("key_encipherment")])
    foreign = Hierarchy.make("Foreign")
    for signer, chain, kind in (
        (pki.signer(), (), SignerError),
        (expired, pki.chain, CertificateExpired),
        (future, pki.chain, CertificateNotYetValid),
        (server_only, pki.chain, SignerError),
        (foreign.signer(), foreign.chain, SignerError),
    ):
        with pytest.raises(kind):
            await offline.check(new_call(), credential(signer, *chain), NOW)


async def test_a_check_that_is_kept_ends_with_the_certificate(
    pki: Hierarchy, clock: FixedClock, offline: CredentialChecker
) -> None:
    signer = issue("S", pki.issuing, ends=NOW + timedelta(seconds=30), extensions=[SIGNER_USAGE])
    made = offline
    await made.check(new_call(), credential(signer, *pki.chain), clock.now())
    clock.advance(timedelta(seconds=31))
    with pytest.raises(CertificateExpired):
        await made.check(new_call(), credential(signer, *pki.chain), clock.now())


class TestWithoutAnchors:
    async def test_a_consistent_chain_is_enough(self, pki: Hierarchy, clock: FixedClock) -> None:
        made = CredentialChecker(finder(), None, clock, 60)
        signer = pki.signer()
        for chain in ((), (pki.issuing.der,), pki.chain):
            assert (await made.check(new_call(), credential(signer, *chain), NOW)).path == (signer.der, *chain)

    async def test_an_inconsistent_or_expired_one_is_not(self, pki: Hierarchy, clock: FixedClock) -> None:
        made = CredentialChecker(finder(), None, clock, 60)
        old_root = issue("Old", ca=True, ends=NOW - DAY)
        for signer, chain, kind in (
            (pki.signer(), (pki.root.der,), SignerError),
            (pki.signer(), (b"rubbish",), SignerError),
            (issue("S", old_root), (old_root.der,), CertificateExpired),
        ):
            with pytest.raises(kind):
                await made.check(new_call(), credential(signer, *chain), NOW)


async def test_a_pinned_certificate_needs_no_revocation_data_and_a_lone_one_cannot_have_any(
    clock: FixedClock, network: Network
) -> None:
    pinned = issue("Pinned", extensions=[SIGNER_USAGE])
    trusted = finder(pinned)
    source = network(trusted)
    assert (await CredentialChecker(trusted, source, clock, 60).check(new_call(), credential(pinned), NOW)).revocation == ()
    with pytest.raises(RevocationUnavailable, match="without its issuer"):
        await CredentialChecker(finder(), source, clock, 60).check(new_call(), credential(pinned), NOW)


async def test_rsa_2048_beyond_2030_is_warned_of_once(pki: Hierarchy, clock: FixedClock, offline: CredentialChecker) -> None:
    made = offline
    end = datetime(2030, 12, 31, tzinfo=UTC)
    with capture_logs() as logs:
        for key, ends in ((2048, end), (2048, end + DAY), (3072, end + YEAR)):
            signer = issue("S", pki.issuing, key=rsa_key(key), ends=ends, extensions=[SIGNER_USAGE])
            for moment in (NOW, NOW + timedelta(seconds=90)):
                clock.moment = moment
                await made.check(new_call(), credential(signer, *pki.chain, certificate_id=f"{key}-{ends.year}"), moment)
    warned = [entry["certificateId"] for entry in logs if entry.get("code") == "RSA_2048_AFTER_2030"]
    assert warned == ["2048-2031"]


class TestValidationMaterial:
    async def test_one_answer_for_every_certificate_below_the_anchor(
        self, pki: Hierarchy, network: Network, server: RevocationServer
    ) -> None:
        signers = [pki.signer(f"S{number}", server.ocsp_url) for number in range(2)]
        for signer in signers:
            server.ocsp[ocsp.build_request(signer.der, pki.issuing.der)] = ocsp_response(signer, pki.issuing)
        trusted = finder(pki.root)
        material = MaterialSource(trusted, network(trusted))
        certificates = (pki.root.der, *(signer.der for signer in signers), pki.issuing.der)
        collected = await material.collect(new_call(), [SignerCertificates(der, certificates) for der in certificates], at=NOW)
        found = collected.data
        assert set(found.certificates) >= {signer.der for signer in signers}
        assert set(found.ocsp_responses) == set(server.ocsp.values())
        assert found.crls == (server.crls["/root.crl"],)

    async def test_nothing_about_strangers_and_nothing_without_a_source(self, pki: Hierarchy, network: Network) -> None:
        foreign = Hierarchy.make("Foreign")
        source = network(finder(pki.root))
        with pytest.raises(PathFailure):
            await MaterialSource(finder(pki.root), source).collect(
                new_call(), [SignerCertificates(foreign.signer().der, tuple(foreign.chain))], at=NOW
            )
        with pytest.raises(RevocationUnavailable):
            await MaterialSource(finder(pki.root), None).collect(
                new_call(), [SignerCertificates(pki.signer().der, tuple(pki.chain))], at=NOW
            )
