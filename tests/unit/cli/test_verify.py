"""``signproxy verify`` against a service that keeps the contract."""

from pathlib import Path

import pytest

from tests.support.contract_service import VERDICT, ContractService, pdf
from tests.unit.cli.conftest import Command


async def test_a_verdict_a_person_can_read(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    ended = await signproxy("verify", pdf(tmp_path), "--lang", "ja", *service.options(), env={"TZ": "Asia/Tokyo"})
    assert (ended.code, ended.err) == (0, "")
    for said in (
        "✔ VALID  ",
        "signature 承認 B-LTA",
        "CN=株式会社例",
        "CN=TSA, accredited by the Minister",
        "2026-01-02 12:04:06 +0900",
        "2036-01-01 09:00:00 +0900, all that proves it is inside",
        "wholeRevision, changed after it: formFilling",
        "変更があります。",
    ):
        assert said in ended.out
    (seen,) = service.seen
    assert (seen.query, seen.headers["Accept-Language"]) == ({"report": "simple"}, "ja")


async def test_json_and_every_option(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    image = {"page": 1, "widthPx": 2480, "heightPx": 3508, "dpi": 300, "bitsPerPixel": 24, "color": "color"}
    service.verification = {"scanInfo": [image]}
    document = pdf(tmp_path)
    words = ("--at", "2030-01-31T09:00:00+09:00", "--report", "detailed", "--scan-info")
    environment = {"SIGNPROXY_DOCUMENT_PASSWORD": "secret", "LANG": "ja_JP.UTF-8"}
    ended = await signproxy("verify", document, *words, "--json", *service.options(), env=environment)
    assert ended.code == 0
    (file,) = ended.json["files"]
    assert (file["file"], file["result"], file["signatures"], file["scanInfo"]) == (str(document), "VALID", [VERDICT], [image])
    (seen,) = service.seen
    assert seen.query["report"] == "detailed"
    assert seen.query["getScanInfo"] == "true"
    assert seen.query["validationTime"].startswith("2030-01-31T")
    assert (seen.params, seen.headers["Accept-Language"]) == ({"documentPassword": "secret"}, "ja")
    shown = await signproxy("verify", document, "--scan-info", *service.options())
    assert "page 1: 2480×3508 px, 300 dpi, 24 bits, color" in shown.out


@pytest.mark.parametrize(
    ("results", "code", "summary"),
    [
        (["VALID", "VALID"], 0, "2 files: 2 VALID"),
        (["VALID", "NOT_APPLICABLE"], 12, "2 files: 1 VALID, 1 NOT_APPLICABLE"),
        (["NOT_APPLICABLE", "INDETERMINATE"], 11, "2 files: 1 INDETERMINATE, 1 NOT_APPLICABLE"),
        (["INVALID", "INDETERMINATE"], 10, "2 files: 1 INDETERMINATE, 1 INVALID"),
    ],
)
async def test_the_exit_code_is_the_worst_verdict(
    service: ContractService, signproxy: Command, tmp_path: Path, results: list[str], code: int, summary: str
) -> None:
    files = []
    for number, result in enumerate(results):
        files.append(tmp_path / f"{number}.pdf")
        files[-1].write_bytes(b"%%PDF-1.7 %s %d" % (result.encode(), number))
    service.results = {result.encode(): result for result in results}
    ended = await signproxy("verify", *files, *service.options())
    assert ended.code == code
    assert summary in ended.out
    assert [line.split()[1] for line in ended.out.splitlines() if str(tmp_path) in line] == results


async def test_a_file_that_cannot_be_verified_is_told_and_the_others_are(
    service: ContractService, signproxy: Command, tmp_path: Path
) -> None:
    service.fail_for = b"locked"
    locked, good = tmp_path / "locked.pdf", pdf(tmp_path)
    locked.write_bytes(b"%PDF-1.7 locked")
    ended = await signproxy("verify", locked, good, "--json", *service.options())
    assert ended.code == 1
    first, second = ended.json["files"]
    assert first["error"] == {"code": "PDF_ENCRYPTED", "detail": "a password is needed"}
    assert second["result"] == "VALID"
    alone = await signproxy("verify", locked, *service.options())
    assert alone.code == 5
    assert "PDF_ENCRYPTED: a password is needed" in alone.out


async def test_a_hostile_name_is_shown_tame(service: ContractService, signproxy: Command, tmp_path: Path) -> None:
    service.verification = {"signatures": [{**VERDICT, "fieldName": "a\x1b[31mb\u202ec"}]}
    ended = await signproxy("verify", pdf(tmp_path), *service.options())
    assert "\x1b" not in ended.out
    assert "\u202e" not in ended.out
