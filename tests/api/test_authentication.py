"""Who calls, and what it may: mutual TLS, load balancer headers, CRLs, and what is refused."""

import asyncio
import contextlib
import os
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp
import pytest
from structlog.testing import capture_logs

from proxy.errors import SettingsError
from tests.api.authority import Authority, Identity
from tests.api.service import PDF, People, Service, behind_load_balancer, code_of, leaf_header, problem, running

PATH = "/v1/certificates"
LEAF, CHAIN = "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert"


async def outcome(session: aiohttp.ClientSession, **headers: str) -> tuple[int, str]:
    async with session.get(PATH, headers=headers) as response:
        return response.status, "" if response.status == 200 else await code_of(response)


REQUIRED = (401, "CLIENT_CERTIFICATE_REQUIRED")
INVALID = (401, "CLIENT_CERTIFICATE_INVALID")
FINE = (200, "")


async def test_a_caller_without_a_certificate_is_told_so(service: Service) -> None:
    assert await outcome(service.session()) == REQUIRED
    (record,) = await service.records(client="")
    assert (record.operation, record.result_code) == ("certificates", "CLIENT_CERTIFICATE_REQUIRED")


async def test_a_certificate_of_the_right_authority_that_is_not_enrolled(service: Service) -> None:
    assert await outcome(service.session(service.people.stranger)) == INVALID
    assert not service.work.calls


async def test_an_untrusted_chain_ends_in_a_tls_alert_that_is_logged(service: Service, tmp_path: Path) -> None:
    context = service.trust(Authority(tmp_path, "Another CA").issue("other"))
    assert isinstance(context, ssl.SSLContext)
    with capture_logs() as logs:
        # In TLS 1.3 the client is done before the server judges, and meets the alert or the end when it reads.
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=context)
        with contextlib.suppress(ssl.SSLError):
            assert await reader.read() == b""
        writer.transport.abort()
        assert await outcome(service.alice) == FINE
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["client_certificate.untrusted"]


async def test_old_tls_is_refused(service: Service) -> None:
    context = service.trust(service.people.alice)
    assert isinstance(context, ssl.SSLContext)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with aiohttp.ClientSession(service.url) as session, session.get(PATH, ssl=context) as response:
        assert response.status == 200
    context = ssl.create_default_context(cafile=service.people.authority.file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with aiohttp.ClientSession(service.url) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(PATH, ssl=context)


async def test_a_connection_does_not_outlive_its_certificate(service: Service) -> None:
    session = service.alice
    assert await outcome(session) == FINE
    service.clock.offset = timedelta(days=101)
    assert await outcome(session) == INVALID
    service.clock.offset = -timedelta(days=21)
    assert await outcome(session) == INVALID


async def test_load_balancer_headers_mean_nothing_on_a_mutual_tls_listener(service: Service) -> None:
    assert await outcome(service.session(), **leaf_header(service.people.alice)) == REQUIRED
    assert await outcome(service.session(service.people.stranger), **leaf_header(service.people.alice)) == INVALID


async def test_grants_are_by_operation(service: Service) -> None:
    session = service.session(service.people.bob)
    query = {"certificateId": "seal-2"}
    async with session.post("/v1/signatures/es", params=query, data=PDF) as response:
        assert response.status == 200
    for method, path in (
        ("POST", "/v1/signatures/es-t"),
        ("POST", "/v1/signatures/hash"),
        ("POST", "/v1/timestamps/hash"),
        ("GET", "/v1/certificates"),
        ("GET", "/v1/certificates/seal-2"),
        ("GET", "/v1/certificates/seal-2/chain"),
        ("GET", "/v1/certificates/seal-2/revocation"),
        ("POST", "/v1/certificates"),
        ("POST", "/v1/revocation"),
    ):
        async with session.request(method, path, data=b"x" if method == "POST" else None) as response:
            assert (response.status, await code_of(response)) == (403, "OPERATION_NOT_PERMITTED")


# -- revocation ---------------------------------------------------------------------------------------------------------


async def test_a_revoked_certificate_and_a_file_that_changes(people: People, tmp_path: Path) -> None:
    file = people.authority.crl(tmp_path / "clients.crl", people.stranger)
    async with running(people, tmp_path, listener={"client_crl": file}) as service:
        session = service.alice
        assert await outcome(session) == FINE
        people.authority.crl(file, people.alice)
        assert await outcome(session) == INVALID
        assert await outcome(service.session(people.bob)) == (403, "OPERATION_NOT_PERMITTED")
        people.authority.crl(file)
        assert await outcome(session) == FINE


async def test_a_file_that_breaks_leaves_the_former_one_until_that_is_out_of_date(people: People, tmp_path: Path) -> None:
    file = people.authority.crl(tmp_path / "clients.crl", people.bob)
    async with running(people, tmp_path, listener={"client_crl": file}) as service:
        file.write_text("gone wrong")
        assert await outcome(service.alice) == FINE
        assert await outcome(service.session(people.bob)) == INVALID
        file.unlink()
        assert await outcome(service.alice) == FINE
        service.clock.offset = timedelta(days=8)
        assert await outcome(service.alice) == INVALID


async def test_an_issuer_without_a_crl_is_no_known_state(people: People, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Second CA")
    both = tmp_path / "both.pem"
    both.write_text(people.authority.pem + other.pem)
    file = other.crl(tmp_path / "clients.crl")
    async with running(people, tmp_path, listener={"client_crl": file, "client_ca": both}) as service:
        assert await outcome(service.alice) == INVALID


async def test_a_crl_of_somebody_else_is_refused_at_the_start(people: People, tmp_path: Path) -> None:
    impostor = Authority(tmp_path, "Throwaway Clients CA")
    file = impostor.crl(tmp_path / "clients.crl")
    with pytest.raises(SettingsError, match="signed by no authority"):
        async with running(people, tmp_path, listener={"client_crl": file}):
            pass


async def test_a_crl_in_der_will_do(people: People, tmp_path: Path) -> None:
    pem = people.authority.crl(tmp_path / "clients.crl", people.alice).read_text()
    der = tmp_path / "clients.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(pem.replace("X509 CRL", "CERTIFICATE")))
    async with running(people, tmp_path, listener={"client_crl": der}) as service:
        assert await outcome(service.alice) == INVALID


# -- behind a load balancer -----------------------------------------------------------------------------------------------


async def test_verify_mode(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        session = service.session()
        assert await outcome(session) == REQUIRED
        assert await outcome(session, **leaf_header(people.alice)) == FINE
        assert await outcome(session, **leaf_header(people.stranger)) == INVALID
        assert await outcome(session, **{LEAF: "rubbish"}) == INVALID
        assert await outcome(session, **{LEAF: ""}) == INVALID
        # The other mode's header is not looked at: the load balancer may pass on what a caller made up.
        assert await outcome(session, **{CHAIN: quote(people.alice.pem, safe="+=/")}) == REQUIRED
        service.clock.offset = timedelta(days=101)
        assert await outcome(session, **leaf_header(people.alice)) == INVALID


async def test_a_plus_sign_stays_one(people: People, tmp_path: Path) -> None:
    """Some certificate has one in its base64; as a space it would not parse."""
    alice = people.alice
    assert "+" in alice.pem, "enough of them have; this one was drawn so"
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        assert "+" in leaf_header(alice)[LEAF]
        assert await outcome(service.session(), **leaf_header(alice)) == FINE
        assert await outcome(service.session(), **{LEAF: quote_plus(alice.pem, safe="")}) == INVALID


async def test_two_headers_are_one_too_many(people: People, tmp_path: Path) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer()) as service:
        (value,) = leaf_header(people.alice).values()
        headers = [(LEAF, value), (LEAF, value)]
        async with service.session().get(PATH, headers=headers) as response:
            assert (response.status, await code_of(response)) == INVALID


@pytest.mark.parametrize("trusted", [["10.0.0.0/8"], ["127.0.0.2/32", "::1/128"]])
async def test_headers_from_elsewhere_are_refused(people: People, tmp_path: Path, trusted: list[str]) -> None:
    async with running(people, tmp_path, listener=behind_load_balancer(trusted_addresses=trusted)) as service:
        assert await outcome(service.session(), **leaf_header(people.alice)) == INVALID
        assert await outcome(service.session()) == REQUIRED


def chain_header(*pems: str) -> dict[str, str]:
    return {CHAIN: quote("".join(pems), safe="+=/")}


def enrolled(*identities: Identity) -> list[dict[str, Any]]:
    return [
        {"name": f"client-{index}", "certificate_sha256": identity.sha256, "operations": ["certificates"]}
        for index, identity in enumerate(identities)
    ]


async def test_pass_through_mode_verifies_the_chain_here(people: People, tmp_path: Path) -> None:
    issuing = Authority(tmp_path, "Issuing CA", issuer=people.authority)
    below = issuing.issue("below")
    stranger_authority = Authority(tmp_path, "Nobody's CA")
    forged = stranger_authority.issue("forged")
    for_servers = people.authority.issue("for servers", server=True)
    not_an_authority = people.stranger
    listener = behind_load_balancer(certificate_header="chain")
    clients = enrolled(people.alice, below, forged, for_servers)
    async with running(people, tmp_path, listener=listener, clients=clients) as service:
        session = service.session()
        assert await outcome(session) == REQUIRED
        assert await outcome(session, **chain_header(people.alice.pem)) == FINE
        assert await outcome(session, **chain_header(below.pem, issuing.pem)) == FINE
        assert await outcome(session, **chain_header(below.pem, issuing.pem, people.authority.pem)) == FINE
        assert await outcome(session, **chain_header(below.pem)) == INVALID
        assert await outcome(session, **chain_header(below.pem, not_an_authority.pem)) == INVALID
        # Enrolled though they are, these do not chain to an anchor, or are not for this.
        assert await outcome(session, **chain_header(forged.pem, stranger_authority.pem)) == INVALID
        assert await outcome(session, **chain_header(for_servers.pem)) == INVALID
        assert await outcome(session, **leaf_header(people.alice)) == REQUIRED
        service.clock.offset = timedelta(days=101)
        assert await outcome(session, **chain_header(people.alice.pem)) == INVALID


async def test_a_long_chain_fits_into_a_header(people: People, tmp_path: Path) -> None:
    listener = behind_load_balancer(certificate_header="chain")
    async with running(people, tmp_path, listener=listener, clients=enrolled(people.alice)) as service:
        assert await outcome(service.session(), **chain_header(people.alice.pem, *[people.authority.pem] * 25)) == FINE


# -- settings that cannot be used -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"listener": {"client_ca": Path("nowhere.pem")}}, "nowhere.pem"),
        ({"listener": {"client_ca": Path(os.devnull)}}, "no certificates"),
        ({"listener": {"client_crl": Path("nowhere.crl")}}, "nowhere.crl"),
        ({"listener": behind_load_balancer(trusted_addresses=["10.0.0.1/8"])}, "trusted_addresses"),
        ({"clients": [{"name": "x", "issuer": "not a name", "serial_number": "1"}]}, "RFC 4514"),
        ({"clients": [{"name": name, "certificate_sha256": "a" * 64} for name in "xy"]}, "x and y have the same certificate"),
    ],
)
async def test_they_are_refused_at_the_start(people: People, tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        async with running(people, tmp_path, **changes):
            pass


@pytest.mark.parametrize("broken", ["certificate", "key"])
async def test_server_files_that_cannot_be_used(people: People, tmp_path: Path, broken: str) -> None:
    file = tmp_path / "broken.pem"
    file.write_text("no PEM")
    with pytest.raises(SettingsError, match="broken"):
        async with running(people, tmp_path, listener={broken: file}):
            pass


async def test_a_refusal_tells_nothing_of_the_inside(service: Service) -> None:
    async with service.session(service.people.stranger).get(PATH) as response:
        members = await problem(response)
    assert members["detail"] == "your certificate is not enrolled here"
    assert "Server" not in response.headers
