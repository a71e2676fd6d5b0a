"""Until when documents can be verified: ``signproxy report expiry`` and ``signproxy batch extend``."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.bulk.expiry import State, expiry_of
from proxy.cli.verifying import Outcome
from proxy.client import SignatureVerdict, Verification
from proxy.model import VerificationResult
from tests.support.contract_service import INCREMENT, VERDICT, ContractService
from tests.unit.cli.conftest import Command
from tests.unit.cli.test_batch import folder_of

VALID, INVALID = VerificationResult.VALID, VerificationResult.INVALID
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def verdict(kind: str, end: int, *, ltv: bool, stamped: int = 2020, level: str | None = None) -> SignatureVerdict:
    """One that ends, and was stamped, at the beginning of a year."""
    return SignatureVerdict(
        field_name=None,
        type=kind,
        result=VALID,
        indication=None,
        sub_indication=None,
        reasons=(),
        level=level,
        coverage=None,
        modification_level=None,
        signer_subject=None,
        claimed_signing_time=None,
        timestamp_time=datetime(stamped, 1, 1, tzinfo=UTC),
        valid_from=None,
        valid_to=datetime(end, 1, 1, tzinfo=UTC),
        ltv=ltv,
        tsa_subject=f"CN=TSA {stamped}",
        mic_accredited=None,
    )


def signature(end: int, level: str) -> SignatureVerdict:
    return verdict("signature", end, ltv=level in {"B-LT", "B-LTA"}, level=level)


@pytest.mark.parametrize(
    ("signatures", "end", "level", "last"),
    [
        ([signature(2027, "B-B")], 2027, "B-B", None),
        # The timestamp inside proves the time; what ends is told by the signature.
        ([signature(2027, "B-T"), verdict("signatureTimestamp", 2030, ltv=False)], 2027, "B-T", 2020),
        ([signature(2036, "B-LTA"), verdict("docTimestamp", 2036, ltv=False, stamped=2026)], 2036, "B-LTA", 2026),
        # One archive timestamp over the other: the first has ended, and is covered.
        (
            [
                signature(2036, "B-LTA"),
                verdict("docTimestamp", 2025, ltv=True, stamped=2015),
                verdict("docTimestamp", 2036, ltv=False, stamped=2024),
            ],
            2036,
            "B-LTA",
            2024,
        ),
        # Covered without the proof of it: it ends by itself.
        ([verdict("docTimestamp", 2028, ltv=False, stamped=2018), verdict("docTimestamp", 2036, ltv=False)], 2028, None, 2020),
        # The weakest of several signatures decides.
        ([signature(2036, "B-LTA"), signature(2029, "B-T")], 2029, "B-T", None),
    ],
)
def test_a_document_ends_with_the_first_that_ends(
    signatures: list[SignatureVerdict], end: int, level: str | None, last: int | None
) -> None:
    verified = Verification("t", VALID, tuple(signatures), 1, None, False, {})
    expiry = expiry_of(Outcome(Path("a.pdf"), verified, None), timedelta(days=90), NOW)
    assert (expiry.extend_by, expiry.level) == (datetime(end, 1, 1, tzinfo=UTC), level)
    assert (expiry.last and expiry.last.timestamp_time) == (last and datetime(last, 1, 1, tzinfo=UTC))
    assert expiry.state is State.LATER
    assert expiry.days_left(NOW) == (datetime(end, 1, 1, tzinfo=UTC) - NOW).days
    due = expiry_of(Outcome(Path("a.pdf"), verified, None), datetime(end, 1, 1, tzinfo=UTC) - NOW, NOW)
    assert due.state is State.DUE


def test_what_is_not_valid_is_not_extended() -> None:
    verified = Verification("t", INVALID, (signature(2026, "B-B"),), 1, None, False, {})
    assert expiry_of(Outcome(Path("a.pdf"), verified, None), timedelta(days=900), NOW).state is None
    assert expiry_of(Outcome(Path("a.pdf"), None, OSError("gone")), timedelta(days=900), NOW).state is None


def entry(days: int, **more: Any) -> dict[str, Any]:
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    return {**VERDICT, "validTo": ends.isoformat(), "reasons": [], **more}


def archive(service: ContractService, tmp_path: Path) -> Path:
    """Files whose end is in their names, and some that have none."""
    service.verifications = {b"%03d" % days: {"signatures": [entry(days)]} for days in (20, 80, 400)} | {
        b"bad": {"result": "INVALID", "signatures": [entry(10, result="INVALID", reasons=[{"code": "X", "text": "why"}])]},
        b"none": {"result": "NOT_APPLICABLE", "signatures": []},
    }
    return folder_of(tmp_path, "080.pdf", "400.pdf", "a/020.pdf", "none.pdf")


async def test_what_is_due_comes_first(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    folder, report = archive(service, tmp_path), tmp_path / "report.csv"
    words: tuple[str | Path, ...] = ("report", "expiry", folder, *service.options())
    ended = await signproxy(*words)
    assert ended.code == 13
    assert "4 files: 3 VALID, 1 NOT_APPLICABLE; to be extended: 2" in ended.err
    assert [line.split()[1:4] for line in ended.out.splitlines()[1:]] == [
        ["20", "a/020.pdf", "B-LTA"],
        ["80", "080.pdf", "B-LTA"],
    ]
    listed = await signproxy(*words, "--within", "1w", "--json", "--csv", report, "--lang", "en")
    assert listed.code == 0
    assert [(file["file"], file["state"], file["daysLeft"]) for file in listed.json["files"]] == [
        *(
            ("080.pdf", "LATER", 80),
            ("400.pdf", "LATER", 400),
            ("a/020.pdf", "LATER", 20),
            ("none.pdf", "NOT_APPLICABLE", None),
        ),
    ]
    assert listed.json["due"] == 0
    found = list(csv.DictReader(io.StringIO(report.read_text("utf-8-sig"), newline="")))
    assert [(row["file name"], row["state"], row["days left"]) for row in found][:2] == [
        ("080.pdf", "LATER", "80"),
        ("400.pdf", "LATER", "400"),
    ]
    (folder / "bad.pdf").write_bytes(b"bad")
    assert (await signproxy(*words, "--within", "1w")).code == 10
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = await signproxy("report", "expiry", empty, "--json", *service.options())
    assert (nothing.code, nothing.json) == (0, {"files": [], "due": 0})


async def test_what_is_due_is_extended_and_nothing_else(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    folder = archive(service, tmp_path)
    (folder / "bad.pdf").write_bytes(b"bad")
    words: tuple[str | Path, ...] = ("batch", "extend", folder, "--lang", "en", *service.options())
    checked = await signproxy(*words, "--dry-run", "--csv", tmp_path / "checked.csv")
    assert checked.code == 13
    stamped = [seen for seen in service.seen if seen.path == "/v1/timestamps"]
    assert {seen.query["dryRun"] for seen in stamped} == {"true"}
    assert not list(folder.rglob("*.extended.pdf"))
    service.seen.clear()
    ended = await signproxy(*words, "--csv", tmp_path / "report.csv")
    assert ended.code == 10
    assert "to be extended: 2; 2 files: 2 OK" in ended.err
    stamped = [seen for seen in service.seen if seen.path == "/v1/timestamps"]
    assert [seen.query["purpose"] for seen in stamped] == ["ES_A", "ES_A"]
    assert len({seen.headers["Idempotency-Key"] for seen in stamped}) == 2
    for name in ("080.pdf", "a/020.pdf"):
        document = folder / name
        assert document.with_suffix(".extended.pdf").read_bytes() == document.read_bytes() + INCREMENT
    found = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text("utf-8-sig"), newline="")))
    assert [(row["file name"], row["state"], row["outcome"], row["reason"]) for row in found] == [
        ("080.pdf", "DUE", "EXTENDED", ""),
        ("400.pdf", "LATER", "", ""),
        ("a/020.pdf", "DUE", "EXTENDED", ""),
        ("bad.pdf", "INVALID", "", "why"),
        ("none.pdf", "NOT_APPLICABLE", "", ""),
    ]
    assert found[0]["extended until"] == "2031-04-05 15:07:08"


async def test_a_refused_extension_is_told_and_stops_nothing(
    service: ContractService, signproxy: Command, tmp_path: Path
) -> None:
    folder, report = archive(service, tmp_path), tmp_path / "report.csv"
    service.fail_for = b"080"
    service.fail_verification = False
    ended = await signproxy("batch", "extend", folder, "--in-place", "--csv", report, *service.options())
    assert ended.code == 1
    assert (folder / "a/020.pdf").read_bytes().endswith(INCREMENT)
    assert not (folder / "080.pdf").read_bytes().endswith(INCREMENT)
    assert "失敗,INVALID_DOCUMENT" in report.read_text("utf-8-sig")
