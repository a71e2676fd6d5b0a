"""Certificates that the settings name to the keys of a backend: held against their keys, restricted, and kept for some."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotFound,
    CertificateNotPermitted,
    SettingsError,
    SignerError,
)
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.settings import Settings
from proxy.signers.registry import SignerRegistry
from proxy.signers.verification import verify_value
from tests.support.keys import ec_key, rsa_key
from tests.support.kms_server import ACCESS_KEY, REGION, SECRET_KEY, KMSServer, kms_server
from tests.support.pki import CA_USAGE, FixedClock, Hierarchy, Holder, issue, new_call, usage

EC = "11111111-1111-4111-8111-111111111111"
RSA = "22222222-2222-4222-8222-222222222222"
DIGEST = Digest.of(b"one", HashAlgorithm.SHA256)


@dataclass
class Place:
    """A KMS with two keys, a folder, and what makes registries of credentials in it."""

    folder: Path
    server: KMSServer
    pki: Hierarchy
    made: list[SignerRegistry]

    def file(self, name: str, *holders: Holder) -> Path:
        path = self.folder / name
        path.write_bytes(b"".join(holder.pem for holder in holders))
        return path

    def settings(self, *credentials: dict[str, Any], **sections: Any) -> Settings:
        enrolled = [{"name": name, "certificate_sha256": digit * 64} for name, digit in (("alice", "a"), ("bob", "b"))]
        listener = {"certificate": "c.pem", "key": "k.pem", "client_ca": "ca.pem"}
        kms = {"region": REGION, "endpoint_url": self.server.url, "keys": [EC, RSA]}
        values = {"listener": listener, "kms": kms, "credentials": credentials, "clients": enrolled}
        stores = {"transaction_log": self.folder / "log"}
        return Settings.model_validate({"stores": stores, "revocation": {"source": "off"}, **values, **sections})

    def registry(self, *credentials: dict[str, Any], **sections: Any) -> SignerRegistry:
        self.made.append(SignerRegistry(self.settings(*credentials, **sections), FixedClock()))
        return self.made[-1]

    def credential(self, name: str = "seal", key: str = EC, **more: Any) -> dict[str, Any]:
        """A block whose certificate is right for the key."""
        holder = self.pki.signer(name, key=ec_key() if key == EC else rsa_key())
        file = self.file(f"{name}.pem", holder, self.pki.issuing, self.pki.root)
        return {"id": name, "backend": "kms", "key": key, "certificate": file, **more}


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
async def place(tmp_path: Path, pki: Hierarchy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    async with kms_server() as server:
        server.add(EC, ec_key())
        server.add(RSA, rsa_key())
        made = Place(tmp_path, server, pki, [])
        yield made
        for registry in made.made:
            await registry.close()


def call_of(client: str) -> Call:
    return replace(new_call(), client=client)


async def test_a_configured_certificate_signs_with_its_key(place: Place) -> None:
    leaf, chain = place.file("leaf.pem", place.pki.signer(key=ec_key())), place.file("chain.pem", place.pki.issuing)
    apart = {"id": "apart", "backend": "kms", "key": EC, "certificate": leaf, "chain": chain}
    registry = place.registry(place.credential(), apart)
    for name, length in (("seal", 2), ("apart", 1)):
        signer, credential = await registry.find(new_call(), name)
        (value,) = await signer.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, [DIGEST])
        verify_value(credential.certificate, SignAlgorithm.ECDSA, DIGEST, value)
        assert (credential.backend, len(credential.chain)) == ("kms", length)
    assert [entry.certificate_id for entry in await registry.list_credentials(new_call())] == ["seal", "apart"]
    with pytest.raises(CertificateNotFound):
        await registry.find(new_call(), EC)


async def test_what_is_allowed_is_what_is_declared_preferred_first(place: Place) -> None:
    only = place.credential("only", RSA, sign_algorithms=["RSASSA-PSS"], hash_algorithms=["SHA-512", "SHA-256"])
    registry = place.registry(only)
    backend, credential = await registry.find(new_call(), "only")
    assert credential.sign_algorithms == (SignAlgorithm.RSASSA_PSS,)
    assert credential.hash_algorithms == (HashAlgorithm.SHA512, HashAlgorithm.SHA256)
    asked = len(place.server.asked)
    for sign_algorithm, hash_algorithm in (
        (SignAlgorithm.RSASSA_PKCS1_V1_5, HashAlgorithm.SHA256),
        (SignAlgorithm.RSASSA_PSS, HashAlgorithm.SHA384),
    ):
        with pytest.raises(AlgorithmNotAllowed):
            await backend.sign_digests(new_call(), credential, sign_algorithm, [Digest.of(b"", hash_algorithm)])
    assert len(place.server.asked) == asked
    # SHA-384 alone is allowed, and KMS does not do that with a P-256 key.
    nothing = place.registry(place.credential("nothing", hash_algorithms=["SHA-384"]))
    with pytest.raises(AlgorithmNotAllowed):
        await nothing.find(new_call(), "nothing")


async def test_a_certificate_of_another_key_signs_nothing_and_is_told(place: Place) -> None:
    wrong = {**place.credential("wrong"), "key": RSA}
    registry = place.registry(wrong, place.credential("right"))
    with pytest.raises(CertificateKeyMismatch):
        await registry.find(new_call(), "wrong")
    with capture_logs() as logs:
        for _ in range(2):
            assert [entry.certificate_id for entry in await registry.list_credentials(new_call())] == ["right"]
    told = [entry for entry in logs if entry["event"] == "credential.unusable"]
    assert [(entry["certificateId"], entry["code"]) for entry in told] == [("wrong", "CERTIFICATE_KEY_MISMATCH")]


async def test_a_key_that_is_not_there_fails_alone(place: Place) -> None:
    gone = place.credential("gone")
    registry = place.registry(gone, place.credential("right", RSA))
    del place.server.keys[EC]
    with pytest.raises(SignerError):
        await registry.find(new_call(), "gone")
    assert [entry.certificate_id for entry in await registry.list_credentials(new_call())] == ["right"]
    with pytest.raises(SignerError):
        await place.registry(gone).list_credentials(new_call())


class TestReserved:
    async def test_only_the_named_clients_may_use_it(self, place: Place) -> None:
        registry = place.registry(place.credential("hers", clients=["alice"]), place.credential("all", RSA))
        assert {entry.certificate_id for entry in await registry.list_credentials(call_of("bob"))} == {"all"}
        assert {entry.certificate_id for entry in await registry.list_credentials(call_of("alice"))} == {"hers", "all"}
        await registry.find(call_of("alice"), "hers")
        with pytest.raises(CertificateNotPermitted):
            await registry.find(call_of("bob"), "hers")

    async def test_two_certificates_of_one_key_are_each_for_whom_they_name(self, place: Place) -> None:
        registry = place.registry(place.credential("hers", clients=["alice"]), place.credential("his", clients=["bob"]))
        for client, own, other in (("alice", "hers", "his"), ("bob", "his", "hers")):
            await registry.find(call_of(client), own)
            with pytest.raises(CertificateNotPermitted):
                await registry.find(call_of(client), other)


def test_what_cannot_be_meant_stops_the_start(place: Place) -> None:
    pki, signer = place.pki, place.pki.signer(key=ec_key())
    ca = issue("Second Issuing", pki.root, key=ec_key(), ca=True, extensions=[CA_USAGE])
    idle = issue("Encrypts", pki.issuing, key=ec_key(), extensions=[usage("key_encipherment")])
    for content in ([], [ca, pki.root], [idle, pki.issuing], [signer, pki.root], [signer, pki.issuing, pki.issuing]):
        block = {**place.credential(), "certificate": place.file("bad.pem", *content)}
        with pytest.raises(SettingsError, match="the credential seal"):
            place.registry(block)
    with pytest.raises(SettingsError, match="the credential seal"):
        place.registry(place.credential(sign_algorithms=["RSASSA-PSS"]))


def test_settings_that_contradict_themselves(place: Place) -> None:
    seal = place.credential()
    for blocks, sections, reason in (
        ([seal, seal], {}, "unique"),
        ([{**seal, "clients": ["carol"]}], {}, "carol"),
        ([{**seal, "clients": []}], {}, "at least 1"),
        ([seal], {"kms": None, "software": {"directory": place.folder}}, "needs the section kms"),
        ([{**seal, "id": "../seal"}], {}, "pattern"),
        ([{**seal, "backend": "central"}], {}, "backend"),
    ):
        with pytest.raises(ValueError, match=reason):
            place.settings(*blocks, **sections)
