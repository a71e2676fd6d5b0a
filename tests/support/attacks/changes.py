"""What is appended after a signature: incremental saving, shadow attacks, attacks on certifications and fields.

Mladenov et al. 2019; Mainka et al., "Shadow Attacks", 2021; Rohlmann et al., "Breaking the Specification", 2021.
"""

import re

from tests.support.attacks.documents import (
    ANNOTATIONS,
    CONTENT,
    FONT,
    FORGED,
    NOTE,
    OVERLAY,
    PAGE,
    SIGNATURE_FIELD,
    TEXT_FIELD,
    Victim,
    prepared,
    signature_number,
)
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, newest_start, object_text

# -- incremental saving -----------------------------------------------------------------------------------------------------


def content_replaced(victim: Victim) -> bytes:
    return appended(victim.approved(), {CONTENT: stream_object(FORGED)})


def page_pointed_elsewhere(victim: Victim) -> bytes:
    page = object_text(victim.approved(), PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R")
    return appended(victim.approved(), {PAGE: page})


def catalog_pointed_elsewhere(victim: Victim) -> bytes:
    size = highest(victim.approved())
    page = object_text(victim.approved(), PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R")
    return appended(
        victim.approved(),
        {
            1: object_text(victim.approved(), 1).replace(b"/Pages 2 0 R", b"/Pages %d 0 R" % size),
            size: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (size + 1),
            size + 1: page.replace(b"2 0 R", b"%d 0 R" % size),
        },
    )


def content_appended_without_cross_reference(victim: Victim) -> bytes:
    return victim.approved() + b"4 0 obj\n" + stream_object(FORGED) + b"\nendobj\n"


def content_appended_with_an_old_start(victim: Victim) -> bytes:
    start = newest_start(victim.approved())
    return victim.approved() + b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (stream_object(FORGED), start)


def content_appended_with_a_trailer_alone(victim: Victim) -> bytes:
    size, start = highest(victim.approved()), newest_start(victim.approved())
    return victim.approved() + b"4 0 obj\n%s\nendobj\ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        stream_object(FORGED),
        size,
        start,
        start,
    )


def with_a_copy_of_the_signature(victim: Victim) -> bytes:
    """The copy's numbers say that the new revision is not covered, and a verifier that looks for the last one is content."""
    number = signature_number(victim.approved())
    return appended(victim.approved(), {CONTENT: stream_object(FORGED), number: object_text(victim.approved(), number)})


# -- shadow attacks ---------------------------------------------------------------------------------------------------------


def hide_by_freeing_the_overlay(victim: Victim) -> bytes:
    return appended(victim.approved(), {}, freed=[OVERLAY])


def hide_by_emptying_the_overlay(victim: Victim) -> bytes:
    return appended(victim.approved(), {OVERLAY: stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 0 0]")})


def replace_by_another_font(victim: Victim) -> bytes:
    return appended(victim.approved(), {FONT: b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"})


def replace_by_form_resources(victim: Victim) -> bytes:
    """The font of the form is redefined in the form's resources, where the page uses it too."""
    return appended(victim.approved(), {FONT: b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/CharProcs<</a 10 0 R>>>>"})


def hide_and_replace_by_the_cross_reference(victim: Victim) -> bytes:
    """Nothing is appended but an entry: the content's number now leads to an object that lay there when it was signed."""
    document = _with_shadow_of_the_content(victim)
    return appended(document, {}, entries={CONTENT: document.index(b"\n4 0 obj") + 1})


def _with_shadow_of_the_content(victim: Victim) -> bytes:
    """Signed with two objects of one number, of which the cross-reference leads to the second."""
    plain = prepared().with_table()
    shadow = b"4 0 obj\n" + stream_object(FORGED) + b"\nendobj\n"
    head = plain.index(b"1 0 obj")
    moved = re.sub(rb"(\d{10})( 00000 n )", lambda match: b"%010d%s" % (int(match[1]) + len(shadow), match[2]), plain[head:])
    start = int(moved[moved.rindex(b"startxref") + 9 :].split()[0])
    moved = moved.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(shadow)))
    return victim.signed(plain[:head] + shadow + moved)


def prepared_with_two_of_one_number(victim: Victim) -> bytes:
    """What is to become a shadow attack, before anything was changed."""
    return _with_shadow_of_the_content(victim)


def dangling_reference_filled(victim: Victim) -> bytes:
    """The signed page refers to an overlay that did not exist."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Over 5 0 R", b"/Over 500 0 R")
    signed = victim.signed(file.with_table())
    return appended(signed, {500: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")})


def entry_beyond_what_is_signed(victim: Victim) -> bytes:
    """The signed cross-reference has an entry that leads behind the signed bytes."""
    plain = prepared().with_table()
    content = int(re.findall(rb"(\d{10}) 00000 n ", plain)[CONTENT - 1])
    beyond = len(plain) + 40_000
    moved = plain.replace(b"%010d 00000 n " % content, b"%010d 00000 n " % beyond)
    signed = victim.signed(moved)
    forged = b"4 0 obj\n%s\nendobj\n" % stream_object(FORGED)
    note = object_text(plain, NOTE).replace(b"a note", b"a word")
    return appended(signed, {NOTE: note}, between=b"\n" * (beyond - len(signed)) + forged)


def two_of_one_number_in_one_revision(victim: Victim) -> bytes:
    old = b"4 0 obj\n%s\nendobj\n" % stream_object(FORGED)
    return appended(victim.approved(), {NOTE: object_text(victim.approved(), NOTE).replace(b"a note", b"a word")}, between=old)


# -- certifications, locks and fields ------------------------------------------------------------------------------------------


def annotation_after_certification(victim: Victim, level: int) -> bytes:
    document = victim.certified(level)
    size = highest(document)
    note = b"<</Type/Annot/Subtype/FreeText/Rect[72 690 400 730]/Contents(Pay 9999 EUR)/DA(/Helv 24 Tf)/P 3 0 R>>"
    return appended(document, {size: note, ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(document, ANNOTATIONS)[1:])})


def annotation_after_p1(victim: Victim) -> bytes:
    return annotation_after_certification(victim, 1)


def annotation_after_p2(victim: Victim) -> bytes:
    return annotation_after_certification(victim, 2)


def annotation_after_p3(victim: Victim) -> bytes:
    return annotation_after_certification(victim, 3)


def visible_signature_field_after_p2(victim: Victim) -> bytes:
    """A sneaky signature: a field that is allowed to come, with an appearance that covers what was certified."""
    document = victim.certified(2)
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


def form_filled_after_p1(victim: Victim) -> bytes:
    return appended(victim.certified(1), {TEXT_FIELD: object_text(victim.certified(1), TEXT_FIELD).replace(b"(100)", b"(999)")})


def signed_field_moved(victim: Victim) -> bytes:
    field = object_text(victim.approved(), SIGNATURE_FIELD)
    return appended(victim.approved(), {SIGNATURE_FIELD: re.sub(rb"/Rect ?\[[^\]]*\]", b"/Rect[300 700 500 750]", field)})


def appearance_of_the_signed_field_swapped(victim: Victim) -> bytes:
    return appended(victim.approved(), {12: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]")})


def signed_field_given_another_appearance(victim: Victim) -> bytes:
    size = highest(victim.approved())
    field = re.sub(rb"/AP ?<<[^>]*>>", b"/AP<</N %d 0 R>>" % size, object_text(victim.approved(), SIGNATURE_FIELD))
    return appended(
        victim.approved(), {SIGNATURE_FIELD: field, size: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]")}
    )


def text_field_moved(victim: Victim) -> bytes:
    field = object_text(victim.approved(), TEXT_FIELD)
    return appended(victim.approved(), {TEXT_FIELD: field.replace(b"/Rect[100 600 200 620]", b"/Rect[72 690 400 730]")})


def text_field_added(victim: Victim) -> bytes:
    size = highest(victim.approved())
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(More)/V(9999)/Rect[72 690 400 730]/P 3 0 R>>"
    return appended(
        victim.approved(),
        {
            size: field,
            1: re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, object_text(victim.approved(), 1)),
            ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(victim.approved(), ANNOTATIONS)[1:]),
        },
    )


def signature_removed(victim: Victim) -> bytes:
    """The field is empty again, as if nobody had signed."""
    field = re.sub(rb"/V \d+ 0 R", b"", object_text(victim.approved(), SIGNATURE_FIELD))
    return appended(victim.approved(), {SIGNATURE_FIELD: field})


def field_of_the_signature_removed(victim: Victim) -> bytes:
    catalog = object_text(victim.approved(), 1).replace(b"9 0 R", b"")
    return appended(victim.approved(), {1: catalog, ANNOTATIONS: b"[7 0 R 8 0 R]"})


def page_added(victim: Victim) -> bytes:
    size = highest(victim.approved())
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R>>"
    return appended(victim.approved(), {size: page, 2: b"<</Type/Pages/Kids[3 0 R %d 0 R]/Count 2>>" % size})


def script_added(victim: Victim) -> bytes:
    catalog = object_text(victim.approved(), 1).replace(b"/Pages", b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>/Pages", 1)
    return appended(victim.approved(), {1: catalog})
