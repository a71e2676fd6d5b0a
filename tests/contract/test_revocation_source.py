"""The contract of ``proxy.ports.RevocationSource``, held against every source there is: network, central relay, cache."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp as x509_ocsp

from proxy.errors import DeadlineExceeded, RevocationUnavailable
from proxy.model import RevocationState
from proxy.outbound import Links
from proxy.ports import RevocationSource
from proxy.settings import CentralSettings, RevocationSettings
from proxy.signers.central_connection import CentralConnection
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.trust.anchors import TrustAnchors
from proxy.trust.caching import CachedRevocationSource
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from tests.support.central_server import central_server
from tests.support.pki import DAY, NOW, FixedClock, Hierarchy, Holder, crl, new_call, ocsp_response
from tests.support.revocation_server import revocation_server
from tests.support.tls_files import make_tls_files


@dataclass
class Bench:
    """A source under test, and how a certificate gets an answer there.

    Attributes:
        publish: Makes the source's servers answer with this OCSP response and this CRL.
    """

    source: RevocationSource
    signer: Holder
    publish: Callable[[bytes | None, bytes | None], None]
    clock: FixedClock = field(default_factory=FixedClock)


def _finder(pki: Hierarchy) -> PathFinder:
    return PathFinder(TrustAnchors((pki.root.der,)))


@asynccontextmanager
async def _network(_: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
    async with revocation_server() as server:
        settings = RevocationSettings(allow=(server.allow,))

        def publish(response: bytes | None, revocation_list: bytes | None) -> None:
            server.default_ocsp = response
            server.crls = {} if revocation_list is None else {"/crl": revocation_list}

        source = NetworkRevocationSource(settings, _finder(pki), FixedClock(), 2)
        yield Bench(source, pki.signer("Signer", server.ocsp_url, server.crl_url()), publish)
        await source.close()


@asynccontextmanager
async def _cached(folder: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
    async with _network(folder, pki) as bench:
        yield Bench(CachedRevocationSource(bench.source, bench.clock, 300), bench.signer, bench.publish)


@asynccontextmanager
async def _central(folder: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
    async with central_server(make_tls_files(folder)) as server:
        connection = CentralConnection(CentralSettings.model_validate(server.settings), 2, Links())

        def publish(response: bytes | None, revocation_list: bytes | None) -> None:
            server.revocation = {
                "ocspResponses": [b64encode(der).decode() for der in (response,) if der is not None],
                "crls": [b64encode(der).decode() for der in (revocation_list,) if der is not None],
            }

        source = CentralRevocationSource(connection, _finder(pki), RevocationSettings(), FixedClock())
        yield Bench(source, pki.signer(), publish)
        await source.close()
        await connection.close()


SOURCES = {"network": _network, "cached": _cached, "central": _central}


@pytest.fixture(params=SOURCES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path, signing_pki: Hierarchy) -> AsyncIterator[Bench]:
    async with SOURCES[request.param](tmp_path, signing_pki) as made:
        yield made


async def test_good_by_ocsp(bench: Bench, signing_pki: Hierarchy) -> None:
    response = ocsp_response(bench.signer, signing_pki.issuing)
    bench.publish(response, None)
    info = await bench.source.revocation(new_call(), bench.signer.der, signing_pki.issuing.der, at=NOW)
    assert (info.state, info.ocsp_response, info.crl) == (RevocationState.GOOD, response, None)
    assert info.this_update <= NOW < (info.next_update or NOW)


async def test_revoked_by_crl(bench: Bench, signing_pki: Hierarchy) -> None:
    revocation_list = crl(signing_pki.issuing, [(bench.signer.certificate.serial_number, NOW - DAY)])
    bench.publish(None, revocation_list)
    info = await bench.source.revocation(new_call(), bench.signer.der, signing_pki.issuing.der, at=NOW)
    assert (info.state, info.crl, info.ocsp_response) == (RevocationState.REVOKED, revocation_list, None)
    assert info.revoked_at == NOW - DAY


async def test_ocsp_goes_before_the_list_unless_it_cannot_be_believed(bench: Bench, signing_pki: Hierarchy) -> None:
    revoked = ocsp_response(bench.signer, signing_pki.issuing, status=x509_ocsp.OCSPCertStatus.REVOKED, revoked_at=NOW - DAY)
    bench.publish(revoked, crl(signing_pki.issuing))
    info = await bench.source.revocation(new_call(), bench.signer.der, signing_pki.issuing.der, at=NOW)
    assert (info.state, info.ocsp_response) == (RevocationState.REVOKED, revoked)


@pytest.mark.parametrize("fault", ["none", "rubbish", "another's", "forged", "outdated", "from the future"])
async def test_what_cannot_be_believed_is_no_answer(bench: Bench, signing_pki: Hierarchy, fault: str) -> None:
    foreign = Hierarchy.make("Signing")
    hour = timedelta(hours=1)
    answers = {
        "none": (None, None),
        "rubbish": (b"rubbish", b"rubbish"),
        "another's": (ocsp_response(signing_pki.signer("Other"), signing_pki.issuing), crl(signing_pki.root)),
        "forged": (ocsp_response(bench.signer, foreign.issuing, by_name=True), crl(foreign.issuing)),
        "outdated": (
            ocsp_response(bench.signer, signing_pki.issuing, this_update=NOW - DAY, next_update=NOW - hour),
            crl(signing_pki.issuing, issued=NOW - DAY, following=NOW - hour),
        ),
        "from the future": (
            ocsp_response(bench.signer, signing_pki.issuing, this_update=NOW + hour, next_update=NOW + DAY),
            crl(signing_pki.issuing, issued=NOW + hour),
        ),
    }
    bench.publish(*answers[fault])
    with pytest.raises(RevocationUnavailable):
        await bench.source.revocation(new_call(), bench.signer.der, signing_pki.issuing.der, at=NOW)


async def test_a_call_whose_time_is_over_is_told_so(bench: Bench, signing_pki: Hierarchy) -> None:
    bench.publish(ocsp_response(bench.signer, signing_pki.issuing), None)
    with pytest.raises(DeadlineExceeded):
        await bench.source.revocation(new_call(0), bench.signer.der, signing_pki.issuing.der, at=NOW)
