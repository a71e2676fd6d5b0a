"""Client library and command against the real service: what they were written to, and what is there."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.client import Connection, SigningClient
from proxy.errors import (
    CertificateNotFound,
    FieldExists,
    InvalidDocument,
    OperationNotPermitted,
    ProxyError,
    TooLarge,
    TransactionNotFound,
)
from proxy.model import Digest, HashAlgorithm, SignAlgorithm, SignatureForm, SignatureRequest
from proxy.sandbox.judges import judge_by_pdfsig, judge_by_pyhanko
from proxy.signers.verification import verify_value
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import token_of
from tests.conformance.judges import tampered_copy
from tests.support.sandbox import Sandbox

FORMS = pytest.mark.parametrize("form", list(SignatureForm))


def connection(sandbox: Sandbox, client: str = "app") -> Connection:
    files = sandbox.folder.client(client)
    return Connection(sandbox.info.proxy, sandbox.info.ca_file, files.certificate, files.key, timeout_seconds=60)


def signproxy(*words: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNPROXY")}
    ended = subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, words)], capture_output=True, text=True, env=kept, check=False, timeout=110
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


@pytest.fixture
def document(tmp_path: Path, invoice: bytes) -> Path:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(invoice)
    return path


@FORMS
@pytest.mark.parametrize("whole", [False, True])
async def test_client_signs(sandbox: Sandbox, document: Path, invoice: bytes, form: SignatureForm, whole: bool) -> None:
    result = document.with_name("signed.pdf")
    request = SignatureRequest(form, "legal-person-rsa", reason="承認", hash_algorithm=HashAlgorithm.SHA512)
    async with SigningClient(connection(sandbox)) as client:
        signed = await client.sign(document, request, result, whole=whole)
        record = await client.operation(signed.transaction_id)
    assert result.read_bytes().startswith(invoice)
    assert 0 < signed.upstream_sent < 1000
    assert (record.state, record.members["resultSha256"]) == ("SUCCEEDED", signed.result_sha256)
    verdict = await judge_by_pyhanko(result, sandbox.anchors, form)
    assert verdict.valid, verdict.reason


async def test_client_dry_run_spends_nothing(sandbox: Sandbox, document: Path) -> None:
    with sandbox.spending() as spent:
        async with SigningClient(connection(sandbox)) as client:
            checked = await client.sign(document, SignatureRequest(SignatureForm.ES_T, "eseal-p256", dry_run=True))
    assert spent.nothing
    assert checked.result_sha256 is None
    assert checked.valid_until is not None


async def test_client_is_told_why_not(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    result = tmp_path / "signed.pdf"
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing else")
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.truncate(200_000_001)

    async def refused(path: Path, request: SignatureRequest, kind: type[ProxyError]) -> None:
        with pytest.raises(kind) as caught:
            await client.sign(path, request, result)
        assert caught.value.transaction_id is not None
        assert not result.exists()

    es = SignatureForm.ES
    async with SigningClient(connection(sandbox)) as client:
        await refused(document, SignatureRequest(es, "nobody"), CertificateNotFound)
        await refused(broken, SignatureRequest(es, "eseal-p256"), InvalidDocument)
        await refused(large, SignatureRequest(es, "eseal-p256"), TooLarge)
        signed = tmp_path / "once.pdf"
        await client.sign(document, SignatureRequest(es, "eseal-p256", field_name="Approval"), signed)
        await refused(signed, SignatureRequest(es, "eseal-p256", field_name="Approval"), FieldExists)
        with pytest.raises(TransactionNotFound):
            await client.operation("00000000-0000-4000-8000-000000000000")
    async with SigningClient(connection(sandbox, "other")) as client:
        await refused(document, SignatureRequest(es, "eseal-p256"), OperationNotPermitted)
        await refused(large, SignatureRequest(es, "eseal-p256"), OperationNotPermitted)


async def test_client_signs_digests_and_stamps_them(sandbox: Sandbox) -> None:
    digests = [Digest.of(text, HashAlgorithm.SHA256) for text in (b"one", b"two", b"three")]
    async with SigningClient(connection(sandbox)) as client:
        certificate = (await client.chain("natural-person-rsa")).certificates[0]
        values = await client.sign_hashes("natural-person-rsa", digests, SignAlgorithm.RSASSA_PSS)
        reply = await client.timestamp_hash(TimeStampReq.fresh(digests[0], None).dump())
    for digest, value in zip(digests, values, strict=True):
        verify_value(certificate, SignAlgorithm.RSASSA_PSS, digest, value)
    assert token_of(reply) is not None


async def test_client_asks(sandbox: Sandbox) -> None:
    async with SigningClient(connection(sandbox)) as client:
        found = {entry.certificate_id: entry for entry in await client.certificates()}
        state = await client.maintenance()
        first = await client.operations(limit=1)
        assert first.next_cursor is not None
        second = await client.operations(limit=1, cursor=first.next_cursor)
        failed = await client.operations(result="FAILED", limit=5)
    assert found["legal-person-rsa"].key_algorithm == "RSA-3072"
    assert not state.in_maintenance
    assert first.operations[0].transaction_id != second.operations[0].transaction_id
    assert all(entry.state == "FAILED" for entry in failed.operations)


def test_command_signs_and_accounts_for_it(sandbox: Sandbox, document: Path) -> None:
    connected = ("--sandbox", sandbox.directory)
    signed = signproxy("sign", document, "--form", "es-t", "--certificate", "eseal-rsa", "--json", *connected)
    assert signed.returncode == 0, signed.stdout + signed.stderr
    (row,) = json.loads(signed.stdout)["files"]
    shown = signproxy("operations", "show", row["transactionId"], *connected)
    record = json.loads(shown.stdout)
    assert record["resultSha256"] == row["resultSha256"]
    (upstream,) = [entry for entry in record["exchanges"] if entry["destination"] == "central"]
    assert (upstream["sent"], upstream["received"]) == (row["upstreamSent"], row["upstreamReceived"])
    listed = signproxy("operations", "list", "--certificate", "eseal-rsa", "--json", *connected)
    assert row["transactionId"] in {entry["transactionId"] for entry in json.loads(listed.stdout)["operations"]}
    assert signproxy("maintenance", *connected).stdout == "not in maintenance\n"
    refused = signproxy("sign", document, "--form", "es", "--certificate", "nobody", "--force", *connected)
    assert refused.returncode == 5
    assert "CERTIFICATE_NOT_FOUND" in refused.stdout


def test_doctor_examines_a_running_service_and_spends_no_signature(sandbox: Sandbox) -> None:
    with sandbox.spending() as spent:
        ended = signproxy("doctor", "--settings", sandbox.info.settings["proxy"], "--json")
    assert (spent.signatures, spent.tokens) == (0, 1)
    assert ended.returncode == 1, ended.stderr
    verdicts: dict[str, set[str]] = {}
    for finding in json.loads(ended.stdout)["findings"]:
        verdicts.setdefault(finding["subject"], set()).add(finding["verdict"])
    # The sandbox has certificates that must fail, and says so in their names.
    broken = {subject for subject, found in verdicts.items() if "FAILED" in found}
    assert broken == {
        f"certificate test-{name}"
        for name in ("expired", "not-yet-valid", "revoked", "revoked-issuer", "no-revocation", "untrusted")
    }
    assert verdicts["signer central"] == {"OK"}


async def test_judges_reject_what_was_tampered_with(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    result = tmp_path / "signed.pdf"
    async with SigningClient(connection(sandbox)) as client:
        await client.sign(document, SignatureRequest(SignatureForm.ES, "legal-person-rsa"), result)
    assert (await judge_by_pyhanko(result, sandbox.anchors, SignatureForm.ES)).valid
    tampered = tampered_copy(result, tmp_path / "tampered.pdf")
    untrusted = (sandbox.folder.anchor("untrusted-root"),)
    assert not (await judge_by_pyhanko(tampered, sandbox.anchors, SignatureForm.ES)).valid
    assert not (await judge_by_pyhanko(result, untrusted, SignatureForm.ES)).valid
    assert not (await judge_by_pyhanko(result, sandbox.anchors, SignatureForm.ES_T)).valid, "it has no timestamp"
    assert not (await judge_by_pyhanko(document, sandbox.anchors, SignatureForm.ES)).valid, "it has no signature"
    longer = tmp_path / "longer.pdf"
    longer.write_bytes(result.read_bytes() + b"\n% something more\n")
    assert not (await judge_by_pyhanko(longer, sandbox.anchors, SignatureForm.ES)).valid, "something follows"
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is not installed")
    for path, valid in ((result, True), (tampered, False), (document, False), (longer, False)):
        judgement = await judge_by_pdfsig(path)
        assert judgement is not None
        assert judgement.valid is valid


async def test_judges_open_what_needs_no_password(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    encrypted, result = tmp_path / "encrypted.pdf", tmp_path / "signed.pdf"
    words = ["--encrypt", "", "owner", "256", "--", str(document), str(encrypted)]
    process = await asyncio.create_subprocess_exec("qpdf", *words)
    assert await process.wait() == 0
    async with SigningClient(connection(sandbox)) as client:
        await client.sign(encrypted, SignatureRequest(SignatureForm.ES, "legal-person-rsa"), result)
    verdict = await judge_by_pyhanko(result, sandbox.anchors, SignatureForm.ES)
    assert verdict.valid, verdict.reason


def test_demo_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    ended = signproxy("demo", "--out", tmp_path / "out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "every form is signed and found valid" in ended.stdout
    assert not list(temporary.iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["invoice.pdf", *(f"invoice.{form}.{key}.pdf" for form in ("es", "es-t") for key in ("rsa", "pss", "p256"))]
    )


def test_demo_of_what_cannot_be_signed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing else")
    ended = signproxy("demo", broken, "--out", tmp_path / "out")
    assert ended.returncode == 5
    assert ended.stderr.startswith("signproxy: INVALID_DOCUMENT: ")
