"""What is put over what was signed: by annotations, by the widgets of signatures, by fields that lay there empty."""

import re

from tests.support.attacks.documents import (
    ANNOTATIONS,
    FORGED,
    NOTE,
    SIGNATURE_FIELD,
    TEXT_FIELD,
    Victim,
    prepared,
)
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, object_text

_OVER_THE_FIELD = b"/Rect[90 590 260 630]"
_OVER_THE_SIGNATURE = b"/Rect[100 100 300 150]"
_OVER_THE_PAGE = b"/Rect[0 0 595 842]"
_OPAQUE = stream_object(b"1 1 1 rg 0 0 400 40 re f " + FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 400 40]")


def _with_annotation(document: bytes, entries: bytes, *, before: bool = False) -> bytes:
    """An annotation more, as the last or the first of the page, with an opaque appearance."""
    size = highest(document)
    others = object_text(document, ANNOTATIONS)
    return appended(
        document,
        {
            size: b"<</Type/Annot%s/AP<</N %d 0 R>>>>" % (entries, size + 1),
            size + 1: _OPAQUE,
            ANNOTATIONS: b"[%d 0 R %s" % (size, others[1:]) if before else b"%s %d 0 R]" % (others[:-1], size),
        },
    )


def stamp_over_a_field(victim: Victim) -> bytes:
    return _with_annotation(victim.approved(), b"/Subtype/Stamp" + _OVER_THE_FIELD)


def text_over_a_field_after_p3(victim: Victim) -> bytes:
    """An evil annotation: a certification that permits annotations is shown with another amount."""
    return _with_annotation(victim.certified(3), b"/Subtype/FreeText" + _OVER_THE_FIELD)


def stamp_listed_under_a_field(victim: Victim) -> bytes:
    """Listed first, and painted over the field by readers that paint widgets before all others."""
    return _with_annotation(victim.approved(), b"/Subtype/Stamp" + _OVER_THE_FIELD, before=True)


def ink_that_is_an_area_over_a_field(victim: Victim) -> bytes:
    return _with_annotation(victim.approved(), b"/Subtype/Ink" + _OVER_THE_FIELD)


def open_note_over_a_field(victim: Victim) -> bytes:
    return _with_annotation(victim.approved(), b"/Subtype/Popup/Open true" + _OVER_THE_FIELD)


def stamp_over_a_signature(victim: Victim) -> bytes:
    return _with_annotation(victim.approved(), b"/Subtype/Stamp" + _OVER_THE_SIGNATURE)


def stamp_over_the_page(victim: Victim) -> bytes:
    return _with_annotation(victim.approved(), b"/Subtype/Square" + _OVER_THE_PAGE)


def annotation_written_into_the_page_over_a_field(victim: Victim) -> bytes:
    """The annotation is no object of its own."""
    document = victim.approved()
    size = highest(document)
    direct = b"<</Subtype/Stamp%s/AP<</N %d 0 R>>>>" % (_OVER_THE_FIELD, size)
    return appended(document, {size: _OPAQUE, ANNOTATIONS: b"%s %s]" % (object_text(document, ANNOTATIONS)[:-1], direct)})


def note_moved_over_a_field(victim: Victim) -> bytes:
    note = object_text(victim.approved(), NOTE)
    return appended(victim.approved(), {NOTE: note.replace(b"/Rect[10 10 30 30]", _OVER_THE_FIELD)})


def hidden_note_shown_over_a_field(victim: Victim) -> bytes:
    """It lay there hidden when the document was signed."""
    file = prepared()
    hidden = b"<</Type/Annot/Subtype/Stamp/F 2%s/P 3 0 R/AP<</N 20 0 R>>>>" % _OVER_THE_FIELD
    file.objects |= {NOTE: hidden, 20: _OPAQUE}
    signed = victim.signed(file.with_table())
    return appended(signed, {NOTE: object_text(signed, NOTE).replace(b"/F 2", b"/F 4")})


def appearance_of_a_note_over_a_field_swapped(victim: Victim) -> bytes:
    """It lay there with an appearance that showed nothing; only that is replaced."""
    file = prepared()
    empty = stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 400 40]")
    file.objects |= {NOTE: b"<</Type/Annot/Subtype/Stamp%s/P 3 0 R/AP<</N 20 0 R>>>>" % _OVER_THE_FIELD, 20: empty}
    return appended(victim.signed(file.with_table()), {20: _OPAQUE})


def empty_field_over_another_filled_in(victim: Victim) -> bytes:
    """A field that lay over the amount, empty, is filled in: its appearance hides the amount."""
    file = prepared()
    file.objects[20] = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Remark)%s/P 3 0 R/DA(/F1 12 Tf 0 g)>>" % _OVER_THE_FIELD
    file.objects[ANNOTATIONS] = b"[7 0 R 8 0 R 9 0 R 20 0 R]"
    file.objects[1] = file.objects[1].replace(b"9 0 R]", b"9 0 R 20 0 R]")
    signed = victim.signed(file.with_table())
    size = highest(signed)
    filled = object_text(signed, 20).replace(b"/DA", b"/V(9999)/AP<</N %d 0 R>>/DA" % size)
    return appended(signed, {20: filled, size: _OPAQUE})


def signature_widget_over_a_field(victim: Victim) -> bytes:
    """A signature field that is permitted lies over the amount."""
    document = victim.approved()
    size = highest(document)
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sneaky)%s/P 3 0 R/AP<</N %d 0 R>>>>" % (_OVER_THE_FIELD, size + 1)
    return appended(
        document,
        {
            size: field,
            size + 1: _OPAQUE,
            1: re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, object_text(document, 1)),
            ANNOTATIONS: b"%s %d 0 R]" % (object_text(document, ANNOTATIONS)[:-1], size),
        },
    )


def appearance_dictionary_of_a_field_under_a_stamp(victim: Victim) -> bytes:
    """The stamp comes in one revision, its opaque appearance in another."""
    document = victim.approved()
    size = highest(document)
    empty = stream_object(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 400 40]")
    stamped = appended(
        document,
        {
            size: b"<</Type/Annot/Subtype/Ink%s/AP<</N %d 0 R>>>>" % (_OVER_THE_FIELD, size + 1),
            size + 1: empty,
            ANNOTATIONS: b"%s %d 0 R]" % (object_text(document, ANNOTATIONS)[:-1], size),
        },
    )
    return appended(stamped, {size + 1: _OPAQUE})


def page_widened_to_uncover(victim: Victim) -> bytes:
    """Nothing is put over anything: the page is made larger, and what lay outside of it is seen."""
    page = object_text(victim.approved(), 3)
    return appended(victim.approved(), {3: page.replace(b"/MediaBox[0 0 595 842]", b"/MediaBox[-600 0 595 842]")})


def field_hidden(victim: Victim) -> bytes:
    """The filled-in field is hidden after a certification that permits no annotations; it is told as form filling."""
    field = object_text(victim.certified(1), TEXT_FIELD)
    return appended(victim.certified(1), {TEXT_FIELD: field.replace(b"/Type/Annot", b"/F 2/Type/Annot")})


def signed_field_hidden(victim: Victim) -> bytes:
    field = object_text(victim.approved(), SIGNATURE_FIELD)
    hidden = re.sub(rb"/F \d+", b"/F 2", field) if b"/F " in field else field.replace(b"/T", b"/F 2/T", 1)
    return appended(victim.approved(), {SIGNATURE_FIELD: hidden})
