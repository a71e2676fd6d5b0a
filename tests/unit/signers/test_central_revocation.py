"""The central signer's revocation relay: what it is shown, and how its failures read."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import DeadlineExceeded, RevocationUnavailable
from proxy.model import RevocationState
from proxy.outbound import Links
from proxy.settings import CentralSettings, RevocationSettings
from proxy.signers import central_revocation
from proxy.signers.central_connection import CentralConnection
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.trust.anchors import TrustAnchors
from proxy.trust.crl import VerifiedCRL, read_crl
from proxy.trust.paths import PathFinder
from tests.support.central_server import CentralServer, central_server, problem, says
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
    ocsp_response,
)
from tests.support.tls_files import make_tls_files


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[CentralServer]:
    async with central_server(make_tls_files(tmp_path)) as running:
        yield running


@pytest.fixture
async def connection(server: CentralServer) -> AsyncIterator[CentralConnection]:
    made = CentralConnection(CentralSettings.model_validate(server.settings), 2, Links())
    yield made
    await made.close()


def finder(*anchors: Holder) -> PathFinder:
    return PathFinder(TrustAnchors(tuple(anchor.der for anchor in anchors)))


def source(connection: CentralConnection, known: PathFinder, max_bytes: int = 1000) -> CentralRevocationSource:
    return CentralRevocationSource(connection, known, RevocationSettings(max_bytes=max_bytes), FixedClock())


def answer(*responses: bytes, crls: tuple[bytes, ...] = ()) -> dict[str, list[str]]:
    return {
        "ocspResponses": [b64encode(der).decode() for der in responses],
        "crls": [b64encode(der).decode() for der in crls],
    }


async def test_the_relay_sees_the_path_below_the_anchor(server: CentralServer, connection: CentralConnection) -> None:
    root = issue("Root", ca=True, extensions=[CA_USAGE])
    policy = issue("Policy CA", root, ca=True, extensions=[CA_USAGE])
    issuing = issue("Issuing CA", policy, ca=True, extensions=[CA_USAGE])
    signer = issue("Signer", issuing, extensions=[SIGNER_USAGE])
    server.revocation = answer(ocsp_response(signer, issuing))
    anchored = finder(root)
    await asyncio.to_thread(anchored.find, signer.der, (issuing.der, policy.der), NOW)
    for known, expected in ((anchored, [signer, issuing, policy]), (finder(), [signer, issuing])):
        call = new_call()
        await source(connection, known).revocation(call, signer.der, issuing.der, at=NOW)
        shown = json.loads(server.asked[-1][2])["certificates"]
        assert [b64decode(text) for text in shown] == [holder.der for holder in expected]
        assert call.ledger.totals("central")[0] == len(server.asked[-1][2])


async def test_the_one_answer_that_fits_is_taken(server: CentralServer, connection: CentralConnection, pki: Hierarchy) -> None:
    signer = pki.signer()
    fitting = ocsp_response(signer, pki.issuing)
    server.revocation = answer(b"rubbish", ocsp_response(pki.signer("Other"), pki.issuing), fitting, crls=(crl(pki.root),))
    asked = source(connection, finder(pki.root), max_bytes=100_000)
    assert (await asked.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)).ocsp_response == fitting


async def test_failures_of_the_relay_are_unavailable_with_their_reason(
    server: CentralServer, connection: CentralConnection, pki: Hierarchy
) -> None:
    signer = pki.signer()
    asked = source(connection, finder(pki.root))
    for handler, reason in (
        (problem(502, "REVOCATION_UNAVAILABLE"), "HTTP 502"),
        (problem(503, "MAINTENANCE"), "maintenance"),
        (problem(400, "INVALID_PARAMETER"), "refuses a parameter"),
        (says("{}"), "nothing that can be relied on"),
        (says("[]"), "does not follow the contract"),
        (says(json.dumps(answer(bytes(3000)))), "does not follow the contract"),
    ):
        server.fault = handler
        with pytest.raises(RevocationUnavailable, match=reason):
            await asked.revocation(new_call(), signer.der, pki.issuing.der, at=NOW)
    with pytest.raises(DeadlineExceeded):
        await asked.revocation(new_call(0), signer.der, pki.issuing.der, at=NOW)


async def test_a_list_that_comes_again_is_parsed_once(
    server: CentralServer, connection: CentralConnection, pki: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def counted(der: bytes, issuer: bytes) -> VerifiedCRL:
        read.append(der)
        return read_crl(der, issuer)

    monkeypatch.setattr(central_revocation, "read_crl", counted)
    asked = source(connection, finder(pki.root), max_bytes=100_000)
    signers = [pki.signer(f"S{number}") for number in range(3)]
    first = crl(pki.issuing)
    second = crl(pki.issuing, [(signers[0].certificate.serial_number, NOW - DAY)])
    for revocation_list, state in (
        (first, RevocationState.GOOD),
        (first, RevocationState.GOOD),
        (second, RevocationState.REVOKED),
    ):
        server.revocation = answer(crls=(revocation_list,))
        found = [await asked.revocation(new_call(), signer.der, pki.issuing.der, at=NOW) for signer in signers]
        assert {info.crl for info in found} == {revocation_list}
        assert [info.state for info in found] == [state, RevocationState.GOOD, RevocationState.GOOD]
    assert read == [first, second]
