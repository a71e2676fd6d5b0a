"""The verbs that only ask."""

import pytest

from tests.support.contract_service import ContractService, certificate_entry
from tests.unit.cli.conftest import Command


async def test_certificates(service: ContractService, signproxy: Command) -> None:
    service.certificates = [certificate_entry(name) for name in ("a", "b", "seal/1")]
    listed = await signproxy("certificates", "list", *service.options())
    assert listed.code == 0, listed.err
    assert "seal/1" in listed.out
    assert "CN=Example Seal,O=Example" in listed.out
    as_json = await signproxy("certificates", "list", "--json", *service.options())
    assert [entry["certificateId"] for entry in as_json.json["certificates"]] == ["a", "b", "seal/1"]
    shown = await signproxy("certificates", "show", "seal/1", *service.options())
    assert "RSASSA-PKCS1-v1_5, RSASSA-PSS" in shown.out
    assert (await signproxy("certificates", "show", "seal/1", "--json", *service.options())).json["keyAlgorithm"] == "RSA-3072"
    chain = await signproxy("certificates", "chain", "seal/1", *service.options())
    assert chain.out.count("-----BEGIN CERTIFICATE-----\n") == 2
    missing = await signproxy("certificates", "show", "none", *service.options())
    assert (missing.code, missing.out) == (5, "")
    assert missing.err.startswith("signproxy: CERTIFICATE_NOT_FOUND: ")


async def test_maintenance(service: ContractService, signproxy: Command) -> None:
    ended = await signproxy("maintenance", *service.options())
    assert ended.code == 3
    assert ended.out == "in maintenance, from 2030-01-02T03:04:05+09:00 to 2030-01-02T05:04:05+09:00, disks\n"


async def test_operations(service: ContractService, signproxy: Command) -> None:
    shown = await signproxy("operations", "show", "abc", *service.options())
    assert (shown.code, shown.json["resultCode"]) == (0, "TSA_ERROR")
    listed = await signproxy("operations", "list", "--limit", "3", "--from", "2030-01-01T00:00:00+09:00", *service.options())
    assert listed.code == 0, listed.err
    assert "newer" in listed.out
    assert "TSA_ERROR" in listed.out
    # The service gives two a page.
    assert [seen.query.get("limit") for seen in service.seen] == ["3", "1"]
    assert service.seen[0].query["from"] == "2029-12-31T15:00:00+00:00"


@pytest.mark.parametrize("words", [("operations", "list", "--json"), ("certificates", "list", "--json")])
async def test_json_goes_alone_to_standard_output(service: ContractService, signproxy: Command, words: tuple[str, ...]) -> None:
    ended = await signproxy(*words, *service.options())
    assert isinstance(ended.json, dict)
    assert ended.err == ""
