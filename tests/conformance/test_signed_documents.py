"""What the running proxy signs, before judges that nobody here wrote: they accept it, and reject a tampered copy of it."""

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.model import Digest, HashAlgorithm
from tests.conformance import judges
from tests.conformance.judges import DSS
from tests.conformance.producers import FOUND, PRODUCERS, Producer, encrypted, invoice
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("judges")

LEVELS = {"es": "PAdES-BASELINE-B", "es-t": "PAdES-BASELINE-T"}
SIGNERS = [
    ("legal-person-rsa", "RSASSA-PKCS1-v1_5", "SHA-256"),
    ("legal-person-p256", "ECDSA", "SHA-256"),
    ("natural-person-rsa", "RSASSA-PSS", "SHA-256"),
    ("natural-person-p256", "ECDSA", "SHA-512"),
    ("eseal-rsa", "RSASSA-PSS", "SHA-512"),
    ("eseal-p256", "ECDSA", "SHA-384"),
    ("test-rsa4096", "RSASSA-PKCS1-v1_5", "SHA-512"),
    ("test-p384", "ECDSA", "SHA-384"),
    ("test-p521", "ECDSA", "SHA-512"),
]


@dataclass(frozen=True, slots=True)
class Signed:
    """A document before and after, and a tampered copy of the latter."""

    original: Path
    signed: Path
    tampered: Path

    @classmethod
    def write(cls, folder: Path, original: bytes, signed: bytes) -> "Signed":
        """Put all three into a folder."""
        files = cls(folder / "original.pdf", folder / "signed.pdf", folder / "tampered.pdf")
        files.original.write_bytes(original)
        files.signed.write_bytes(signed)
        judges.tampered_copy(files.signed, files.tampered)
        return files


def dss_verdicts(dss: DSS, document: Path, anchors: tuple[Path, ...]) -> list[tuple[str, str | None, str | None]]:
    """EU DSS about each signature, with the sandbox's OCSP and CRLs in reach."""
    report = dss.judge(document, anchors, online=True)
    assert report.failure is None, report
    return [(one.indication, one.sub_indication, one.level) for one in report.signatures]


def check_pdfsig(files: Signed) -> None:
    (verdict,) = judges.pdfsig(files.signed)
    assert (verdict.valid, verdict.total_document) == (True, True), verdict.text
    (verdict,) = judges.pdfsig(files.tampered)
    assert not verdict.valid, verdict.text


def check_pyhanko(files: Signed, anchors: tuple[Path, ...], *, timestamp: bool | None) -> None:
    (verdict,) = asyncio.run(judges.pyhanko_verdicts(files.signed, anchors))
    assert (verdict.valid, verdict.total_document, verdict.timestamp) == (True, True, timestamp)
    (verdict,) = asyncio.run(judges.pyhanko_verdicts(files.tampered, anchors))
    assert (verdict.valid, verdict.intact) == (False, False)


@pytest.mark.parametrize("form", ["es", "es-t"])
@pytest.mark.parametrize(("certificate_id", "sign_algorithm", "hash_algorithm"), SIGNERS)
def test_every_kind_of_signature(
    sandbox: Sandbox, dss: DSS, tmp_path: Path, certificate_id: str, sign_algorithm: str, hash_algorithm: str, form: str
) -> None:
    document = invoice()
    chosen = {"signAlgorithm": sign_algorithm, "hashAlgorithm": hash_algorithm}
    answer = sandbox.app.sign(document, certificate_id, form=form, query=chosen)
    assert answer.status == 200, answer.body
    files = Signed.write(tmp_path, document, answer.body)
    assert dss_verdicts(dss, files.signed, sandbox.anchors) == [("TOTAL_PASSED", None, LEVELS[form])]
    assert dss_verdicts(dss, files.tampered, sandbox.anchors) == [("TOTAL_FAILED", "HASH_FAILURE", LEVELS[form])]
    check_pdfsig(files)
    check_pyhanko(files, sandbox.anchors, timestamp=True if form == "es-t" else None)
    assert judges.new_qpdf_messages(files.signed, files.original) == {}


def test_dss_passes_the_timestamp_and_openssl_verifies_its_token(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    answer = sandbox.app.sign(invoice(), "legal-person-rsa", form="es-t")
    files = Signed.write(tmp_path, invoice(), answer.body)
    report = dss.judge(files.signed, sandbox.anchors, online=True)
    assert [one.indication for one in report.timestamps] == ["PASSED"], report

    with files.signed.open("rb") as stream:
        (signature,) = PdfFileReader(stream).embedded_signatures
        (attribute,) = signature.signer_info["unsigned_attrs"]
        value = signature.signer_info["signature"].native
    token, roots = tmp_path / "token.der", tmp_path / "roots.pem"
    token.write_bytes(attribute["values"][0].dump())
    roots.write_bytes(b"".join(anchor.read_bytes() for anchor in sandbox.anchors))
    assert judges.openssl_accepts_token(token, Digest.of(value, HashAlgorithm.SHA256), roots)
    assert not judges.openssl_accepts_token(token, Digest.of(value[::-1], HashAlgorithm.SHA256), roots)
    token.write_bytes(token.read_bytes()[:-1] + bytes([token.read_bytes()[-1] ^ 1]))
    assert not judges.openssl_accepts_token(token, Digest.of(value, HashAlgorithm.SHA256), roots)


def test_a_document_signed_three_times_passes_three_times(sandbox: Sandbox, dss: DSS, tmp_path: Path) -> None:
    document = invoice()
    for certificate_id, form in (("eseal-rsa", "es"), ("eseal-p256", "es-t"), ("legal-person-p256", "es-t")):
        document = sandbox.app.sign(document, certificate_id, form=form).body
    files = Signed.write(tmp_path, invoice(), document)
    assert [verdict[0] for verdict in dss_verdicts(dss, files.signed, sandbox.anchors)] == ["TOTAL_PASSED"] * 3
    assert [verdict[0] for verdict in dss_verdicts(dss, files.tampered, sandbox.anchors)] == ["TOTAL_FAILED"] * 3
    assert judges.new_qpdf_messages(files.signed, files.original) == {}


def check_real(sandbox: Sandbox, dss: DSS, folder: Path, document: bytes) -> None:
    """A document by whatever software, signed with a timestamp and judged by all."""
    answer = sandbox.app.sign(document, form="es-t")
    assert answer.status == 200, answer.body
    assert answer.body.startswith(document)
    files = Signed.write(folder, document, answer.body)
    check_pdfsig(files)
    check_pyhanko(files, sandbox.anchors, timestamp=True)
    assert judges.new_qpdf_messages(files.signed, files.original) == {}
    assert judges.rendered(files.signed) == judges.rendered(files.original)
    assert dss_verdicts(dss, files.signed, sandbox.anchors) == [("TOTAL_PASSED", None, "PAdES-BASELINE-T")]
    assert dss_verdicts(dss, files.tampered, sandbox.anchors) == [("TOTAL_FAILED", "HASH_FAILURE", "PAdES-BASELINE-T")]


@pytest.mark.parametrize("producer", [pytest.param(producer, id=name) for name, producer in PRODUCERS.items()])
def test_documents_of_every_producer(sandbox: Sandbox, dss: DSS, tmp_path: Path, producer: Producer) -> None:
    check_real(sandbox, dss, tmp_path, producer(tmp_path))


@pytest.mark.parametrize("found", [pytest.param(path, id=path.name) for path in FOUND])
def test_documents_that_came_with_the_machine(sandbox: Sandbox, dss: DSS, tmp_path: Path, found: Path) -> None:
    check_real(sandbox, dss, tmp_path, found.read_bytes())


def test_text_of_the_caller_stands_in_the_signature(sandbox: Sandbox, tmp_path: Path) -> None:
    members = {
        "certificateId": "natural-person-p256",
        "reason": "内容を承認します",
        "location": "東京都千代田区",
        "contactInfo": "yamada@example.com",
        "document": base64.b64encode(invoice()).decode(),
    }
    answer = sandbox.app.post_json("/v1/signatures/es", members, headers={"Accept": "application/pdf"})
    assert answer.status == 200, answer.body
    files = Signed.write(tmp_path, invoice(), answer.body)
    with files.signed.open("rb") as stream:
        (signature,) = PdfFileReader(stream).embedded_signatures
        written = [signature.sig_object[key] for key in ("/Reason", "/Location", "/ContactInfo")]
        assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        assert "signing_time" not in [attribute["type"].native for attribute in signature.signer_info["signed_attrs"]]
        assert "/M" in signature.sig_object
    assert written == [members["reason"], members["location"], members["contactInfo"]]
    check_pdfsig(files)


@pytest.mark.parametrize("password", ["secret"])
def test_what_needs_a_password_is_refused(sandbox: Sandbox, tmp_path: Path, password: str) -> None:
    with sandbox.spending() as spent:
        answers = [sandbox.app.sign(encrypted(bits, password=password)(tmp_path)) for bits in (128, 256)]
    assert {answer.code for answer in answers} == {"PDF_ENCRYPTED"}
    assert spent.nothing
