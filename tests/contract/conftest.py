"""Backends under test: each with the same keys and certificates, made the way that backend keeps them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.model import HashAlgorithm
from proxy.ports import SignerBackend
from proxy.settings import CentralSettings, CredentialSettings, SoftwareSettings
from proxy.signers.bindings import configured
from proxy.signers.central import CentralSigner
from proxy.signers.keyed import KeyedSigner
from proxy.signers.software import SoftwareKeys
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from tests.support.central_server import Entry, central_server
from tests.support.keys import PrivateKey, ec_key, rsa_key
from tests.support.pki import FixedClock, Hierarchy, Holder
from tests.support.software_keys import add_signer
from tests.support.tls_files import make_tls_files

KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa-2048": lambda: rsa_key(2048),
    "rsa-3072": lambda: rsa_key(3072),
    "p256": lambda: ec_key("secp256r1"),
    "p384": lambda: ec_key("secp384r1"),
    "p521": lambda: ec_key("secp521r1"),
}


@dataclass
class Bench:
    """A backend, what is in it by certificate id, and a key without certificate called ``spare``."""

    backend: SignerBackend
    pki: Hierarchy
    signers: dict[str, Holder]
    spare: PrivateKey


def _signers(pki: Hierarchy) -> dict[str, Holder]:
    return {name: pki.signer(f"Signer {name}", key=make()) for name, make in KEYS.items()}


@asynccontextmanager
async def _software(folder: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
    signers, spare = _signers(pki), ec.generate_private_key(ec.SECP256R1())
    blocks = [add_signer(folder, name, holder, pki.issuing, pki.root) for name, holder in signers.items()]
    (folder / "keys" / "spare.pem").write_bytes(Holder(pki.root.certificate, spare).key_pem)
    keys = SoftwareKeys(SoftwareSettings(directory=folder / "keys"))
    store = await SQLiteCertificateStore.open(folder / "certificates.sqlite")
    bindings = [configured(CredentialSettings.model_validate(block)) for block in blocks]
    backend = KeyedSigner(keys, bindings, store, FixedClock())
    yield Bench(backend, pki, signers, spare)
    await backend.close()
    await store.close()


@asynccontextmanager
async def _central(folder: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
    signers, spare = _signers(pki), ec.generate_private_key(ec.SECP256R1())
    async with central_server(make_tls_files(folder)) as server:
        server.keys["spare"] = spare
        for name, holder in signers.items():
            made = ("RSASSA-PKCS1-v1_5", "RSASSA-PSS") if name.startswith("rsa") else ("ECDSA",)
            server.entries[name] = Entry(holder, pki.chain, made, tuple(HashAlgorithm))
        backend = CentralSigner(CentralSettings.model_validate(server.settings), 4, FixedClock())
        yield Bench(backend, pki, signers, spare)
        await backend.close()


BACKENDS = {"software": _software, "central": _central}
"""Every backend there is. A new one adds a line here, and the suite must be green."""


@pytest.fixture(params=BACKENDS)
async def bench(request: pytest.FixtureRequest, tmp_path: Path, signing_pki: Hierarchy) -> AsyncIterator[Bench]:
    async with BACKENDS[request.param](tmp_path, signing_pki) as made:
        yield made


@pytest.fixture(scope="session")
def signing_pki() -> Hierarchy:
    return Hierarchy.make("Signing")
