"""Signer backends under test, each with the same kinds of keys and certificates to them, made the way a backend keeps them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.model import HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.outbound import Links
from proxy.ports import DigestSigner, SignerBackend
from proxy.sandbox.authority import load_chain
from proxy.sandbox.csc_deviations import Deviation
from proxy.settings import CentralSettings, CredentialSettings, CSCSettings
from proxy.signers.bindings import configured
from proxy.signers.central import CentralSigner
from proxy.signers.csc import CSCSigner
from proxy.signers.keyed import KeyedSigner
from proxy.signers.verified import VerifiedSigner
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from tests.contract.company import InCompany
from tests.contract.key_benches import KEY_BACKENDS, KINDS, MAKE, OWN_HASH, RSA, KeyBench
from tests.support.central_server import Entry, central_server
from tests.support.csc_server import csc_server, held
from tests.support.keys import PrivateKey, ec_key
from tests.support.pki import FixedClock, Hierarchy, Holder, certificate_to, new_call
from tests.support.tls_files import make_tls_files

USUAL = ("rsa-2048", "p256", "p384")
"""What a bench holds where a test does not say."""


@dataclass
class Bench:
    """A backend and what is in it.

    Attributes:
        signers: DER of the certificates by the names of ``KINDS``.
        chains: DER of their issuers.
        spare: DER of the SubjectPublicKeyInfo of a key without certificate.
        spare_id: That key's id at the backend.
        ids: Certificate ids, where they are not the names.
        rsa: What it makes with RSA keys.
        own_hash: Whether a curve goes with the one hash of its own strength alone.
        alone: Whether nothing else is in it.
        signed: How many signatures were made behind it, where that is counted.
        company: How many digests of others come with every question.
    """

    backend: SignerBackend
    pki: Hierarchy
    signers: dict[str, bytes]
    chains: dict[str, tuple[bytes, ...]]
    spare: bytes
    spare_id: str = "spare"
    ids: dict[str, str] = field(default_factory=dict)
    rsa: tuple[SignAlgorithm, ...] = RSA
    own_hash: bool = False
    alone: bool = True
    signed: Callable[[], int] | None = None
    company: int = 0

    @cached_property
    def signer(self) -> DigestSigner:
        """What operations sign with."""
        signer = VerifiedSigner(self.backend, 60.0, Links())
        return InCompany(signer, self.company) if self.company else signer

    def id_of(self, name: str) -> str:
        """The certificate's id."""
        return self.ids.get(name, name)

    def declares(self, name: str) -> tuple[set[SignAlgorithm], set[HashAlgorithm]]:
        """What the backend is to declare for a key."""
        if name.startswith("rsa"):
            return set(self.rsa), set(HashAlgorithm)
        return {SignAlgorithm.ECDSA}, {OWN_HASH[name]} if self.own_hash else set(HashAlgorithm)


@dataclass(frozen=True)
class Making:
    """What a bench is made with: a folder, an authority, the names of its keys, and fixtures that it may ask for."""

    folder: Path
    pki: Hierarchy
    names: Sequence[str]
    fixture: Callable[[str], Any]

    def holders(self) -> dict[str, Holder]:
        """Certificates to keys that are here."""
        return {name: self.pki.signer(f"Signer {name}", key=MAKE[name]()) for name in self.names}


MakeBench = Callable[[Making], AbstractAsyncContextManager[Bench]]


def public_key(key: PrivateKey) -> bytes:
    """DER of a key's SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def keyed(name: str) -> MakeBench:
    """A key backend with certificates that the settings name, and a store for others."""

    @asynccontextmanager
    async def make(making: Making) -> AsyncIterator[Bench]:
        where: KeyBench = making.fixture("key_bench_of")(name)
        monkeypatch, pki = making.fixture("monkeypatch"), making.pki
        for variable, value in where.environment.items():
            monkeypatch.setenv(variable, value)
        references = {kind: where.reference(KINDS[kind]) for kind in making.names}
        store = await SQLiteCertificateStore.open(making.folder / "certificates.sqlite")
        async with where.opened() as keys:
            spare = await keys.create_key(new_call(), KeyAlgorithm.P_256, None)
            signers, bindings = {}, []
            for kind, reference in references.items():
                held = await keys.get_key(new_call(), reference)
                signers[kind] = certificate_to(held.public_key, f"Signer {kind}", pki.issuing)
                file = making.folder / f"{kind}.pem"
                file.write_text("".join(DER_cert_to_PEM_cert(der) for der in (signers[kind], *pki.chain)))
                block = {"id": kind, "backend": name, "key": reference, "certificate": file}
                bindings.append(configured(CredentialSettings.model_validate(block)))
            yield Bench(
                KeyedSigner(keys, bindings, store, FixedClock()),
                pki,
                signers,
                dict.fromkeys(signers, pki.chain),
                spare=spare.public_key,
                spare_id=spare.key_id,
                own_hash=where.one_hash_a_curve,
            )
        await store.close()

    return make


@asynccontextmanager
async def central(making: Making) -> AsyncIterator[Bench]:
    """A central signer, by a double that has its keys in memory."""
    holders, spare = making.holders(), ec.generate_private_key(ec.SECP256R1())
    async with central_server(make_tls_files(making.folder)) as server:
        server.keys["spare"] = spare
        for name, holder in holders.items():
            made = RSA if name.startswith("rsa") else (SignAlgorithm.ECDSA,)
            server.entries[name] = Entry(holder, making.pki.chain, made, tuple(HashAlgorithm))
        backend = CentralSigner(CentralSettings.model_validate(server.settings), 4, FixedClock())
        signers = {name: holder.der for name, holder in holders.items()}
        yield Bench(backend, making.pki, signers, dict.fromkeys(signers, making.pki.chain), public_key(spare))
        await backend.close()


@asynccontextmanager
async def sandbox(making: Making) -> AsyncIterator[Bench]:
    """The sandbox's central signer, a process of its own."""
    running = making.fixture("sandbox")
    names = {
        "rsa-2048": "test-rsa2048",
        "rsa-3072": "legal-person-rsa",
        "rsa-4096": "test-rsa4096",
        "p256": "legal-person-p256",
        "p384": "test-p384",
        "p521": "test-p521",
    }
    folder, info = running.folder, running.info
    files = folder.client("proxy")
    values = {"url": info.central, "ca": info.ca_file, "client_certificate": files.certificate, "client_key": files.key}
    backend = CentralSigner(CentralSettings.model_validate(values), 4, FixedClock())
    files_of = {name: load_chain(folder.signing(names[name]).certificate) for name in making.names}
    chains = {name: [entry.public_bytes(Encoding.DER) for entry in chain] for name, chain in files_of.items()}
    signers = {name: ders[0] for name, ders in chains.items()}
    yield Bench(
        backend,
        making.pki,
        signers,
        {name: tuple(ders[1:]) for name, ders in chains.items()},
        spare=b"",
        ids=names,
        alone=False,
    )
    await backend.close()


def csc(*deviations: Deviation, **settings: object) -> MakeBench:
    """A provider of remote signatures, as it deviates."""

    @asynccontextmanager
    async def make(making: Making) -> AsyncIterator[Bench]:
        holders, pki = making.holders(), making.pki
        holding = held(holders, pki, multisign=40)
        async with csc_server(making.folder, make_tls_files(making.folder), pki, holding, *deviations) as server:
            values = server.settings(*deviations, **settings)
            backend = CSCSigner(CSCSettings.model_validate(values), 4, server.clock)
            signers = {name: holder.der for name, holder in holders.items()}
            yield Bench(
                backend,
                pki,
                signers,
                dict.fromkeys(signers, pki.chain),
                spare=public_key(ec_key()),
                rsa=RSA[:1] if Deviation.KEY_TYPE_ONLY in deviations else RSA,
                signed=lambda: server.provider.signed,
            )
            await backend.close()

    return make


def in_company(make: MakeBench) -> MakeBench:
    """The same, asked by others at the same time."""

    @asynccontextmanager
    async def made(making: Making) -> AsyncIterator[Bench]:
        async with make(making) as bench:
            bench.company = 3
            yield bench

    return made


BENCHES: dict[str, MakeBench] = {"central": central, "csc": csc(), **{name: keyed(name) for name in KEY_BACKENDS}}
"""Every backend there is. A new one adds a line here, and the suite must be green."""

COALESCED: dict[str, MakeBench] = {"central-in-company": in_company(central)}
"""One whose questions carry several calls' digests."""

FURTHER: dict[str, MakeBench] = {
    "csc-in-company": in_company(csc()),
    "central-sandbox": sandbox,
    "csc-asynchronous": csc(asynchronous=True),
    "csc-all-at-once": csc(
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
    **{f"csc-{deviation}": csc(deviation) for deviation in Deviation},
}
"""The same held to it in other conditions, of which `make test-full` takes the time."""

GROUPS = {"kms": "localstack"}
"""Tests of these benches share a worker, and so what is costly to start."""


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """The marks of every test with a bench."""
    grouped = [pytest.mark.xdist_group(GROUPS[name])] if name in GROUPS else []
    return [*grouped, pytest.mark.full] if name in FURTHER else grouped
