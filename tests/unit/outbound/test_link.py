"""proxy.outbound over real sockets: what goes out, what comes back, what goes wrong, and what the ledger says of it."""

import asyncio
import hashlib
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from proxy.errors import DeadlineExceeded, SettingsError
from proxy.following import FollowedFiles
from proxy.outbound import (
    Answer,
    Link,
    LinkBroken,
    LinkError,
    LinkForbidden,
    LinkGarbled,
    LinkRefused,
    Links,
    LinkTimeout,
    LinkUnreachable,
    client_tls,
    origin,
)
from proxy.outbound import link as link_module
from proxy.outbound.failures import FAILURES, link_error
from tests.support.faulty_server import Reply, answers, drips, faulty_server, resets, sends, unused_url
from tests.support.pki import new_call
from tests.support.tls_files import TLSFiles, make_tls_files

BODY = b"0123456789" * 3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"


def link(**changes: object) -> Link:
    arguments: dict[str, object] = {"timeout_seconds": 5.0, "max_response_bytes": 100, "connections": 4}
    return Link("somewhere", **(arguments | changes))  # type: ignore[arg-type]  # a test's short cut


async def post(made: Link, url: str, seconds: float = 5.0) -> Answer:
    try:
        return await made.exchange(new_call(seconds), "POST", url + "/a", body=BODY, content_type="text/plain")
    finally:
        await made.close()


async def test_an_exchange_sends_what_it_is_given_and_records_both_sides() -> None:
    call = new_call()
    async with faulty_server(answers(b"answer", headers=("Retry-After: 7",))) as server:
        made = link()
        answer = await made.exchange(call, "POST", server.url + "/a%2Fb?c=d", body=BODY, content_type="text/plain")
        await made.close()
    assert (answer.status, answer.body, answer.retry_after, answer.content_type) == (
        200,
        b"answer",
        7.0,
        "application/octet-stream",
    )
    assert server.requests[0].endswith(b"\r\n\r\n" + BODY)
    assert server.head.startswith("POST /a%2Fb?c=d HTTP/1.1\r\n")
    assert "Accept-Encoding: identity" in server.head
    assert "traceparent" not in server.head
    (exchange,) = call.ledger.exchanges
    assert (exchange.destination, exchange.sent, exchange.received) == ("somewhere", 30, 6)
    assert exchange.sent_sha256 == hashlib.sha256(BODY).hexdigest()


async def test_what_authenticates_a_request_is_sent_and_is_not_on_the_ledger() -> None:
    call = new_call()
    async with faulty_server(answers(b"")) as server:
        made = link()
        await made.exchange(call, "POST", server.url, body=BODY, more_headers={"Authorization": "Bearer abc"})
        await made.close()
    assert "Authorization: Bearer abc" in server.head.splitlines()
    assert [exchange.sent for exchange in call.ledger.exchanges] == [len(BODY)]


async def test_the_trace_context_is_handed_on_only_where_asked_for_and_only_if_it_is_one() -> None:
    valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for asked, given, expected in ((True, valid, True), (False, valid, False), (True, "00-xyz\r\nevil: 1", False)):
        async with faulty_server(answers(b"")) as server:
            made = link(hand_on_trace=asked)
            await made.exchange(new_call(traceparent=given), "GET", server.url)
            await made.close()
            assert (f"traceparent: {valid}" in server.head) is expected
            assert "evil" not in server.head


async def test_nothing_is_followed_remembered_or_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with faulty_server(
        answers(b"", status="302 Found", headers=("Location: /elsewhere", "Set-Cookie: a=b; Path=/"))
    ) as server:
        made = link()
        for _ in range(2):
            with pytest.raises(LinkRefused) as refusal:
                await made.exchange(new_call(), "GET", server.url + "/here")
            assert refusal.value.answer.status == 302
        await made.close()
    assert len(server.requests) == 2
    assert "Cookie" not in server.head


async def test_an_answer_that_is_not_2xx_is_raised_with_status_headers_and_body() -> None:
    async with faulty_server(answers(b"busy", status="503 No", headers=("Retry-After: 99999999",))) as server:
        with pytest.raises(LinkRefused) as refusal:
            await post(link(), server.url)
    assert (refusal.value.answer.status, refusal.value.answer.body, refusal.value.answer.retry_after) == (503, b"busy", 3600.0)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (sends(b""), LinkBroken),
        (resets(), LinkBroken),
        (resets(OK + b"part"), LinkBroken),
        (sends(OK + b"part"), LinkBroken),
        (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), LinkGarbled),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"), LinkGarbled),
        (sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"), LinkGarbled),
        (sends(OK.replace(b"90", b"101") + b"z" * 101), LinkGarbled),
        (
            sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"40\r\n" + b"z" * 64 + b"\r\n40\r\n" + b"z" * 64),
            LinkGarbled,
        ),
        (sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n"), LinkError),
        (answers(b"\x1f\x8b", headers=("Content-Encoding: gzip",)), LinkGarbled),
    ],
)
async def test_faults_of_the_other_side_are_link_errors_and_on_the_ledger(reply: Reply, kind: type[LinkError]) -> None:
    call = new_call()
    async with faulty_server(reply) as server:
        made = link()
        with pytest.raises(kind):
            await made.exchange(call, "POST", server.url, body=BODY)
        await made.close()
    assert [exchange.sent for exchange in call.ledger.exchanges] == [30]


async def test_what_was_never_sent_is_not_on_the_ledger() -> None:
    call = new_call()
    made = link()
    for url in (unused_url(), "http://127.0.0.1:0/", "ftp://127.0.0.1/", "http://user:secret@127.0.0.1/", "nonsense"):
        with pytest.raises(LinkUnreachable):
            await made.exchange(call, "POST", url, body=BODY)
    await made.close()
    assert call.ledger.exchanges == ()


@pytest.mark.parametrize("reply", [None, drips(OK), drips(OK + b"z" * 50)])
async def test_the_destinations_timeout_and_the_calls_deadline_are_told_apart(reply: Reply | None) -> None:
    async with faulty_server(reply) as server:
        with pytest.raises(LinkTimeout):
            await post(link(timeout_seconds=0.3), server.url, seconds=30)
        with pytest.raises(DeadlineExceeded):
            await post(link(timeout_seconds=30.0), server.url, seconds=0.3)


async def test_a_connection_that_does_not_come_about_is_told_from_an_answer_that_does_not(
    tls: TLSFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_CONNECTING", 0.2)
    call = new_call()
    async with faulty_server(None) as silent:
        made = link(timeout_seconds=30.0, tls=client_tls(tls.ca))
        with pytest.raises(LinkUnreachable):
            await made.exchange(call, "POST", silent.url.replace("http:", "https:"), body=BODY)
        await made.close()
    assert call.ledger.exchanges == ()


async def test_a_call_whose_time_is_over_sends_nothing() -> None:
    async with faulty_server(answers(b"")) as server:
        with pytest.raises(DeadlineExceeded):
            await post(link(), server.url, seconds=0)
    assert server.requests == []


async def test_a_cancelled_exchange_is_on_the_ledger() -> None:
    call = new_call()
    async with faulty_server(None) as server:
        made = link()
        task = asyncio.create_task(made.exchange(call, "POST", server.url, body=BODY))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await made.close()
    assert [exchange.sent for exchange in call.ledger.exchanges] == [30]


async def test_no_more_connections_than_allowed() -> None:
    release = asyncio.Event()
    two = asyncio.Event()
    waiting = 0

    async def reply(writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            two.set()
        await release.wait()
        await answers(b"")(writer)

    async with faulty_server(reply) as server:
        made = link(connections=2)
        tasks = [asyncio.create_task(made.exchange(new_call(), "GET", server.url)) for _ in range(5)]
        await two.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        assert waiting == 2
        release.set()
        await asyncio.gather(*tasks)
        await made.close()
    assert waiting == 5


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


async def test_tls_verifies_the_server_and_shows_the_client(tls: TLSFiles) -> None:
    context = tls.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    async with faulty_server(answers(b"in"), tls=context) as server:
        answer = await post(link(tls=client_tls(tls.ca, tls.client, tls.client_key)), server.url)
        assert answer.body == b"in"
        with pytest.raises(LinkBroken):
            await post(link(tls=client_tls(tls.ca)), server.url)


async def test_tls_refuses_an_unknown_authority_and_another_name(tls: TLSFiles, tmp_path: Path) -> None:
    other = make_tls_files(tmp_path)
    async with faulty_server(answers(b""), tls=tls.server_context()) as server:
        with pytest.raises(LinkUnreachable):
            await post(link(tls=client_tls(other.ca)), server.url)
        with pytest.raises(LinkUnreachable):
            await post(link(tls=client_tls(tls.ca)), server.url.replace("127.0.0.1", "localhost"))


async def test_new_connections_have_the_files_of_the_moment(tls: TLSFiles, tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    mine, other = make_tls_files(tmp_path / "mine"), make_tls_files(tmp_path / "other")
    files = FollowedFiles()
    made = link(tls=Links(files=files).tls("there", mine.ca, mine.client, mine.client_key))

    async def ask(server: TLSFiles, authority: TLSFiles) -> bytes:
        """The answer of a server that has a certificate of ``server``'s, and wants one of ``authority``'s."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca)
        context.load_cert_chain(server.server, server.server_key)
        context.verify_mode = ssl.CERT_REQUIRED
        async with faulty_server(answers(b"in"), tls=context) as running:
            return (await made.exchange(new_call(), "GET", running.url)).body

    assert await ask(mine, mine) == b"in"
    for name in ("client", "client_key"):
        getattr(mine, name).write_bytes(getattr(other, name).read_bytes())
        await files.look()
    assert await ask(mine, other) == b"in"
    with pytest.raises(LinkUnreachable):
        await ask(other, other)
    mine.ca.write_bytes(other.ca.read_bytes())
    await files.look()
    assert await ask(other, other) == b"in"
    await made.close()


async def test_tls_below_1_2_is_refused(tls: TLSFiles) -> None:
    assert client_tls(tls.ca).minimum_version is ssl.TLSVersion.TLSv1_2


def test_tls_files_that_cannot_be_used_are_settings_errors(tls: TLSFiles, tmp_path: Path) -> None:
    missing, locked = tmp_path / "missing.pem", tmp_path / "locked.pem"
    key = load_pem_private_key(tls.client_key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pin")))
    with pytest.raises(SettingsError, match="encrypted"):
        client_tls(tls.ca, tls.client, locked)
    for arguments in ((missing,), (tls.ca, missing, missing), (tls.ca, tls.client, tls.server_key), (tls.server_key,)):
        with pytest.raises(SettingsError):
            client_tls(*arguments)


class TestAddressPolicy:
    async def test_a_literal_address_is_asked_about_before_it_is_connected_to(self) -> None:
        asked: list[tuple[str, int, IPv4Address | IPv6Address]] = []

        def refuse(host: str, port: int, address: IPv4Address | IPv6Address) -> bool:
            asked.append((host, port, address))
            return False

        async with faulty_server(answers(b"")) as server:
            with pytest.raises(LinkForbidden):
                await post(link(address_policy=refuse), server.url)
        assert server.requests == []
        assert asked == [("127.0.0.1", int(server.url.rpartition(":")[2]), ip_address("127.0.0.1"))]

    async def test_every_address_of_a_name_must_pass(self) -> None:
        seen: list[IPv4Address | IPv6Address] = []

        def only_ipv4(_host: str, _port: int, address: IPv4Address | IPv6Address) -> bool:
            seen.append(address)
            return isinstance(address, IPv4Address)

        async with faulty_server(answers(b"through")) as server:
            url = server.url.replace("127.0.0.1", "localhost")
            with pytest.raises(LinkForbidden):
                await post(link(address_policy=lambda *_: False), url)
            assert server.requests == []
            if any(isinstance(address, IPv6Address) for address in await _addresses("localhost")):
                with pytest.raises(LinkForbidden):
                    await post(link(address_policy=only_ipv4), url)
                assert server.requests == []
            assert (await post(link(address_policy=lambda *_: True), url)).body == b"through"

    @pytest.mark.parametrize("host", ["2130706433", "127.1", "017700000001", "[::ffff:127.0.0.1]"])
    async def test_other_spellings_of_an_address_do_not_slip_past(self, host: str) -> None:
        def public(_host: str, _port: int, address: IPv4Address | IPv6Address) -> bool:
            return address.is_global

        async with faulty_server(answers(b"")) as server:
            with pytest.raises(LinkUnreachable):
                await post(link(address_policy=public), server.url.replace("127.0.0.1", host))
        assert server.requests == []


async def _addresses(host: str) -> list[IPv4Address | IPv6Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, 80)
    return [ip_address(entry[4][0]) for entry in found]


def _leaves() -> list[type[Exception]]:
    own = [
        kind
        for module in (client_exceptions, http_exceptions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__.startswith("aiohttp")
    ]
    assert len(own) > 30
    system = [
        OSError,
        ConnectionResetError,
        ConnectionRefusedError,
        BrokenPipeError,
        TimeoutError,
        ssl.SSLError,
        ssl.SSLCertVerificationError,
        ssl.SSLZeroReturnError,
        asyncio.IncompleteReadError,
        EOFError,
    ]
    return [*own, *system]


@pytest.mark.parametrize("kind", _leaves(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_http_client_is_mapped(kind: type[Exception]) -> None:
    if kind is client_exceptions.WSMessageTypeError:
        assert not issubclass(kind, FAILURES), "about WebSocket messages, of which there are none here"
        return
    assert issubclass(kind, FAILURES)
    # Without the constructor's arguments, of which the text is made.
    bare = type("Bare", (kind,), {"__init__": lambda self: None, "__str__": lambda self: "bare"})
    mapped = type(link_error(bare()))
    assert mapped in {LinkForbidden, LinkUnreachable, LinkTimeout, LinkBroken, LinkGarbled}
    unreachable = issubclass(kind, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    forbidden = issubclass(kind, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError)
    assert (mapped is LinkUnreachable, mapped is LinkForbidden) == (unreachable, forbidden)


def test_origin_reads_absolute_urls_without_credentials() -> None:
    assert origin("https://Host.Example/x") == ("https", "host.example", 443)
    assert origin("http://[::1]:8080/") == ("http", "::1", 8080)
    for bad in ("/x", "ldap://host/x", "http://", "http://a:b@host/", "http://host:99999/", "http://[::1/"):
        with pytest.raises(ValueError, match=r"."):
            origin(bad)
