"""Real PDFs are odd: what every reader shows alike is signed, and judged by tools nobody here wrote; the rest is refused."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest

from proxy.errors import InvalidDocument, PDFEncrypted, PDFVersionUnsupported, ProxyError
from proxy.pades.reading import open_pdf
from tests.conformance.judges import pdfsig, qpdf_messages
from tests.support.odd_files import (
    PAGE,
    PLAIN,
    TEXT_FIELD,
    behind,
    cut_in_table,
    encrypted,
    encrypted_without_identifier,
    hybrid,
    linearized,
    redefined,
    start_of,
    with_direct_encryption,
    with_form,
    with_moved_entries,
    with_object_like_stream,
    with_object_stream,
    with_objects,
    with_short_entries,
    with_start,
    with_xfa,
    without_start,
    without_trailer,
)
from tests.support.pdf_files import PdfFile, endless_previous, plain_file, stream_object
from tests.support.signed_files import request, sign_in_process, signed_by_others

STREAM = plain_file().with_stream()
BLANK = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"


def rendered(path: Path, password: str = "") -> bytes:
    """Page 1 as pdfium shows it; empty where it shows none."""
    try:
        with pypdfium2.PdfDocument(path, password=password or None) as document:
            return bytes(document[0].render(scale=0.25).buffer)
    except pypdfium2.PdfiumError:
        return b""


def new_messages(signed: Path, original: Path) -> Counter[str]:
    """What qpdf has against ``signed`` alone; an object that was written anew is at another offset."""
    after, before = (Counter(re.sub("[0-9]+", "N", text) for text in qpdf_messages(path)) for path in (signed, original))
    return after - before


def assert_accepted(document: bytes, signed: bytes, folder: Path) -> None:
    assert signed.startswith(document)
    original, result = folder / "original.pdf", folder / "signed.pdf"
    original.write_bytes(document)
    result.write_bytes(signed)
    verdict = pdfsig(result)[-1]
    assert verdict.valid, verdict.text
    assert verdict.total_document, verdict.text
    assert not new_messages(result, original)
    shown = rendered(original)
    assert not shown or shown == rendered(result)


CROSS_REFERENCES = [
    pytest.param(with_start(PLAIN, b"1"), id="startxref wrong"),
    pytest.param(with_start(PLAIN, b"%d" % (start_of(PLAIN) + 3)), id="startxref off by three"),
    pytest.param(with_start(PLAIN, b"99999999"), id="startxref beyond the end"),
    pytest.param(with_start(STREAM, b"1"), id="startxref wrong, stream"),
    pytest.param(without_start(PLAIN), id="no startxref"),
    pytest.param(with_moved_entries(PLAIN, 17), id="entries off by some bytes"),
    pytest.param(with_short_entries(PLAIN), id="entries of 19 bytes"),
    pytest.param(cut_in_table(PLAIN), id="cut in the table"),
    pytest.param(without_trailer(PLAIN), id="no trailer"),
    pytest.param(PLAIN.replace(b"/Size", b"/Sise"), id="trailer without Size"),
    pytest.param(PLAIN.replace(b"/Root", b"/Rood"), id="trailer without Root"),
    pytest.param(PLAIN.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev(x)"), id="Prev is no number"),
    pytest.param(PLAIN.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev 0"), id="Prev is 0"),
    pytest.param(endless_previous(), id="Prev names itself"),
    pytest.param(redefined(PLAIN, 4, b"<</Length 0>>stream\n\nendstream", revision_ends=True), id="an object in two revisions"),
    pytest.param(redefined(PLAIN, 2, plain_file().objects[2], revision_ends=False), id="an object twice, alike"),
    pytest.param(hybrid(), id="hybrid"),
    pytest.param(with_object_stream(), id="object stream"),
    pytest.param(with_object_stream(unended=True), id="object stream without its end mark"),
    pytest.param(with_start(with_object_stream(), b"1"), id="object stream, startxref wrong"),
    pytest.param(with_object_stream(header=b"1 0\n\n  2   30 3   66\t"), id="object stream with odd white space"),
    pytest.param(
        PdfFile({**plain_file().objects, 900: b"null"}).with_table().replace(b"/Size 901", b"/Size 12"), id="Size too small"
    ),
    pytest.param(PLAIN.replace(b"/Size 11", b"/Size 4294967296"), id="Size beyond all numbers"),
    pytest.param(PLAIN.replace(b"\n", b"\r\n"), id="line ends converted"),
    pytest.param(linearized(), id="linearized"),
    pytest.param(linearized("--object-streams=generate"), id="linearized, object streams"),
    pytest.param(linearized().replace(b"xref\n", b"xerf\n", 1), id="linearized, first section broken"),
    pytest.param(with_moved_entries(linearized(), 9), id="linearized, entries off"),
    pytest.param(with_start(linearized("--object-streams=generate"), b"1"), id="linearized, object streams, startxref wrong"),
]


@pytest.mark.parametrize("document", CROSS_REFERENCES)
def test_a_cross_reference_that_readers_repair_alike_is_signed(document: bytes, tmp_path: Path) -> None:
    assert_accepted(document, sign_in_process(document), tmp_path)


@pytest.mark.parametrize("document", CROSS_REFERENCES)
def test_what_was_signed_once_can_be_signed_again(document: bytes, tmp_path: Path) -> None:
    once = sign_in_process(document)
    assert_accepted(once, sign_in_process(once), tmp_path)


AROUND = [
    pytest.param(b"\n" + PLAIN, id="a line before"),
    pytest.param(b"\xef\xbb\xbf" + PLAIN, id="a byte order mark before"),
    pytest.param(behind(b"HTTP/1.1 200 OK\r\n\r\n", PLAIN), id="garbage before, not counted"),
    pytest.param(behind(b"HTTP/1.1 200 OK\r\n\r\n", PLAIN, counted=True), id="garbage before, counted"),
    pytest.param(behind(b"@PJL ENTER LANGUAGE=PDF\n", STREAM), id="garbage before a cross-reference stream"),
    pytest.param(behind(b"@PJL ENTER LANGUAGE=PDF\n", with_start(STREAM, b"1")), id="garbage before, startxref wrong"),
    pytest.param(PLAIN + bytes(5_000), id="zeros after"),
    pytest.param(PLAIN + b"garbage " * 500, id="garbage after"),
    pytest.param(PLAIN.rstrip(), id="no final end of line"),
    pytest.param(PLAIN.replace(b"%%EOF", b""), id="no end mark"),
    pytest.param(behind(b"\n\n", PLAIN) + b"\x1b%-12345X" * 300, id="garbage around"),
]


@pytest.mark.parametrize("document", AROUND)
def test_bytes_before_and_after_are_signed_too(document: bytes, tmp_path: Path) -> None:
    signed = sign_in_process(document)
    assert_accepted(document, signed, tmp_path)
    again = sign_in_process(signed)
    assert_accepted(signed, again, tmp_path)
    assert all(verdict.valid for verdict in pdfsig(tmp_path / "signed.pdf"))


REFUSED = [
    pytest.param(with_moved_entries(PLAIN, 17, only=2), InvalidDocument, id="one entry astray"),
    pytest.param(
        redefined(PLAIN, 4, b"<</Length 0>>stream\n\nendstream", revision_ends=False), InvalidDocument, id="defined twice"
    ),
    pytest.param(with_object_like_stream(), InvalidDocument, id="objects in a stream"),
    pytest.param(PLAIN[: PLAIN.index(b"BT")], InvalidDocument, id="broken off in a stream"),
    pytest.param(PLAIN[: PLAIN.index(b"10 0 obj")], InvalidDocument, id="broken off after an object"),
    pytest.param(PLAIN + b"5 0 obj\n<</A 1>>\nendobj\n" + bytes(2_000), InvalidDocument, id="an update that breaks off"),
    pytest.param(
        with_start(PLAIN.replace(b"trailer", b"trailer<</Root 2 0 R>>trailer"), b"1"), InvalidDocument, id="two roots"
    ),
    pytest.param(
        without_trailer(with_objects({50: b"<</Type/Catalog/Pages 2 0 R>>"})), InvalidDocument, id="two catalogs, no trailer"
    ),
    pytest.param(with_start(signed_by_others(PLAIN, "A"), b"1"), InvalidDocument, id="signed, and to be repaired"),
    pytest.param(behind(b" " * 1_100, PLAIN), InvalidDocument, id="header too late"),
    pytest.param(with_object_stream(entries=b"/N 9/First 13"), InvalidDocument, id="object stream holds less"),
    pytest.param(with_objects({2: b"<</Type/Pages/Kids[]/Count 0>>"}), InvalidDocument, id="no page"),
    pytest.param(with_objects({2: b"null"}), InvalidDocument, id="no page tree"),
    pytest.param(PLAIN.replace(b"%PDF-1.7", b"%PDF-X.Y"), PDFVersionUnsupported, id="no version"),
    pytest.param(PLAIN.replace(b"%PDF-1.7", b"%PDF-1.2"), PDFVersionUnsupported, id="1.2"),
    pytest.param(with_xfa(b"", catalog=b"/NeedsRendering true"), InvalidDocument, id="dynamic XFA by the catalog"),
    pytest.param(with_xfa(b"<dynamicRender>required</dynamicRender>"), InvalidDocument, id="dynamic XFA by its configuration"),
    pytest.param(with_xfa(b"", fields=b"[]"), InvalidDocument, id="XFA without fields"),
]


@pytest.mark.parametrize(("document", "error"), REFUSED)
def test_what_readers_show_differently_is_refused(document: bytes, error: type[ProxyError]) -> None:
    with pytest.raises(error):
        sign_in_process(document)


def test_two_documents_in_one_file_are_refused() -> None:
    """Counted from the header it is one document, counted from the file's first byte another."""
    outer = b"%" + b" " * (start_of(PLAIN) - 1) + b"xref\n0 0\n"
    with pytest.raises(InvalidDocument, match="differently"):
        sign_in_process(outer + PLAIN)


FORMS = [
    pytest.param(with_form(b"<<>>"), id="no Fields"),
    pytest.param(with_form(b"null"), id="form null"),
    pytest.param(with_form(b"1000 0 R"), id="form missing"),
    pytest.param(with_form(b"<</Fields null>>"), id="Fields null"),
    pytest.param(with_form(b"<</Fields 1000 0 R>>", {1000: b"null"}), id="Fields indirect null"),
    pytest.param(with_form(b"5"), id="form a number"),
    pytest.param(with_form(b"[]"), id="form an array"),
    pytest.param(with_form(b"<</Fields 5>>"), id="Fields a number"),
    pytest.param(with_form(b"<</Fields[]/XFA[]>>"), id="XFA of nothing"),
    pytest.param(with_form(b"<</Fields[null 1000 0 R 1001 0 R]>>", {1000: TEXT_FIELD % b""}), id="null and missing fields"),
    pytest.param(with_form(b"<</Fields[<</FT/Tx/T(Direct)>>]>>"), id="a direct field"),
    pytest.param(with_form(b"<</Fields[1000 0 R]>>", {1000: b"<</FT/Tx>>"}), id="a field without T"),
    pytest.param(with_form(b"<</Fields[1000 0 R]>>", {1000: b"<</FT/Tx/T(A)/Kids null>>"}), id="Kids null"),
    pytest.param(
        with_form(b"<</Fields[1000 0 R]>>", {1000: b"<</T(A)/Kids[1000 0 R 1001 0 R]>>", 1001: b"<</FT/Tx/T(B)>>"}),
        id="a circle",
    ),
    pytest.param(with_form(b"<</Fields[1000 0 R]>>", {1000: TEXT_FIELD % b""}, on_page=b"1000 0 R"), id="merged, no DR"),
    pytest.param(
        with_form(b"<</Fields[1000 0 R]/NeedAppearances true>>", {1000: TEXT_FIELD % b""}, on_page=b"1000 0 R"),
        id="NeedAppearances",
    ),
    pytest.param(with_xfa(b""), id="static XFA"),
    pytest.param(with_objects({10: b"<<%s/Annots null>>" % PAGE}), id="Annots null"),
    pytest.param(with_objects({10: b"<<%s/Annots 5>>" % PAGE}), id="Annots a number"),
    pytest.param(with_objects({10: b"<<%s/Annots 10 0 R>>" % PAGE}), id="Annots the page"),
    pytest.param(with_objects({10: b"<<%s/Annots 50 0 R>>" % PAGE, 50: b"null"}), id="Annots indirect null"),
    pytest.param(with_objects({10: b"<<%s/Annots 50 0 R>>" % PAGE}), id="Annots missing"),
    pytest.param(with_objects({10: b"<<%s/Annots 50 0 R>>" % PAGE, 50: b"[]"}), id="Annots indirect"),
]


@pytest.mark.parametrize("document", FORMS)
def test_odd_forms_are_signed(document: bytes, tmp_path: Path) -> None:
    signed = sign_in_process(document)
    assert_accepted(document, signed, tmp_path)
    assert_accepted(signed, sign_in_process(signed), tmp_path)


PAGES = [
    pytest.param(with_objects({2: b"<</Type/Pages/Kids[null 10 0 R]/Count 1>>"}), id="a null kid"),
    pytest.param(with_objects({2: b"<</Type/Pages/Kids[10 0 R]/Count 7>>"}), id="Count too high"),
    pytest.param(with_objects({2: b"<</Type/Pages/Kids[10 0 R]>>"}), id="no Count"),
    pytest.param(with_objects({2: b"<</Kids[10 0 R]/Count 1>>", 10: b"<<%s>>" % PAGE[10:]}), id="no Type"),
    pytest.param(
        with_objects(
            {2: b"<</Type/Pages/Kids[10 0 R]/Count 1/MediaBox[0 0 300 300]/Rotate 90>>", 10: b"<</Type/Page/Parent 2 0 R>>"}
        ),
        id="inherited",
    ),
    pytest.param(with_objects({10: b"<</Type/Page/Parent 2 0 R>>"}), id="no MediaBox"),
    pytest.param(with_objects({10: b"<<%s/Rotate -90>>" % PAGE}), id="Rotate -90"),
    pytest.param(with_objects({10: b"<<%s/Rotate 45>>" % PAGE}), id="Rotate 45"),
    pytest.param(with_objects({10: b"<<%s/Rotate 450>>" % PAGE}), id="Rotate 450"),
    pytest.param(plain_file(pages=1_000).with_stream(), id="1,000 pages"),
    pytest.param(PdfFile(plain_file().objects, version=b"1.3").with_table(), id="PDF 1.3"),
    pytest.param(PdfFile(plain_file().objects, version=b"2.0").with_stream(), id="PDF 2.0"),
    pytest.param(with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Version/1.4>>"}, version=b"1.1"), id="1.1, raised to 1.4"),
    pytest.param(with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Version/1.2>>"}), id="1.7, lowered to 1.2"),
    pytest.param(with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Version(x)>>"}), id="Version is no name"),
    pytest.param(with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Metadata 3 0 R>>"}), id="Metadata are none"),
    pytest.param(with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Extensions 5>>"}), id="Extensions are none"),
]


@pytest.mark.parametrize("document", PAGES)
def test_odd_pages_and_catalogs_are_signed(document: bytes, tmp_path: Path) -> None:
    assert_accepted(document, sign_in_process(document), tmp_path)


@pytest.mark.parametrize(
    "packet",
    [b"", b"no XML", b"<a><b></a>", b'<x:xapmeta xmlns:x="adobe:ns:meta/"/>', b"\xff\xfe<\0x\0/\0>\0"],
    ids=["empty", "no XML", "malformed", "an old name", "UTF-16"],
)
def test_metadata_that_are_no_xmp_hinder_no_second_signature(packet: bytes, tmp_path: Path) -> None:
    metadata = stream_object(packet, b"/Type/Metadata/Subtype/XML")
    document = with_objects({1: b"<</Type/Catalog/Pages 2 0 R/Metadata 50 0 R>>", 50: metadata})
    once = sign_in_process(document)
    assert_accepted(once, sign_in_process(once), tmp_path)


KEYS = [
    ("40",),
    ("128", "--use-aes=n"),
    ("128", "--use-aes=y"),
    ("128", "--use-aes=y", "--cleartext-metadata"),
    ("256",),
    ("256", "--cleartext-metadata"),
    ("256", "--force-R5"),
]
EMPTY = [pytest.param(encrypted(*options), id=" ".join(options)) for options in KEYS]
EMPTY += [
    pytest.param(encrypted_without_identifier(), id="no ID"),
    pytest.param(with_direct_encryption(encrypted("128", "--use-aes=y")), id="direct dictionary"),
    pytest.param(with_start(encrypted("128", "--use-aes=y"), b"1"), id="startxref wrong"),
    pytest.param(with_start(encrypted("256", document=with_object_stream()), b"1"), id="object streams, startxref wrong"),
]


@pytest.mark.parametrize("document", EMPTY)
def test_documents_that_the_empty_password_opens_are_signed(document: bytes, tmp_path: Path) -> None:
    signed = sign_in_process(document)
    assert_accepted(document, signed, tmp_path)
    assert_accepted(signed, sign_in_process(signed), tmp_path)


@pytest.mark.parametrize("options", KEYS, ids=" ".join)
@pytest.mark.parametrize("password", ["user", "owner"])
def test_documents_with_a_password_are_signed_with_it_alone(options: tuple[str, ...], password: str, tmp_path: Path) -> None:
    document = encrypted(*options, user="user")
    for wrong in (None, "wrong", "使用者"):
        with pytest.raises(PDFEncrypted):
            sign_in_process(document, request(password=wrong))
    path = tmp_path / "signed.pdf"
    path.write_bytes(sign_in_process(document, request(password=password)))
    said = subprocess.run(["pdfsig", "-nocert", "-upw", "user", path], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    checked = subprocess.run(["qpdf", "--password=user", "--check", path], capture_output=True, text=True, check=True)
    assert not checked.stderr


def test_what_conforms_is_read_strictly_and_continued(tmp_path: Path) -> None:
    """Every way of reading would do for these; the strictest one has to be taken, or a fault here would not show."""
    for name, document in {"table": PLAIN, "stream": STREAM, "object stream": with_object_stream()}.items():
        path = tmp_path / name
        path.write_bytes(document)
        with path.open("r+b") as stream:
            reader = open_pdf(stream)
            assert reader.strict, name
            assert reader.continues, name
        assert b"/Prev %d" % start_of(document) in sign_in_process(document)[len(document) :], name


@pytest.mark.parametrize("document", CROSS_REFERENCES[:6])
def test_an_update_does_not_lead_into_a_damaged_cross_reference(document: bytes) -> None:
    assert b"/Prev" not in sign_in_process(document)[len(document) :]


def test_what_a_form_shows_by_need_appearances_stays() -> None:
    document = with_form(b"<</Fields[1000 0 R]/NeedAppearances true>>", {1000: TEXT_FIELD % b""}, on_page=b"1000 0 R")
    assert b"/NeedAppearances true" in sign_in_process(document)[len(document) :]
    alone = with_form(b"<</Fields[]/NeedAppearances true>>")
    assert b"/NeedAppearances" not in sign_in_process(alone)[len(alone) :]
