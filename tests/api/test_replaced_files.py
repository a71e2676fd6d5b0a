"""Certificates, keys and authorities of the listener are replaced without a restart."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from cryptography import x509

from tests.api.authority import Authority, Identity
from tests.api.service import People, Service, behind_load_balancer, code_of, running

PATH = "/v1/certificates"


def copies(people: People, folder: Path) -> dict[str, Path]:
    """The listener's files, a test's own."""
    originals = {
        "certificate": people.server.certificate_file,
        "key": people.server.key_file,
        "client_ca": people.authority.file,
    }
    made = {}
    for name, original in originals.items():
        made[name] = folder / f"{name}.pem"
        made[name].write_bytes(original.read_bytes())
    return made


async def server_serial(service: Service, authority: Path, version: ssl.TLSVersion) -> int:
    """The serial number of the certificate that a new connection meets."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


async def status(service: Service, identity: Identity) -> int:
    async with aiohttp.ClientSession() as session, session.get(service.url + PATH, ssl=trust(service, identity)) as response:
        return response.status


def trust(service: Service, identity: Identity) -> ssl.SSLContext:
    context = service.trust(identity)
    assert isinstance(context, ssl.SSLContext)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_new_connections_meet_the_new_certificate(people: People, tmp_path: Path, version: ssl.TLSVersion) -> None:
    files = copies(people, tmp_path)
    renewed = people.authority.issue("renewed", server=True)
    async with running(people, tmp_path, listener=files) as service:
        kept = service.alice
        assert (await kept.get(PATH)).status == 200
        assert await server_serial(service, people.authority.file, version) == people.server.certificate.serial_number
        # One file after the other, as it happens: what does not belong together is not used.
        files["certificate"].write_bytes(renewed.certificate_file.read_bytes())
        await service.files.look()
        assert await server_serial(service, people.authority.file, version) == people.server.certificate.serial_number
        assert [state.name for state in service.files.states if state.problem] == ["listener"]
        files["key"].write_bytes(renewed.key_file.read_bytes())
        await service.files.look()
        assert await server_serial(service, people.authority.file, version) == renewed.certificate.serial_number
        assert not [state for state in service.files.states if state.problem]
        assert (await kept.get(PATH)).status == 200, "connections that are open go on"


async def test_clients_of_a_new_authority_come_in_and_those_of_a_former_one_do_not(people: People, tmp_path: Path) -> None:
    files = copies(people, tmp_path)
    other = Authority(tmp_path, "Another Clients CA")
    newcomer = other.issue("newcomer", ends_in=timedelta(days=9))
    enrolled: list[dict[str, Any]] = [
        {"name": name, "certificate_sha256": identity.sha256, "operations": ["certificates"], "certificates": ["*"]}
        for name, identity in (("alice", people.alice), ("newcomer", newcomer))
    ]
    crl = tmp_path / "clients.crl"
    crl.write_bytes(people.authority.crl(tmp_path / "a.crl").read_bytes() + other.crl(tmp_path / "b.crl").read_bytes())
    async with running(people, tmp_path, listener=files, clients=enrolled) as service:
        assert await status(service, people.alice) == 200
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await status(service, newcomer)
        files["client_ca"].write_text(people.authority.pem + other.pem)
        await service.files.look()
        assert (await status(service, people.alice), await status(service, newcomer)) == (200, 200)
        files["client_ca"].write_text(other.pem)
        await service.files.look()
        assert await status(service, newcomer) == 200
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await status(service, people.alice)


async def test_a_crl_is_held_against_the_authorities_of_the_moment(people: People, tmp_path: Path) -> None:
    files = copies(people, tmp_path) | {"client_crl": people.authority.crl(tmp_path / "clients.crl")}
    other = Authority(tmp_path, "Another Clients CA")
    async with running(people, tmp_path, listener=files) as service:
        assert await status(service, people.alice) == 200
        mine, others = files["client_crl"].read_bytes(), other.crl(tmp_path / "b.crl").read_bytes()
        files["client_crl"].write_bytes(mine + others)
        await service.files.look()
        assert [state.name for state in service.files.states if state.problem] == ["listener.client_crl"]
        files["client_ca"].write_text(people.authority.pem + other.pem)
        await service.files.look()
        assert not [state for state in service.files.states if state.problem]
        assert await status(service, people.alice) == 200


async def test_a_chain_that_is_passed_through_is_held_against_them_too(people: People, tmp_path: Path) -> None:
    client_ca = copies(people, tmp_path)["client_ca"]
    listener = behind_load_balancer(certificate_header="chain", client_ca=client_ca)
    async with running(people, tmp_path, listener=listener) as service:
        session = service.session()
        headers = {"X-Amzn-Mtls-Clientcert": quote(people.alice.pem, safe="+=/")}
        assert (await session.get(PATH, headers=headers)).status == 200
        client_ca.write_text(Authority(tmp_path, "Another Clients CA").pem)
        await service.files.look()
        assert await code_of(await session.get(PATH, headers=headers)) == "CLIENT_CERTIFICATE_INVALID"
