"""Whole folders through the real service: signed, reported on, extended, verified."""

import csv
import io
import json
from pathlib import Path

from proxy.model import BaselineLevel
from proxy.sandbox.judges import judge_by_pyhanko
from tests.end_to_end.test_command_line import signproxy
from tests.support.sandbox import Sandbox


def rows(report: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report.read_text("utf-8-sig"), newline="")))


async def test_a_folder_is_signed_and_extended_once(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    connected = ("--sandbox", sandbox.directory)
    folder, signed = tmp_path / "invoices", tmp_path / "signed"
    for name in ("a.pdf", "2026/b.pdf"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(invoice + f"% {name}\n".encode())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    sign = ("batch", "sign", folder, "--form", "es-t", "--ltv", "--certificate", "eseal-p256", "--out", signed, *connected)
    with sandbox.spending() as spent:
        made = signproxy(*sign, "--csv", tmp_path / "signed.csv")
        assert made.returncode == 1, made.stderr
        # Their results are lost, not what the service keeps.
        for path in signed.rglob("*.pdf"):
            path.unlink()
        again = signproxy(*sign, "--csv", tmp_path / "again.csv")
    assert again.returncode == 1, again.stderr
    assert spent.signatures == 2
    digests = [[row["resultSha256"] for row in rows(tmp_path / name)] for name in ("signed.csv", "again.csv")]
    assert digests[0] == digests[1]
    report = signproxy("report", "expiry", signed, "--within", "100000d", "--json", *connected)
    assert report.returncode == 13, report.stderr
    listed = json.loads(report.stdout)
    assert [(file["file"], file["state"], file["level"]) for file in listed["files"]] == [
        ("2026/b.signed.pdf", "DUE", "B-LT"),
        ("a.signed.pdf", "DUE", "B-LT"),
    ]
    extended = signproxy(
        "batch", "extend", signed, "--within", "100000d", "--in-place", "--csv", tmp_path / "x.csv", *connected
    )
    assert extended.returncode == 0, extended.stderr
    for path in signed.rglob("*.pdf"):
        verdict = await judge_by_pyhanko(path, sandbox.anchors, BaselineLevel.B_LTA)
        assert verdict.valid, verdict.reason
    verified = signproxy("batch", "verify", signed, "--lang", "en", "--csv", tmp_path / "verified.csv", *connected)
    assert verified.returncode == 0, verified.stderr
    assert [row["result"] for row in rows(tmp_path / "verified.csv")] == ["VALID"] * 4
