"""``signproxy batch sign``: every file once, whatever happens to the run."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from tests.support.contract_service import INCREMENT, ContractService
from tests.unit.cli.conftest import Command, Killed
from tests.unit.cli.test_batch import folder_of

ES = ("--form", "es", "--certificate", "seal")


def rows(report: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.read_text("utf-8-sig"), newline="")))


def keys(service: ContractService) -> dict[bytes, set[str]]:
    """The Idempotency-Keys under which each document came."""
    found: dict[bytes, set[str]] = {}
    for seen in service.seen:
        found.setdefault(seen.document, set()).add(seen.headers["Idempotency-Key"])
    return found


async def test_a_folder_of_the_same_shape(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.fail_for = b"bad"
    folder = folder_of(tmp_path, "a.pdf", "2026/b.pdf", "2026/bad.pdf", "notes.txt")
    report, out = tmp_path / "report.csv", folder / "signed"
    words: tuple[str | Path, ...] = ("batch", "sign", folder, *ES, "--out", out, *service.options())
    ended = await signproxy(*words, "--csv", report)
    assert (ended.code, ended.out) == (1, "")
    assert "3 files: 1 FAILED, 2 OK" in ended.err
    assert (out / "2026/b.signed.pdf").read_bytes() == (folder / "2026/b.pdf").read_bytes() + INCREMENT
    assert not list(out.rglob("bad*"))
    told = rows(report)
    assert [(Path(row["file"]).name, row["result"], row["code"]) for row in told] == [
        ("b.pdf", "OK", ""),
        ("bad.pdf", "FAILED", "INVALID_DOCUMENT"),
        ("a.pdf", "OK", ""),
    ]
    assert all((row["transactionId"] == "") is (row["result"] == "FAILED") for row in told if row["result"] == "OK")
    # Begun anew: what is there is there, results in the folder are no documents, and the failed one is tried again.
    service.fail_for = None
    service.seen.clear()
    again = await signproxy(*words, "--csv", tmp_path / "again.csv")
    assert (again.code, "3 files: 1 OK, 2 THERE" in again.err) == (0, True)
    assert [seen.document[-3:] for seen in service.seen] == [b"bad"]


async def test_a_run_that_was_killed_signs_nothing_twice(
    service: ContractService, signproxy: Command, killed: Killed, tmp_path: Path
) -> None:
    folder, report = folder_of(tmp_path, *(f"{number}.pdf" for number in range(4))), tmp_path / "report.csv"
    words: tuple[str | Path, ...] = ("batch", "sign", folder, *ES, "--jobs", "1", "--csv", report, *service.options())
    # The service has it, and signs; nobody hears of it.
    service.hang_for = b"2"
    await killed(*words)
    assert (await signproxy(*words, "--resume")).code == 0
    assert [Path(row["file"]).name for row in rows(report)] == [f"{number}.pdf" for number in range(4)]
    seen = keys(service)
    assert [len(found) for found in seen.values()] == [1, 1, 1, 1]
    assert len(set().union(*seen.values())) == 4
    # But the one that nobody heard of, each document came once.
    assert Counter(entry.document[-1:] for entry in service.seen) == {b"0": 1, b"1": 1, b"2": 2, b"3": 1}
    for number in range(4):
        document = folder / f"{number}.pdf"
        assert document.with_suffix(".signed.pdf").read_bytes() == document.read_bytes() + INCREMENT


async def test_in_place_a_run_that_was_killed_signs_nothing_twice(
    service: ContractService, signproxy: Command, killed: Killed, tmp_path: Path
) -> None:
    folder, report = folder_of(tmp_path, "a.pdf", "b.pdf", "c.pdf"), tmp_path / "report.csv"
    originals = {name: (folder / f"{name}.pdf").read_bytes() for name in "abc"}
    words: tuple[str | Path, ...] = ("batch", "sign", folder, *ES, "--in-place", "--jobs", "1", "--csv", report)
    service.hang_for = b"b"
    await killed(*words, *service.options())
    # The answer came and took its place, and then the run died before it could say so.
    (folder / "b.pdf").write_bytes(originals["b"] + INCREMENT)
    service.seen.clear()
    assert (await signproxy(*words, "--resume", *service.options())).code == 0
    assert [seen.document for seen in service.seen] == [originals["c"]]
    assert [row["result"] for row in rows(report)] in (["OK", "THERE", "OK"], ["THERE", "THERE", "OK"])
    for name, original in originals.items():
        assert (folder / f"{name}.pdf").read_bytes() == original + INCREMENT


async def test_what_is_there_and_something_else_is_not_replaced(
    service: ContractService, signproxy: Command, tmp_path: Path
) -> None:
    folder, report = folder_of(tmp_path, "a.pdf"), tmp_path / "report.csv"
    there = folder / "a.signed.pdf"
    there.write_bytes(b"somebody's")
    words: tuple[str | Path, ...] = ("batch", "sign", folder, *ES, *service.options())
    ended = await signproxy(*words, "--csv", report)
    assert ended.code == 1
    (row,) = rows(report)
    assert (row["result"], row["code"]) == ("FAILED", "FILE")
    assert there.read_bytes() == b"somebody's"
    assert (await signproxy(*words, "--force", "--csv", tmp_path / "forced.csv")).code == 0
    assert there.read_bytes().endswith(INCREMENT)


async def test_keys_depend_on_all_that_is_asked(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.pdf")
    variants = [
        *((*ES, "--reason", text) for text in ("one", "two")),
        ("--form", "es-t", "--certificate", "seal"),
        ("--form", "es-t", "--certificate", "seal", "--ltv"),
        (*ES, "--text", "承認"),
    ]
    for number, words in enumerate(variants):
        report = tmp_path / f"{number}.csv"
        assert (await signproxy("batch", "sign", folder, *words, "--force", "--csv", report, *service.options())).code == 0
    (found,) = keys(service).values()
    assert len(found) == len(variants)
    report = tmp_path / "none.csv"
    ended = await signproxy("batch", "sign", folder, *ES, "--force", "--no-keys", "--csv", report, *service.options())
    assert ended.code == 0
    assert "Idempotency-Key" not in service.seen[-1].headers


async def test_a_dry_run_makes_nothing(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    folder, report = folder_of(tmp_path, "a.pdf"), tmp_path / "report.csv"
    assert (await signproxy("batch", "sign", folder, *ES, "--dry-run", "--csv", report, *service.options())).code == 0
    assert [path.name for path in folder.iterdir()] == ["a.pdf"]
    assert service.seen[0].query["dryRun"] == "true"


@pytest.mark.parametrize(
    "words",
    [
        ("--in-place", "--out", "x"),
        ("--suffix", ""),
        ("--suffix", "", "--out", "."),
        ("--suffix", "a/b"),
        ("--doc-mdp", "2"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    service: ContractService, signproxy: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    report = tmp_path / "report.csv"
    ended = await signproxy(
        "batch", "sign", ".", *ES, *words, "--csv", report, *service.options(), cwd=folder_of(tmp_path, "a.pdf")
    )
    assert (ended.code, service.seen, report.exists()) == (2, [], False)
