"""Long-term forms before EU DSS, pyHanko, pdfsig and openssl: now and ten years on, with the network off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.judges import DSS, new_qpdf_messages, pdfsig, tampered_copy
from tests.conformance.offline import archive_verdicts, offline_verdicts
from tests.conformance.producers import PRODUCERS
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.sealed_by_others import sealed_by_others
from tests.support.signed_files import signed_by_others

pytestmark = pytest.mark.xdist_group("judges")

IN_TEN_YEARS = timedelta(days=3650)
PASSED = "TOTAL_PASSED"
INVOICE = plain_file(pages=2).with_table()


def in_ten_years() -> datetime:
    return datetime.now(UTC) + IN_TEN_YEARS


def es_t_with_ltv(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    return sandbox.app.sign(document, certificate_id, form="es-t", ltv="true").body


def mdp(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    return sandbox.app.sign(document, certificate_id, form="mdp").body


def es_a(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    return sandbox.app.sign(document, certificate_id, form="es-a").body


def fresh_es_a(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    return sandbox.app.sign(document, certificate_id, form="es-a", gracePolicy="fresh").body


def extended_twice(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    return extended(sandbox, extended(sandbox, es_a(sandbox, document, certificate_id)))


def extended(sandbox: Sandbox, document: bytes) -> bytes:
    """Prolonged once."""
    answer = sandbox.app.timestamp(document, "ES_A")
    assert answer.status == 200, answer.body
    return answer.body


def visible_es_a(sandbox: Sandbox, document: bytes, certificate_id: str) -> bytes:
    box = {"x": 20, "y": 20, "width": 60, "height": 20, "text": "承認 山田太郎"}
    answer = sandbox.app.send_parts("/v1/signatures/es-a", document, {"certificateId": certificate_id, "appearance": box})
    assert answer.status == 200, answer.body
    return answer.body


Make = Callable[[Sandbox, bytes, str], bytes]
LEVELS: dict[Make, str] = {
    es_t_with_ltv: "LT",
    # DSS counts security stores of later revisions alone; a certification's is in its own, which its readers want.
    mdp: "T",
    es_a: "LTA",
    fresh_es_a: "LTA",
    extended_twice: "LTA",
    visible_es_a: "LTA",
}


def signed_file(folder: Path, document: bytes) -> Path:
    path = folder / "signed.pdf"
    path.write_bytes(document)
    return path


def dss_verdicts(dss: DSS, document: Path, sandbox: Sandbox, at: datetime | None = None) -> list[tuple[str, str | None]]:
    """Indication and level of each signature, offline: all the proof has to be in the document."""
    report = dss.judge(document, sandbox.anchors, validation_time=at)
    assert report.failure is None, report
    assert [one.indication for one in report.timestamps] == ["PASSED"] * len(report.timestamps), report
    return [(one.indication, one.level) for one in report.signatures]


@pytest.mark.parametrize("certificate_id", ["eseal-rsa", pytest.param("legal-person-p256", marks=pytest.mark.full)])
@pytest.mark.parametrize("make", [pytest.param(make, id=make.__name__) for make in LEVELS])
def test_every_long_term_form_offline(sandbox: Sandbox, dss: DSS, tmp_path: Path, make: Make, certificate_id: str) -> None:
    (tmp_path / "original.pdf").write_bytes(INVOICE)
    path = signed_file(tmp_path, make(sandbox, INVOICE, certificate_id))
    expected = [(PASSED, f"PAdES-BASELINE-{LEVELS[make]}")]
    assert dss_verdicts(dss, path, sandbox) == expected
    assert {verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)} == {None}
    assert new_qpdf_messages(path, tmp_path / "original.pdf") == {}
    (verdict,) = pdfsig(path)
    assert (verdict.valid, verdict.total_document) == (True, make is mdp), verdict.text
    if LEVELS[make] == "LTA":
        later = in_ten_years()
        assert dss_verdicts(dss, path, sandbox, later) == expected
        assert archive_verdicts(path, sandbox.anchors, at=later) == ("OK",)


def test_judges_that_say_so_see_tampering_and_strangers(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    path = signed_file(tmp_path, es_a(sandbox, INVOICE, "eseal-rsa"))
    copy = tampered_copy(path, tmp_path / "tampered.pdf")
    (verdict,) = dss.judge(copy, sandbox.anchors).signatures
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL_FAILED", "HASH_FAILURE")
    assert None not in {verdict.problem for verdict in offline_verdicts(copy, sandbox.anchors)}
    assert archive_verdicts(copy, sandbox.anchors, at=in_ten_years()) != ("OK",)
    strangers = (sandbox.folder.anchor("untrusted-root"),)
    assert None not in {verdict.problem for verdict in offline_verdicts(path, strangers)}
    assert archive_verdicts(path, strangers, at=in_ten_years()) != ("OK",)


def test_without_an_archive_timestamp_the_proof_does_not_last(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    path = signed_file(tmp_path, es_t_with_ltv(sandbox, INVOICE, "eseal-rsa"))
    (verdict,) = dss.judge(path, sandbox.anchors, validation_time=in_ten_years() + IN_TEN_YEARS).signatures
    assert verdict.indication == "INDETERMINATE"


async def test_what_others_signed_is_prolonged_to_lta(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    for lta in (False, True):
        document = await sealed_by_others(sandbox, INVOICE, "Theirs", lta=lta)
        for extension in range(2):
            document = extended(sandbox, document)
            path = signed_file(tmp_path, document)
            assert dss_verdicts(dss, path, sandbox) == [(PASSED, "PAdES-BASELINE-LTA")], (lta, extension)
            assert dss_verdicts(dss, path, sandbox, in_ten_years()) == [(PASSED, "PAdES-BASELINE-LTA")], (lta, extension)


async def test_signed_by_others_and_by_the_proxy_in_turns(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    document = sandbox.app.sign(INVOICE, "natural-person-rsa", form="es-t").body
    document = await sealed_by_others(sandbox, document, "Theirs")
    document = extended(sandbox, es_a(sandbox, document, "legal-person-rsa"))
    path = signed_file(tmp_path, document)
    assert dss_verdicts(dss, path, sandbox) == [(PASSED, "PAdES-BASELINE-LTA")] * 3
    assert dss_verdicts(dss, path, sandbox, in_ten_years()) == [(PASSED, "PAdES-BASELINE-LTA")] * 3
    assert [one.valid for one in pdfsig(path)] == [True] * 3
    report = dss.judge(tampered_copy(path, tmp_path / "tampered.pdf"), sandbox.anchors)
    assert [one.indication for one in report.signatures] == ["TOTAL_FAILED"] * 3


def test_a_strangers_signature_hinders_no_other(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    path = signed_file(tmp_path, es_a(sandbox, signed_by_others(INVOICE, "Theirs"), "eseal-rsa"))
    report = dss.judge(path, sandbox.anchors)
    assert sorted(one.indication for one in report.signatures) == ["INDETERMINATE", PASSED]
    assert [one.valid for one in pdfsig(path)] == [True, True]


@pytest.mark.parametrize("docmdp", ["2", pytest.param("3", marks=pytest.mark.full)])
def test_a_certification_that_permits_it_is_prolonged(sandbox: Sandbox, dss: DSS, tmp_path: Path, docmdp: str) -> None:
    document = sandbox.app.sign(INVOICE, "eseal-rsa", form="mdp", docMdp=docmdp).body
    document = es_t_with_ltv(sandbox, document, "eseal-p256")
    path = signed_file(tmp_path, extended(sandbox, document))
    assert dss_verdicts(dss, path, sandbox) == [(PASSED, "PAdES-BASELINE-LTA")] * 2
    assert dss_verdicts(dss, path, sandbox, in_ten_years()) == [(PASSED, "PAdES-BASELINE-LTA")] * 2
    assert {verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)} == {None}


def test_a_document_timestamp_alone(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    path = signed_file(tmp_path, sandbox.app.timestamp(INVOICE).body)
    report = dss.judge(path, sandbox.anchors, online=True)
    assert (report.signatures, [one.indication for one in report.timestamps]) == ((), ["PASSED"])
    report = dss.judge(tampered_copy(path, tmp_path / "tampered.pdf"), sandbox.anchors, online=True)
    assert [one.indication for one in report.timestamps] == ["FAILED"]
    path.write_bytes(extended(sandbox, path.read_bytes()))
    report = dss.judge(path, sandbox.anchors, validation_time=in_ten_years())
    assert [one.indication for one in report.timestamps] == ["PASSED", "PASSED"]


SOME = ("PDF 2.0", "qpdf, linearized with object streams", "AES 256")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SOME else pytest.mark.full) for name in PRODUCERS],
)
def test_documents_of_every_producer_in_the_long_term(sandbox: Sandbox, dss: DSS, tmp_path: Path, name: str) -> None:
    document = PRODUCERS[name](tmp_path)
    (tmp_path / "original.pdf").write_bytes(document)
    path = signed_file(tmp_path, extended(sandbox, visible_es_a(sandbox, document, "eseal-rsa")))
    assert path.read_bytes().startswith(document)
    for at in (None, in_ten_years()):
        assert dss_verdicts(dss, path, sandbox, at) == [(PASSED, "PAdES-BASELINE-LTA")]
    assert {verdict.problem for verdict in offline_verdicts(path, sandbox.anchors, changes=False)} == {None}
    assert new_qpdf_messages(path, tmp_path / "original.pdf") == {}
    assert [one.valid for one in pdfsig(path)] == [True]
