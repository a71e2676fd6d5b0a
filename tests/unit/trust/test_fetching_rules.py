"""The rules by which the URLs of certificates are followed, one test each; docs/trust.md is their table."""

import asyncio
import gzip
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import DeadlineExceeded, RevocationUnavailable, SettingsError
from proxy.model import RevocationState
from proxy.trust import access_points, reach
from proxy.trust.reach import address_policy, is_public
from tests.support.faulty_server import Reply, answers, drips, faulty_server, sends
from tests.support.pki import NOW, Hierarchy, crl, crl_at, new_call, ocsp_at
from tests.unit.trust import test_issuers
from tests.unit.trust.conftest import World

PAGE = Path(__file__).parents[3] / "docs" / "trust.md"


# -- whose URLs --------------------------------------------------------------------------------------------------------


async def test_only_certificates_that_chain_to_an_anchor_are_asked_about(world: World) -> None:
    stranger = Hierarchy.make("Stranger")
    source = world.source()
    foreign = stranger.signer("S", world.server.ocsp_url, world.server.crl_url())
    for issuer in (stranger.issuing, world.pki.issuing):
        with pytest.raises(RevocationUnavailable, match="trusted certificates only"):
            await source.revocation(new_call(), foreign.der, issuer.der, at=NOW)
    assert world.server.asked == []
    assert await world.asked(world.server.ocsp_url, source=source) == [("POST", "/ocsp")]


async def test_only_the_certificates_own_issuer_is_taken_at_its_word(world: World) -> None:
    stranger = Hierarchy.make("Stranger")
    source = world.source()
    assert await world.asked(world.server.ocsp_url, source=source) == [("POST", "/ocsp")]
    world.server.asked.clear()
    own = world.pki.signer("S", world.server.ocsp_url, world.server.crl_url())
    for issuer in (stranger.issuing.der, b"rubbish"):
        with pytest.raises(RevocationUnavailable, match="own issuer"):
            await source.revocation(new_call(), own.der, issuer, at=NOW)
    assert world.server.asked == []


# -- which URLs --------------------------------------------------------------------------------------------------------


async def test_http_and_https_alone(world: World) -> None:
    assert await world.asked(crl_at("ldap://127.0.0.1/cn=x", "ftp://127.0.0.1/crl", f"{world.server.url}/crl")) == [
        ("GET", "/crl")
    ]
    for scheme in ("ldap", "ldaps", "ftp", "file", "gopher", "ws", "HTTPX"):
        assert not access_points.is_usable(f"{scheme}://127.0.0.1:{world.port}/ocsp"), scheme
        assert await world.asked(ocsp_at(f"{scheme}://127.0.0.1:{world.port}/ocsp")) == []


async def test_no_user_in_the_url(world: World) -> None:
    host = f"127.0.0.1:{world.port}"
    for user in ("user@", "user:secret@", "@", ":@", "ocsp.example:80@"):
        assert await world.asked(ocsp_at(f"http://{user}{host}/ocsp")) == []
    assert await world.asked(ocsp_at(f"http://{host}/ocsp")) == [("POST", "/ocsp")]


@pytest.mark.parametrize("odd", [" ", "\t", "\r\nX: y", "\\", "\x00", "\x7f", "<", '"', "^", "`", "{", "|"])
async def test_urls_are_written_as_urls_are(world: World, odd: str) -> None:
    for url in (f"{world.server.url}/oc{odd}sp", f"http://{odd}127.0.0.1:{world.port}/ocsp", f"{world.server.url}{odd}/ocsp"):
        assert await world.asked(ocsp_at(url)) == []
        assert not access_points.is_usable(url)
    for url in (
        "http://",
        "http:///ocsp",
        "http://[::1/",
        "http://a:99999/",
        "http://a:0x50/",
        "http://é.example/",
        "x" * 3000,
    ):
        assert not access_points.is_usable(url)
    assert not access_points.is_usable(f"{world.server.url}/{'x' * 2048}")


async def test_three_urls_of_a_kind_at_most(world: World) -> None:
    first = [f"{world.server.url}/none{number}" for number in range(access_points.MOST_URLS)]
    signer = world.pki.signer("S", crl_at(*first, f"{world.server.url}/crl"))
    world.server.crls["/crl"] = crl(world.pki.issuing)
    with pytest.raises(RevocationUnavailable):
        await world.source().revocation(new_call(), signer.der, world.pki.issuing.der, at=NOW)
    assert world.server.asked == [("GET", f"/none{number}") for number in range(access_points.MOST_URLS)]


# -- where they lead ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "168.63.129.16",
        "192.88.99.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
    ],
)
def test_no_address_inside_or_of_the_cloud(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not address_policy([])("responder.example", 80, ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:a9fe:a9fe",
    ],
)
def test_no_address_inside_within_an_address_of_ipv6(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "203.119.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2400:cb00::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert address_policy([])("responder.example", 80, ip_address(address))


async def test_no_address_spelled_in_another_way(world: World) -> None:
    for host in (
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "017700000001",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
        "１２７.0.0.1",
        "0",
    ):
        if host.isascii():
            assert await world.asked(ocsp_at(f"http://{host}:{world.port}/ocsp")) == []
        assert not access_points.is_usable(f"http://{host}:{world.port}/ocsp")
    assert await world.asked(ocsp_at(f"http://127.0.0.1:{world.port}/ocsp")) == [("POST", "/ocsp")]


async def test_the_ports_of_http_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    policy, public = address_policy([]), ip_address("8.8.8.8")
    assert [port for port in (21, 22, 25, 80, 443, 6379, 8080) if policy("responder.example", port, public)] == [80, 443]
    monkeypatch.setattr(reach, "is_public", lambda _: True)
    assert await world.asked(world.server.ocsp_url) == []


async def test_what_the_operator_lists_is_asked_wherever_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "is_public", lambda _: False)
    monkeypatch.setattr(reach, "_PORTS", frozenset())
    for entry, reached in (
        (f"127.0.0.1:{world.port}", True),
        ("127.0.0.1:1", False),
        (f"elsewhere.example:{world.port}", False),
        (f"localhost:{world.port}", False),
    ):
        assert bool(await world.asked(world.server.ocsp_url, source=world.source(entry))) is reached, entry
    by_name = ocsp_at(f"http://localhost:{world.port}/ocsp")
    assert await world.asked(by_name, source=world.source(f"LOCALHOST:{world.port}")) == [("POST", "/ocsp")]
    assert address_policy(["[fd00::1]:8080"])("fd00::1", 8080, ip_address("fd00::1"))
    for bad in ("host", "host:", ":80", "host:http", "host:70000", "host:²"):
        with pytest.raises(SettingsError, match=r"revocation\.allow"):
            address_policy([bad])


async def test_names_are_judged_by_the_addresses_they_have(world: World) -> None:
    url = ocsp_at(f"http://responder.example:{world.port}/ocsp")
    for addresses, reached in (
        (["127.0.0.1"], True),
        (["127.0.0.2"], False),
        (["127.0.0.1", "127.0.0.2"], False),
        (["::1"], False),
    ):
        world.names["responder.example"] = [addresses]
        assert bool(await world.asked(url)) is reached, addresses
    assert len(world.looked_up) == 4


async def test_the_address_that_was_judged_is_the_one_connected_to(world: World) -> None:
    reached: list[str] = []

    async def inside(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append("inside")
        writer.close()

    listener = await asyncio.start_server(inside, "127.0.0.2", world.port)
    async with listener:
        world.names["rebinding.example"] = [["127.0.0.1"], ["127.0.0.2"]]
        url = ocsp_at(f"http://rebinding.example:{world.port}/ocsp")
        assert await world.asked(url) == [("POST", "/ocsp")]
        assert world.looked_up == ["rebinding.example"]
        # The next connection is another question, and has another answer.
        assert await world.asked(url) == []
        assert world.looked_up == ["rebinding.example"] * 2
    assert reached == []


async def test_redirects_are_not_followed(world: World) -> None:
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"):
        reply = answers(b"", status=status, headers=(f"Location: {world.server.url}/ocsp",))
        async with faulty_server(reply) as front:
            source = world.source(front.url.removeprefix("http://"))
            assert await world.asked(ocsp_at(front.url), source=source) == []
            assert len(front.requests) == 1


# -- what comes back ---------------------------------------------------------------------------------------------------


def chunked(body: bytes) -> Reply:
    """Without saying how much it will be."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return sends(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


async def _fetched(
    world: World, reply: Reply | None, *, by_ocsp: bool = False, seconds: float = 30.0, **changes: Any
) -> RevocationState:
    async with faulty_server(reply) as responder:
        signer = world.pki.signer("S", ocsp_at(responder.url) if by_ocsp else crl_at(responder.url))
        source = world.source(responder.url.removeprefix("http://"), **changes)
        return (await source.revocation(new_call(seconds), signer.der, world.pki.issuing.der, at=NOW)).state


async def test_size_is_bounded(world: World) -> None:
    body = crl(world.pki.issuing, [(number, NOW) for number in range(1, 200)])
    for reply in (answers(body), chunked(body)):
        assert await _fetched(world, reply, max_bytes=len(body)) is RevocationState.GOOD
        with pytest.raises(RevocationUnavailable):
            await _fetched(world, reply, max_bytes=len(body) - 1)
    with pytest.raises(RevocationUnavailable):
        await _fetched(world, answers(bytes(200_001)), by_ocsp=True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
async def test_encoded_answers_are_refused_unread(world: World, encoding: str) -> None:
    body = crl(world.pki.issuing)
    assert await _fetched(world, answers(body, headers=("Content-Encoding: identity",))) is RevocationState.GOOD
    for sent in (gzip.compress(body), gzip.compress(bytes(50_000_000), 1)):
        with pytest.raises(RevocationUnavailable):
            await _fetched(world, answers(sent, headers=(f"Content-Encoding: {encoding}",)))


async def test_time_is_bounded(world: World) -> None:
    slowly = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000))
    for reply in (None, slowly):
        with pytest.raises(RevocationUnavailable):
            await _fetched(world, reply, timeout_seconds=0.1)
        with pytest.raises(DeadlineExceeded):
            await _fetched(world, reply, seconds=0.05)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_page_has_every_rule_and_no_other(request: pytest.FixtureRequest) -> None:
    told = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    here = {name for module in (request.module, test_issuers) for name in vars(module) if name.startswith("test_")}
    here -= {request.function.__name__, test_issuers.__name__.rpartition(".")[2]}
    elsewhere = {
        name
        for path in (PAGE.parents[1] / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert here <= told, "rules that are tested and not told"
    assert told <= elsewhere, "rules that are told and not tested"
