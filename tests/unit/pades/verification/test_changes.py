"""What may come after a signature: by its own rules, those of the revision that was signed."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from pyhanko.sign.fields import FieldMDPAction as Action
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm

from proxy.model import Appearance, LengthUnit, Origin, SubIndication
from proxy.pades.verification.values import CoverageLevel, ModificationLevel
from tests.support.attacks.documents import (
    ANNOTATIONS,
    NOTE,
    SIGNED_FIELD_NAME,
    TEXT_FIELD,
    approved,
    certified,
    prepared,
)
from tests.support.made_up_signatures import made_up
from tests.support.pdf_files import PdfFile, plain_file, stream_object
from tests.support.revisions import appended, highest, object_text
from tests.support.signed_files import request, sign_in_process, signed_by_others, with_field
from tests.unit.pades.verification.examined import codes, examined, failures, only

Change = Callable[[bytes], bytes]


def validation_data(document: bytes) -> bytes:
    size = highest(document)
    catalog = object_text(document, 1).replace(b"/Pages", b"/DSS %d 0 R/Pages" % size, 1)
    store = b"<</Type/DSS/Certs[%d 0 R]>>" % (size + 1)
    return appended(document, {1: catalog, size: store, size + 1: stream_object(b"a certificate")})


def more_validation_data(document: bytes) -> bytes:
    """The store is written anew, with an array of its own."""
    once = validation_data(document)
    size, store = highest(document), highest(once)
    again = {size: b"<</Type/DSS/Certs %d 0 R>>" % store, store: b"[%d 0 R %d 0 R]" % (size + 1, store + 1)}
    twice = appended(once, {**again, store + 1: stream_object(b"another certificate")})
    return appended(twice, {store: b"[%d 0 R]" % (store + 1)})


def metadata(document: bytes) -> bytes:
    size = highest(document)
    dated = appended(document, {size: b"<</ModDate(D:20300101000000Z)>>"}, trailer=b"/Root 1 0 R/Info %d 0 R" % size)
    return appended(dated, {size: b"<</ModDate(D:20310101000000Z)>>"}, trailer=b"/Root 1 0 R/Info %d 0 R" % size)


def form_filled(document: bytes) -> bytes:
    size = highest(document)
    field = object_text(document, TEXT_FIELD).replace(b"(100)", b"(200)").replace(b"/DA", b"/AP<</N %d 0 R>>/DA" % size)
    return appended(
        document, {TEXT_FIELD: field, size: stream_object(b"(200) Tj", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")}
    )


def signed_again(document: bytes) -> bytes:
    return sign_in_process(document)


def note_added(document: bytes) -> bytes:
    size = highest(document)
    note = b"<</Type/Annot/Subtype/Text/Rect[50 50 70 70]/Contents(mine)/P 3 0 R>>"
    return appended(document, {size: note, ANNOTATIONS: object_text(document, ANNOTATIONS)[:-1] + b" %d 0 R]" % size})


def note_changed(document: bytes) -> bytes:
    return appended(document, {NOTE: object_text(document, NOTE).replace(b"a note", b"another")})


def note_removed(document: bytes) -> bytes:
    return appended(document, {ANNOTATIONS: object_text(document, ANNOTATIONS).replace(b"7 0 R", b"")}, freed=[NOTE])


LEVELS: dict[Change, ModificationLevel] = {
    validation_data: ModificationLevel.LTV_UPDATES,
    more_validation_data: ModificationLevel.LTV_UPDATES,
    metadata: ModificationLevel.LTV_UPDATES,
    form_filled: ModificationLevel.FORM_FILLING,
    signed_again: ModificationLevel.FORM_FILLING,
    note_added: ModificationLevel.ANNOTATIONS,
    note_changed: ModificationLevel.ANNOTATIONS,
    note_removed: ModificationLevel.ANNOTATIONS,
}
PERMITTED = {
    1: [ModificationLevel.LTV_UPDATES],
    2: [ModificationLevel.LTV_UPDATES, ModificationLevel.FORM_FILLING],
    3: list(ModificationLevel)[:4],
}


@pytest.mark.parametrize("change", LEVELS, ids=lambda change: change.__name__)
def test_a_signature_without_rules_permits_what_is_no_change_of_the_content(change: Change) -> None:
    document = examined(change(approved()))
    first = document.signatures[0]
    assert first.coverage is CoverageLevel.WHOLE_REVISION
    assert first.modification_level is LEVELS[change]
    assert not failures(first)
    # A change that people see is told, and whether it was more than a signature.
    seen = LEVELS[change] is not ModificationLevel.LTV_UPDATES
    assert ("CHANGED_AS_PERMITTED" in codes(first)) is seen
    assert document.modified_after_signing is (seen and change is not signed_again)


@pytest.mark.parametrize(
    "change", [change for change in LEVELS if change is not signed_again], ids=lambda change: change.__name__
)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_certification_permits_what_its_level_says(level: int, change: Change) -> None:
    document = examined(change(certified(level)))
    certification = document.signatures[0]
    assert document.doc_mdp == level
    assert certification.modification_level is LEVELS[change]
    assert failures(certification) == ([] if LEVELS[change] in PERMITTED[level] else ["CHANGES_NOT_PERMITTED"])


@pytest.mark.parametrize("level", [2, 3])
def test_signatures_may_follow_a_certification_that_permits_them(level: int) -> None:
    certification, signature = examined(sign_in_process(certified(level))).signatures
    assert not failures(certification)
    assert not failures(signature)
    assert signature.coverage is CoverageLevel.WHOLE_FILE


@pytest.mark.parametrize(
    ("lock", "locked"),
    [
        (FieldMDPSpec(Action.ALL), True),
        (FieldMDPSpec(Action.INCLUDE, ["Amount"]), True),
        (FieldMDPSpec(Action.INCLUDE, ["Other"]), False),
        (FieldMDPSpec(Action.EXCLUDE, ["Amount"]), False),
    ],
    ids=["all", "named", "others", "all but"],
)
def test_a_locked_field_stays_as_it_is(lock: FieldMDPSpec, locked: bool) -> None:
    signed = sign_in_process(with_field(prepared().with_table(), "Locking", lock=lock), request("Locking", existing_only=True))
    assert failures(only(form_filled(signed))) == (["LOCKED_FIELD_CHANGED"] if locked else [])
    # Validation data and notes are no fields.
    assert not failures(only(note_added(validation_data(signed))))


def test_the_level_of_a_lock_is_the_signatures() -> None:
    field = with_field(prepared().with_table(), "Locking", lock=FieldMDPSpec(Action.INCLUDE, []), lock_level=MDPPerm.NO_CHANGES)
    signed = sign_in_process(field, request("Locking", existing_only=True))
    assert failures(only(form_filled(signed))) == ["CHANGES_NOT_PERMITTED"]
    assert not failures(only(validation_data(signed)))


def form_with(signature: bytes) -> bytes:
    """A signature whose rules are objects of their own, from 20 on."""
    file = plain_file(catalog=b"/AcroForm<</Fields[8 0 R]/SigFlags 3>>")
    file.objects[8] = b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/T(Mine)/V 9 0 R>>"
    file.objects[20] = b"<</Type/SigRef/TransformMethod/DocMDP/TransformParams 21 0 R>>"
    file.objects[21] = b"<</Type/TransformParams/P 1/V/1.2>>"
    return made_up(file, 9, signature)


def test_the_rules_are_those_that_were_signed() -> None:
    """A later revision gives the level another value: that is a change, and does not loosen it."""
    document = form_with(b"/Reference[20 0 R]")
    assert examined(document).doc_mdp == 1
    loosened = examined(appended(document, {21: b"<</Type/TransformParams/P 3/V/1.2>>"}))
    assert loosened.doc_mdp == 1
    assert failures(loosened.signatures[0]) == ["OBJECT_CHANGED"]


@pytest.mark.parametrize("rules", [b"/Reference[(junk)]", b"/Reference[<</TransformMethod/DocMDP/TransformParams<</P 7>>>>]"])
def test_rules_that_cannot_be_read_permit_nothing(rules: bytes) -> None:
    document = form_with(rules)
    assert not failures(only(document))
    assert failures(only(appended(document, {50: b"null"}))) == []
    filled = appended(
        document, {10: object_text(document, 10).replace(b"/MediaBox", b"/Annots[50 0 R]/MediaBox"), 50: NOTE_TEXT}
    )
    assert failures(only(filled)) == ["RULES_UNREADABLE"]


NOTE_TEXT = b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>"


def test_every_signature_is_judged_by_what_came_after_it_alone() -> None:
    document = note_added(sign_in_process(form_filled(approved())))
    first, second = examined(document).signatures
    assert first.modification_level is ModificationLevel.ANNOTATIONS
    assert second.modification_level is ModificationLevel.ANNOTATIONS
    unchanged, last = examined(sign_in_process(form_filled(approved()))).signatures
    assert unchanged.modification_level is ModificationLevel.FORM_FILLING
    assert last.modification_level is ModificationLevel.NONE


def test_what_a_later_signer_signed_is_held_against_the_earlier_signature_alone() -> None:
    page = object_text(approved(), 3).replace(b"/Contents 4 0 R", b"/Contents 10 0 R")
    first, second = examined(sign_in_process(appended(approved(), {3: page}))).signatures
    assert failures(first) == ["PAGE_CHANGED"]
    assert first.object.findings[-1].sub_indication is SubIndication.FORMAT_FAILURE
    assert not failures(second)


def test_a_signature_that_was_replaced_before_another_is_set_aside() -> None:
    """Signed, cleared, and signed again: the usual way to sign anew."""
    cleared = appended(approved(), {9: re.sub(rb"/V \d+ 0 R", b"", object_text(approved(), 9))})
    assert failures(only(cleared)) == ["SIGNATURE_REMOVED"]
    assert examined(cleared).signatures[0].judged
    former, current = examined(sign_in_process(cleared, request(SIGNED_FIELD_NAME, existing_only=True))).signatures
    assert not former.judged
    assert codes(former) == ["SIGNATURE_SUPERSEDED"]
    assert current.judged
    assert not failures(current)


def test_others_signatures_and_forms_are_the_same() -> None:
    document = signed_by_others(with_field(prepared().with_table(), "Late"), "Early", certify=MDPPerm.FILL_FORMS)
    twice = signed_by_others(document, "Late", existing=True)
    early, late = examined(twice).signatures
    assert (early.object.kind, late.object.kind) == ("certification", "signature")
    assert not failures(early)
    assert early.modification_level is ModificationLevel.FORM_FILLING


def test_objects_that_are_written_anew_and_say_the_same_are_no_change() -> None:
    same = {number: object_text(approved(), number) for number in (2, 4, 6, 10)}
    signature = only(appended(approved(), same))
    assert signature.modification_level is ModificationLevel.NONE
    assert not codes(signature)


def test_what_nothing_leads_to_is_no_change() -> None:
    signature = only(appended(approved(), {highest(approved()): b"(an orphan)"}))
    assert signature.modification_level is ModificationLevel.NONE


def test_a_page_only_lists_the_field() -> None:
    """A signature in a widget that the form does not list is found all the same."""
    file = PdfFile(dict(prepared().objects))
    file.objects[1] = file.objects[1].replace(b"9 0 R", b"")
    file.objects[9] = file.objects[9].replace(b"/AP", b"/V 13 0 R/AP")
    signature = only(made_up(file, 13))
    assert signature.field_name == SIGNED_FIELD_NAME
    assert signature.judged
    assert signature.coverage is CoverageLevel.WHOLE_FILE


SEALED = b"/AcroForm<</Fields[8 0 R 9 0 R]/SigFlags 3/DR<</Font<</F1 6 0 R>>/XObject<</FRM 5 0 R>>>>>>"


def with_default_resources(changed: bytes) -> bytes:
    """Signed in a form whose default resources hold the seal; then these are others."""
    document = prepared()
    document.objects[1] = b"<</Type/Catalog/Pages 2 0 R%s>>" % SEALED
    signed = sign_in_process(document.with_table(), request(SIGNED_FIELD_NAME, existing_only=True))
    catalog = object_text(signed, 1)
    start = catalog.index(b"/FRM")
    return appended(signed, {1: catalog[:start] + catalog[start:].replace(b"5 0 R", changed, 1)})


def test_software_keeps_its_newest_seal_among_the_default_resources() -> None:
    """Nothing paints a form XObject from there; a font does paint."""
    signature = examined(with_default_resources(b"10 0 R")).signatures[0]
    assert not failures(signature)
    document = prepared().with_table()
    signed = sign_in_process(document, request(SIGNED_FIELD_NAME, existing_only=True))
    catalog = object_text(signed, 1)
    start = catalog.index(b"/DR")
    other_font = appended(signed, {1: catalog[:start] + catalog[start:].replace(b"6 0 R", b"10 0 R", 1)})
    assert failures(examined(other_font).signatures[0]) == ["FORM_CHANGED"]


def test_a_catalog_may_be_another_object_if_it_says_the_same() -> None:
    signed = approved()
    size = highest(signed)
    catalog = object_text(signed, 1)
    moved = appended(signed, {size: catalog}, trailer=b"/Root %d 0 R" % size)
    assert not failures(examined(moved).signatures[0])
    opened = appended(signed, {size: catalog.replace(b"/Pages", b"/OpenAction 7 0 R/Pages", 1)}, trailer=b"/Root %d 0 R" % size)
    assert failures(examined(opened).signatures[0]) == ["CATALOG_CHANGED"]
    shadow = prepared()
    shadow.objects[13] = b"<</Type/Catalog/Pages 2 0 R>>"
    waiting = sign_in_process(shadow.with_table(), request(SIGNED_FIELD_NAME, existing_only=True))
    assert "CATALOG_CHANGED" in failures(
        examined(appended(waiting, {highest(waiting): b"null"}, trailer=b"/Root 13 0 R")).signatures[0]
    )


def test_a_coordinate_is_the_same_written_as_a_real() -> None:
    signed = approved()
    page = object_text(signed, 3)
    for box, changed in ((b"[0.0 0 595.00 842]", []), (b"[0.0 0 595.01 842]", ["PAGE_CHANGED"])):
        written = re.sub(rb"/MediaBox\s*\[[^\]]*\]", b"/MediaBox" + box, page)
        assert written != page
        assert failures(examined(appended(signed, {3: written})).signatures[0]) == changed


@pytest.mark.parametrize("version", [b"1.0", b"1.2", b"2.0", b"3.1"])
def test_what_others_signed_is_looked_at_in_any_version(version: bytes) -> None:
    signed = made_up(PdfFile(dict(plain_file().objects), version), 90)
    assert "DOCUMENT_UNREADABLE" not in codes(only(signed))


def annotated(document: bytes, entries: bytes, appearance: bytes | None = None) -> bytes:
    """An annotation more, with an appearance that is a stream."""
    size = highest(document)
    shown = b"" if appearance is None else b"/AP<</N %d 0 R>>" % (size + 1)
    objects = {size: b"<</Type/Annot%s%s>>" % (entries, shown)}
    if appearance is not None:
        objects[size + 1] = appearance
    return appended(document, {**objects, ANNOTATIONS: b"%s %d 0 R]" % (object_text(document, ANNOTATIONS)[:-1], size)})


FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 100 20]"
FILLED = stream_object(b"1 1 0 rg 0 0 100 20 re f", FORM)
MARKED = stream_object(
    b"/G gs 1 1 0 rg 0 0 100 20 re f", FORM + b"/Group<</S/Transparency>>/Resources<</ExtGState<</G<</BM/Multiply>>>>>>"
)
DRAWN = stream_object(b"1 0 0 RG 0 0 m 100 20 l S", FORM)
COMMENTS = {
    "a stamp beside the field": (b"/Subtype/Stamp/Rect[201 600 300 620]", FILLED),
    "a stamp that touches the field": (b"/Subtype/Stamp/Rect[199 600 300 620]", FILLED),
    "a marker over the field": (b"/Subtype/Highlight/Rect[100 600 200 620]", MARKED),
    "a circle drawn around the field": (b"/Subtype/Ink/Rect[90 590 210 630]", DRAWN),
    "a line across the page": (b"/Subtype/Line/Rect[0 0 595 842]", DRAWN),
    "a link on the field": (b"/Subtype/Link/Rect[100 600 200 620]/A<</S/URI/URI(https://example.com)>>", None),
    "a note that is closed over the field": (b"/Subtype/Popup/Rect[100 600 200 620]", None),
    "a hidden stamp over the field": (b"/Subtype/Stamp/F 2/Rect[100 600 200 620]", FILLED),
    "a stamp over text of the page": (b"/Subtype/Stamp/Rect[72 690 200 730]", FILLED),
    "a stamp over the empty signature field": (b"/Subtype/Stamp/Rect[100 100 300 150]", FILLED),
}


@pytest.mark.parametrize("comment", COMMENTS)
def test_comments_that_cover_no_field_are_permitted_and_told(comment: str) -> None:
    entries, appearance = COMMENTS[comment]
    signed = certified(3)
    signature = only(annotated(signed, entries, appearance))
    assert not failures(signature)
    assert codes(signature) == ["CHANGED_AS_PERMITTED"]
    assert signature.modification_level is ModificationLevel.ANNOTATIONS


def test_a_marker_that_does_not_let_through_covers() -> None:
    entries, _ = COMMENTS["a marker over the field"]
    assert failures(only(annotated(certified(3), entries, FILLED))) == ["FIELD_COVERED"]


def test_a_comment_on_an_empty_field_covers_nothing() -> None:
    file = PdfFile(dict(prepared().objects))
    file.objects[TEXT_FIELD] = file.objects[TEXT_FIELD].replace(b"/V(100)", b"/V()")
    signed = sign_in_process(file.with_table(), request("Certified", certify=3))
    assert not failures(only(annotated(signed, b"/Subtype/Stamp/Rect[100 600 200 620]", FILLED)))


def test_visible_signatures_beside_each_other_are_permitted() -> None:
    box = Appearance(
        page=1, origin=Origin.BOTTOM_LEFT, x=310, y=100, width=200, height=50, unit=LengthUnit.POINT, text="second"
    )
    twice = sign_in_process(approved(), request("Second", appearance=box))
    first, second = examined(twice).signatures
    assert not failures(first)
    assert not failures(second)
    reaching = replace(box, x=220)
    assert not failures(examined(sign_in_process(approved(), request("Second", appearance=reaching))).signatures[0])
    over = replace(box, x=180)
    first, second = examined(sign_in_process(approved(), request("Second", appearance=over))).signatures
    assert failures(first) == ["FIELD_COVERED"]
    assert not failures(second)


def test_all_fields_of_a_form_may_be_filled_in_at_once() -> None:
    file = PdfFile(dict(prepared().objects))
    numbers = range(100, 400)
    for row, number in enumerate(numbers):
        field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(f%d)/Rect[%d %d %d %d]/V(a)/AP<</N 12 0 R>>/P 3 0 R>>"
        left, bottom = 10 + row % 10 * 50, 200 + row // 10 * 12
        file.objects[number] = field % (number, left, bottom, left + 50, bottom + 12)
    references = b" ".join(b"%d 0 R" % number for number in numbers)
    file.objects[1] = file.objects[1].replace(b"9 0 R]", b"9 0 R %s]" % references)
    file.objects[ANNOTATIONS] = b"[7 0 R 8 0 R 9 0 R %s]" % references
    signed = sign_in_process(file.with_table(), request("Certified", certify=2))
    filled = {number: object_text(signed, number).replace(b"/V(a)", b"/V(b)") for number in numbers}
    assert not failures(only(appended(signed, filled)))
