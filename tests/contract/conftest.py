"""Backends under test: each with the same keys and certificates, made the way that backend keeps them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.model import HashAlgorithm, SignAlgorithm
from proxy.ports import SignerBackend
from proxy.sandbox.csc_deviations import Deviation
from proxy.settings import CentralSettings, CredentialSettings, CSCSettings, SoftwareSettings
from proxy.signers.bindings import configured
from proxy.signers.central import CentralSigner
from proxy.signers.csc import CSCSigner
from proxy.signers.keyed import KeyedSigner
from proxy.signers.software import SoftwareKeys
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from tests.support.central_server import Entry, central_server
from tests.support.csc_server import csc_server, held
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


RSA = (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)


@dataclass
class Bench:
    """A backend, what is in it by certificate id, and a key without certificate called ``spare``.

    Attributes:
        rsa: What it makes with RSA keys.
        signed: How many signatures were made behind it, where that is counted.
    """

    backend: SignerBackend
    pki: Hierarchy
    signers: dict[str, Holder]
    spare: PrivateKey
    rsa: tuple[SignAlgorithm, ...] = RSA
    signed: Callable[[], int] | None = None


MakeBench = Callable[[Path, Hierarchy], AbstractAsyncContextManager[Bench]]


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


def _csc(*deviations: Deviation, **settings: object) -> MakeBench:
    @asynccontextmanager
    async def make(folder: Path, pki: Hierarchy) -> AsyncIterator[Bench]:
        signers = _signers(pki)
        async with csc_server(folder, make_tls_files(folder), pki, held(signers, pki, multisign=40), *deviations) as server:
            values = server.settings(*deviations, **settings)
            backend = CSCSigner(CSCSettings.model_validate(values), 4, server.clock)
            rsa = RSA[:1] if Deviation.KEY_TYPE_ONLY in deviations else RSA
            spare = ec.generate_private_key(ec.SECP256R1())
            yield Bench(backend, pki, signers, spare, rsa=rsa, signed=lambda: server.provider.signed)
            await backend.close()

    return make


BACKENDS: dict[str, MakeBench] = {"software": _software, "central": _central, "csc": _csc()}
"""Every backend there is. A new one adds a line here, and the suite must be green."""

WITHOUT_REGISTRATION = {"csc"}
"""Backends that issue their certificates themselves."""

FURTHER: dict[str, MakeBench] = {
    "csc-asynchronous": _csc(asynchronous=True),
    "csc-all-at-once": _csc(
        Deviation.INFO_BY_GET,
        Deviation.BASE64URL_HASHES,
        Deviation.SORTED_ANSWERS,
        Deviation.NO_CHAIN,
        Deviation.PAGED,
        Deviation.RAW_ECDSA,
        Deviation.AUTHORIZE_LATER,
        Deviation.SIGN_LATER,
        Deviation.NESTED_ERRORS,
        Deviation.UNAUTHORIZED_IS_400,
        Deviation.BAD_SAD_IS_401,
    ),
    **{f"csc-{deviation}": _csc(deviation) for deviation in Deviation},
}
"""The same held to it in other conditions."""


@pytest.fixture(params=[*BACKENDS, *(pytest.param(name, marks=pytest.mark.full) for name in FURTHER)])
async def bench(request: pytest.FixtureRequest, tmp_path: Path, signing_pki: Hierarchy) -> AsyncIterator[Bench]:
    async with (BACKENDS | FURTHER)[request.param](tmp_path, signing_pki) as made:
        yield made


@pytest.fixture(scope="session")
def signing_pki() -> Hierarchy:
    return Hierarchy.make("Signing")
