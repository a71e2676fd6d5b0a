"""The proxy's verification beside EU DSS, on what the proxy made: every form, now and ten years on, and tampered."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.judges import DSS, tampered_bytes
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("judges")

CERTIFICATE = "eseal-rsa"

Line = tuple[str, str, str | None]
"""Whether it is a signature or a timestamp, indication and sub-indication."""


@pytest.fixture(scope="module")
def documents(sandbox: Sandbox) -> Mapping[str, bytes]:
    invoice = plain_file(pages=2).with_table()

    def signed(form: str, document: bytes = invoice, **query: str) -> bytes:
        answer = sandbox.app.sign(document, CERTIFICATE, form=form, query=query)
        assert answer.status == 200, answer.body
        return answer.body

    def stamped(document: bytes, purpose: str) -> bytes:
        answer = sandbox.app.timestamp(document, purpose)
        assert answer.status == 200, answer.body
        return answer.body

    es_t = signed("es-t")
    return {
        "ES": signed("es"),
        "ES-T": es_t,
        "ES-T, ltv": signed("es-t", ltv="true"),
        "MDP": signed("mdp"),
        "ES-A": signed("es-a"),
        "ES-T, extended": stamped(es_t, "ES_A"),
        "ES-T, extended twice": stamped(stamped(es_t, "ES_A"), "ES_A"),
        "timestamp": stamped(invoice, "DocTimeStamp"),
        "signed twice": signed("es-a", es_t),
    }


def by_proxy(sandbox: Sandbox, document: bytes, at: datetime | None) -> list[Line]:
    query = {} if at is None else {"validationTime": at.isoformat()}
    answer = sandbox.app.ask("POST", "/v1/verifications", document, query=query, headers={"Content-Type": "application/pdf"})
    assert answer.status == 200, answer.body
    return sorted({_line(entry) for entry in answer.members["signatures"]}, key=str)


def _line(entry: Mapping[str, Any]) -> Line:
    kind = "signature" if entry["type"] in {"signature", "certification"} else "timestamp"
    return kind, entry["indication"].replace("-", "_"), entry["subIndication"]


def by_dss(dss: DSS, sandbox: Sandbox, path: Path, at: datetime | None, *, online: bool) -> list[Line]:
    report = dss.judge(path, sandbox.anchors, validation_time=at, online=online)
    assert report.failure is None, report
    lines: list[Line] = [("signature", one.indication, one.sub_indication) for one in report.signatures]
    # A document timestamp stands below every signature that it covers.
    return sorted({*lines, *(("timestamp", one.indication, one.sub_indication) for one in report.timestamps)}, key=str)


def agree(sandbox: Sandbox, dss: DSS, folder: Path, document: bytes, at: datetime | None) -> list[Line]:
    """What both say; online, since what EU DSS would ask for the proxy has asked for too."""
    path = folder / "judged.pdf"
    path.write_bytes(document)
    proxys = by_proxy(sandbox, document, at)
    assert proxys == by_dss(dss, sandbox, path, at, online=True)
    return proxys


def test_every_form_now(sandbox: Sandbox, dss: DSS, tmp_path: Path, documents: Mapping[str, bytes]) -> None:
    for name, document in documents.items():
        for _, indication, _ in agree(sandbox, dss, tmp_path, document, None):
            assert indication in {"TOTAL_PASSED", "PASSED"}, name


@pytest.mark.parametrize("years", [pytest.param(5, marks=pytest.mark.full), 10, pytest.param(12, marks=pytest.mark.full)])
def test_every_form_later(sandbox: Sandbox, dss: DSS, tmp_path: Path, documents: Mapping[str, bytes], years: int) -> None:
    """The signer's certificate and the responders' end after three years, the authority's after eleven."""
    at = datetime.now(UTC) + timedelta(days=365 * years)
    # Of what has expired the proxy asks nobody; EU DSS does.
    unsupplied = {"ES", "ES-T", "timestamp"} if years > 11 else set()
    passed = set()
    for name, document in documents.items():
        if name in unsupplied:
            continue
        if all(indication in {"TOTAL_PASSED", "PASSED"} for _, indication, _ in agree(sandbox, dss, tmp_path, document, at)):
            passed.add(name)
    archived = {"ES-A", "ES-T, extended", "ES-T, extended twice", "timestamp", "signed twice"}
    assert passed == (archived if years < 11 else set())


def test_tampered_copies(sandbox: Sandbox, dss: DSS, tmp_path: Path, documents: Mapping[str, bytes]) -> None:
    for name in ("ES", "ES-T, ltv", "timestamp"):
        lines = agree(sandbox, dss, tmp_path, tampered_bytes(documents[name]), None)
        failed = ("TOTAL_FAILED" if name != "timestamp" else "FAILED", "HASH_FAILURE")
        assert failed in {(indication, sub) for _, indication, sub in lines}
