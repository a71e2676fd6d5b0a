"""Issuers that are missing: fetched by the rules of docs/trust.md, and used only where they lead to an anchor."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID

from proxy.errors import SettingsError, SignerError
from proxy.model import Credential, HashAlgorithm, SignAlgorithm
from proxy.settings import RevocationSettings, TrustSettings
from proxy.trust import issuers
from proxy.trust.anchors import TrustAnchors
from proxy.trust.credential_check import CredentialChecker
from proxy.trust.issuers import IssuerFetcher
from proxy.trust.paths import PathFinder
from tests.support.pki import CA_USAGE, NOW, SIGNER_USAGE, Extension, FixedClock, Holder, issue, new_call
from tests.support.revocation_server import RevocationServer
from tests.unit.trust.conftest import World


def finder(*anchors: Holder) -> PathFinder:
    return PathFinder(TrustAnchors(tuple(anchor.der for anchor in anchors)))


def issuer_at(*urls: str) -> Extension:
    entries = [
        x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)) for url in urls
    ]
    return x509.AuthorityInformationAccess(entries), False


@dataclass
class Tower:
    """A signer under several intermediates, whose certificates name where their issuers' are."""

    root: Holder
    intermediates: list[Holder]
    signer: Holder

    @classmethod
    def over(cls, server: RevocationServer, height: int) -> "Tower":
        """Intermediates from the root down; ``/1`` is that below the root."""
        root = issuer = issue("Tower Root", ca=True, extensions=[CA_USAGE])
        intermediates = []
        for number in range(1, height + 1):
            above = [issuer_at(f"{server.url}/{number - 1}")] if number > 1 else []
            issuer = issue(f"Intermediate {number}", issuer, ca=True, extensions=[CA_USAGE, *above])
            intermediates.append(issuer)
            server.crls[f"/{number}"] = issuer.der
        signer = issue("Signer", issuer, extensions=[SIGNER_USAGE, issuer_at(f"{server.url}/{height}")])
        return cls(root, intermediates, signer)

    def credential(self, *chain: bytes) -> Credential:
        return Credential("c", self.signer.der, chain, (SignAlgorithm.ECDSA,), (HashAlgorithm.SHA256,), "central")


Check = Callable[..., Awaitable[tuple[bytes, ...]]]


@pytest.fixture
async def check(world: World) -> AsyncIterator[Check]:
    """Checks a tower's signer, and gives its path."""
    opened: list[IssuerFetcher] = []

    async def run(tower: Tower, *chain: bytes, fetch: bool = True, anchor: Holder | None = None) -> tuple[bytes, ...]:
        trusted, clock = finder(anchor or tower.root), FixedClock()
        fetcher = IssuerFetcher(RevocationSettings(), trusted, clock, 4) if fetch else None
        opened.extend([fetcher] if fetcher else [])
        checker = CredentialChecker(trusted, None, clock, 60, fetcher)
        return (await checker.check(new_call(), tower.credential(*chain), NOW)).path

    yield run
    for fetcher in opened:
        await fetcher.close()


async def test_issuers_are_not_fetched_unless_it_is_set(world: World, check: Check) -> None:
    assert TrustSettings().fetch_issuers is False
    with pytest.raises(SignerError, match="does not chain"):
        await check(Tower.over(world.server, 1), fetch=False)
    assert world.server.asked == []


async def test_a_missing_issuer_is_fetched_where_the_certificate_says(world: World, check: Check) -> None:
    tower = Tower.over(world.server, 3)
    lower_up = [holder.der for holder in reversed(tower.intermediates)]
    whole = (tower.signer.der, *lower_up, tower.root.der)
    assert await check(tower) == whole
    assert world.server.asked == [("GET", "/3"), ("GET", "/2"), ("GET", "/1")]
    world.server.asked.clear()
    assert await check(tower, *lower_up[:2]) == whole
    assert world.server.asked == [("GET", "/1")]
    world.server.asked.clear()
    assert await check(tower, *lower_up) == whole
    assert world.server.asked == [], "nothing was missing"


async def test_a_fetched_issuer_comes_as_a_certificate_or_a_message_with_some(world: World, check: Check) -> None:
    tower = Tower.over(world.server, 1)
    certificates = [world.pki.root.certificate, tower.intermediates[0].certificate]
    message = pkcs7.serialize_certificates(certificates, Encoding.DER)
    for body, accepted in (
        (tower.intermediates[0].der, True),
        (message, True),
        (tower.intermediates[0].pem, False),
        (pkcs7.serialize_certificates(certificates, Encoding.PEM), False),
        (b"<html>", False),
        (b"", False),
    ):
        world.server.crls["/1"] = body
        if accepted:
            assert tower.intermediates[0].der in await check(tower)
        else:
            with pytest.raises(SignerError, match="does not chain"):
                await check(tower)


async def test_what_did_not_sign_the_certificate_is_not_its_issuer(world: World, check: Check) -> None:
    tower = Tower.over(world.server, 1)
    twin = issue("Intermediate 1", tower.root, ca=True, extensions=[CA_USAGE])
    no_authority = issue("Intermediate 1", tower.root, key=tower.intermediates[0].key, extensions=[SIGNER_USAGE])
    for other in (twin, no_authority, tower.signer, tower.root):
        world.server.crls["/1"] = other.der
        with pytest.raises(SignerError, match="does not chain"):
            await check(tower)


async def test_what_was_fetched_must_lead_to_an_anchor(world: World, check: Check) -> None:
    tower = Tower.over(world.server, 2)
    with pytest.raises(SignerError, match="does not chain"):
        await check(tower, anchor=world.pki.root)
    # A root that a certificate names is none for being named.
    world.server.crls["/0"] = tower.root.der
    with pytest.raises(SignerError, match="does not chain"):
        await check(tower, anchor=world.pki.root)
    with pytest.raises(SettingsError, match=r"trust\.anchors"):
        IssuerFetcher(RevocationSettings(), finder(), FixedClock(), 1)


async def test_a_few_issuers_are_fetched_at_most(world: World, check: Check) -> None:
    assert len(await check(Tower.over(world.server, issuers.MOST_STEPS))) == issuers.MOST_STEPS + 2
    world.server.asked.clear()
    with pytest.raises(SignerError, match="does not chain"):
        await check(Tower.over(world.server, issuers.MOST_STEPS + 1))
    assert len(world.server.asked) == issuers.MOST_STEPS


async def test_issuers_are_fetched_by_the_same_rules(world: World, check: Check) -> None:
    tower = Tower.over(world.server, 1)
    world.names["inside.example"] = [["127.0.0.2"]]
    for url in (
        f"http://127.0.0.2:{world.port}/1",
        f"http://inside.example:{world.port}/1",
        f"ldap://127.0.0.1:{world.port}/1",
    ):
        signer = issue("Signer", tower.intermediates[0], extensions=[SIGNER_USAGE, issuer_at(url)])
        with pytest.raises(SignerError, match="does not chain"):
            await check(Tower(tower.root, tower.intermediates, signer))
    world.server.crls["/1"] = pkcs7.serialize_certificates([tower.intermediates[0].certificate] * 1000, Encoding.DER)
    assert len(world.server.crls["/1"]) > issuers.LARGEST_ANSWER
    with pytest.raises(SignerError, match="does not chain"):
        await check(tower)
    assert world.server.asked == [("GET", "/1")]
