"""``signproxy timestamp`` against a service that keeps the contract."""

import csv
from pathlib import Path

import pytest

from tests.support.contract_service import INCREMENT, ContractService, pdf
from tests.unit.cli.conftest import Command


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_one_file_beside_itself(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    document = pdf(tmp_path)
    ended = await signproxy("timestamp", document, *service.options())
    assert ended.code == 0, ended.err
    assert (tmp_path / "contract.stamped.pdf").read_bytes() == document.read_bytes() + INCREMENT
    assert "2031-04-05" in ended.out
    assert "1 of 1 files done" in ended.out
    assert ended.err == ""
    (seen,) = service.seen
    assert (seen.path, seen.params) == ("/v1/timestamps", {})
    assert seen.query == {"purpose": "DocTimeStamp", "onAlreadyTimestamped": "add", "return": "increment"}


async def test_every_option_reaches_the_service(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    words = ("--purpose", "ES_A", "--on-already-timestamped", "reject", "--tsa-profile", "second", "--no-increment", "--json")
    ended = await signproxy(
        *("timestamp", pdf(tmp_path), *words, "--out", tmp_path / "exact.pdf"),
        *service.options(),
        env={"SIGNPROXY_DOCUMENT_PASSWORD": "secret"},
    )
    assert ended.code == 0, ended.err
    (seen,) = service.seen
    assert seen.query == {"purpose": "ES_A", "onAlreadyTimestamped": "reject", "tsaProfile": "second"}
    assert seen.params == {"documentPassword": "secret"}
    (row,) = ended.json["files"]
    assert (row["form"], row["level"], row["result"]) == ("ES_A", "B-LTA", "OK")
    assert (tmp_path / "exact.pdf").exists()


async def test_what_is_skipped_is_there_and_said(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.stamped = True
    files = [pdf(tmp_path, f"{number}.pdf") for number in range(2)]
    words = ("--out", str(tmp_path / "out"), "--csv", str(tmp_path / "r.csv"))
    ended = await signproxy("timestamp", *files, "--on-already-timestamped", "skip", *words, *service.options())
    assert ended.code == 0, ended.err
    assert ended.out.count("time-stamped already, as it was") == 2
    for file in files:
        assert (tmp_path / "out" / f"{file.stem}.stamped.pdf").read_bytes() == file.read_bytes()
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["result"], row["level"]) for row in rows] == [("SKIPPED", "")] * 2


@pytest.mark.parametrize(("stamped", "said"), [(False, "checked, not time-stamped"), (True, "time-stamped already")])
async def test_dry_run(service: ContractService, signproxy: Command, tmp_path: Path, stamped: bool, said: str) -> None:
    service.stamped = stamped
    ended = await signproxy("timestamp", pdf(tmp_path), "--dry-run", "--on-already-timestamped", "skip", *service.options())
    assert ended.code == 0
    assert said in ended.out
    assert service.seen[0].query["dryRun"] == "true"
    assert names(tmp_path) == ["contract.pdf"]


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(409, "ALREADY_TIMESTAMPED", 4), (422, "NOT_EXTENDABLE", 4), (409, "MDP_LOCKED", 4), (503, "TSA_UNAVAILABLE", 3)],
)
async def test_exit_codes(
    service: ContractService, signproxy: Command, tmp_path: Path, status: int, code: str, exit_code: int
) -> None:
    service.problem = (status, {"code": code, "detail": "why it is so"})
    ended = await signproxy("timestamp", pdf(tmp_path), *service.options())
    assert ended.code == exit_code
    assert f"{code}: why it is so" in ended.out
    assert names(tmp_path) == ["contract.pdf"]
