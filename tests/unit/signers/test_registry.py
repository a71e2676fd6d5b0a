"""Which backend has a certificate or a key: local ones first, the central signer after them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from proxy.errors import (
    CertificateKeyMismatch,
    CertificateNotFound,
    KeyNotFound,
    NotSupported,
    SettingsError,
    SignerUnavailable,
)
from proxy.settings import Settings
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.signers.registry import SignerRegistry
from proxy.trust.anchors import TrustAnchors
from proxy.trust.paths import PathFinder
from tests.support.central_server import CentralServer, Entry, central_server, problem
from tests.support.faulty_server import unused_url
from tests.support.keys import ec_key
from tests.support.pki import SIGNER_USAGE, FixedClock, Hierarchy, issue, new_call
from tests.support.tls_files import TLSFiles, make_tls_files

Registry = Callable[..., SignerRegistry]


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
def tls(tmp_path: Path) -> TLSFiles:
    return make_tls_files(tmp_path)


@pytest.fixture
async def server(tls: TLSFiles, pki: Hierarchy) -> AsyncIterator[CentralServer]:
    async with central_server(tls) as running:
        for name in ("far", "both"):
            running.entries[name] = Entry(pki.signer(key=ec_key("secp384r1")), pki.chain, ("ECDSA",), ("SHA-384",))
        running.keys["far-key"] = ec_key("secp384r1")
        yield running


@pytest.fixture
def keys(tmp_path: Path, pki: Hierarchy) -> Path:
    folder = tmp_path / "software"
    for sub in ("keys", "certificates"):
        (folder / sub).mkdir(parents=True)
    holder = pki.signer(key=ec_key())
    (folder / "keys" / "near-key.pem").write_bytes(holder.key_pem)
    for name in ("near", "both"):
        (folder / "certificates" / f"{name}.pem").write_bytes(holder.pem)
    return folder


def settings(tls: TLSFiles, folder: Path, **sections: object) -> Settings:
    listener = {"certificate": tls.server, "key": tls.server_key, "client_ca": tls.ca}
    return Settings.model_validate({"listener": listener, "stores": {"transaction_log": folder / "log"}, **sections})


@pytest.fixture
async def registry(tls: TLSFiles, tmp_path: Path) -> AsyncIterator[Registry]:
    """Makes registries of settings with the given sections, and closes them."""
    made: list[SignerRegistry] = []

    def make(**sections: object) -> SignerRegistry:
        made.append(SignerRegistry(settings(tls, tmp_path, revocation={"source": "off"}, **sections), FixedClock()))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_each_section_is_a_backend(registry: Registry, server: CentralServer, keys: Path) -> None:
    both = registry(central=server.settings, software={"directory": keys})
    assert [backend.name for backend in both.backends] == ["software", "central"]
    assert [backend.name for backend in registry(software={"directory": keys}).backends] == ["software"]
    assert [backend.name for backend in registry(central=server.settings).backends] == ["central"]


async def test_local_certificates_are_found_without_asking_the_central_signer(
    registry: Registry, server: CentralServer, keys: Path
) -> None:
    one = registry(central=server.settings, software={"directory": keys})
    for name, backend in (("near", "software"), ("both", "software"), ("far", "central")):
        found, credential = await one.find(new_call(), name)
        assert (found.name, credential.backend, credential.certificate_id) == (backend, backend, name)
    assert server.paths() == ["GET /v1/certificates/far/chain"]
    with pytest.raises(CertificateNotFound):
        await one.find(new_call(), "nowhere")


async def test_a_local_certificate_is_found_while_the_central_signer_is_down(
    registry: Registry, server: CentralServer, keys: Path
) -> None:
    down = {**server.settings, "url": unused_url().replace("http:", "https:")}
    one = registry(central=down, software={"directory": keys})
    await one.find(new_call(), "near")
    for failing in (one.find(new_call(), "far"), one.list_credentials(new_call())):
        with pytest.raises(SignerUnavailable):
            await failing


async def test_the_list_is_of_all_and_has_each_id_once(registry: Registry, server: CentralServer, keys: Path) -> None:
    listed = await registry(central=server.settings, software={"directory": keys}).list_credentials(new_call())
    assert sorted((entry.certificate_id, entry.backend) for entry in listed) == [
        ("both", "software"),
        ("far", "central"),
        ("near", "software"),
    ]


async def test_a_registration_goes_where_the_key_is(
    registry: Registry, server: CentralServer, keys: Path, pki: Hierarchy
) -> None:
    one = registry(central=server.settings, software={"directory": keys})
    near = issue("Near", pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])
    far = issue("Far", pki.issuing, key=ec_key("secp384r1"), extensions=[SIGNER_USAGE])
    assert (await one.register(new_call(), "near-key", near.der, pki.chain)).backend == "software"
    assert server.asked == []
    assert (await one.register(new_call(), "far-key", far.der, pki.chain)).backend == "central"
    with pytest.raises(CertificateKeyMismatch):
        await one.register(new_call(), "near-key", far.der, pki.chain)
    with pytest.raises(KeyNotFound):
        await one.register(new_call(), "no-key", near.der, pki.chain)
    server.fault = problem(501, "NOT_SUPPORTED")
    with pytest.raises(KeyNotFound):
        await one.register(new_call(), "no-key", near.der, pki.chain)
    with pytest.raises(NotSupported):
        await registry(central=server.settings).register(new_call(), "no-key", near.der, pki.chain)


async def test_the_revocation_relay_is_the_central_signers(registry: Registry, server: CentralServer, keys: Path) -> None:
    finder = PathFinder(TrustAnchors(()))
    assert isinstance(registry(central=server.settings).central_revocation_source(finder), CentralRevocationSource)
    with pytest.raises(SettingsError):
        registry(software={"directory": keys}).central_revocation_source(finder)


def test_a_section_that_cannot_be_used_stops_the_start(tls: TLSFiles, keys: Path, tmp_path: Path) -> None:
    (keys / "keys" / "bad.pem").write_text("rubbish")
    with pytest.raises(SettingsError):
        SignerRegistry(settings(tls, tmp_path, software={"directory": keys}), FixedClock())
