"""What is appended after a signature: incremental saving, shadow attacks, attacks on certifications and fields.

Mladenov et al. 2019; Mainka et al., "Shadow Attacks", 2021; Rohlmann et al., "Breaking the Specification", 2021.
"""

import re
from functools import cache

from tests.support.attacks.documents import (
    ANNOTATIONS,
    CONTENT,
    FONT,
    FORGED,
    NOTE,
    OVERLAY,
    PAGE,
    SIGNATURE_FIELD,
    SIGNED_FIELD_NAME,
    TEXT_FIELD,
    approved,
    certified,
    prepared,
    signature_number,
)
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, newest_start, object_text
from tests.support.signed_files import request, sign_in_process

# -- incremental saving -----------------------------------------------------------------------------------------------------


def content_replaced() -> bytes:
    return appended(approved(), {CONTENT: stream_object(FORGED)})


def page_pointed_elsewhere() -> bytes:
    return appended(approved(), {PAGE: object_text(approved(), PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R")})


def catalog_pointed_elsewhere() -> bytes:
    size = highest(approved())
    page = object_text(approved(), PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R").replace(b"2 0 R", b"%d 0 R" % size)
    return appended(
        approved(),
        {
            1: object_text(approved(), 1).replace(b"/Pages 2 0 R", b"/Pages %d 0 R" % size),
            size: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (size + 1),
            size + 1: page,
        },
    )


def content_appended_without_cross_reference() -> bytes:
    return approved() + b"4 0 obj\n" + stream_object(FORGED) + b"\nendobj\n"


def content_appended_with_an_old_start() -> bytes:
    start = newest_start(approved())
    return approved() + b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (stream_object(FORGED), start)


def content_appended_with_a_trailer_alone() -> bytes:
    size, start = highest(approved()), newest_start(approved())
    return approved() + b"4 0 obj\n%s\nendobj\ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        stream_object(FORGED),
        size,
        start,
        start,
    )


def with_a_copy_of_the_signature() -> bytes:
    """The copy's numbers say that the new revision is not covered, and a verifier that looks for the last one is content."""
    number = signature_number(approved())
    return appended(approved(), {CONTENT: stream_object(FORGED), number: object_text(approved(), number)})


# -- shadow attacks ---------------------------------------------------------------------------------------------------------


def hide_by_freeing_the_overlay() -> bytes:
    return appended(approved(), {}, freed=[OVERLAY])


def hide_by_emptying_the_overlay() -> bytes:
    return appended(approved(), {OVERLAY: stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 0 0]")})


def replace_by_another_font() -> bytes:
    return appended(approved(), {FONT: b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"})


def replace_by_form_resources() -> bytes:
    """The font of the form is redefined in the form's resources, where the page uses it too."""
    return appended(approved(), {FONT: b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/CharProcs<</a 10 0 R>>>>"})


def hide_and_replace_by_the_cross_reference() -> bytes:
    """Nothing is appended but an entry: the content's number now leads to an object that lay there when it was signed."""
    document = _with_shadow_of_the_content()
    return appended(document, {}, entries={CONTENT: document.index(b"\n4 0 obj") + 1})


@cache
def _with_shadow_of_the_content() -> bytes:
    """Signed with two objects of one number, of which the cross-reference leads to the second."""
    plain = prepared().with_table()
    shadow = b"4 0 obj\n" + stream_object(FORGED) + b"\nendobj\n"
    head = plain.index(b"1 0 obj")
    moved = re.sub(rb"(\d{10})( 00000 n )", lambda match: b"%010d%s" % (int(match[1]) + len(shadow), match[2]), plain[head:])
    start = int(moved[moved.rindex(b"startxref") + 9 :].split()[0])
    moved = moved.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(shadow)))
    return sign_in_process(plain[:head] + shadow + moved, request(SIGNED_FIELD_NAME, existing_only=True))


def prepared_with_two_of_one_number() -> bytes:
    """What is to become a shadow attack, before anything was changed."""
    return _with_shadow_of_the_content()


def dangling_reference_filled() -> bytes:
    """The signed page refers to an overlay that did not exist."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Over 5 0 R", b"/Over 500 0 R")
    signed = sign_in_process(file.with_table(), request(SIGNED_FIELD_NAME, existing_only=True))
    return appended(signed, {500: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")})


def entry_beyond_what_is_signed() -> bytes:
    """The signed cross-reference has an entry that leads behind the signed bytes."""
    plain = prepared().with_table()
    content = int(re.findall(rb"(\d{10}) 00000 n ", plain)[CONTENT - 1])
    beyond = len(plain) + 40_000
    moved = plain.replace(b"%010d 00000 n " % content, b"%010d 00000 n " % beyond)
    signed = sign_in_process(moved, request(SIGNED_FIELD_NAME, existing_only=True))
    forged = b"4 0 obj\n%s\nendobj\n" % stream_object(FORGED)
    note = object_text(plain, NOTE).replace(b"a note", b"a word")
    return appended(signed, {NOTE: note}, between=b"\n" * (beyond - len(signed)) + forged)


def two_of_one_number_in_one_revision() -> bytes:
    old = b"4 0 obj\n%s\nendobj\n" % stream_object(FORGED)
    return appended(approved(), {NOTE: object_text(approved(), NOTE).replace(b"a note", b"a word")}, between=old)


# -- certifications, locks and fields ------------------------------------------------------------------------------------------


def annotation_after_certification(level: int) -> bytes:
    document = certified(level)
    size = highest(document)
    note = b"<</Type/Annot/Subtype/FreeText/Rect[72 690 400 730]/Contents(Pay 9999 EUR)/DA(/Helv 24 Tf)/P 3 0 R>>"
    return appended(document, {size: note, ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(document, ANNOTATIONS)[1:])})


def annotation_after_p1() -> bytes:
    return annotation_after_certification(1)


def annotation_after_p2() -> bytes:
    return annotation_after_certification(2)


def annotation_after_p3() -> bytes:
    return annotation_after_certification(3)


def visible_signature_field_after_p2() -> bytes:
    """A sneaky signature: a field that is allowed to come, with an appearance that covers what was certified."""
    document = certified(2)
    size = highest(document)
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sneaky)/Rect[72 690 400 730]/P 3 0 R/AP<</N %d 0 R>>>>" % (size + 1)
    catalog = object_text(document, 1)
    return appended(
        document,
        {
            size: field,
            size + 1: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 400 40]"),
            1: re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, catalog),
            ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(document, ANNOTATIONS)[1:]),
        },
    )


def form_filled_after_p1() -> bytes:
    return appended(certified(1), {TEXT_FIELD: object_text(certified(1), TEXT_FIELD).replace(b"(100)", b"(999)")})


def signed_field_moved() -> bytes:
    field = object_text(approved(), SIGNATURE_FIELD)
    return appended(approved(), {SIGNATURE_FIELD: re.sub(rb"/Rect ?\[[^\]]*\]", b"/Rect[300 700 500 750]", field)})


def appearance_of_the_signed_field_swapped() -> bytes:
    return appended(approved(), {12: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]")})


def signed_field_given_another_appearance() -> bytes:
    size = highest(approved())
    field = re.sub(rb"/AP ?<<[^>]*>>", b"/AP<</N %d 0 R>>" % size, object_text(approved(), SIGNATURE_FIELD))
    return appended(
        approved(), {SIGNATURE_FIELD: field, size: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]")}
    )


def text_field_moved() -> bytes:
    field = object_text(approved(), TEXT_FIELD)
    return appended(approved(), {TEXT_FIELD: field.replace(b"/Rect[100 600 200 620]", b"/Rect[72 690 400 730]")})


def text_field_added() -> bytes:
    size = highest(approved())
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(More)/V(9999)/Rect[72 690 400 730]/P 3 0 R>>"
    return appended(
        approved(),
        {
            size: field,
            1: re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, object_text(approved(), 1)),
            ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(approved(), ANNOTATIONS)[1:]),
        },
    )


def signature_removed() -> bytes:
    """The field is empty again, as if nobody had signed."""
    field = re.sub(rb"/V \d+ 0 R", b"", object_text(approved(), SIGNATURE_FIELD))
    return appended(approved(), {SIGNATURE_FIELD: field})


def field_of_the_signature_removed() -> bytes:
    catalog = object_text(approved(), 1).replace(b"9 0 R", b"")
    return appended(approved(), {1: catalog, ANNOTATIONS: b"[7 0 R 8 0 R]"})


def page_added() -> bytes:
    size = highest(approved())
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R>>"
    return appended(approved(), {size: page, 2: b"<</Type/Pages/Kids[3 0 R %d 0 R]/Count 2>>" % size})


def script_added() -> bytes:
    catalog = object_text(approved(), 1).replace(b"/Pages", b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>/Pages", 1)
    return appended(approved(), {1: catalog})
