"""Keys, certification requests and registration through the client library."""

import pytest

from proxy.client import AnswerInvalid, SigningClient
from proxy.errors import NotSupported
from proxy.model import AlternativeName, AlternativeNameKind, HashAlgorithm, KeyAlgorithm, KeyUsage, SignAlgorithm
from tests.support.contract_service import ContractService


async def test_keys_of_all_pages(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        found = await client.keys()
    assert [(key.key_id, key.certificate_ids) for key in found] == [("kms:0", ("seal",)), ("kms:1", ())]
    assert (found[0].public_key, found[0].algorithm, found[0].backend) == (b"\1\2\3", "P-256", "kms")


async def test_a_new_key(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        assert (await client.create_key()).key_id == "kms:new"
        await client.create_key(KeyAlgorithm.P_521, label="seal", backend="kms")
        service.problem = (501, {"code": "NOT_SUPPORTED", "detail": "no signer makes keys"})
        with pytest.raises(NotSupported):
            await client.create_key()
    assert [seen.params for seen in service.seen[:2]] == [{}, {"algorithm": "P-521", "label": "seal", "backend": "kms"}]


async def test_a_certification_request(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        der = await client.certification_request("software:a/b", {"commonName": "Seal"})
        await client.certification_request(
            "kms:1",
            "CN=Seal",
            alternative_names=[AlternativeName(AlternativeNameKind.EMAIL, "a@example.jp")],
            key_usages=[KeyUsage.NON_REPUDIATION],
            sign_algorithm=SignAlgorithm.RSASSA_PSS,
            hash_algorithm=HashAlgorithm.SHA512,
        )
    assert len(der) == 120
    assert [seen.path for seen in service.seen] == ["/v1/keys/software:a/b/csr", "/v1/keys/kms:1/csr"]
    assert [seen.params for seen in service.seen] == [
        {"subject": {"commonName": "Seal"}},
        {
            "subject": "CN=Seal",
            "subjectAltName": [{"type": "email", "value": "a@example.jp"}],
            "keyUsage": ["nonRepudiation"],
            "signAlgorithm": "RSASSA-PSS",
            "hashAlgorithm": "SHA-512",
        },
    ]


async def test_a_registration(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        made = await client.register_certificate("kms:1", b"\1\2\3", [b"\4\5\6"])
    assert (made.certificate_id, made.warnings) == ("0f1e", ("it expires on 2030-01-01",))
    assert service.seen[0].params == {"keyId": "kms:1", "certificate": "AQID", "chain": ["BAUG"]}


async def test_an_answer_that_is_none(service: ContractService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.contract_service.key_entry", lambda _: {"keyId": "kms:1"})
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="algorithm"):
            await client.keys()
