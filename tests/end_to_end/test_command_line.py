"""Client library and command against the real service: what they were written to, and what is there."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from proxy.client import Connection, SigningClient
from proxy.errors import (
    AlreadyTimestamped,
    CertificateNotFound,
    FieldExists,
    InvalidDocument,
    NotExtendable,
    OperationNotPermitted,
    ProxyError,
    TooLarge,
    TransactionNotFound,
)
from proxy.model import (
    BaselineLevel,
    Digest,
    GracePolicy,
    HashAlgorithm,
    OnAlreadyTimestamped,
    SignAlgorithm,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
)
from proxy.sandbox.judges import judge_by_pdfsig, judge_by_pyhanko
from proxy.sandbox.seal import make_seal, sealed
from proxy.signers.verification import verify_value
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import token_of
from tests.conformance.judges import tampered_copy
from tests.support.sandbox import Sandbox

B_B, B_T, B_LT, B_LTA = BaselineLevel
ES, ES_T, MDP, ES_A = SignatureForm

REQUESTS = (
    SignatureRequest(ES, "legal-person-rsa", reason="承認", hash_algorithm=HashAlgorithm.SHA512),
    SignatureRequest(ES_T, "eseal-p256", location="東京"),
    SignatureRequest(ES_T, "legal-person-rsa", ltv=True),
    SignatureRequest(MDP, "eseal-p256"),
    SignatureRequest(MDP, "legal-person-rsa", doc_mdp=2, ltv=True),
    SignatureRequest(ES_A, "eseal-p256", grace_policy=GracePolicy.FRESH, reason="承認"),
    SignatureRequest(ES_A, "legal-person-rsa", appearance=sealed((210, 297), date(2026, 4, 1))),
)
FORMS = pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request.form}-{request.level}")


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
async def test_client_signs(sandbox: Sandbox, document: Path, invoice: bytes, request_: SignatureRequest, whole: bool) -> None:
    result = document.with_name("signed.pdf")
    async with SigningClient(connection(sandbox)) as client:
        signed = await client.sign(document, request_, result, whole=whole)
        record = await client.operation(signed.transaction_id)
    assert result.read_bytes().startswith(invoice)
    assert signed.level is request_.level
    assert 0 < signed.upstream_sent < 1000
    assert (record.state, record.members["resultSha256"]) == ("SUCCEEDED", signed.result_sha256)
    verdict = await judge_by_pyhanko(result, sandbox.anchors, request_.level)
    assert verdict.valid, verdict.reason


async def test_client_timestamps_and_prolongs(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    stamped, signed, archived, again = (tmp_path / f"{name}.pdf" for name in ("stamped", "signed", "archived", "again"))
    extension = TimestampRequest(TimestampPurpose.ES_A)
    skip = TimestampRequest(on_already_timestamped=OnAlreadyTimestamped.SKIP)
    async with SigningClient(connection(sandbox)) as client:
        alone = await client.timestamp(document, TimestampRequest(), stamped)
        assert (alone.level, alone.skipped) == (None, False)
        for whole in (False, True):
            kept = await client.timestamp(stamped, skip, tmp_path / f"kept-{whole}.pdf", whole=whole)
            assert (kept.skipped, kept.received) == (True, kept.sent if whole else 0)
            assert (tmp_path / f"kept-{whole}.pdf").read_bytes() == stamped.read_bytes()
        assert (await client.timestamp(stamped, replace(skip, dry_run=True))).skipped
        reject = replace(skip, on_already_timestamped=OnAlreadyTimestamped.REJECT)
        with pytest.raises(AlreadyTimestamped):
            await client.timestamp(stamped, reject, tmp_path / "none.pdf")
        await client.sign(document, SignatureRequest(ES_T, "natural-person-p256"), signed)
        assert (await client.timestamp(signed, extension, archived)).level is B_LTA
        await client.timestamp(archived, extension, again, whole=True)
        with pytest.raises(NotExtendable):
            await client.timestamp(document, extension, tmp_path / "none.pdf")
    for path, level in ((stamped, None), (archived, B_LTA), (again, B_LTA)):
        verdict = await judge_by_pyhanko(path, sandbox.anchors, level)
        assert verdict.valid, verdict.reason
    assert not (tmp_path / "none.pdf").exists()


async def test_client_dry_run_spends_nothing(sandbox: Sandbox, document: Path) -> None:
    with sandbox.spending() as spent:
        async with SigningClient(connection(sandbox)) as client:
            checked = await client.sign(document, SignatureRequest(ES_T, "eseal-p256", dry_run=True))
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

    async with SigningClient(connection(sandbox)) as client:
        await refused(document, SignatureRequest(ES, "nobody"), CertificateNotFound)
        await refused(broken, SignatureRequest(ES, "eseal-p256"), InvalidDocument)
        await refused(large, SignatureRequest(ES, "eseal-p256"), TooLarge)
        signed = tmp_path / "once.pdf"
        await client.sign(document, SignatureRequest(ES, "eseal-p256", field_name="Approval"), signed)
        await refused(signed, SignatureRequest(ES, "eseal-p256", field_name="Approval"), FieldExists)
        with pytest.raises(TransactionNotFound):
            await client.operation("00000000-0000-4000-8000-000000000000")
    async with SigningClient(connection(sandbox, "other")) as client:
        await refused(document, SignatureRequest(ES, "eseal-p256"), OperationNotPermitted)
        await refused(large, SignatureRequest(ES, "eseal-p256"), OperationNotPermitted)


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
    # The certificate was asked for too, where it was not known; the digest left once.
    upstream = [entry for entry in record["exchanges"] if entry["destination"] == "central"]
    assert len([entry for entry in upstream if entry["sent"]]) == 1
    counted = (sum(entry["sent"] for entry in upstream), sum(entry["received"] for entry in upstream))
    assert counted == (row["upstreamSent"], row["upstreamReceived"])
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
        await client.sign(document, SignatureRequest(ES, "legal-person-rsa"), result)
    assert (await judge_by_pyhanko(result, sandbox.anchors, B_B)).valid
    tampered = tampered_copy(result, tmp_path / "tampered.pdf")
    untrusted = (sandbox.folder.anchor("untrusted-root"),)
    assert not (await judge_by_pyhanko(tampered, sandbox.anchors, B_B)).valid
    assert not (await judge_by_pyhanko(result, untrusted, B_B)).valid
    for level in (B_T, B_LT, B_LTA, None):
        assert not (await judge_by_pyhanko(result, sandbox.anchors, level)).valid, "it is of a lower level"
    assert not (await judge_by_pyhanko(document, sandbox.anchors, B_B)).valid, "it has no signature"
    longer = tmp_path / "longer.pdf"
    longer.write_bytes(result.read_bytes() + b"\n% something more\n")
    assert not (await judge_by_pyhanko(longer, sandbox.anchors, B_B)).valid, "something follows"
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is not installed")
    for path, valid in ((result, True), (tampered, False), (document, False), (longer, False)):
        judgement = await judge_by_pdfsig(path)
        assert judgement is not None
        assert judgement.valid is valid


async def test_judges_of_the_long_term_reject_what_was_tampered_with(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    archived, proven, stamped = (tmp_path / f"{name}.pdf" for name in ("archived", "proven", "stamped"))
    async with SigningClient(connection(sandbox)) as client:
        await client.sign(document, SignatureRequest(ES_A, "eseal-p256"), archived)
        await client.sign(document, SignatureRequest(ES_T, "eseal-p256", ltv=True), proven)
        await client.timestamp(document, TimestampRequest(), stamped)
    judged: tuple[tuple[Path, BaselineLevel | None], ...] = ((archived, B_LTA), (proven, B_LT), (stamped, None))
    untrusted = (sandbox.folder.anchor("untrusted-root"),)
    for path, level in judged:
        assert (await judge_by_pyhanko(path, sandbox.anchors, level)).valid
        tampered = tampered_copy(path, path.with_suffix(".tampered"))
        assert not (await judge_by_pyhanko(tampered, sandbox.anchors, level)).valid
        assert not (await judge_by_pyhanko(path, untrusted, level)).valid
    assert not (await judge_by_pyhanko(proven, sandbox.anchors, B_LTA)).valid, "it has no archive timestamp"
    longer = tmp_path / "longer.pdf"
    longer.write_bytes(archived.read_bytes() + b"\n% something more\n")
    assert not (await judge_by_pyhanko(longer, sandbox.anchors, B_LTA)).valid, "something follows the last timestamp"
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is not installed")
    for path, total, valid in (
        (archived, False, True),
        (archived, True, False),
        (archived.with_suffix(".tampered"), False, False),
        (stamped, True, False),
    ):
        judgement = await judge_by_pdfsig(path, total=total)
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
        await client.sign(encrypted, SignatureRequest(ES, "legal-person-rsa"), result)
    verdict = await judge_by_pyhanko(result, sandbox.anchors, B_B)
    assert verdict.valid, verdict.reason


def test_command_seals_prolongs_and_opens_what_is_encrypted(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    connected = ("--sandbox", sandbox.directory, "--json")
    seal, signed, longer = tmp_path / "seal.png", tmp_path / "invoice.signed.pdf", tmp_path / "longer.pdf"
    seal.write_bytes(make_seal())
    words = ("--form", "es-a", "--certificate", "eseal-p256", "--seal", seal, "--text", "承認済\n経理部", "--rotation", "90")
    made = signproxy("sign", document, *words, *connected)
    assert made.returncode == 0, made.stdout + made.stderr
    assert json.loads(made.stdout)["files"][0]["level"] == "B-LTA"
    prolonged = signproxy("timestamp", signed, "--purpose", "ES_A", "--out", longer, *connected)
    assert prolonged.returncode == 0, prolonged.stdout + prolonged.stderr
    (row,) = json.loads(prolonged.stdout)["files"]
    assert (row["form"], row["level"], row["result"]) == ("ES_A", "B-LTA", "OK")
    verdict = asyncio.run(judge_by_pyhanko(longer, sandbox.anchors, B_LTA))
    assert verdict.valid, verdict.reason
    refused = signproxy("sign", signed, "--form", "mdp", "--certificate", "eseal-p256", *connected)
    assert (refused.returncode, json.loads(refused.stdout)["files"][0]["code"]) == (4, "MDP_NOT_FIRST")
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    encrypted, password = tmp_path / "encrypted.pdf", tmp_path / "password.txt"
    subprocess.run(["qpdf", "--encrypt", "secret", "owner", "256", "--", document, encrypted], check=True)
    password.write_text("secret\n")
    closed = signproxy("timestamp", encrypted, *connected)
    assert (closed.returncode, json.loads(closed.stdout)["files"][0]["code"]) == (5, "PDF_ENCRYPTED")
    opened = signproxy("timestamp", encrypted, "--password-file", password, *connected)
    assert opened.returncode == 0, opened.stdout + opened.stderr


def demonstrated(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


KEYS = ("rsa", "pss", "p256")
IN_EVERY_FORM = {
    *(f"invoice.{form}.{key}.pdf" for form in ("es", "es-t", "es-t-ltv", "mdp", "es-a", "es-a-extended") for key in KEYS),
    *("invoice.timestamp.pdf", "invoice.es-a.rsa.png", "seal.png"),
}


def test_demo_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    out = tmp_path / "out"
    ended = signproxy("demo", "--out", out)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "every form is signed and found valid" in ended.stdout
    assert ended.stderr == ""
    assert not list(temporary.iterdir())
    assert demonstrated(out) == {"invoice.pdf", *IN_EVERY_FORM}
    with Image.open(out / "invoice.es-a.rsa.png") as picture:
        assert picture.size == (1191, 1684)
        # The seal's border, 15 mm from the lower edge and 93 mm from the right one, at 144 dots an inch.
        pixel = picture.convert("RGB").getpixel((1191 - 522, 1684 - 153))
    assert isinstance(pixel, tuple)
    assert (pixel[0] > 150, pixel[1] < 120, pixel[2] < 120) == (True, True, True)


@pytest.mark.full
def test_demo_of_a_certified_document(sandbox: Sandbox, document: Path, tmp_path: Path) -> None:
    certified, out = tmp_path / "invoice.pdf", tmp_path / "out"
    words = ("--form", "mdp", "--certificate", "eseal-p256", "--sandbox", sandbox.directory)
    assert signproxy("sign", document, *words, "--out", tmp_path / "certified.pdf").returncode == 0
    (tmp_path / "certified.pdf").replace(certified)
    ended = signproxy("demo", certified, "--out", out)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the document's own rules forbid every form" in ended.stdout
    refused = [line for line in ended.stdout.splitlines() if "refused: " in line and not line.startswith("refused")]
    assert len(refused) == 19
    assert sum("refused: MDP_LOCKED" in line for line in refused) == 16
    assert sum("refused: NOT_EXTENDABLE" in line for line in refused) == 3, "another sandbox's signature is not trusted"
    assert demonstrated(out) == {"seal.png"}


@pytest.mark.full
def test_demo_of_what_cannot_be_signed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing else")
    ended = signproxy("demo", broken, "--out", tmp_path / "out")
    assert ended.returncode == 5
    assert ended.stderr.startswith("signproxy: INVALID_DOCUMENT: ")
