"""Nothing of a document leaves: every byte that a proxy sends anywhere is looked at, and it reaches out to its upstreams alone.

The proxy is a process of its own. Its upstreams are recorders that end TLS and keep the plaintext; an audit hook in each of its
processes writes down every attempt to reach anybody, which only recorders and engine processes may be.
"""

import asyncio
import hashlib
import io
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyhanko.sign.fields import SigSeedValueSpec

from tests.conformance.judges import pdfsig, tampered_copy
from tests.invariants.calls import (
    CERTIFICATE,
    FORMS,
    LONG_TERM,
    Answer,
    Way,
    sign,
    sign_digests,
    sign_visibly,
    transaction,
    whole,
    write,
)
from tests.invariants.deployment import HOST, Deployment, Proxy, free_port
from tests.support.keys import rsa_key
from tests.support.leaks import leaked, text_windows, windows
from tests.support.pdf_files import plain_file, write_sized_file
from tests.support.pki import SIGNER_USAGE, access_at, crl_at, issue
from tests.support.recorder import Message, Recorder
from tests.support.seal_images import seal
from tests.support.signed_files import signed_by_others, with_field

pytestmark = pytest.mark.xdist_group("invariants")

TEXT = "代表取締役 山田太郎 承認済 matter 4711"
REASON = "承認 approved by 山田太郎 in matter 4711"
FILE_NAME = "秘密契約書-secret-contract-4711.pdf"
SIZE = 5_000_000
KILOBYTE = 1_024

ASK_ANEW = {"revocation": {"cache_seconds": 0}, "central": {"certificate_cache_seconds": 0}}
"""Each call asks everybody: the most there is to see."""


@dataclass(frozen=True)
class Secrets:
    """A document, and what must not be seen of it and of what came with it."""

    document: bytes
    windows: frozenset[bytes]


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    out = io.BytesIO()
    write_sized_file(out, SIZE, iter(lambda: os.urandom(1 << 16), b""))
    document = out.getvalue()
    return Secrets(document, windows(document) | text_windows(REASON) | text_windows(FILE_NAME))


@pytest.fixture(scope="module")
def proxy(deployment: Deployment) -> Iterator[Proxy]:
    with deployment.proxy(**ASK_ANEW) as running:
        yield running


@pytest.fixture(autouse=True)
def _recorded_anew(deployment: Deployment) -> None:
    deployment.clear()
    deployment.responder.ocsp_down = False


# -- the check --------------------------------------------------------------------------------------------------------


def offences(deployment: Deployment, proxy: Proxy, secrets: Secrets) -> list[str]:
    """Everything that a proxy did since the last ``clear`` and must not do."""
    allowed = [recorder.address for recorder in deployment.recorders.values()]
    found = [
        f"{name} was sent {window!r}"
        for name, recorder in deployment.recorders.items()
        for stream in (recorder.sent, recorder.received)
        if (window := leaked(secrets.windows, stream)) is not None
    ]
    found += [f"attempted: {attempt}" for attempt in proxy.attempts() if not _permitted(attempt, allowed)]
    found += [f"connected: {connection}" for connection in _connections(proxy) if connection not in allowed]
    engines = {process.pid for process in proxy.engines()}
    found += [f"started: {process}" for process in proxy.processes()[1:] if process.pid not in engines]
    return found


def _permitted(attempt: dict[str, Any], allowed: list[tuple[str, int]]) -> bool:
    match attempt:
        case {"event": "socket.connect", "arguments": [_, socket.SOCK_STREAM, [host, port]]}:
            return (host, port) in allowed
        case {"event": "subprocess.Popen", "arguments": [_, [_, "-P", "-m", "proxy.engine.worker", *_]]}:
            return True
    return False


def _connections(proxy: Proxy) -> list[tuple[object, ...]]:
    """Whom the kernel says its processes are connected to, but for the callers."""
    peers: list[tuple[object, ...]] = [
        tuple(connection.raddr)
        for process in proxy.processes()
        for connection in process.net_connections("inet")
        if connection.laddr.port != proxy.port
    ]
    return [peer for peer in peers if peer]


async def signed(proxy: Proxy, secrets: Secrets, form: str, way: Way = Way.MULTIPART) -> Answer:
    async with proxy.session() as session:
        return await sign(session, form, secrets.document, way, reason=REASON, file_name=FILE_NAME)


# -- what must hold ---------------------------------------------------------------------------------------------------


async def test_nothing_of_a_document_leaves(deployment: Deployment, proxy: Proxy, secrets: Secrets, tmp_path: Path) -> None:
    for form in FORMS:
        for way in Way:
            answer = await signed(proxy, secrets, form, way)
            result = write(tmp_path / "signed.pdf", answer.document(way, secrets.document))
            if way is not Way.RAW_DRY:
                (verdict,) = pdfsig(result)
                assert verdict.valid, (form, way)
                assert verdict.total_document, (form, way)
                (verdict,) = pdfsig(tampered_copy(result, tmp_path / "tampered.pdf"))
                assert not verdict.valid, (form, way)
    for recorder in deployment.recorders.values():
        assert recorder.sent, "an upstream that was never asked proves nothing"
    assert offences(deployment, proxy, secrets) == []
    assert leaked(secrets.windows, json.dumps(proxy.log, ensure_ascii=False).encode()) is None


@pytest.mark.parametrize("form", LONG_TERM)
async def test_nothing_of_a_document_its_seal_or_its_text_leaves(
    deployment: Deployment, proxy: Proxy, secrets: Secrets, tmp_path: Path, form: str
) -> None:
    image = seal()
    document, hidden = secrets.document, replace(secrets, windows=secrets.windows | windows(image) | text_windows(TEXT))
    async with proxy.session() as session:
        if form == "ES_A":
            answer = await sign(session, "ES-T", document, reason=REASON, file_name=FILE_NAME)
            document = answer.document(Way.RAW, document)
            hidden = replace(hidden, document=document)
        answer = await sign_visibly(session, form, document, reason=REASON, text=TEXT, seal=image, file_name=FILE_NAME)
    result = write(tmp_path / "signed.pdf", answer.document(Way.MULTIPART, document))
    assert all(verdict.valid for verdict in pdfsig(result))
    assert deployment.tsa.sent, "an upstream that was never asked proves nothing"
    assert offences(deployment, proxy, hidden) == []
    assert leaked(hidden.windows, json.dumps(proxy.log, ensure_ascii=False).encode()) is None


async def test_nothing_of_a_document_leaves_where_a_crl_is_needed(
    deployment: Deployment, proxy: Proxy, secrets: Secrets
) -> None:
    deployment.responder.ocsp_down = True
    (await signed(proxy, secrets, "ES-T")).document(Way.MULTIPART, secrets.document)
    assert b"GET /crl/" in deployment.services.sent
    assert offences(deployment, proxy, secrets) == []


async def test_no_url_inside_a_document_is_contacted(deployment: Deployment, proxy: Proxy, secrets: Secrets) -> None:
    # Where the operator lets the proxy go: it is not the address that keeps it from there.
    url = f"http://{HOST}:{deployment.services.port}/of-the-document"
    stranger = issue("Stranger", key=rsa_key(), extensions=[SIGNER_USAGE, access_at(url), crl_at(f"{url}/crl")])
    advice = SigSeedValueSpec(timestamp_server_url=f"{url}/tsa")
    plain = with_field(plain_file(pages=1).with_table(), "A", seed_values=advice)
    document = await asyncio.to_thread(signed_by_others, plain, "B", certificate=stranger.der)
    # A signature beside the stranger's; and one that is to be extended, which is not to be had.
    asked = (
        ("/v1/signatures/es-a", {"certificateId": CERTIFICATE, "fieldName": "A"}, None),
        ("/v1/timestamps", {"purpose": "ES_A"}, "NOT_EXTENDABLE"),
    )
    async with proxy.session() as session:
        for path, query, code in asked:
            headers = {"Content-Type": "application/pdf"}
            async with session.post(path, params=query, data=document, headers=headers) as response:
                answer = await whole(response)
            assert code == (None if answer.status == 200 else answer.code)
    assert deployment.services.sent, "an upstream that was never asked proves nothing"
    assert b"/of-the-document" not in deployment.services.sent
    assert offences(deployment, proxy, secrets) == []


async def test_nothing_of_a_document_leaves_with_a_refusal(deployment: Deployment, proxy: Proxy, secrets: Secrets) -> None:
    damaged = replace(secrets, document=secrets.document[: SIZE // 2])
    for form in FORMS:
        answer = await signed(proxy, damaged, form)
        assert (answer.status, answer.code) == (400, "INVALID_DOCUMENT")
    assert b"/v1/signatures/hash" not in deployment.central.sent
    assert not deployment.tsa.sent
    assert offences(deployment, proxy, secrets) == []


@pytest.mark.parametrize("certificate", ["legal-person-rsa", "legal-person-p256", "test-rsa4096", "test-p521"])
async def test_one_digest_costs_under_a_kilobyte_each_way(deployment: Deployment, proxy: Proxy, certificate: str) -> None:
    async with proxy.session() as session:
        answer = await sign_digests(session, [hashlib.sha256(b"x").digest()], certificate=certificate)
    assert answer.status == 200, answer.body
    ((request, reply),) = [pair for pair in deployment.central.exchanges() if pair[0].start.startswith(b"POST ")]
    assert request.start == b"POST /v1/signatures/hash HTTP/1.1"
    assert 0 < len(request.body) < KILOBYTE
    assert 0 < len(reply.body) < KILOBYTE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("ocsp_down", [False, True], ids=["OCSP", "CRL"])
async def test_what_the_proxy_tells_of_its_exchanges_is_what_was_exchanged(
    deployment: Deployment, proxy: Proxy, form: str, way: Way, *, ocsp_down: bool
) -> None:
    deployment.responder.ocsp_down = ocsp_down
    async with proxy.session() as session:
        answer = await sign(session, form, _small(), way, reason=REASON)
        assert answer.status == 200, answer.body
        sent, received = deployment.central.body_bytes()
        assert answer.headers["Upstream-Bytes"] == f"sent={sent};received={received}"
        assert sent > 0 or way is Way.RAW_DRY
        record = await transaction(session, answer.transaction_id)
    assert sorted(_told(record)) == sorted(_recorded(deployment))


async def test_what_the_proxy_tells_of_a_hash_signature_is_what_was_exchanged(deployment: Deployment, proxy: Proxy) -> None:
    async with proxy.session() as session:
        answer = await sign_digests(session, [hashlib.sha256(bytes([number])).digest() for number in range(100)])
        assert answer.status == 200, answer.body
        sent, received = deployment.central.body_bytes()
        assert answer.headers["Upstream-Bytes"] == f"sent={sent};received={received}"
        record = await transaction(session, answer.transaction_id)
    assert sorted(_told(record)) == sorted(_recorded(deployment))


def _told(record: dict[str, Any]) -> list[tuple[str, int, int, str]]:
    return [(entry["destination"], entry["sent"], entry["received"], entry["sentSha256"]) for entry in record["exchanges"]]


def _recorded(deployment: Deployment) -> Iterator[tuple[str, int, int, str]]:
    """The same, as the recorders saw it. A destination beside central is named by its kind, host and port."""

    def entry(destination: str, request: Message, reply: Message) -> tuple[str, int, int, str]:
        return destination, len(request.body), len(reply.body), hashlib.sha256(request.body).hexdigest()

    def at(kind: str, recorder: Recorder) -> str:
        return f"{kind}:{recorder.host}:{recorder.port}"

    for request, reply in deployment.central.exchanges():
        yield entry("central", request, reply)
    for request, reply in deployment.tsa.exchanges():
        yield entry(at("tsa", deployment.tsa), request, reply)
    for request, reply in deployment.services.exchanges():
        path = urlsplit(request.start.split()[1].decode()).path
        yield entry(at(path.split("/")[1], deployment.services), request, reply)


def _small() -> bytes:
    out = io.BytesIO()
    write_sized_file(out, 20_000, iter(lambda: os.urandom(1 << 12), b""))
    return out.getvalue()


# -- the check itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream", "plant"),
    [
        pytest.param("central", {"kind": "header"}, id="in a header to the central signer"),
        pytest.param("central", {"kind": "body"}, id="in a body to the central signer"),
        pytest.param("tsa", {"kind": "body"}, id="in a body to the time-stamping authority", marks=pytest.mark.full),
        pytest.param("services", {"kind": "header"}, id="in a header to the OCSP responder"),
        pytest.param(
            "central", {"kind": "text", "text": REASON}, id="the reason, to the central signer", marks=pytest.mark.full
        ),
        pytest.param("tsa", {"kind": "text", "text": FILE_NAME}, id="the file name, to the time-stamping authority"),
    ],
)
async def test_sixteen_leaked_bytes_turn_the_check_red(
    deployment: Deployment, secrets: Secrets, upstream: str, plant: dict[str, str]
) -> None:
    port = deployment.recorders[upstream].port
    with deployment.proxy(plant={**plant, "port": port}, **ASK_ANEW) as leaking:
        await signed(leaking, secrets, "ES-T")
        found = offences(deployment, leaking, secrets)
    assert len(found) == 1
    assert found[0].startswith(f"{upstream} was sent ")


async def test_reaching_out_in_any_other_way_turns_the_check_red(deployment: Deployment, secrets: Secrets) -> None:
    port = free_port()
    with deployment.proxy(plant={"kind": "stray", "port": port}) as stray:
        (await signed(stray, secrets, "ES")).document(Way.MULTIPART, secrets.document)
        found = offences(deployment, stray, secrets)
    told = "\n".join(found)
    assert f"'socket.connect', 'arguments': ['AF_INET', 1, ['{HOST}', {port}]]" in told
    assert f"'socket.sendto', 'arguments': ['AF_INET', 2, ['{HOST}', {port}]]" in told
    assert "socket.getaddrinfo" in told
    assert "/bin/true" in told


async def test_where_documents_are_parsed_nothing_can_be_reached(deployment: Deployment, secrets: Secrets) -> None:
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        with deployment.proxy(plant={"kind": "engine", "port": port}) as stray:
            (await signed(stray, secrets, "ES")).document(Way.MULTIPART, secrets.document)
            assert stray.outcomes() == dict.fromkeys(("connect", "send", "resolve", "run"), "PermissionError")
            found = offences(deployment, stray, secrets)
        # The attempts were seen, too.
        assert len(found) == 4
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
