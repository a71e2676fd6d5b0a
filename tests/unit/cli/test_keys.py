"""``signproxy keys``, ``csr`` and ``certificates register``."""

from pathlib import Path
from ssl import DER_cert_to_PEM_cert

from tests.support.contract_service import ContractService
from tests.unit.cli.conftest import Command


async def test_keys(service: ContractService, signproxy: Command) -> None:
    listed = await signproxy("keys", "list", *service.options())
    assert listed.code == 0, listed.err
    assert [line.split()[:3] for line in listed.out.splitlines()[1:]] == [
        ["kms:0", "P-256", "seal"],
        ["kms:1", "P-256", "none"],
    ]
    as_json = await signproxy("keys", "list", "--json", *service.options())
    assert [key["certificateIds"] for key in as_json.json["keys"]] == [["seal"], []]
    made = await signproxy("keys", "create", "--algorithm", "P-384", "--label", "seal", *service.options())
    assert (made.code, made.out) == (0, "kms:new\n")
    assert service.seen[-1].params == {"algorithm": "P-384", "label": "seal"}
    assert (await signproxy("keys", "create", "--json", *service.options())).json["publicKey"] == "AQID"
    service.problem = (501, {"code": "NOT_SUPPORTED", "detail": "no signer makes keys"})
    refused = await signproxy("keys", "create", *service.options())
    assert (refused.code, refused.out) == (4, "")
    assert (await signproxy("keys", "create", "--algorithm", "RSA-1024", *service.options())).code == 2


async def test_csr(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    asked = ("csr", "create", "kms:1", "--subject", "CN=Seal,C=JP", *service.options())
    printed = await signproxy(*asked)
    assert printed.code == 0, printed.err
    lines = printed.out.splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----")
    assert {len(line) for line in lines[1:-2]} == {64}
    out = tmp_path / "seal.csr"
    names = ("--email", "a@example.jp", "--email", "b@example.jp", "--uri", "https://example.jp", "--dns", "example.jp")
    usages = ("--key-usage", "nonRepudiation", "--sign-algorithm", "RSASSA-PSS", "--hash-algorithm", "SHA-384")
    written = await signproxy(*asked, *names, *usages, "--out", str(out))
    assert (written.code, written.out, out.read_text()) == (0, "", printed.out)
    assert service.seen[-1].params == {
        "subject": "CN=Seal,C=JP",
        "subjectAltName": [
            {"type": "email", "value": "a@example.jp"},
            {"type": "email", "value": "b@example.jp"},
            {"type": "dns", "value": "example.jp"},
            {"type": "uri", "value": "https://example.jp"},
        ],
        "keyUsage": ["nonRepudiation"],
        "signAlgorithm": "RSASSA-PSS",
        "hashAlgorithm": "SHA-384",
    }
    service.problem = (404, {"code": "KEY_NOT_FOUND", "detail": "there is no key of this id"})
    assert (await signproxy(*asked)).code == 5


async def test_registration(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    whole, leaf, chain = tmp_path / "whole.pem", tmp_path / "leaf.pem", tmp_path / "chain.pem"
    pem = [DER_cert_to_PEM_cert(der) for der in (b"\1\2\3", b"\4\5\6", b"\7\x08\x09")]
    whole.write_text("subject=CN = Seal\n" + "".join(pem))
    leaf.write_text(pem[0])
    chain.write_text("".join(pem[1:]))
    for files in ((str(whole),), (str(leaf), "--chain", str(chain))):
        made = await signproxy("certificates", "register", "kms:1", *files, *service.options())
        assert (made.code, made.out, made.err) == (0, "0f1e\n", "warning: it expires on 2030-01-01\n")
        assert service.seen[-1].params == {"keyId": "kms:1", "certificate": "AQID", "chain": ["BAUG", "BwgJ"]}
    as_json = await signproxy("certificates", "register", "kms:1", str(leaf), "--json", *service.options())
    assert as_json.json["warnings"] == ["it expires on 2030-01-01"]
    whole.write_text("no certificate")
    for missing in (whole, tmp_path / "missing.pem"):
        refused = await signproxy("certificates", "register", "kms:1", str(missing), *service.options())
        assert (refused.code, refused.out) == (2, "")
