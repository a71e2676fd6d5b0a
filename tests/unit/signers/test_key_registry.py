"""Which client may have to do with which key, at whichever backend, and that ids of one backend do not reach another's."""

import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotPermitted,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    SignatureInvalid,
    SignerError,
)
from proxy.model import (
    AlternativeName,
    AlternativeNameKind,
    Digest,
    HashAlgorithm,
    KeyAlgorithm,
    KeyUsage,
    RequestedCertificate,
    SignAlgorithm,
)
from proxy.ports import CertificateStore
from proxy.settings import Settings
from proxy.signers.certification_requests import public_key_of, read_request
from proxy.signers.registry import SignerRegistry
from proxy.signers.subjects import subject_of_text
from proxy.stores.certificates_sqlite import SQLiteCertificateStore
from tests.support.central_server import CentralServer, Entry, central_server, problem, says
from tests.support.keys import ec_key, rsa_key
from tests.support.openssl_judge import openssl_request
from tests.support.pki import SIGNER_USAGE, FixedClock, Hierarchy, Holder, issue, new_call
from tests.support.software_keys import add_signer, sections
from tests.support.tls_files import make_tls_files

WANTED = RequestedCertificate(subject_of_text("CN=Seal,O=Example,C=JP"))


def only(*ids: str) -> Callable[[str], bool]:
    """A client's own grants."""
    return lambda certificate_id: certificate_id in ids


def everything(_: str) -> bool:
    return True


@dataclass
class Place:
    """A folder of keys, a central signer, and what makes registries before both."""

    folder: Path
    pki: Hierarchy
    central: CentralServer
    store: CertificateStore
    made: list[SignerRegistry]

    def registry(self, *blocks: dict[str, Any], store: bool = True, central: bool = False, **software: Any) -> SignerRegistry:
        enrolled = [{"name": name, "certificate_sha256": digit * 64} for name, digit in (("alice", "a"), ("bob", "b"))]
        values: dict[str, Any] = {
            "listener": {"certificate": "c.pem", "key": "k.pem", "client_ca": "ca.pem"},
            "stores": {"transaction_log": "log"},
            "clients": enrolled,
            **sections(self.folder, *blocks, **software),
        }
        if central:
            values["central"] = self.central.settings
        settings = Settings.model_validate(values)
        self.made.append(SignerRegistry(settings, FixedClock(), self.store if store else None))
        return self.made[-1]

    def add(self, name: str, key: str = "spare", **more: Any) -> dict[str, Any]:
        """A certificate that the settings name; its key is P-256 if it is called spare, else RSA-2048."""
        holder = self.pki.signer(name, key=ec_key() if key == "spare" else rsa_key())
        return {**add_signer(self.folder, name, holder, self.pki.issuing, self.pki.root, key=key), **more}

    def issued(self, common_name: str = "Issued") -> Holder:
        """A certificate to the key that is called spare."""
        return issue(common_name, self.pki.issuing, key=ec_key(), extensions=[SIGNER_USAGE])


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
async def place(tmp_path: Path, pki: Hierarchy) -> AsyncIterator[Place]:
    folder = tmp_path / "software"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "spare.pem").write_bytes(Holder(pki.root.certificate, ec_key()).key_pem)
    store = await SQLiteCertificateStore.open(tmp_path / "certificates.sqlite")
    async with central_server(make_tls_files(tmp_path)) as server:
        server.keys |= {"far": ec_key("secp384r1"), "spare": ec_key("secp521r1"), "software:spare": ec_key("secp521r1")}
        place = Place(folder, pki, server, store, [])
        yield place
        for registry in place.made:
            await registry.close()
    await store.close()


def of(client: str) -> Call:
    return replace(new_call(), client=client)


async def ids(registry: SignerRegistry, client: str, allowed: Callable[[str], bool] = everything) -> Collection[str]:
    return {key.key_id for key, _ in await registry.keys.list(of(client), allowed)}


class TestWhoMay:
    """Each test asks for the request and the registration, which are permitted or refused together."""

    async def permitted(
        self, place: Place, registry: SignerRegistry, client: str, allowed: Callable[[str], bool] = everything
    ) -> bool:
        issued = place.issued()
        try:
            await registry.keys.certification_request(of(client), allowed, "software:spare", WANTED)
        except KeyNotFound:
            with pytest.raises(KeyNotFound):
                await registry.keys.register(of(client), allowed, "software:spare", issued.der, place.pki.chain)
            assert "software:spare" not in await ids(registry, client, allowed)
            return False
        await registry.keys.register(of(client), allowed, "software:spare", issued.der, place.pki.chain)
        assert "software:spare" in await ids(registry, client, allowed)
        return True

    async def test_a_key_without_certificates_is_anybodys_who_has_the_grants(self, place: Place) -> None:
        assert await self.permitted(place, place.registry(), "alice", only())

    async def test_a_key_is_not_for_who_may_not_use_a_certificate_of_it(self, place: Place) -> None:
        registry = place.registry(place.add("hers"), place.add("also-hers"))
        for allowed in (only(), only("hers"), only("his", "hers")):
            assert not await self.permitted(place, registry, "bob", allowed)
        assert await self.permitted(place, registry, "alice", only("hers", "also-hers"))

    async def test_a_registered_certificate_counts_too(self, place: Place) -> None:
        registry = place.registry()
        made = await registry.keys.register(of("alice"), only(), "software:spare", place.issued("First").der, place.pki.chain)
        for other in (registry, place.registry()):
            assert not await self.permitted(place, other, "bob", only("something"))
            assert await self.permitted(place, other, "alice", only())
        assert await ids(registry, "bob", only(made.certificate_id)) == set()

    async def test_a_key_that_the_settings_keep_for_others(self, place: Place) -> None:
        registry = place.registry(place.add("hers", clients=["alice"]))
        assert not await self.permitted(place, registry, "bob")
        assert await self.permitted(place, registry, "alice")

    async def test_a_certificate_that_cannot_be_used_counts_too(self, place: Place) -> None:
        """Its key signs nothing under it, and still makes values that verify under it."""
        registry = place.registry(place.add("odd") | {"key": "nowhere"})
        assert not await self.permitted(place, registry, "bob", only())

    async def test_the_same_key_at_the_central_signer_counts_too(self, place: Place) -> None:
        holder = place.pki.signer("Twin", key=ec_key())
        place.central.entries["twin"] = Entry(holder, place.pki.chain, ("ECDSA",), ("SHA-256",))
        registry = place.registry(central=True)
        assert not await self.permitted(place, registry, "bob", only())
        assert await self.permitted(place, registry, "alice", lambda one: one != "nothing")

    async def test_what_is_registered_to_a_kept_key_is_kept_too(self, place: Place) -> None:
        registry = place.registry(place.add("hers", clients=["alice"]))
        made = await registry.keys.register(of("alice"), everything, "software:spare", place.issued().der, place.pki.chain)
        with pytest.raises(CertificateNotPermitted):
            await registry.find(of("bob"), made.certificate_id)
        assert made.certificate_id not in {one.certificate_id for one in await registry.list_credentials(of("bob"))}
        await registry.find(of("alice"), made.certificate_id)

    async def test_a_new_key_is_its_makers(self, place: Place) -> None:
        registry = place.registry(create_keys=True)
        made = await registry.keys.create(of("alice"), KeyAlgorithm.P_256, "new", None)
        assert made.key_id == "software:new"
        for other in (registry, place.registry(create_keys=True)):
            assert made.key_id in await ids(other, "alice")
            assert made.key_id not in await ids(other, "bob")
            for call in (of("bob"), of("carol")):
                with pytest.raises(KeyNotFound):
                    await other.keys.certification_request(call, everything, made.key_id, WANTED)
            await other.keys.certification_request(of("alice"), only(), made.key_id, WANTED)


class TestRequests:
    async def test_a_request_is_the_keys_and_leaves_a_digest(self, place: Place) -> None:
        call = of("alice")
        wanted = replace(WANTED, key_usages=(KeyUsage.NON_REPUDIATION,), hash_algorithm=HashAlgorithm.SHA384)
        der = await place.registry().keys.certification_request(call, only(), "software:spare", wanted)
        text = openssl_request(der)
        assert text is not None
        assert "ecdsa-with-SHA384" in text
        (digest,) = call.facts.digests
        assert len(digest) == 96

    async def test_what_the_settings_allow_a_keys_certificates_holds_for_requests(self, place: Place) -> None:
        block = place.add("strict", "rsa", sign_algorithms=["RSASSA-PSS"], hash_algorithms=["SHA-512"])
        registry = place.registry(block)
        for choice in ({"sign_algorithm": SignAlgorithm.RSASSA_PKCS1_V1_5}, {"hash_algorithm": HashAlgorithm.SHA256}):
            with pytest.raises(AlgorithmNotAllowed):
                await registry.keys.certification_request(of("alice"), everything, "software:rsa", replace(WANTED, **choice))
        der = await registry.keys.certification_request(of("alice"), everything, "software:rsa", WANTED)
        assert "rsassaPss" in (openssl_request(der) or "")

    async def test_and_for_registered_certificates(self, place: Place) -> None:
        block = place.add("strict", "rsa", sign_algorithms=["RSASSA-PSS"])
        registry = place.registry(block)
        other = issue("Other", place.pki.issuing, key=rsa_key(), extensions=[SIGNER_USAGE])
        made = await registry.keys.register(of("alice"), everything, "software:rsa", other.der, place.pki.chain)
        assert made.sign_algorithms == (SignAlgorithm.RSASSA_PSS,)
        backend, credential = await registry.find(of("alice"), made.certificate_id)
        with pytest.raises(AlgorithmNotAllowed):
            await backend.sign_digests(
                of("alice"), credential, SignAlgorithm.RSASSA_PKCS1_V1_5, [Digest.of(b"", HashAlgorithm.SHA256)]
            )

    async def test_a_certificate_of_the_settings_is_registered_already(self, place: Place) -> None:
        registry = place.registry(place.add("named"))
        holder = (await registry.find(of("alice"), "named"))[1]
        made = await registry.keys.register(of("alice"), everything, "software:spare", holder.certificate, holder.chain)
        assert made == holder
        assert await place.store.list("software") == ()

    async def test_an_id_of_the_settings_is_not_given_to_another_certificate(self, place: Place) -> None:
        issued = place.issued()
        block = place.add("named") | {"id": sha256(issued.der).hexdigest()[:32]}
        registry = place.registry(block)
        with pytest.raises(InvalidParameter):
            await registry.keys.register(of("alice"), everything, "software:spare", issued.der, place.pki.chain)
        assert await place.store.list("software") == ()


class TestIds:
    @pytest.mark.parametrize(
        "key_id",
        ["spare", "software:", "software:far", "software:software:spare", "software:../keys/spare", "SOFTWARE:spare", ":spare"],
    )
    async def test_ids_of_one_backend_do_not_reach_another(self, place: Place, key_id: str) -> None:
        registry = place.registry(central=True)
        if key_id == "spare":  # the central signer's own
            der = await registry.keys.certification_request(of("alice"), only(), key_id, WANTED)
            assert read_request(der).public_key() == ec_key("secp521r1").public_key()
            with pytest.raises(CertificateKeyMismatch):
                await registry.keys.register(of("alice"), only(), key_id, place.issued().der, place.pki.chain)
            return
        with pytest.raises(KeyNotFound):
            await registry.keys.certification_request(of("alice"), only(), key_id, WANTED)
        with pytest.raises(KeyNotFound):
            await registry.keys.register(of("alice"), only(), key_id, place.issued().der, place.pki.chain)

    async def test_the_list_has_local_keys_and_the_central_signers(self, place: Place) -> None:
        """One of the central signer's that looks like a local one is out of reach, and not told."""
        registry = place.registry(central=True)
        listed = await registry.keys.list(of("alice"), only())
        assert {key.key_id: key.backend for key, _ in listed} == {
            "software:spare": "software",
            "far": "central",
            "spare": "central",
        }
        assert {key.hash_algorithms for key, _ in listed if key.backend == "central"} == {tuple(HashAlgorithm)}

    async def test_a_central_signer_that_does_not_tell_its_keys(self, place: Place) -> None:
        registry = place.registry(central=True)
        for code in ("NOT_FOUND", "OPERATION_NOT_PERMITTED", "METHOD_NOT_ALLOWED", "NOT_SUPPORTED"):
            place.central.fault = problem(404, code)
            # Certificates are asked for, too: of a central signer that has none, the list is empty.
            place.central.fault = _keys_fail(place.central.fault)
            assert await ids(registry, "alice") == {"software:spare"}

    async def test_without_a_store_nothing_is_registered_here(self, place: Place) -> None:
        registry = place.registry(store=False)
        await registry.keys.certification_request(of("alice"), only(), "software:spare", WANTED)
        with pytest.raises(NotSupported):
            await registry.keys.register(of("alice"), only(), "software:spare", place.issued().der, place.pki.chain)


class TestCentral:
    async def test_what_is_asked_for_is_passed_on(self, place: Place) -> None:
        registry = place.registry(central=True)
        names = (AlternativeName(AlternativeNameKind.EMAIL, "a@example.jp"),)
        wanted = RequestedCertificate(
            WANTED.subject, names, (KeyUsage.NON_REPUDIATION,), SignAlgorithm.ECDSA, HashAlgorithm.SHA384
        )
        der = await registry.keys.certification_request(of("alice"), only(), "far", wanted)
        assert public_key_of(read_request(der))
        assert json.loads(place.central.asked[0][2]) == {
            "subject": "CN=Seal,O=Example,C=JP",
            "subjectAltName": [{"type": "email", "value": "a@example.jp"}],
            "keyUsage": ["nonRepudiation"],
            "signAlgorithm": "ECDSA",
            "hashAlgorithm": "SHA-384",
        }

    async def test_a_key_made_there_is_its_makers_here(self, place: Place) -> None:
        registry = place.registry(central=True)
        made = await registry.keys.create(of("alice"), KeyAlgorithm.P_256, "press", "central")
        assert (made.key_id, made.backend) == ("press", "central")
        await registry.keys.certification_request(of("alice"), only(), "press", WANTED)
        with pytest.raises(KeyNotFound):
            await registry.keys.certification_request(of("bob"), everything, "press", WANTED)
        with pytest.raises(InvalidParameter):
            await registry.keys.create(of("alice"), KeyAlgorithm.P_256, None, "kms")

    async def test_a_key_of_a_certificate_that_is_not_granted(self, place: Place) -> None:
        holder = place.pki.signer("Far", key=ec_key("secp384r1"))
        place.central.entries["far-cert"] = Entry(holder, place.pki.chain, ("ECDSA",), ("SHA-384",))
        registry = place.registry(central=True)
        with pytest.raises(KeyNotFound):
            await registry.keys.certification_request(of("bob"), only("other"), "far", WANTED)
        await registry.keys.certification_request(of("alice"), only("far-cert"), "far", WANTED)

    async def test_answers_that_are_not_what_was_asked_for(self, place: Place) -> None:
        registry = place.registry(central=True)
        place.central.other_subject = "CN=Somebody else"
        with pytest.raises(SignerError):
            await registry.keys.certification_request(of("alice"), only(), "far", WANTED)
        for body, kind in (('{"csr": "AAAA"}', SignatureInvalid), ('{"csr": "!"}', SignerError), ("{}", SignerError)):
            place.central.fault = says(body)
            with pytest.raises(kind):
                await registry.keys.certification_request(of("alice"), only(), "far", WANTED)

    async def test_nobody_makes_keys(self, place: Place) -> None:
        registry = place.registry(central=True)
        place.central.fault = problem(501, "NOT_SUPPORTED")
        with pytest.raises(NotSupported):
            await registry.keys.create(of("alice"), KeyAlgorithm.P_256, "press", None)


def _keys_fail(fault: Any) -> Any:
    async def handler(request: Any) -> Any:
        if request.path.startswith("/v1/keys"):
            return await fault(request)
        return await says('{"certificates": []}')(request)

    return handler
