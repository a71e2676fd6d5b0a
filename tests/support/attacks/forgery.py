"""What a signature says it covers, and what it is: universal signature forgery, and signature wrapping.

Mladenov et al., "1 Trillion Dollar Refund", 2019.
"""

from tests.support.attacks.documents import FORGED, Victim, byte_range, with_byte_range, with_contents
from tests.support.pdf_files import stream_object
from tests.support.revisions import newest_start

# -- universal signature forgery ----------------------------------------------------------------------------------------


def no_byte_range(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRangX[0 0 0 0]")


def null_byte_range(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange null")


def zero_byte_range(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange [0 0 0 0]")


def empty_byte_range(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange []")


def negative_byte_range(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange [0 -1 -1 -1]")


def two_numbers(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange [0 %d]" % len(victim.approved()))


def six_numbers(victim: Victim) -> bytes:
    _, start, end, rest = byte_range(victim.approved())
    return with_byte_range(victim, b"/ByteRange [0 %d %d %d %d 0]" % (start, end, rest, end))


def byte_range_of_names(victim: Victim) -> bytes:
    return with_byte_range(victim, b"/ByteRange [/a /b /c /d]")


def overlapping_byte_range(victim: Victim) -> bytes:
    size = len(victim.approved())
    return with_byte_range(victim, b"/ByteRange [0 %d 9 %d]" % (size // 2, size // 2))


def byte_range_from_behind_the_header(victim: Victim) -> bytes:
    _, start, end, rest = byte_range(victim.approved())
    return with_byte_range(victim, b"/ByteRange [9 %d %d %d]" % (start - 9, end, rest))


def byte_range_beyond_the_file(victim: Victim) -> bytes:
    _, start, end, rest = byte_range(victim.approved())
    return with_byte_range(victim, b"/ByteRange [0 %d %d %d]" % (start, end, rest + 9))


def byte_range_of_a_part(victim: Victim) -> bytes:
    _, start, end, rest = byte_range(victim.approved())
    return with_byte_range(victim, b"/ByteRange [0 %d %d %d]" % (start, end, rest // 2))


def gap_beside_the_contents(victim: Victim) -> bytes:
    _, start, end, rest = byte_range(victim.approved())
    return with_byte_range(victim, b"/ByteRange [0 %d %d %d]" % (start - 9, end, rest))


def no_contents(victim: Victim) -> bytes:
    document = victim.approved()
    _, start, _, _ = byte_range(document)
    at = document.rindex(b"/Contents", 0, start)
    return document[:at] + b"/ContentX" + document[at + 9 :]


def empty_contents(victim: Victim) -> bytes:
    return with_contents(victim, lambda old: b"<>".ljust(len(old)))


def zero_contents(victim: Victim) -> bytes:
    return with_contents(victim, lambda old: b"<" + b"0" * (len(old) - 2) + b">")


def contents_as_a_literal_string(victim: Victim) -> bytes:
    return with_contents(victim, lambda old: b"(" + b"0" * (len(old) - 2) + b")")


def junk_behind_the_signature_value(victim: Victim) -> bytes:
    return with_contents(victim, lambda old: old[:-3] + b"ff>")


def comment_in_the_gap(victim: Victim) -> bytes:
    def commented(old: bytes) -> bytes:
        value = old[:-20].rstrip(b"0") + b">%"
        return value.ljust(len(old), b"x")

    return with_contents(victim, commented)


# -- signature wrapping -----------------------------------------------------------------------------------------------------


def second_range_moved(victim: Victim) -> bytes:
    """What was signed behind the gap stands at the end of the file; where its cross-reference was, another one stands now."""
    document = victim.approved()
    _, start, end, rest = byte_range(document)
    table_at = newest_start(document)
    trailer = document[document.index(b"xref\n", table_at) + 5 : document.rindex(b"startxref")]
    content_at = table_at + 40 + len(trailer)
    table = b"xref\n4 1\n%010d 00000 n \n" % content_at + trailer
    forged = b"4 0 obj\n%s\nendobj\n" % stream_object(FORGED)
    room = len(document[end:table_at]) + (content_at - table_at) + len(forged)
    pointed = with_byte_range(victim, b"/ByteRange [0 %d %d %d]" % (start, end + room, rest))
    return pointed[:table_at] + table.ljust(content_at - table_at, b"\n") + forged + document[end : end + rest]
