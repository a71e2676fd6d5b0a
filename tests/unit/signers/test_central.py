"""The central signer over mutual TLS: what it is sent, byte for byte, and what becomes of everything that can go wrong."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from structlog.testing import capture_logs

from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateExpired,
    CertificateKeyMismatch,
    CertificateNotFound,
    CertificateNotYetValid,
    CertificateRevoked,
    DeadlineExceeded,
    KeyNotFound,
    Maintenance,
    NotSupported,
    ProxyError,
    SettingsError,
    SignerError,
    SignerUnavailable,
)
from proxy.model import Credential, Digest, HashAlgorithm, MaintenanceState, SignAlgorithm
from proxy.settings import CentralSettings
from proxy.signers.central import CentralSigner
from proxy.signers.central_connection import NotOffered
from tests.support.central_server import CentralServer, Entry, Handler, central_server, problem, says
from tests.support.faulty_server import Reply, drips, faulty_server, resets, sends, unused_url
from tests.support.keys import ec_key, rsa_key
from tests.support.pki import FixedClock, Hierarchy, issue, new_call, usage
from tests.support.stepped import SteppedTime
from tests.support.tls_files import TLSFiles, make_tls_files

DIGEST = Digest.of(b"signed attributes", HashAlgorithm.SHA256)
ECDSA = SignAlgorithm.ECDSA
ALL_HASHES = tuple(HashAlgorithm)

Central = Callable[..., CentralSigner]


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def server(tls: TLSFiles, pki: Hierarchy) -> AsyncIterator[CentralServer]:
    async with central_server(tls) as running:
        running.entries["c1"] = Entry(pki.signer(key=ec_key()), pki.chain, ("ECDSA",), ALL_HASHES)
        yield running


@pytest.fixture
async def central(tls: TLSFiles, clock: FixedClock) -> AsyncIterator[Central]:
    """Makes signers for a URL, and closes them."""
    made: list[CentralSigner] = []

    def make(url: str, in_flight: int = 4, **changes: object) -> CentralSigner:
        files = {"ca": tls.ca, "client_certificate": tls.client, "client_key": tls.client_key}
        made.append(
            CentralSigner(
                CentralSettings.model_validate({"url": url, **files, **changes}), in_flight, clock, SteppedTime().links()
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


def credential(pki: Hierarchy, certificate_id: str = "c1") -> Credential:
    return Credential(certificate_id, pki.signer(key=ec_key()).der, pki.chain, (ECDSA,), ALL_HASHES, "central")


class TestSigning:
    async def test_what_is_sent_is_compact_and_on_the_ledger(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        call = new_call(traceparent=trace)
        await central(server.url).sign_digests(call, credential(pki), ECDSA, [DIGEST])
        ((method, path, body),) = server.asked
        assert (method, path) == ("POST", "/v1/signatures/hash")
        assert body == (
            b'{"certificateId":"c1","hashAlgorithm":"SHA-256","signAlgorithm":"ECDSA","hashes":["' + DIGEST_BASE64 + b'"]}'
        )
        assert server.traceparents == [trace]
        sent, received = call.ledger.totals("central")
        assert sent == len(body)
        assert 0 < received < 1024

    async def test_a_call_with_a_key_has_one_upstream_unless_the_settings_say_not(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        for upstream_key, settings in (("k" * 64, {}), ("k" * 64, {"idempotency_keys": False}), (None, {})):
            call = new_call()
            call.upstream_key = upstream_key
            await central(server.url, **settings).sign_digests(call, credential(pki), ECDSA, [DIGEST])
        assert server.idempotency_keys == ["k" * 64, None, None]

    async def test_the_largest_usual_key_stays_below_a_kilobyte_each_way(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        signer = pki.signer(key=rsa_key(4096))
        server.entries["f" * 128] = Entry(signer, pki.chain, ("RSASSA-PSS",), ("SHA-512",))
        one = central(server.url)
        found = await one.get_credential(new_call(), "f" * 128)
        call = new_call()
        await one.sign_digests(call, found, SignAlgorithm.RSASSA_PSS, [Digest.of(b"", HashAlgorithm.SHA512)])
        assert all(size < 1024 for size in call.ledger.totals("central"))

    async def test_no_more_than_the_bound_in_flight_and_waiting_counts_in_the_deadline(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        release, two = asyncio.Event(), asyncio.Event()
        one = central(server.url, in_flight=2)

        async def slow(_: web.Request) -> web.Response:
            if server.in_flight == 2:
                two.set()
            await release.wait()
            return web.json_response({"signatures": ["AA=="]})

        server.fault = slow
        tasks = [asyncio.create_task(one.sign_digests(new_call(), credential(pki), ECDSA, [DIGEST])) for _ in range(6)]
        await two.wait()
        late = new_call(0.05)
        with pytest.raises(DeadlineExceeded):
            await one.sign_digests(late, credential(pki), ECDSA, [DIGEST])
        assert late.ledger.exchanges == ()
        release.set()
        assert await asyncio.gather(*tasks) == [(b"\x00",)] * 6
        assert (server.in_flight_most, len(server.asked)) == (2, 6)


DIGEST_BASE64 = b"yIMnrdrm3eF7rnM73DpS1Q5Ch49Rz0sjOIeUNpBv8Cg="


ANSWERS: list[tuple[str, Handler, type[ProxyError], float | None]] = [
    ("maintenance", problem(503, "MAINTENANCE", retry_after="600"), Maintenance, 600),
    ("busy", problem(429, "CONCURRENCY_LIMIT", retry_after="3"), SignerUnavailable, 3),
    ("still at work", problem(409, "IN_PROGRESS", retry_after="2"), SignerUnavailable, 2),
    ("a key of another", problem(409, "IDEMPOTENCY_CONFLICT"), SignerError, None),
    ("down", problem(503, "SIGNER_UNAVAILABLE"), SignerUnavailable, None),
    ("down, with a date", problem(503, "X", retry_after="Mon, 01 Jun 2026 12:00:00 GMT"), SignerUnavailable, None),
    ("gateway", says("<html>", status=503, content_type="text/html"), SignerUnavailable, None),
    ("not found", problem(404, "CERTIFICATE_NOT_FOUND"), CertificateNotFound, None),
    ("algorithm", problem(422, "ALGORITHM_NOT_ALLOWED"), AlgorithmNotAllowed, None),
    ("expired", problem(422, "CERTIFICATE_EXPIRED"), CertificateExpired, None),
    ("not yet", problem(422, "CERTIFICATE_NOT_YET_VALID"), CertificateNotYetValid, None),
    ("revoked", problem(422, "CERTIFICATE_REVOKED"), CertificateRevoked, None),
    ("not supported", problem(501, "NOT_SUPPORTED"), NotSupported, None),
    ("our own fault", problem(400, "INVALID_PARAMETER"), SignerError, None),
    ("not permitted", problem(403, "OPERATION_NOT_PERMITTED"), NotOffered, None),
    ("no such route", says("", status=404), SignerError, None),
    ("its own trouble", problem(500, "INTERNAL"), SignerError, None),
    ("a code that is no text", says('{"code": 7}', status=500, content_type="application/problem+json"), SignerError, None),
    ("a problem that is no JSON", says("{", status=500, content_type="application/problem+json"), SignerError, None),
    ("a redirect", says("", status=302), SignerError, None),
    ("garbage", says("}{"), SignerError, None),
    ("nested beyond reason", says("[" * 100_000), SignerError, None),
    ("not an object", says("[]"), SignerError, None),
    ("another type", says('{"signatures":["AA=="]}', content_type="text/plain"), SignerError, None),
    ("not UTF-8", says(b'{"signatures":["\xff"]}'), SignerError, None),
    ("no signatures", says("{}"), SignerError, None),
    ("null", says('{"signatures":[null]}'), SignerError, None),
    ("not base64", says('{"signatures":["A"]}'), SignerError, None),
    ("base64url", says('{"signatures":["-_8="]}'), SignerError, None),
    ("base64 with a line break", says('{"signatures":["AA==\\n"]}'), SignerError, None),
    ("empty", says('{"signatures":[""]}'), SignerError, None),
    ("a value too large", says(json.dumps({"signatures": ["A" * 4000]})), SignerError, None),
    ("an answer too large", says(b" " * 4_000_001), SignerError, None),
]


@pytest.mark.parametrize(("handler", "kind", "retry_after"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
async def test_every_answer_has_its_code(
    server: CentralServer,
    central: Central,
    pki: Hierarchy,
    handler: Handler,
    kind: type[ProxyError],
    retry_after: float | None,
) -> None:
    server.fault = handler
    with pytest.raises(ProxyError) as failure:
        await central(server.url).sign_digests(new_call(), credential(pki), ECDSA, [DIGEST])
    assert (type(failure.value), failure.value.retry_after) == (kind, retry_after)
    assert "db7" not in failure.value.detail


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (resets(), SignerUnavailable),
        (resets(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"), SignerUnavailable),
        (sends(b""), SignerUnavailable),
        (sends(b"220 smtp.example ESMTP\r\n"), SignerError),
    ],
)
async def test_a_connection_that_breaks(
    tls: TLSFiles, central: Central, pki: Hierarchy, reply: Reply, kind: type[ProxyError]
) -> None:
    call = new_call()
    async with faulty_server(reply, tls=tls.server_context()) as broken:
        with pytest.raises(kind):
            await central(broken.url).sign_digests(call, credential(pki), ECDSA, [DIGEST])
    assert call.ledger.totals("central")[0] == len(broken.requests[0].partition(b"\r\n\r\n")[2])


async def test_nobody_there(central: Central, pki: Hierarchy) -> None:
    with pytest.raises(SignerUnavailable):
        await central(unused_url().replace("http:", "https:")).sign_digests(new_call(), credential(pki), ECDSA, [DIGEST])


@pytest.mark.parametrize(
    ("days_left", "trusted", "spoken_to"), [(1, True, True), (-1, True, False), (1, False, False)], ids=str
)
async def test_nothing_is_sent_before_the_server_has_proven_who_it_is(
    central: Central, pki: Hierarchy, tmp_path: Path, days_left: int, trusted: bool, spoken_to: bool
) -> None:
    context, anchor = _server_certificate(tmp_path, timedelta(days=days_left))
    async with faulty_server(sends(b""), tls=context) as server:
        one = central(server.url, ca=anchor) if trusted else central(server.url)
        with pytest.raises(SignerUnavailable):
            await one.sign_digests(new_call(), credential(pki), ECDSA, [DIGEST])
    assert (server.requests != []) is spoken_to


def _server_certificate(folder: Path, left: timedelta) -> tuple[ssl.SSLContext, Path]:
    """A TLS server's certificate in order but for its end, and the PEM file of its anchor."""
    now = datetime.now(UTC).replace(microsecond=0)
    begins = now - timedelta(days=9)
    ca = issue("TLS CA", ca=True, begins=begins, ends=now + timedelta(days=9), extensions=[usage("key_cert_sign")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    server = issue("127.0.0.1", ca, begins=begins, ends=now + left, extensions=[(names, False), (authority, False)])
    anchor = folder / "anchor.pem"
    anchor.write_bytes(ca.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server.write(folder, "server"))
    return context, anchor


async def test_a_drip_beyond_the_deadline_and_beyond_the_timeout(tls: TLSFiles, central: Central, pki: Hierarchy) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
    async with faulty_server(drips(head + b" " * 9000), tls=tls.server_context()) as slow:
        with pytest.raises(DeadlineExceeded):
            await central(slow.url).sign_digests(new_call(0.3), credential(pki), ECDSA, [DIGEST])
        with pytest.raises(SignerUnavailable):
            await central(slow.url, timeout_seconds=0.3).sign_digests(new_call(), credential(pki), ECDSA, [DIGEST])


class TestCertificates:
    async def test_the_list_is_read_page_by_page_and_both_are_kept(
        self, server: CentralServer, central: Central, pki: Hierarchy, clock: FixedClock
    ) -> None:
        for number in range(2, 6):
            server.entries[f"c{number}"] = Entry(pki.signer(), pki.chain, ("ECDSA",), ALL_HASHES)
        one = central(server.url, certificate_cache_seconds=60)
        for _ in range(2):
            assert [entry.certificate_id for entry in await one.list_credentials(new_call())] == ["c1", "c2", "c3", "c4", "c5"]
        assert server.paths()[:3] == [
            "GET /v1/certificates?limit=1000",
            "GET /v1/certificates?limit=1000&cursor=2",
            "GET /v1/certificates?limit=1000&cursor=4",
        ]
        assert len(server.asked) == 3 + 5
        await one.get_credential(new_call(), "c3")
        clock.advance(timedelta(seconds=60))
        await one.get_credential(new_call(), "c3")
        assert server.paths()[8:] == ["GET /v1/certificates/c3/chain"]

    async def test_one_that_is_gone_since_the_list_was_made_is_left_out(
        self, server: CentralServer, central: Central, pki: Hierarchy, clock: FixedClock
    ) -> None:
        server.entries["c0"] = Entry(pki.signer(), pki.chain, ("ECDSA",), ALL_HASHES)
        one = central(server.url, certificate_cache_seconds=60)
        await one.list_credentials(new_call())
        one._credentials.forget("c0")
        del server.entries["c0"]
        assert [entry.certificate_id for entry in await one.list_credentials(new_call())] == ["c1"]

    async def test_many_at_once_ask_once(self, server: CentralServer, central: Central) -> None:
        one = central(server.url)
        found = await asyncio.gather(*(one.get_credential(new_call(), "c1") for _ in range(10)))
        assert len(set(found)) == 1
        assert len(server.asked) == 1

    async def test_a_list_without_end_is_an_error(self, server: CentralServer, central: Central) -> None:
        server.fault = says('{"certificates":[],"nextCursor":"more"}')
        with pytest.raises(SignerError, match="does not end"):
            await central(server.url).list_credentials(new_call())

    async def test_what_this_version_cannot_use_is_left_out_with_a_warning(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        edwards = issue("Ed", pki.issuing, key=ed25519.Ed25519PrivateKey.generate())  # type: ignore[arg-type]
        server.entries["ed"] = Entry(edwards, pki.chain, ("EdDSA",), ("SHA-512",))
        server.entries["future"] = Entry(pki.signer(), pki.chain, ("ML-DSA", "ECDSA"), ("SHA3-256", "SHA-384"))
        server.entries["none"] = Entry(pki.signer(), pki.chain, ("ML-DSA",), ("SHA-384",))
        one = central(server.url)
        with capture_logs() as logs:
            listed = {entry.certificate_id: entry for entry in await one.list_credentials(new_call())}
        assert set(listed) == {"c1", "future"}
        assert listed["future"].sign_algorithms == (ECDSA,)
        assert listed["future"].hash_algorithms == (HashAlgorithm.SHA384,)
        warned = [entry["certificateId"] for entry in logs if entry["event"] == "central.unusable_certificate"]
        assert warned == ["ed", "none"]
        with pytest.raises(AlgorithmNotAllowed):
            await one.get_credential(new_call(), "ed")

    @pytest.mark.parametrize(
        "chain",
        [
            "{}",
            '{"certificates":[],"signAlgorithms":["ECDSA"],"hashAlgorithms":["SHA-256"]}',
            '{"certificates":["AA=="],"signAlgorithms":["ECDSA"],"hashAlgorithms":["SHA-256"]}',
            '{"certificates":["*"],"signAlgorithms":["ECDSA"],"hashAlgorithms":["SHA-256"]}',
            '{"certificates":"AA==","signAlgorithms":["ECDSA"],"hashAlgorithms":["SHA-256"]}',
        ],
    )
    async def test_a_chain_that_is_none(self, server: CentralServer, central: Central, chain: str) -> None:
        server.fault = says(chain)
        with pytest.raises(SignerError):
            await central(server.url).get_credential(new_call(), "c1")

    async def test_a_certificate_that_is_gone_is_forgotten(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        one = central(server.url)
        found = await one.get_credential(new_call(), "c1")
        del server.entries["c1"]
        with pytest.raises(CertificateNotFound):
            await one.sign_digests(new_call(), found, ECDSA, [DIGEST])
        with pytest.raises(CertificateNotFound):
            await one.get_credential(new_call(), "c1")

    async def test_refusals_of_a_registration_keep_their_codes(
        self, server: CentralServer, central: Central, pki: Hierarchy
    ) -> None:
        one = central(server.url)
        for status, code, kind in (
            (404, "KEY_NOT_FOUND", KeyNotFound),
            (422, "CERTIFICATE_KEY_MISMATCH", CertificateKeyMismatch),
            (501, "NOT_SUPPORTED", NotSupported),
            (403, "OPERATION_NOT_PERMITTED", SignerError),
        ):
            server.fault = problem(status, code)
            with pytest.raises(kind):
                await one.register_certificate(new_call(), "k", pki.signer().der, pki.chain)


async def test_maintenance_is_told_as_it_is(server: CentralServer, central: Central) -> None:
    one = central(server.url)
    assert await one.maintenance(new_call()) == MaintenanceState(in_maintenance=False)
    server.maintenance = {
        "inMaintenance": True,
        "from": "2026-06-01T21:00:00+09:00",
        "to": "2026-06-01T13:00:00Z",
        "message": "計画停止",
    }
    assert await one.maintenance(new_call()) == MaintenanceState(
        True, datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, 13, tzinfo=UTC), "計画停止"
    )
    for wrong in ('{"inMaintenance":"yes"}', '{"inMaintenance":true,"from":"2026-06-01T21:00:00"}', "{}"):
        server.fault = says(wrong)
        with pytest.raises(SignerError):
            await one.maintenance(new_call())


def test_settings_that_cannot_be_used(central: Central, tmp_path: Path) -> None:
    for url in ("http://central.example", "central.example", "https://user:secret@central.example"):
        with pytest.raises(SettingsError, match=r"central\.url"):
            central(url)
    with pytest.raises(SettingsError):
        central("https://central.example", client_key=tmp_path / "missing.pem")
