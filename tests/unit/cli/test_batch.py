"""``signproxy batch verify``: a report for a whole folder, whatever is in it, and one that a killed run left behind."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.bulk.report_file import ReportFile
from proxy.cli.bulk.run import BulkRun, Report
from proxy.errors import SettingsError
from tests.support.contract_service import VERDICT, ContractService
from tests.unit.cli.conftest import Command, Killed

SIGNATURE: dict[str, Any] = {**VERDICT, "type": "signature", "reasons": []}
TIMESTAMP: dict[str, Any] = {
    **VERDICT,
    "type": "docTimestamp",
    "fieldName": "=ts",
    "timestampTime": "2026-01-01T14:59:59+00:00",
    "validFrom": "2025-01-01T00:00:00+00:00",
    "validTo": "2036-01-01T00:00:00+00:00",
    "tsaSubject": "CN=認定局",
    "micAccredited": True,
    "reasons": [{"code": "X", "text": "理由"}],
}


def folder_of(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "ledger"
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%PDF-1.7 " + path.stem.encode())
    return folder


def rows(report: Path, encoding: str = "utf-8-sig") -> list[list[str]]:
    return list(csv.reader(io.StringIO(report.read_bytes().decode(encoding), newline="")))


def reports(folder: Path, name: str = "x") -> list[Path]:
    return list(folder.glob(f"{name}.csv*"))


async def test_a_row_a_timestamp_by_the_contract(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.verification = {"signatures": [SIGNATURE, TIMESTAMP]}
    folder, report = folder_of(tmp_path, "b/請求書.PDF", "a.pdf", "notes.txt"), tmp_path / "report.csv"
    ended = await signproxy("batch", "verify", folder, "--csv", report, *service.options())
    assert (ended.code, ended.out) == (0, "")
    assert "2 files: 2 VALID" in ended.err
    data = report.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n") == 3
    head, first, second = rows(report)
    assert head == [
        *("ファイル名", "検証結果", "検証結果理由", "検証時刻", "署名フィールド名", "TS証明書のサブジェクト", "署名時刻"),
        *("有効期間の開始", "有効期間の終了", "総務大臣認定済"),
    ]
    assert (first[0], second[0]) == ("a.pdf", "b/請求書.PDF")
    # 23:59:59 in Japan; a formula is none any more.
    assert first[1:3] + first[4:] == [
        *("有効", "理由", "'=ts", "CN=認定局", "2026-01-01 23:59:59", "2025-01-01 09:00:00", "2036-01-01 09:00:00", "はい"),
    ]
    assert not report.with_name("report.csv.progress").exists()


async def test_every_way_to_have_it(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.verification = {"signatures": [SIGNATURE, TIMESTAMP, {**TIMESTAMP, "timestampTime": "2026-01-01T15:00:00+00:00"}]}
    folder, report = folder_of(tmp_path, "a.pdf"), tmp_path / "report.csv"
    words = ("--all", "--lang", "en", "--encoding", "cp932", "--period", "2026-01-01..2026-01-01")
    ended = await signproxy("batch", "verify", folder, "--csv", report, *words, *service.options())
    assert ended.code == 0
    head, *found = rows(report, "cp932")
    assert head[:3] == ["file name", "result", "reason"]
    # The signature was made on another day, the last timestamp a second too late.
    assert [(row[1], row[4], row[9]) for row in found] == [("VALID", "'=ts", "yes")]
    assert service.seen[0].headers["Accept-Language"] == "en"


@pytest.mark.parametrize(("signature", "timestamp", "row"), [("INVALID", "VALID", "無効"), ("VALID", "INVALID", "無効")])
async def test_a_timestamp_inside_a_signature_is_no_better_than_it(
    service: ContractService, signproxy: Command, tmp_path: Path, signature: str, timestamp: str, row: str
) -> None:
    changed = {**SIGNATURE, "result": signature, "reasons": [{"code": "CHANGED", "text": "変更"}]}
    inside = {**TIMESTAMP, "type": "signatureTimestamp", "result": timestamp}
    service.verification = {"signatures": [changed, inside, TIMESTAMP]}
    folder, report = folder_of(tmp_path, "a.pdf"), tmp_path / "report.csv"
    await signproxy("batch", "verify", folder, "--csv", report, *service.options())
    _, first, second = rows(report)
    assert (first[1], second[1]) == (row, "有効")
    assert first[2] == ("変更; 理由" if signature == "INVALID" else "理由")


async def test_one_bad_file_stops_nothing_and_has_its_row(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.fail_for = b"locked"
    service.verification = {"signatures": []}
    service.results = {b"plain": "NOT_APPLICABLE"}
    folder, report = folder_of(tmp_path, "locked.pdf", "plain.pdf"), tmp_path / "report.csv"
    (folder / "gone.pdf").symlink_to(tmp_path / "nowhere.pdf")
    ended = await signproxy("batch", "verify", folder, "--csv", report, *service.options())
    assert ended.code == 1
    assert "2 files: 1 NOT_APPLICABLE, 1 failed" in ended.err
    _, first, second = rows(report)
    assert first[:3] == ["locked.pdf", "検証できません", "PDF_ENCRYPTED: a password is needed"]
    assert second[:2] == ["plain.pdf", "対象外"]


@pytest.mark.parametrize("torn", [b"", b"half", b'"a whole",row\r\n', b"two\r\nrows\r\n"])
async def test_a_run_that_was_killed_goes_on(
    service: ContractService, signproxy: Command, killed: Killed, tmp_path: Path, torn: bytes
) -> None:
    service.verification = {"signatures": [TIMESTAMP, TIMESTAMP]}
    folder, report = folder_of(tmp_path, *(f"{number}.pdf" for number in range(5))), tmp_path / "report.csv"
    words: tuple[str | Path, ...] = ("batch", "verify", folder, "--jobs", "1", "--csv", report, *service.options())
    service.hang_for = b"2"
    # All that can be done is: the second file's rows are on disk, though perhaps nobody has noted that they are.
    await killed(*words, once=lambda: report.exists() and len(rows(report)) == 1 + 4)
    # Rows that are on disk, in part or whole, without a word of it in the progress.
    with report.open("ab") as file:
        file.write(torn)
    service.seen.clear()
    refused = await signproxy(*words)
    assert (refused.code, "--resume" in refused.err) == (2, True)
    other = await signproxy(*words, "--resume", "--all")
    assert (other.code, "other options" in other.err) == (2, True)
    assert service.seen == []
    ended = await signproxy(*words, "--resume")
    assert ended.code == 0
    (done,) = (count for count in (1, 2) if f"{5 - count} VALID, {count} were done before" in ended.err)
    assert [seen.document[-1:] for seen in service.seen] == [b"%d" % number for number in range(done, 5)]
    assert [row[0] for row in rows(report)[1:]] == [f"{number}.pdf" for number in range(5) for _ in range(2)]
    assert reports(tmp_path, "report") == [report]
    finished = await signproxy(*words, "--resume")
    assert (finished.code, "it is finished" in finished.err) == (2, True)


def test_another_report_is_not_gone_on_with(tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    with ReportFile(report, ("a", "b"), "utf-8") as file:
        ends = file.add([("1", "2")])
    with pytest.raises(SettingsError, match="not the report"):
        ReportFile(report, ("a", "c"), "utf-8", ends=ends)
    with pytest.raises(SettingsError, match="not the report"):
        ReportFile(report, ("a", "b"), "utf-8", ends=ends + 1)
    with ReportFile(report, ("a", "b"), "utf-8", ends=ends) as file:
        assert file.add([]) == ends


def test_two_runs_at_a_time_do_not_write_one_report(tmp_path: Path) -> None:
    again = Report(tmp_path / "report.csv", ("a",), "utf-8", resume=True)
    with BulkRun(tmp_path, "verify", again), pytest.raises(SettingsError, match="another run is at work"):
        BulkRun(tmp_path, "verify", again)


@pytest.mark.parametrize(
    "words",
    [
        ("batch", "verify", "missing", "--csv", "x.csv"),
        ("batch", "verify", ".", "--csv", "x.csv", "--period", "2026-02-01..2026-01-01"),
        ("batch", "verify", ".", "--csv", "x.csv", "--period", "soon"),
        ("batch", "verify", ".", "--csv", "x.csv", "--timezone", "Atlantis"),
        ("batch", "verify", ".", "--csv", "x.csv", "--jobs", "0"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    service: ContractService, signproxy: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ended = await signproxy(*words, *service.options(), cwd=tmp_path)
    assert ended.code == 2
    assert reports(tmp_path) == []
