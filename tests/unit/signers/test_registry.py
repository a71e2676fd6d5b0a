"""Which backend has a certificate or a key: local ones first, the central signer after them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import (
    CertificateKeyMismatch,
    CertificateNotFound,
    KeyNotFound,
    NotSupported,
    SettingsError,
    SignerUnavailable,
)
from proxy.model import Digest
from proxy.settings import Settings
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.signers.registry import SignerRegistry
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from proxy.trust.anchors import TrustAnchors
from proxy.trust.paths import PathFinder
from tests.support.central_server import CentralServer, Entry, central_server, problem
from tests.support.faulty_server import unused_url
from tests.support.keys import ec_key
from tests.support.pki import SIGNER_USAGE, FixedClock, Hierarchy, issue, new_call
from tests.support.software_keys import add_signer, sections
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
def keys(tmp_path: Path, pki: Hierarchy) -> dict[str, Any]:
    """Sections of the settings: a key with two certificates, in files."""
    folder, holder = tmp_path / "software", pki.signer(key=ec_key())
    return sections(folder, *(add_signer(folder, name, holder, key="near-key") for name in ("near", "both")))


def settings(tls: TLSFiles, folder: Path, **sections: object) -> Settings:
    listener = {"certificate": tls.server, "key": tls.server_key, "client_ca": tls.ca}
    return Settings.model_validate({"listener": listener, "stores": {"transaction_log": folder / "log"}, **sections})


@pytest.fixture
async def registry(tls: TLSFiles, tmp_path: Path) -> AsyncIterator[Registry]:
    """Makes registries of settings with the given sections, and closes them."""
    made: list[SignerRegistry] = []
    store = await SQLiteCertificateStore.open(tmp_path / "certificates.sqlite")

    def make(**sections: object) -> SignerRegistry:
        made.append(SignerRegistry(settings(tls, tmp_path, revocation={"source": "off"}, **sections), FixedClock(), store))
        return made[-1]

    yield make
    for one in made:
        await one.close()
    await store.close()


def any_certificate(_: str) -> bool:
    return True


async def test_each_section_is_a_backend(registry: Registry, server: CentralServer, keys: dict[str, Any]) -> None:
    both = registry(central=server.settings, **keys)
    assert [backend.name for backend in both.backends] == ["software", "central"]
    assert [backend.name for backend in registry(**keys).backends] == ["software"]
    assert [backend.name for backend in registry(central=server.settings).backends] == ["central"]


async def test_local_certificates_are_found_without_asking_the_central_signer(
    registry: Registry, server: CentralServer, keys: dict[str, Any]
) -> None:
    one = registry(central=server.settings, **keys)
    for name, backend in (("near", "software"), ("both", "software"), ("far", "central")):
        signer, credential = await one.find(new_call(), name)
        assert (credential.backend, credential.certificate_id) == (backend, name)
        digest = Digest.of(b"", credential.hash_algorithms[0])
        await signer.sign_digests(new_call(), credential, credential.sign_algorithms[0], [digest])
    assert server.paths() == ["GET /v1/certificates/far/chain", "POST /v1/signatures/hash"]
    with pytest.raises(CertificateNotFound):
        await one.find(new_call(), "nowhere")


async def test_a_local_certificate_is_found_while_the_central_signer_is_down(
    registry: Registry, server: CentralServer, keys: dict[str, Any]
) -> None:
    down = {**server.settings, "url": unused_url().replace("http:", "https:")}
    one = registry(central=down, **keys)
    await one.find(new_call(), "near")
    for failing in (one.find(new_call(), "far"), one.list_credentials(new_call())):
        with pytest.raises(SignerUnavailable):
            await failing


async def test_the_list_is_of_all_and_has_each_id_once(registry: Registry, server: CentralServer, keys: dict[str, Any]) -> None:
    listed = await registry(central=server.settings, **keys).list_credentials(new_call())
    assert sorted((entry.certificate_id, entry.backend) for entry in listed) == [
        ("both", "software"),
        ("far", "central"),
        ("near", "software"),
    ]


async def test_a_registration_goes_where_the_key_is(
    registry: Registry, server: CentralServer, keys: dict[str, Any], pki: Hierarchy
) -> None:
    one = registry(central=server.settings, **keys)
    near = issue("Near", pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])
    far = issue("Far", pki.issuing, key=ec_key("secp384r1"), extensions=[SIGNER_USAGE])
    registered = await one.keys.register(new_call(), any_certificate, "software:near-key", near.der, pki.chain)
    assert registered.backend == "software"
    assert "POST /v1/certificates" not in server.paths()
    assert (await one.keys.register(new_call(), any_certificate, "far-key", far.der, pki.chain)).backend == "central"
    with pytest.raises(CertificateKeyMismatch):
        await one.keys.register(new_call(), any_certificate, "software:near-key", far.der, pki.chain)
    for no_key in ("no-key", "near-key", "software:far-key", "software:", "software:software:near-key", "kms:near-key"):
        with pytest.raises(KeyNotFound):
            await one.keys.register(new_call(), any_certificate, no_key, near.der, pki.chain)
    server.fault = problem(501, "NOT_SUPPORTED")
    with pytest.raises(KeyNotFound):
        await one.keys.register(new_call(), any_certificate, "no-key", near.der, pki.chain)
    with pytest.raises(NotSupported):
        await registry(central=server.settings).keys.register(new_call(), any_certificate, "no-key", near.der, pki.chain)


async def test_the_revocation_relay_is_the_central_signers(
    registry: Registry, server: CentralServer, keys: dict[str, Any]
) -> None:
    finder = PathFinder(TrustAnchors(()))
    assert isinstance(registry(central=server.settings).central_revocation_source(finder), CentralRevocationSource)
    with pytest.raises(SettingsError):
        registry(**keys).central_revocation_source(finder)


def test_a_section_that_cannot_be_used_stops_the_start(tls: TLSFiles, keys: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "software" / "keys" / "bad.pem").write_text("rubbish")
    with pytest.raises(SettingsError):
        SignerRegistry(settings(tls, tmp_path, **keys), FixedClock())
