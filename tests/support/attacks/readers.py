"""What readers do not agree on: files of which one shows something else than another."""

from tests.support.attacks.documents import FORGED, NOTE, OVERLAY, Victim, prepared
from tests.support.pdf_files import PdfFile, stream_object
from tests.support.revisions import appended, object_text

# -- what readers do not agree on -----------------------------------------------------------------------------------------


def junk_appended(victim: Victim) -> bytes:
    return victim.approved() + b"more of it"


def document_in_the_document(victim: Victim) -> bytes:
    inner = PdfFile({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"}).with_table()
    note = object_text(victim.approved(), NOTE).replace(b"a note", b"a word")
    return appended(victim.approved(), {NOTE: note}, between=inner)


def stream_in_another_file(victim: Victim) -> bytes:
    file = prepared()
    file.objects[OVERLAY] = stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/F(\\\\\\\\server\\\\share)")
    return victim.signed(file.with_table())


def overlapping_objects(victim: Victim) -> bytes:
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
    return victim.signed(patched)
