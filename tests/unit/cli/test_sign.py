"""``signproxy sign`` against a service that keeps the contract."""

import asyncio
import csv
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract_service import INCREMENT, ContractService, pdf
from tests.unit.cli.conftest import Command, environment

ES = ("--form", "es", "--certificate", "seal")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_one_file_beside_itself(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    document = pdf(tmp_path)
    ended = await signproxy("sign", document, "--form", "es-t", "--certificate", "seal", *service.options())
    assert ended.code == 0, ended.err
    assert (tmp_path / "contract.signed.pdf").read_bytes() == document.read_bytes() + INCREMENT
    assert "B-T" in ended.out
    assert "2031-04-05" in ended.out
    assert "1 of 1 files done" in ended.out
    assert ended.err == ""
    assert [seen.path for seen in service.seen] == ["/v1/signatures/es-t"]


async def test_every_option_reaches_the_service(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    ended = await signproxy(
        *("sign", pdf(tmp_path), "--form", "es-t", "--certificate", "seal", "--field", "Approval", "--existing-field"),
        *("--reason", "承認", "--location", "東京", "--contact", "a@example.com", "--hash", "SHA-512"),
        *("--sign-algorithm", "RSASSA-PSS", "--tsa-profile", "second", "--out", tmp_path / "exact.pdf", "--no-increment"),
        *service.options(),
    )
    assert ended.code == 0, ended.err
    (seen,) = service.seen
    assert seen.params == {"reason": "承認", "location": "東京", "contactInfo": "a@example.com"}
    assert seen.query == {
        "certificateId": "seal",
        "fieldName": "Approval",
        "existingFieldOnly": "true",
        "hashAlgorithm": "SHA-512",
        "signAlgorithm": "RSASSA-PSS",
        "tsaProfile": "second",
    }
    assert (tmp_path / "exact.pdf").exists()


@pytest.mark.parametrize(
    ("words", "path", "query"),
    [
        (["es-t", "--ltv"], "es-t", {"ltv": "true"}),
        (["es-t", "--no-ltv"], "es-t", {}),
        (["mdp"], "mdp", {"docMdp": "1", "ltv": "true"}),
        (["mdp", "--no-ltv", "--doc-mdp", "3"], "mdp", {"docMdp": "3", "ltv": "false"}),
        (["es-a"], "es-a", {"gracePolicy": "now"}),
        (
            ["es-a", "--grace-policy", "fresh", "--tsa-profile", "second"],
            "es-a",
            {"gracePolicy": "fresh", "tsaProfile": "second"},
        ),
    ],
)
async def test_forms(
    service: ContractService, signproxy: Command, tmp_path: Path, words: list[str], path: str, query: dict[str, str]
) -> None:
    ended = await signproxy("sign", pdf(tmp_path), "--certificate", "seal", "--form", *words, *service.options())
    assert ended.code == 0, ended.out + ended.err
    (seen,) = service.seen
    assert seen.path == f"/v1/signatures/{path}"
    assert seen.query == {"certificateId": "seal", "return": "increment", **query}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seal", "kakuin.png"], ("bottom-right", 20.0, 20.0, 24.0, 24.0, "mm", 0, 1)),
        (["--seal", "kakuin.png", "--text", "承認"], ("bottom-right", 20.0, 20.0, 80.0, 24.0, "mm", 0, 1)),
        (["--text", "承認", "--unit", "pt"], ("bottom-right", 56.69, 56.69, 226.77, 68.03, "pt", 0, 1)),
        (
            [
                *("--text", "承認", "--page", "3", "--origin", "top-left", "--x", "0", "--y", "1.5"),
                *("--width", "60", "--height", "9", "--rotation", "270"),
            ],
            ("top-left", 0.0, 1.5, 60.0, 9.0, "mm", 270, 3),
        ),
    ],
)
async def test_what_is_seen(
    service: ContractService, signproxy: Command, tmp_path: Path, words: list[str], expected: tuple[object, ...]
) -> None:
    (tmp_path / "kakuin.png").write_bytes(b"the image")
    pdf(tmp_path)
    ended = await signproxy("sign", "contract.pdf", *ES, *words, *service.options(), cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    (seen,) = service.seen
    appearance = seen.params["appearance"]
    names = ("origin", "x", "y", "width", "height", "unit", "rotation", "page")
    assert tuple(appearance[name] for name in names) == expected
    assert appearance.get("text") == ("承認" if "--text" in words else None)
    assert seen.seal_image == (b"the image" if "--seal" in words else None)
    assert not {name for name in seen.query if name.startswith("appearance")}


async def test_a_password_comes_from_a_file_or_the_environment(
    service: ContractService, signproxy: Command, tmp_path: Path
) -> None:
    document, file = pdf(tmp_path), tmp_path / "password.txt"
    file.write_text("ひみつ 1\r\nnot this\n", "utf-8")
    for words, env in ((["--password-file", str(file)], {}), ([], {"SIGNPROXY_DOCUMENT_PASSWORD": "ひみつ 1"})):
        ended = await signproxy("sign", document, *ES, "--force", *words, *service.options(), env=env)
        assert ended.code == 0, ended.out + ended.err
    assert [seen.params for seen in service.seen] == [{"documentPassword": "ひみつ 1"}] * 2
    assert not any("documentPassword" in seen.query for seen in service.seen)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["es", "--ltv"], "--ltv is for --form es-t and mdp"),
        (["es-a", "--no-ltv"], "--no-ltv is for --form es-t and mdp"),
        (["es-t", "--doc-mdp", "1"], "--doc-mdp is for --form mdp"),
        (["mdp", "--grace-policy", "now"], "--grace-policy is for --form es-a"),
        (["es", "--tsa-profile", "second"], "--tsa-profile is for"),
        (["es", "--page", "2", "--x", "0"], "--page, --x: nothing is to be seen"),
        (["es", "--seal", "nowhere.png"], "the seal image nowhere.png cannot be read"),
        (["es", "--password-file", "nowhere.txt"], "the password file nowhere.txt cannot be read"),
        (["es", "--password-file", "empty.txt"], "is empty"),
        (["es", "--password-file", "latin.txt"], "cannot be read"),
    ],
)
async def test_options_that_contradict_are_said_before_anything_is_signed(
    service: ContractService, signproxy: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    pdf(tmp_path, "a.pdf")
    (tmp_path / "empty.txt").write_text("\nsecond line")
    (tmp_path / "latin.txt").write_bytes("geheim\xfc\n".encode("latin-1"))
    ended = await signproxy("sign", "a.pdf", "--certificate", "seal", "--form", *words, *service.options(), cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not service.seen


async def test_the_environment_names_the_service(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    env = {
        "SIGNPROXY_URL": service.url,
        "SIGNPROXY_CA": str(service.tls.ca),
        "SIGNPROXY_CLIENT_CERT": str(service.tls.client),
        "SIGNPROXY_CLIENT_KEY": str(service.tls.client_key),
        "SIGNPROXY_CERTIFICATE": "seal",
    }
    ended = await signproxy("sign", pdf(tmp_path), "--form", "es", env=env)
    assert ended.code == 0, ended.err
    assert service.seen[0].peer == "application"


async def test_a_sandbox_names_service_and_certificates(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    members = {
        "proxy": service.url,
        "caFile": str(service.tls.ca),
        "clientCertificate": str(service.tls.client),
        "clientKey": str(service.tls.client_key),
        "certificates": {"my seal": "id-7"},
    }
    (state / "sandbox.json").write_text(json.dumps(members))
    # The environment does not mix into it.
    env = {"SIGNPROXY_URL": "https://127.0.0.1:1", "SIGNPROXY_CLIENT_CERT": "/nowhere.pem"}
    ended = await signproxy("sign", pdf(tmp_path), "--form", "es", "--certificate", "my seal", "--sandbox", state, env=env)
    assert ended.code == 0, ended.err
    assert service.seen[0].query["certificateId"] == "id-7"


async def test_many_files_and_reports(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    files = [pdf(tmp_path, f"{number}.pdf", 500) for number in range(6)]
    bad = tmp_path / "=bad.pdf"
    bad.write_bytes(b"%PDF- poison")
    service.fail_for = b"poison"
    missing = tmp_path / "missing.pdf"
    reports: list[str | Path] = ["--out", tmp_path / "signed", "--csv", tmp_path / "r.csv", "--json", "--jobs", "2"]
    ended = await signproxy("sign", *ES, *files, bad, missing, *reports, *service.options())
    assert ended.code == 1
    rows = {Path(row["file"]).name: row for row in ended.json["files"]}
    assert [Path(row["file"]) for row in ended.json["files"]] == [*files, bad, missing]
    for file in files:
        row = rows[file.name]
        assert row["result"] == "OK"
        assert row["output"] == str(tmp_path / "signed" / f"{file.stem}.signed.pdf")
        assert (tmp_path / "signed" / f"{file.stem}.signed.pdf").read_bytes() == file.read_bytes() + INCREMENT
        assert (row["upstreamSent"], row["upstreamReceived"], row["sent"]) == (412, 733, file.stat().st_size)
    assert (rows["=bad.pdf"]["result"], rows["=bad.pdf"]["code"]) == ("FAILED", "INVALID_DOCUMENT")
    assert rows["=bad.pdf"]["transactionId"] in {seen.headers["Transaction-Id"] for seen in service.seen}
    assert rows["missing.pdf"]["code"] == "FILE"
    assert names(tmp_path / "signed") == [f"{file.stem}.signed.pdf" for file in files]
    raw = (tmp_path / "r.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbffile,output,result,")
    table = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert {Path(row["file"]).name for row in table} == set(rows)
    assert {row["result"] for row in table} == {"OK", "FAILED"}


async def test_a_file_that_is_not_there_is_a_wrong_command(
    service: ContractService, signproxy: Command, tmp_path: Path
) -> None:
    ended = await signproxy("sign", *ES, tmp_path / "missing.pdf", *service.options())
    assert ended.code == 2
    assert "No such file" in ended.out + ended.err
    assert not service.seen


async def test_cells_are_no_formulas(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    pdf(tmp_path, "=1+1.pdf")
    ended = await signproxy("sign", "=1+1.pdf", *ES, "--csv", "r.csv", *service.options(), cwd=tmp_path)
    assert ended.code == 0, ended.err
    (row,) = csv.DictReader((tmp_path / "r.csv").read_text("utf-8-sig").splitlines())
    assert (row["file"], row["output"]) == ("'=1+1.pdf", "'=1+1.signed.pdf")


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (503, "MAINTENANCE", 3),
        (429, "CONCURRENCY_LIMIT", 3),
        (504, "TIMEOUT", 3),
        (403, "CERTIFICATE_NOT_PERMITTED", 4),
        (409, "MDP_LOCKED", 4),
        (422, "PDF_ENCRYPTED", 5),
        (502, "SIGNATURE_INVALID", 6),
        (500, "INTERNAL", 6),
        (500, "SOMETHING_NEW", 6),
    ],
)
async def test_exit_codes(
    service: ContractService, signproxy: Command, tmp_path: Path, status: int, code: str, exit_code: int
) -> None:
    service.problem = (status, {"code": code, "detail": "why it is so"})
    ended = await signproxy("sign", pdf(tmp_path, "a.pdf"), pdf(tmp_path, "b.pdf"), *ES, *service.options())
    assert ended.code == exit_code
    assert ended.out.count(f"{code}: ") == 2
    assert "why it is so" in ended.out
    assert service.seen[0].headers["Transaction-Id"] in ended.out
    assert len(service.seen) == 2, "something was asked for twice"
    assert names(tmp_path) == ["a.pdf", "b.pdf"]


async def test_dry_run(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    ended = await signproxy("sign", pdf(tmp_path), *ES, "--dry-run", *service.options())
    assert ended.code == 0
    assert "checked, not signed" in ended.out
    assert service.seen[0].query["dryRun"] == "true"
    assert names(tmp_path) == ["contract.pdf"]


async def test_results_are_replaced_only_by_force(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    document, result = pdf(tmp_path), tmp_path / "contract.signed.pdf"
    result.write_bytes(b"mine")
    ended = await signproxy("sign", document, *ES, *service.options())
    assert ended.code == 1
    assert "exists already" in ended.out
    assert result.read_bytes() == b"mine"
    assert not service.seen
    assert (await signproxy("sign", document, *ES, "--force", *service.options())).code == 0
    assert result.read_bytes() == document.read_bytes() + INCREMENT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.pdf", "--suffix", ""], "its own result"),
        (["a.pdf", "--out", "a.pdf", "--force"], "its own result"),
        (["a.pdf", "x/a.pdf", "--out", "signed"], "both become"),
        (["a.pdf", "--suffix", "/../b"], "--suffix"),
        (["a.pdf", "--csv", "nowhere/r.csv"], "nowhere"),
        (["a.pdf", "--client-key", "nowhere.pem"], "nowhere.pem"),
    ],
)
async def test_what_cannot_be_is_said_before_anything_is_signed(
    service: ContractService, signproxy: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "x").mkdir()
    pdf(tmp_path, "a.pdf")
    pdf(tmp_path / "x", "a.pdf")
    ended = await signproxy("sign", *ES, *service.options(), *words, cwd=tmp_path)
    assert ended.code in {1, 2}
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not service.seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_leaves_nothing_half_done(
    service: ContractService, tmp_path: Path, number: signal.Signals
) -> None:
    arrived = asyncio.Event()
    service.hang = True
    service.on_hang = arrived.set
    words: list[Any] = ["sign", pdf(tmp_path), *ES, *service.options()]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", *map(str, words), stderr=asyncio.subprocess.PIPE, env=environment({})
    )
    await asyncio.wait_for(arrived.wait(), 20)
    process.send_signal(number)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert err == b"signproxy: interrupted\n"
    assert names(tmp_path) == ["contract.pdf"]


async def test_odd_names_are_shown_and_signed(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    odd = ["契約書.pdf", "[red]x[bold].pdf", os.fsdecode(b"broken-\xff.pdf"), "tab\tnew\nline.pdf"]
    files = [tmp_path / name for name in odd]
    for file in files:
        file.write_bytes(b"%PDF-1.7")
    ended = await signproxy("sign", *files, *ES, "--csv", tmp_path / "r.csv", *service.options())
    assert ended.code == 0, ended.err
    assert "[red]x[bold].pdf" in ended.out
    assert "契約書.signed.pdf" in ended.out
    assert len(service.seen) == 4
