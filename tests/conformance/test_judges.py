"""The judges themselves, on what stock pyHanko signs: each accepts it, and rejects a tampered copy."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from fpdf import FPDF
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from proxy.model import Digest, HashAlgorithm
from tests.conformance import judges
from tests.conformance.judges import DSS
from tests.conformance.throwaway import Authority

pytestmark = pytest.mark.xdist_group("judges")


@dataclass(frozen=True, slots=True)
class Signed:
    """A document before and after, with the root it is to be judged by."""

    original: Path
    es: Path
    es_t: Path
    root: Path
    authority: Authority
    timestamper: DummyTimeStamper


@pytest.fixture
async def signed(authority: Authority, tmp_path: Path) -> Signed:
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=12)
    page.cell(text="Invoice 42")
    original = tmp_path / "original.pdf"
    page.output(str(original))
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root.certificate.public_bytes(Encoding.PEM))

    chain = SimpleCertificateStore.from_certs([authority.issuing.asn1_certificate, authority.root.asn1_certificate])
    signer = SimpleSigner(authority.signer.asn1_certificate, authority.signer.asn1_key, chain)
    timestamper = DummyTimeStamper(authority.tsa.asn1_certificate, authority.tsa.asn1_key, certs_to_embed=chain)
    made = []
    for name, stamper in (("es", None), ("es-t", timestamper)):
        made.append(tmp_path / f"{name}.pdf")
        metadata = PdfSignatureMetadata(field_name="Signature1", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
        with original.open("rb") as before, made[-1].open("wb") as after:
            await PdfSigner(metadata, signer, timestamper=stamper).async_sign_pdf(
                IncrementalPdfFileWriter(before), output=after
            )
    return Signed(original, made[0], made[1], root, authority, timestamper)


def test_dss_passes_both_levels_with_revocation_data_from_loopback(dss: DSS, signed: Signed) -> None:
    es = dss.judge(signed.es, [signed.root], online=True)
    assert [(one.indication, one.sub_indication, one.level) for one in es.signatures] == [
        ("TOTAL_PASSED", None, "PAdES-BASELINE-B")
    ], es
    es_t = dss.judge(signed.es_t, [signed.root], online=True)
    assert [(one.indication, one.level) for one in es_t.signatures] == [("TOTAL_PASSED", "PAdES-BASELINE-T")], es_t
    assert [one.indication for one in es_t.timestamps] == ["PASSED"], es_t
    assert {"/ocsp", "/root.crl", "/issuing.crl"} <= set(signed.authority.asked)


def test_dss_offline_fetches_nothing_and_knows_it_is_missing(dss: DSS, signed: Signed) -> None:
    signed.authority.asked.clear()
    report = dss.judge(signed.es_t, [signed.root])
    assert [(one.indication, one.sub_indication) for one in report.signatures] == [
        ("INDETERMINATE", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
    ], report
    assert signed.authority.asked == []


def test_dss_rejects_a_tampered_copy(dss: DSS, signed: Signed, tmp_path: Path) -> None:
    copy = judges.tampered_copy(signed.es_t, tmp_path / "tampered.pdf")
    report = dss.judge(copy, [signed.root], online=True)
    assert [(one.indication, one.sub_indication) for one in report.signatures] == [("TOTAL_FAILED", "HASH_FAILURE")], report


def test_dss_trusts_no_other_root(dss: DSS, signed: Signed, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(signed.authority.tsa.certificate.public_bytes(Encoding.PEM))
    report = dss.judge(signed.es, [stranger], online=True)
    assert [one.sub_indication for one in report.signatures] == ["NO_CERTIFICATE_CHAIN_FOUND"], report


def test_dss_survives_a_file_that_is_no_document(dss: DSS, signed: Signed, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pdf"
    garbage.write_bytes(b"%PDF-1.7\nnothing")
    report = dss.judge(garbage, [signed.root])
    assert report.failure
    assert not report.signatures
    assert dss.judge(signed.es, [signed.root], online=True).failure is None


def test_pdfsig_finds_the_signature_valid_and_total(signed: Signed) -> None:
    for document in (signed.es, signed.es_t):
        (verdict,) = judges.pdfsig(document)
        assert (verdict.valid, verdict.total_document) == (True, True), verdict.text


def test_pdfsig_rejects_a_tampered_copy_and_sees_what_was_added(signed: Signed, tmp_path: Path) -> None:
    (tampered,) = judges.pdfsig(judges.tampered_copy(signed.es, tmp_path / "tampered.pdf"))
    assert not tampered.valid
    longer = tmp_path / "longer.pdf"
    longer.write_bytes(signed.es.read_bytes() + b"\n% more\n")
    assert [one.total_document for one in judges.pdfsig(longer)] == [False]


def test_qpdf_has_nothing_new_against_a_signed_document(signed: Signed) -> None:
    assert judges.new_qpdf_messages(signed.es, signed.original) == {}


def test_qpdf_has_something_against_a_damaged_one(signed: Signed, tmp_path: Path) -> None:
    data = signed.es.read_bytes()
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(data[: data.rindex(b"startxref")] + b"startxref\n7\n%%EOF\n")
    assert judges.new_qpdf_messages(broken, signed.original)


async def test_openssl_accepts_a_token_over_its_own_imprint_alone(signed: Signed, tmp_path: Path) -> None:
    imprint = Digest.of(b"a signature value", HashAlgorithm.SHA256)
    token = tmp_path / "token.der"
    token.write_bytes((await signed.timestamper.async_timestamp(imprint.value, "sha256")).dump())
    assert judges.openssl_accepts_token(token, imprint, signed.root)
    assert not judges.openssl_accepts_token(token, Digest.of(b"another", HashAlgorithm.SHA256), signed.root)
    token.write_bytes(token.read_bytes()[:-1] + bytes([token.read_bytes()[-1] ^ 1]))
    assert not judges.openssl_accepts_token(token, imprint, signed.root)


async def test_pyhanko_accepts_and_rejects(signed: Signed, tmp_path: Path) -> None:
    (plain,) = await judges.pyhanko_verdicts(signed.es, [signed.root])
    assert (plain.valid, plain.total_document, plain.timestamp) == (True, True, None)
    (stamped,) = await judges.pyhanko_verdicts(signed.es_t, [signed.root])
    assert (stamped.valid, stamped.timestamp) == (True, True)
    (tampered,) = await judges.pyhanko_verdicts(judges.tampered_copy(signed.es_t, tmp_path / "tampered.pdf"), [signed.root])
    assert (tampered.valid, tampered.intact) == (False, False)
