"""An authority behind a provider of remote signatures: what it is asked, and what becomes of what it gives."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.errors import DeadlineExceeded, ProxyError, SettingsError, TSAError, TSAUnavailable
from proxy.model import Digest, HashAlgorithm
from proxy.sandbox.csc_deviations import Fault
from proxy.settings import CSCSettings, TSASettings
from proxy.signers.csc_connection import CSCConnection
from proxy.signers.csc_timestamps import CSCTimestamps
from proxy.trust.anchors import TrustAnchors
from proxy.trust.paths import PathFinder
from proxy.tsa.profiles import TSAProfile, TSAProfiles
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import token_of, without_certificates
from proxy.tsa.token import CertificateMissing, check_token
from tests.support.csc_server import CSCServer, csc_server, gives
from tests.support.pki import NOW, FixedClock, Hierarchy, new_call
from tests.support.stepped import SteppedTime
from tests.support.tls_files import make_tls_files
from tests.support.tsa import POLICY, Stamp

IMPRINT = Digest.of(b"signature value", HashAlgorithm.SHA256)


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make("Time")


@pytest.fixture
def anchor(pki: Hierarchy, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(pki.root.pem)
    return path


@asynccontextmanager
async def opened(
    folder: Path, anchor: Path, pki: Hierarchy, stamp: Stamp, **settings: object
) -> AsyncIterator[tuple[TSAProfile, CSCServer]]:
    async def time_stamping(query: bytes) -> bytes:
        return await asyncio.to_thread(stamp.reply, query)

    async with csc_server(folder, make_tls_files(folder), pki, [], time_stamping=time_stamping) as server:
        links = SteppedTime().links()
        connection = CSCConnection(CSCSettings.model_validate(server.settings()), 2, server.clock, links)
        section = TSASettings.model_validate({"kind": "csc", "trust_anchors": (anchor,), **settings})
        profiles = TSAProfiles([section], FixedClock(), 2, links, CSCTimestamps(connection))
        yield profiles.profile(None), server
        await profiles.close()
        await connection.close()


async def test_it_is_asked_for_an_imprint_with_a_fresh_nonce(tmp_path: Path, anchor: Path, pki: Hierarchy) -> None:
    call = new_call()
    async with opened(tmp_path, anchor, pki, Stamp(pki.tsa(), pki.chain)) as (authority, server):
        token = await authority.timestamp(call, IMPRINT)
        await authority.timestamp(call, IMPRINT)
    first, second = server.parameters("signatures/timestamp")
    assert first.keys() == {"hash", "hashAlgo", "nonce"}
    assert (first["hash"], first["hashAlgo"]) == (b64encode(IMPRINT.value).decode(), "2.16.840.1.101.3.4.2.1")
    assert int(first["nonce"], 16) != int(second["nonce"], 16)
    assert (token.gen_time, token.policy_oid) == (NOW, POLICY)
    assert token_of(token.response) == token.token
    assert {exchange.destination for exchange in call.ledger.exchanges} == {"csc"}
    assert server.provider.stamped == 2


async def test_wrong_tokens_have_it_left_alone(tmp_path: Path, anchor: Path, pki: Hierarchy) -> None:
    stamp = Stamp(pki.tsa(), pki.chain).but(spoil_signature=True)
    async with opened(tmp_path, anchor, pki, stamp) as (authority, server):
        for expected in (*[TSAError] * 5, TSAUnavailable):
            with pytest.raises(expected):
                await authority.timestamp(new_call(), IMPRINT)
        assert authority.authorities[0].doubtful
        assert server.provider.stamped == 5


@pytest.mark.parametrize(
    "changes",
    [{"nonce": 4711}, {"drop_nonce": True}, {"imprint": bytes(32)}, {"spoil_signature": True}, {"policy": "2.999.7"}],
    ids=str,
)
async def test_a_token_is_checked_as_any_other(
    tmp_path: Path, anchor: Path, pki: Hierarchy, changes: dict[str, object]
) -> None:
    stamp = Stamp(pki.tsa(), pki.chain).but(**changes)
    async with opened(tmp_path, anchor, pki, stamp, policy_oid=POLICY) as (authority, server):
        with pytest.raises(TSAError):
            await authority.timestamp(new_call(), IMPRINT)
        assert server.provider.stamped == 1


@pytest.mark.parametrize(
    ("members", "status", "kind"),
    [
        ({}, 503, TSAUnavailable),
        ({}, 429, TSAUnavailable),
        ({"error": "maintenance"}, 503, TSAUnavailable),
        ({"error": "invalid_request", "error_description": "Invalid parameter hashAlgo"}, 400, TSAError),
        ({}, 501, TSAError),
        ({}, 200, TSAError),
        ({"timestamp": "*"}, 200, TSAError),
        ({"timestamp": b64encode(b"0\x03\x02\x01\x00").decode()}, 200, TSAError),
        ({"timestamp": b64encode(b"no DER").decode()}, 200, TSAError),
    ],
)
async def test_failures(
    tmp_path: Path, anchor: Path, pki: Hierarchy, members: dict[str, str], status: int, kind: type[ProxyError]
) -> None:
    async with opened(tmp_path, anchor, pki, Stamp(pki.tsa(), pki.chain)) as (authority, server):
        server.instead["signatures/timestamp"] = gives(members, status)
        with pytest.raises(kind) as caught:
            await authority.timestamp(new_call(), IMPRINT)
        assert type(caught.value) is kind


async def test_maintenance_and_a_time_that_is_over(tmp_path: Path, anchor: Path, pki: Hierarchy) -> None:
    async with opened(tmp_path, anchor, pki, Stamp(pki.tsa(), pki.chain)) as (authority, server):
        with pytest.raises(DeadlineExceeded):
            await authority.timestamp(new_call(0), IMPRINT)
        server.provider.faults[Fault.MAINTENANCE] = 5
        with pytest.raises(TSAUnavailable):
            await authority.timestamp(new_call(), IMPRINT)
        assert server.provider.stamped == 0


@pytest.mark.parametrize("nonce", [None, 1, 2**255 + 7])
async def test_a_relayed_token_is_without_certificates_unless_they_were_asked_for(
    tmp_path: Path, anchor: Path, pki: Hierarchy, nonce: int | None
) -> None:
    async with opened(tmp_path, anchor, pki, Stamp(pki.tsa(), pki.chain)) as (authority, server):
        query = TimeStampReq(IMPRINT, nonce, None, cert_req=False)
        reply = await authority.relay(new_call(), query)
        whole = await authority.relay(new_call(), TimeStampReq(IMPRINT, nonce, None, cert_req=True))
    assert len(reply) < len(whole)
    assert without_certificates(reply) == reply
    token, finder = token_of(reply), PathFinder(TrustAnchors((pki.root.der,)))
    assert token is not None
    with pytest.raises(CertificateMissing):
        await asyncio.to_thread(check_token, token, reply, query, finder, NOW)
    # The signature is over what is left: with the certificates from elsewhere all of it holds.
    certificates = await asyncio.to_thread(check_token, token_of(whole) or b"", whole, query, finder, NOW)
    known = (certificates.tsa_certificate, *pki.chain)
    await asyncio.to_thread(check_token, token, reply, query, finder, NOW, known)
    assert server.provider.stamped == 2


def test_a_section_of_its_kind_needs_the_provider(anchor: Path) -> None:
    with pytest.raises(SettingsError, match="csc"):
        TSAProfiles([TSASettings(kind="csc", trust_anchors=(anchor,))], FixedClock(), 2)


@pytest.mark.parametrize(
    "members", [{}, {"kind": "http"}, {"kind": "csc", "url": "https://tsa.example"}, {"kind": "csc", "ca": "/ca.pem"}]
)
def test_a_section_that_says_both_or_neither(anchor: Path, members: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="authority"):
        TSASettings.model_validate({"trust_anchors": (anchor,), **members})
