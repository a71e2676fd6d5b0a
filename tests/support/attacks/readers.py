"""What readers do not agree on: files of which one shows something else than another."""

from tests.support.attacks.documents import FORGED, NOTE, OVERLAY, SIGNED_FIELD_NAME, approved, prepared
from tests.support.pdf_files import PdfFile, stream_object
from tests.support.revisions import appended, object_text
from tests.support.signed_files import request, sign_in_process

# -- what readers do not agree on -----------------------------------------------------------------------------------------


def junk_appended() -> bytes:
    return approved() + b"more of it"


def document_in_the_document() -> bytes:
    inner = PdfFile({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"}).with_table()
    return appended(approved(), {NOTE: object_text(approved(), NOTE).replace(b"a note", b"a word")}, between=inner)


def stream_in_another_file() -> bytes:
    file = prepared()
    file.objects[OVERLAY] = stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/F(\\\\\\\\server\\\\share)")
    return sign_in_process(file.with_table(), request(SIGNED_FIELD_NAME, existing_only=True))


def overlapping_objects() -> bytes:
    """An object inside another one's string, and both in the cross-reference."""
    file = prepared()
    inner = stream_object(FORGED)
    file.objects[20] = b"(\n21 0 obj\n%s\nendobj\n)" % inner
    plain = file.with_table()
    at = plain.index(b"\n21 0 obj") + 1
    table = plain.rindex(b"xref\n0 21\n")
    patched = plain[:table] + plain[table:].replace(b"xref\n0 21\n", b"xref\n0 22\n", 1).replace(
        b"trailer", b"%010d 00000 n \ntrailer" % at, 1
    ).replace(b"/Size 21", b"/Size 22")
    return sign_in_process(patched, request(SIGNED_FIELD_NAME, existing_only=True))
