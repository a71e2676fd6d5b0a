"""Digests and questions through the client library."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from proxy.client import AnswerInvalid, SigningClient
from proxy.errors import CertificateNotFound, TransactionNotFound
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from tests.support.contract_service import ContractService, certificate_entry

ONE, TWO = (Digest.of(data, HashAlgorithm.SHA384) for data in (b"one", b"two"))


async def test_digests(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        values = await client.sign_hashes("seal", [ONE, TWO], SignAlgorithm.ECDSA)
        with pytest.raises(ValueError, match="one hash algorithm"):
            await client.sign_hashes("seal", [ONE, Digest.of(b"two", HashAlgorithm.SHA256)])
        with pytest.raises(ValueError, match="one hash algorithm"):
            await client.sign_hashes("seal", [])
    assert values == (ONE.value, TWO.value)
    (seen,) = service.seen
    assert {name: seen.params[name] for name in ("certificateId", "hashAlgorithm", "signAlgorithm")} == {
        "certificateId": "seal",
        "hashAlgorithm": "SHA-384",
        "signAlgorithm": "ECDSA",
    }


async def test_a_missing_signature_value_is_noticed(service: ContractService) -> None:
    service.spoil = True
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match="number"):
            await client.sign_hashes("seal", [ONE, TWO])


async def test_timestamp_relay(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        assert await client.timestamp_hash(b"query", tsa_profile="second") == b"reply to query"
    (seen,) = service.seen
    assert seen.headers["Content-Type"] == "application/timestamp-query"
    assert seen.query == {"tsaProfile": "second"}


async def test_certificates_of_all_pages(service: ContractService) -> None:
    service.certificates = [certificate_entry(name) for name in ("a", "b", "c", "d", "seal/1")]
    async with SigningClient(service.connection()) as client:
        found = await client.certificates()
        one = await client.certificate("seal/1")
        with pytest.raises(CertificateNotFound) as caught:
            await client.certificate("none")
    assert [entry.certificate_id for entry in found] == ["a", "b", "c", "d", "seal/1"]
    assert one == found[-1]
    assert one.not_after == datetime(2030, 1, 1, tzinfo=UTC)
    assert one.sign_algorithms == (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)
    assert caught.value.transaction_id is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("notAfter", "2030-01-01T00:00:00"), ("signAlgorithms", ["MD5"]), ("hashAlgorithms", "SHA-256"), ("subject", None)],
)
async def test_certificate_facts_that_are_none(service: ContractService, name: str, value: object) -> None:
    service.certificates = [{**certificate_entry("a"), name: value}]
    async with SigningClient(service.connection()) as client:
        with pytest.raises(AnswerInvalid, match=name):
            await client.certificates()


async def test_chain(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        chain = await client.chain("seal/1")
    assert chain.certificates == (b"\1\2\3", b"\4\5\6")
    assert chain.hash_algorithms == (HashAlgorithm.SHA256, HashAlgorithm.SHA384)


async def test_maintenance(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        state = await client.maintenance()
    assert state.in_maintenance
    assert state.starts == datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=9)))
    assert state.message == "disks"


async def test_operations(service: ContractService) -> None:
    async with SigningClient(service.connection()) as client:
        page = await client.operations(start=datetime(2030, 1, 1, tzinfo=UTC), result="FAILED", limit=2)
        one = await client.operation("abc")
        service.problem = (404, {"code": "TRANSACTION_NOT_FOUND", "detail": "none"})
        with pytest.raises(TransactionNotFound):
            await client.operation("abc")
    assert [entry.transaction_id for entry in page.operations] == ["newer", "older"]
    assert page.next_cursor == "more"
    assert service.seen[0].query == {"from": "2030-01-01T00:00:00+00:00", "result": "FAILED", "limit": "2"}
    assert (one.transaction_id, one.state, one.result_code) == ("abc", "FAILED", "TSA_ERROR")
    assert one.members["documentBytes"] == 12
