"""What may be signed is signed and judged by pdfsig; what may not is refused before a digest exists."""

import io
import subprocess
import tempfile
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigSeedValFlags, SigSeedValueSpec

from proxy.errors import (
    FieldExists,
    FieldLocked,
    FieldNotFound,
    InternalError,
    InvalidDocument,
    InvalidParameter,
    MDPLocked,
    PDFEncrypted,
    PDFVersionUnsupported,
    ProxyError,
    SeedValueConflict,
)
from proxy.model import ValidationData
from proxy.pades.checking import check_document
from proxy.pades.preparing import prepare_signature
from proxy.pades.values import CheckDocument, ExpectedSignature, PreparedSignature, PrepareSignature
from tests.conformance.judges import tool
from tests.support.pdf_files import PdfFile, looping_page_tree, plain_file, stream_bomb
from tests.support.signed_files import request, sign_in_process, signed_by_others, with_field

PLAIN = plain_file().with_table()
ALL_FIELDS = FieldMDPSpec(FieldMDPAction.ALL)


def pdfsig(document: bytes, folder: Path) -> str:
    path = folder / "judged.pdf"
    path.write_bytes(document)
    return subprocess.run([tool("pdfsig"), path], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN, id="table"),
        pytest.param(plain_file().with_stream(), id="stream"),
        pytest.param(plain_file().with_table(final_line_end=False), id="no final end of line"),
        pytest.param(plain_file(pages=40).with_table(), id="40 pages"),
        pytest.param(PdfFile(plain_file().objects, version=b"1.3").with_table(), id="PDF 1.3"),
        pytest.param(PdfFile(plain_file().objects, version=b"2.0").with_stream(), id="PDF 2.0"),
    ],
)
def test_a_signed_file_keeps_every_byte_and_is_valid(document: bytes, tmp_path: Path) -> None:
    signed = sign_in_process(document)
    assert signed.startswith(document)
    verdict = pdfsig(signed, tmp_path)
    assert "Signature is Valid" in verdict
    assert "Total document signed" in verdict
    at = signed.index(b"Invoice")
    tampered = signed[:at] + b"I" + b"N" + signed[at + 2 :]
    assert "Digest Mismatch" in pdfsig(tampered, tmp_path)


def test_a_second_and_third_signature_leave_the_earlier_ones_valid(tmp_path: Path) -> None:
    document = signed_by_others(sign_in_process(PLAIN), "Others")
    document = sign_in_process(document)
    assert pdfsig(document, tmp_path).count("Signature is Valid") == 3
    names = [field.field_name for field in PdfFileReader(io.BytesIO(document)).embedded_signatures]
    assert names == ["Signature1", "Others", "Signature2"]


def test_a_size_that_is_too_small_costs_no_object_its_number(tmp_path: Path) -> None:
    """As some software that joins documents states it: our new objects must not replace the pages beyond it."""
    document = plain_file(pages=3).with_table().replace(b"/Size 13", b"/Size 9 ")
    signed = sign_in_process(document)
    before, after = (PdfFileReader(io.BytesIO(data), strict=False) for data in (document, signed))
    for number in (10, 11, 12):
        old, new = (reader.get_object(generic.Reference(number)) for reader in (before, after))
        assert {key: new[key] for key in ("/Type", "/MediaBox", "/Resources")} == {
            key: old[key] for key in ("/Type", "/MediaBox", "/Resources")
        }
    assert "Signature is Valid" in pdfsig(signed, tmp_path)


@pytest.mark.parametrize("entries", [b"/Metadata 77 0 R", b"/Threads[77 0 R]", b"/Names 77 0 R"])
def test_a_reference_to_nothing_hinders_no_second_signature(entries: bytes, tmp_path: Path) -> None:
    """It is null (ISO 32000-2, 7.3.10), and real documents have some."""
    document = plain_file(catalog=entries).with_table()
    assert pdfsig(sign_in_process(sign_in_process(document)), tmp_path).count("Signature is Valid") == 2


def test_what_no_update_touches_is_not_read_to_judge_it(tmp_path: Path) -> None:
    """A file of ten thousand objects would take longer than it may; an object that cannot be read shows that none is."""
    document = plain_file(catalog=b"/PieceInfo<</Ours 1000 0 R>>", extra={1000: b"<</Broken ("}).with_table()
    assert pdfsig(sign_in_process(sign_in_process(document)), tmp_path).count("Signature is Valid") == 2


def test_an_existing_empty_field_is_used_by_name_or_when_it_is_the_only_one(tmp_path: Path) -> None:
    document = with_field(PLAIN, "Approval")
    for wanted in (request("Approval"), request(None, existing_only=True)):
        signed = sign_in_process(document, wanted)
        assert "Signature Field Name: Approval" in pdfsig(signed, tmp_path)
        assert "Signature is Valid" in pdfsig(signed, tmp_path)


def test_the_lock_of_an_existing_field_goes_into_its_signature() -> None:
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, ["Amount"])
    signed = sign_in_process(with_field(PLAIN, "Approval", lock=lock), request("Approval"))
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert signature.fieldmdp.action is FieldMDPAction.INCLUDE
    assert list(signature.fieldmdp.fields) == ["Amount"]


def test_a_name_with_dots_makes_a_field_below_a_group() -> None:
    signed = sign_in_process(PLAIN, request("Contract.Seller"))
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert signature.field_name == "Contract.Seller"


def test_an_encrypted_file_with_an_empty_password_is_signed(tmp_path: Path) -> None:
    signed = sign_in_process(encrypted(""))
    assert "Signature is Valid" in pdfsig(signed, tmp_path)


def encrypted(password: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        plain, result = Path(folder, "plain.pdf"), Path(folder, "encrypted.pdf")
        plain.write_bytes(PLAIN)
        subprocess.run([tool("qpdf"), "--encrypt", password, "owner", "256", "--", plain, result], check=True)
        return result.read_bytes()


def certified(level: MDPPerm) -> bytes:
    return signed_by_others(PLAIN, "Certification", certify=level)


def locked(lock: FieldMDPSpec, level: MDPPerm | None = None) -> bytes:
    document = with_field(PLAIN, "Locking", lock=lock, lock_level=level)
    return signed_by_others(document, "Locking", existing=True)


def with_text_field() -> bytes:
    field = b"<</FT/Tx/T(Amount)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]>>"
    return plain_file(catalog=b"/AcroForm<</Fields[1000 0 R]>>", extra={1000: field}).with_table()


def with_signature_field(entries: bytes) -> bytes:
    field = b"<</FT/Sig/T(A)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]%s>>" % entries
    return plain_file(catalog=b"/AcroForm<</Fields[1000 0 R]>>", extra={1000: field}).with_table()


@pytest.mark.parametrize("value", [b"/V null", b"/V 9999 0 R"])
@pytest.mark.parametrize("name", ["A", None])
def test_a_field_whose_value_is_null_is_empty(value: bytes, name: str | None, tmp_path: Path) -> None:
    signed = sign_in_process(with_signature_field(value), request(name, existing_only=True))
    verdict = pdfsig(signed, tmp_path)
    assert "Signature Field Name: A" in verdict
    assert "Signature is Valid" in verdict


@pytest.mark.parametrize("store", [b"<</Certs[1000 0 R]>>", b"<</OCSPs 5>>", b"<</CRLs(x)>>", b"7"])
def test_what_others_put_in_the_security_store_does_not_hinder(store: bytes, tmp_path: Path) -> None:
    undecodable = {1000: b"<</Length 3/Filter/FlateDecode>>stream\nabc\nendstream"}
    signed = sign_in_process(plain_file(catalog=b"/DSS " + store, extra=undecodable).with_table())
    assert "Signature is Valid" in pdfsig(signed, tmp_path)


MANDATORY_REASON = SigSeedValueSpec(reasons=["I approve"], flags=SigSeedValFlags.REASONS)

REFUSED = [
    pytest.param(b"no PDF at all", request(), InvalidDocument, id="no PDF"),
    pytest.param(b"%PDF-1.7\n", request(), InvalidDocument, id="header only"),
    pytest.param(PLAIN[:300], request(), InvalidDocument, id="truncated"),
    pytest.param(looping_page_tree(), request(), InvalidDocument, id="page tree loop"),
    pytest.param(stream_bomb(), request(), InvalidDocument, id="stream bomb"),
    pytest.param(PdfFile(plain_file().objects, version=b"1.2").with_table(), request(), PDFVersionUnsupported, id="1.2"),
    pytest.param(PdfFile(plain_file().objects, version=b"3.0").with_table(), request(), PDFVersionUnsupported, id="3.0"),
    pytest.param(PdfFile({1: b"<</Type/Catalog>>"}).with_table(), request(), InvalidDocument, id="no pages"),
    pytest.param(with_field(PLAIN, "A"), request("B", existing_only=True), FieldNotFound, id="no such field"),
    pytest.param(PLAIN, request(existing_only=True), FieldNotFound, id="no empty field"),
    pytest.param(with_field(with_field(PLAIN, "A"), "B"), request(existing_only=True), FieldNotFound, id="two empty fields"),
    pytest.param(signed_by_others(PLAIN, "A"), request("A"), FieldExists, id="signed already"),
    pytest.param(with_text_field(), request("Amount"), FieldExists, id="a text field"),
    pytest.param(with_text_field(), request("Amount.Signature"), FieldExists, id="below a text field"),
    pytest.param(with_field(PLAIN, "Group.A"), request("Group"), FieldExists, id="a group of fields"),
    pytest.param(PLAIN, request("a..b"), InvalidParameter, id="empty part of a name"),
    pytest.param(with_field(PLAIN, "A", seed_values=MANDATORY_REASON), request("A"), SeedValueConflict, id="seed value"),
    pytest.param(certified(MDPPerm.NO_CHANGES), request(), MDPLocked, id="certified P=1"),
    pytest.param(locked(ALL_FIELDS, MDPPerm.NO_CHANGES), request(), MDPLocked, id="lock with P=1"),
    pytest.param(locked(ALL_FIELDS), request(), FieldLocked, id="all fields locked"),
    pytest.param(
        locked(FieldMDPSpec(FieldMDPAction.INCLUDE, ["Contract"])), request("Contract.Seller"), FieldLocked, id="group locked"
    ),
    pytest.param(
        locked(FieldMDPSpec(FieldMDPAction.EXCLUDE, ["Other"])), request("Mine"), FieldLocked, id="all but one locked"
    ),
]


@pytest.mark.parametrize(("document", "wanted", "error"), REFUSED)
def test_what_cannot_be_signed_is_refused_by_its_code(
    document: bytes, wanted: PrepareSignature, error: type[ProxyError]
) -> None:
    stream = io.BytesIO(document)
    with pytest.raises(error):
        prepare_signature(stream, wanted)


def test_a_password_that_is_needed_is_asked_for_and_one_that_is_given_opens(tmp_path: Path) -> None:
    document = encrypted("secret")
    for password in (None, "wrong"):
        with pytest.raises(PDFEncrypted):
            prepare_signature(io.BytesIO(document), request(password=password))
    prepare_signature(io.BytesIO(document), request(password="secret"))


@pytest.mark.parametrize("level", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_a_certification_that_permits_signatures_is_kept(level: MDPPerm, tmp_path: Path) -> None:
    document = certified(level)
    signed = sign_in_process(document)
    assert pdfsig(signed, tmp_path).count("Signature is Valid") == 2
    first = PdfFileReader(io.BytesIO(signed)).embedded_signatures[0]
    first.compute_integrity_info()
    assert first.summarise_integrity_info()["docmdp_ok"] is True


def test_a_locked_field_elsewhere_does_not_hinder(tmp_path: Path) -> None:
    document = locked(FieldMDPSpec(FieldMDPAction.INCLUDE, ["Amount"]))
    assert pdfsig(sign_in_process(document, request("Mine")), tmp_path).count("Signature is Valid") == 2


def test_a_signature_that_was_broken_before_does_not_hinder(tmp_path: Path) -> None:
    document = signed_by_others(PLAIN, "Others")
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    page = writer.root["/Pages"]["/Kids"].raw_get(0)
    page.get_object()["/MediaBox"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 300, 300)))
    writer.mark_update(page.reference)
    changed = io.BytesIO()
    writer.write(changed)
    verdict = pdfsig(sign_in_process(changed.getvalue()), tmp_path)
    assert "Signature is Valid" in verdict


def test_seed_value_urls_are_not_followed_and_recommendations_do_not_bind() -> None:
    advice = SigSeedValueSpec(reasons=["I approve"], timestamp_server_url="http://192.0.2.1/tsa")
    signed = sign_in_process(with_field(PLAIN, "A", seed_values=advice), request("A"))
    assert len(PdfFileReader(io.BytesIO(signed)).embedded_signatures) == 1


def held(expected: ExpectedSignature) -> CheckDocument:
    return CheckDocument(expected.prepared.end, (expected,), ValidationData())


@pytest.mark.parametrize("flip", ["contents", "digest", "appended"])
def test_the_check_before_release_finds_what_is_not_as_written(flip: str) -> None:
    signed = bytearray(sign_in_process(PLAIN))
    (signature,) = PdfFileReader(io.BytesIO(bytes(signed))).embedded_signatures
    _, start, end, rest = signature.byte_range
    expected = ExpectedSignature(
        prepared=PreparedSignature(field_name="Signature1", contents_start=start, contents_end=end, end=end + rest),
        digest=signature.compute_digest(),
        digest_algorithm="sha256",
        contents=signature.pkcs7_content.rstrip(b"\0"),
    )
    check_document(io.BytesIO(bytes(signed)), held(expected))
    if flip == "contents":
        position = start + 1 + 2 * (len(expected.contents) - 20)
        signed[position] = ord("0") if signed[position] != ord("0") else ord("1")
    elif flip == "digest":
        expected = ExpectedSignature(expected.prepared, bytes(32), "sha256", expected.contents)
    else:
        signed += b"\n1 0 obj\nnull\nendobj\n"
    with pytest.raises(InternalError):
        check_document(io.BytesIO(bytes(signed)), held(expected))
