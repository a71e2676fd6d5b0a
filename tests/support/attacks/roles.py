"""Objects with two roles: prepared before the signature as what may change, and shown as what may not.

The shadow attacks of Mainka et al. with the permissions of a verifier as the tool: validation data, form resources, appearances
and annotations may be written anew, so what the page shows is given one of these names.
"""

import re

from tests.support.attacks.documents import (
    ANNOTATIONS,
    FONT,
    FORGED,
    NOTE,
    PAGE,
    SIGNATURE_FIELD,
    TEXT_FIELD,
    Victim,
    prepared,
)
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, object_text

_REMAPPED = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[49/nine/nine/nine]>>>>"
"""The font with other glyphs for the same codes."""

_APPEARANCE = b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]"


def page_as_validation_data(victim: Victim) -> bytes:
    """The security store leads to the page, and so to its font."""
    file = prepared()
    file.objects[1] = b"<</Type/Catalog/Pages 2 0 R/DSS<</VRI<</ABC 3 0 R>>>>/AcroForm<</Fields[9 0 R]/SigFlags 3>>>>"
    return appended(victim.signed(file.with_table()), {FONT: _REMAPPED})


def annotations_as_validation_data(victim: Victim) -> bytes:
    """The page is an entry of the security store; its annotations are an array in it."""
    file = prepared()
    file.objects[1] = file.objects[1].replace(b"/Pages", b"/DSS<</VRI<</ABC 3 0 R>>>>/Pages", 1)
    return appended(victim.signed(file.with_table()), {ANNOTATIONS: b"[9 0 R]"})


def font_as_form_resources(victim: Victim) -> bytes:
    """The page's font has the name that the form's resources have."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Font<</F1 6 0 R>>", b"/Font<</DR 6 0 R>>")
    file.objects[4] = file.objects[4].replace(b"/F1 24 Tf", b"/DR 24 Tf")
    file.objects[1] = file.objects[1].replace(b"/DR<</Font<</F1 6 0 R>>>>", b"")
    return appended(victim.signed(file.with_table()), {FONT: _REMAPPED})


def font_of_the_form_given_glyphs(victim: Victim) -> bytes:
    """A font that stands in the form's resources themselves is given another encoding: nothing is taken away."""
    file = prepared()
    own = b"/DR<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    file.objects[1] = file.objects[1].replace(b"/DR<</Font<</F1 6 0 R>>>>", own)
    signed = victim.signed(file.with_table())
    catalog = object_text(signed, 1)
    remapped = catalog.replace(b"/BaseFont /Helvetica", b"/BaseFont /Helvetica/Encoding<</Differences[49/nine/nine/nine]>>")
    assert remapped != catalog
    return appended(signed, {1: remapped})


def font_as_annotation(victim: Victim) -> bytes:
    """The page lists its font among the annotations, and refers to it by a name that annotations are referred to by."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Font<</F1 6 0 R>>", b"/Font<</T 6 0 R>>")
    file.objects[4] = file.objects[4].replace(b"/F1 24 Tf", b"/T 24 Tf")
    file.objects[1] = file.objects[1].replace(b"/DR<</Font<</F1 6 0 R>>>>", b"")
    file.objects[ANNOTATIONS] = b"[7 0 R 8 0 R 9 0 R 6 0 R]"
    return appended(victim.signed(file.with_table()), {FONT: _REMAPPED})


def _with_kid_widget() -> bytes:
    """The signature field and its widget are two objects."""
    file = prepared()
    widget = file.objects[SIGNATURE_FIELD].replace(b"/FT/Sig/T(Approval)", b"/Parent 20 0 R")
    file.objects[SIGNATURE_FIELD] = widget
    file.objects[20] = b"<</FT/Sig/T(Approval)/Kids[9 0 R]>>"
    file.objects[1] = file.objects[1].replace(b"9 0 R", b"20 0 R")
    return file.with_table()


def appearance_of_a_signed_kid_swapped(victim: Victim) -> bytes:
    """What shows a signature belongs to a widget that is not the field: it is written anew in its place."""
    signed = victim.signed(_with_kid_widget())
    number = int(re.findall(rb"/AP ?<< ?/N (\d+) 0 R", object_text(signed, SIGNATURE_FIELD))[-1])
    return appended(signed, {number: stream_object(FORGED, _APPEARANCE)})


def widget_of_a_signed_field_changed(victim: Victim) -> bytes:
    signed = victim.signed(_with_kid_widget())
    size = highest(signed)
    widget = re.sub(rb"/AP ?<<[^>]*>>", b"/AP<</N %d 0 R>>" % size, object_text(signed, SIGNATURE_FIELD))
    return appended(signed, {SIGNATURE_FIELD: widget, size: stream_object(FORGED, _APPEARANCE)})


def _with_sneaky_field(document: bytes, flags: int) -> tuple[bytes, int]:
    """A signature field over the amount, with flags."""
    size = highest(document)
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Sneaky)/F %d/Rect[72 690 400 730]/P 3 0 R/AP<</N %d 0 R>>>>"
    return appended(
        document,
        {
            size: field % (flags, size + 1),
            size + 1: stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 400 40]"),
            1: re.sub(rb"/Fields ?\[", b"/Fields [%d 0 R " % size, object_text(document, 1)),
            ANNOTATIONS: b"[%d 0 R %s" % (size, object_text(document, ANNOTATIONS)[1:]),
        },
    ), size


def hidden_signature_field_shown_after_p2(victim: Victim) -> bytes:
    """A sneaky signature in two steps: the field comes hidden, as is permitted, and is shown later."""
    hidden, number = _with_sneaky_field(victim.certified(2), 2)
    return appended(hidden, {number: object_text(hidden, number).replace(b"/F 2", b"/F 4")})


def signature_field_shown_only_in_print_after_p2(victim: Victim) -> bytes:
    return _with_sneaky_field(victim.certified(2), 4 | 32)[0]


def font_of_the_field_replaced(victim: Victim) -> bytes:
    """The field's default appearance names another font, which shows what was filled in as something else."""
    size = highest(victim.approved())
    catalog = object_text(victim.approved(), 1)
    field = object_text(victim.approved(), TEXT_FIELD).replace(b"/DA(/F1 12", b"/DA(/F9 12")
    return appended(
        victim.approved(),
        {
            1: re.sub(rb"/F1 6 0 R", b"/F1 6 0 R/F9 %d 0 R" % size, catalog),
            size: _REMAPPED,
            TEXT_FIELD: field,
        },
    )


def appearances_made_anew(victim: Victim) -> bytes:
    """The signed appearance of a field shows another value than the field has; now readers are told to make it anew."""
    file = prepared()
    file.objects[TEXT_FIELD] = file.objects[TEXT_FIELD].replace(b"/V(100)", b"/V(9999)/AP<</N 20 0 R>>")
    file.objects[20] = stream_object(b"/Tx BMC BT /F1 12 Tf (100) Tj ET EMC", b"/Type/XObject/Subtype/Form/BBox[0 0 100 20]")
    signed = victim.signed(file.with_table())
    return appended(
        signed,
        {
            1: object_text(signed, 1)
            .replace(b"/AcroForm", b"/AcroForm", 1)
            .replace(b"/SigFlags", b"/NeedAppearances true/SigFlags", 1)
        },
    )


def note_made_to_act(victim: Victim) -> bytes:
    note = object_text(victim.approved(), NOTE).replace(b"/Contents", b"/A<</S/Launch/F(cmd.exe)>>/Contents")
    return appended(victim.approved(), {NOTE: note})
