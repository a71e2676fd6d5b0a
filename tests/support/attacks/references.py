"""What leads to what: references that are written oddly, cross-references that say two things, revisions that are skipped."""

import re
import zlib

from tests.support.attacks.documents import CONTENT, FORGED, NOTE, OVERLAY, PAGE, Victim, prepared, signature_number
from tests.support.pdf_files import stream_object
from tests.support.revisions import appended, highest, newest_start, object_text

_FORGED_CONTENT = stream_object(FORGED)


def _overlay_replaced(victim: Victim, reference: bytes) -> bytes:
    """The page's resources are an object that a signer need not read; in it the overlay is referred to so."""
    file = prepared()
    resources = b"/Resources<</Font<</F1 6 0 R>>/XObject<</Over 5 0 R>>>>"
    assert resources in file.objects[PAGE]
    file.objects[PAGE] = file.objects[PAGE].replace(resources, b"/Resources 20 0 R")
    file.objects[20] = b"<</Font<</F1 6 0 R>>/XObject<</Over %s>>>>" % reference
    forged = stream_object(FORGED, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")
    return appended(victim.signed(file.with_table()), {OVERLAY: forged})


def reference_with_leading_zeros(victim: Victim) -> bytes:
    return _overlay_replaced(victim, b"00000000000000000005 0 R")


def reference_with_a_long_generation(victim: Victim) -> bytes:
    return _overlay_replaced(victim, b"5 0000000000 R")


def reference_with_comments(victim: Victim) -> bytes:
    return _overlay_replaced(victim, b"5%a comment\n0%another\rR")


def reference_with_all_white_space(victim: Victim) -> bytes:
    return _overlay_replaced(victim, b"\0\f5\0\f\t0\f\0R")


def key_written_with_escapes(victim: Victim) -> bytes:
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Contents", b"/#43ontent#73")
    return appended(victim.signed(file.with_table()), {CONTENT: _FORGED_CONTENT})


def object_of_another_generation(victim: Victim) -> bytes:
    """The number is used once more, one generation later; readers that do not look at generations show it."""
    document = victim.approved()
    start = len(document)
    forged = b"4 1 obj\n%s\nendobj\n" % _FORGED_CONTENT
    table = b"xref\n4 1\n%010d 00001 n \n" % start
    trailer = b"trailer\n<</Size %d/Prev %d/Root 1 0 R>>\n" % (highest(document), newest_start(document))
    return document + forged + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (start + len(forged))


def object_freed_and_defined_again(victim: Victim) -> bytes:
    freed = appended(victim.approved(), {}, freed=[CONTENT])
    return appended(freed, {CONTENT: _FORGED_CONTENT})


def key_twice_in_a_page(victim: Victim) -> bytes:
    """Readers take the first or the last; whoever signed saw one of them."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Contents 4 0 R", b"/Contents 4 0 R/Contents 10 0 R")
    return victim.signed(file.with_table())


def key_twice_by_escape(victim: Victim) -> bytes:
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/Contents 4 0 R", b"/Contents 4 0 R/Content#73 10 0 R")
    return victim.signed(file.with_table())


def key_twice_within(victim: Victim) -> bytes:
    """In a dictionary in the page."""
    file = prepared()
    file.objects[PAGE] = file.objects[PAGE].replace(b"/F1 6 0 R", b"/F1 6 0 R/F1<</Type/Font/Subtype/Type3>>")
    return victim.signed(file.with_table())


def value_twice_in_a_field(victim: Victim) -> bytes:
    file = prepared()
    file.objects[8] = file.objects[8].replace(b"/V(100)", b"/V(100)/V(9999)")
    return victim.signed(file.with_table())


def signed_revision_skipped(victim: Victim) -> bytes:
    """The new section continues the one before the signature's: the signature is in the file and not in the document."""
    document = victim.approved()
    previous = int(re.findall(rb"/Prev (\d+)", document)[-1])
    start = len(document)
    forged = b"4 0 obj\n%s\nendobj\n" % _FORGED_CONTENT
    table = b"xref\n4 1\n%010d 00000 n \n" % start
    trailer = b"trailer\n<</Size %d/Prev %d/Root 1 0 R>>\n" % (highest(document), previous)
    return document + forged + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (start + len(forged))


def previous_section_missing(victim: Victim) -> bytes:
    """The new section continues nothing, and lists what it wants."""
    document = victim.approved()
    objects = {number: object_text(document, number) for number in (1, 2, 3, 5, 6, 7, 8, 9, 11, 12)}
    objects[CONTENT] = _FORGED_CONTENT
    objects[signature_number(document)] = object_text(document, signature_number(document))
    whole = appended(document, objects)
    at = whole.rindex(b"/Prev")
    return whole[:at] + re.sub(rb"/Prev \d+", lambda match: b" " * len(match[0]), whole[at:])


def hybrid_section(victim: Victim) -> bytes:
    """The table of the new section says nothing of the content; the stream beside it does."""
    document = victim.approved()
    size = highest(document)
    out = bytearray(document)
    at = len(out)
    out += b"4 0 obj\n%s\nendobj\n" % _FORGED_CONTENT
    stream_at = len(out)
    row = zlib.compress(b"\x01" + at.to_bytes(4, "big") + b"\0")
    head = b"/Type/XRef/Size %d/W[1 4 1]/Index[4 1]/Filter/FlateDecode" % (size + 1)
    out += b"%d 0 obj\n%s\nendobj\n" % (size, stream_object(row, head))
    start = len(out)
    out += b"xref\n0 0\ntrailer\n<</Size %d/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (size + 1, newest_start(document), stream_at)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def hybrid_section_that_contradicts(victim: Victim) -> bytes:
    """Table and stream of one section lead to two objects of one number."""
    document = victim.approved()
    size = highest(document)
    out = bytearray(document)
    note = object_text(document, NOTE).replace(b"a note", b"a word")
    table_at = len(out)
    out += b"7 0 obj\n%s\nendobj\n" % note
    hidden_at = len(out)
    out += b"7 0 obj\n%s\nendobj\n" % note.replace(b"a word", b"9999").replace(b"[10 10 30 30]", b"[72 690 99 730]")
    stream_at = len(out)
    row = zlib.compress(b"\x01" + hidden_at.to_bytes(4, "big") + b"\0")
    head = b"/Type/XRef/Size %d/W[1 4 1]/Index[7 1]/Filter/FlateDecode" % (size + 1)
    out += b"%d 0 obj\n%s\nendobj\n" % (size, stream_object(row, head))
    start = len(out)
    out += b"xref\n7 1\n%010d 00000 n \n" % table_at
    out += b"trailer\n<</Size %d/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (size + 1, newest_start(document), stream_at)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def section_that_lists_a_number_twice(victim: Victim) -> bytes:
    document = victim.approved()
    start = len(document)
    forged = b"4 0 obj\n%s\nendobj\n" % _FORGED_CONTENT
    former = document.index(b"\n4 0 obj") + 1
    table = b"xref\n4 1\n%010d 00000 n \n4 1\n%010d 00000 n \n" % (start, former)
    trailer = b"trailer\n<</Size %d/Prev %d/Root 1 0 R>>\n" % (highest(document), newest_start(document))
    return document + forged + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (start + len(forged))


def another_catalog(victim: Victim) -> bytes:
    """The newest trailer names another catalog."""
    document = victim.approved()
    size = highest(document)
    page = (
        object_text(document, PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R").replace(b"2 0 R", b"%d 0 R" % (size + 1))
    )
    return appended(
        document,
        {
            size: object_text(document, 1).replace(b"/Pages 2 0 R", b"/Pages %d 0 R" % (size + 1)),
            size + 1: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (size + 2),
            size + 2: page,
        },
        trailer=b"/Root %d 0 R" % size,
    )


def in_an_object_stream(victim: Victim) -> bytes:
    """The page is replaced by one in an object stream."""
    document = victim.approved()
    size = highest(document)
    page = object_text(document, PAGE).replace(b"/Contents 4 0 R", b"/Contents 10 0 R")
    out = bytearray(document)
    held_at = len(out)
    held = zlib.compress(b"3 0 " + page)
    out += b"%d 0 obj\n%s\nendobj\n" % (size, stream_object(held, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"))
    start = len(out)
    rows = b"\x02" + size.to_bytes(4, "big") + b"\0"
    rows += b"\x01" + held_at.to_bytes(4, "big") + b"\0" + b"\x01" + start.to_bytes(4, "big") + b"\0"
    head = b"/Type/XRef/Size %d/W[1 4 1]/Index[3 1 %d 2]/Root 1 0 R/Prev %d" % (size + 2, size, newest_start(document))
    out += b"%d 0 obj\n%s\nendobj\n" % (size + 1, stream_object(rows, head))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def length_filled_in(victim: Victim) -> bytes:
    """How long the content is, an object says that comes later."""
    file = prepared()
    content = file.objects[CONTENT]
    data = content[content.index(b"stream\n") + 7 : content.index(b"\nendstream")]
    file.objects[CONTENT] = b"<</Length 300 0 R>>stream\n%s\nendstream" % data
    signed = victim.signed(file.with_table())
    return appended(signed, {300: b"%d" % (len(data) - 20)})


def reference_of_the_page_to_another_document(victim: Victim) -> bytes:
    """A form that stands for a page of another file (8.10.4)."""
    file = prepared()
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Ref<</F(other.pdf)/Page 0>>"
    file.objects[5] = stream_object(b"1 1 1 rg 0 0 10 10 re f", entries)
    return victim.signed(file.with_table())
