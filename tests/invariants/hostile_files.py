"""PDF files made to hang, exhaust or confuse whoever reads them, a few kilobytes to some megabytes each (ISO 32000-1, 7)."""

import zlib
from collections.abc import Callable, Mapping

from tests.support import pdf_files
from tests.support.pdf_files import HEADER, PdfFile, plain_file, stream_object

Row = tuple[int, int, int]
"""An entry of a cross-reference stream: type, and its two fields (7.5.8.3)."""


def raw_file(objects: Mapping[int, bytes], rows: Mapping[int, Row], entries: bytes = b"", size: int | None = None) -> bytes:
    """Objects with a cross-reference stream in which ``rows`` stand instead of, or beside, where they really are."""
    out = bytearray(HEADER % b"1.7")
    found: dict[int, Row] = {}
    for number, content in objects.items():
        found[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    found.update(rows)
    number = max(found) + 1
    start = len(out)
    found[number] = (1, start, 0)
    table = b"".join(
        kind.to_bytes(1, "big") + second.to_bytes(8, "big") + third.to_bytes(2, "big")
        for kind, second, third in (found.get(item, (0, 0, 0)) for item in range(number + 1))
    )
    head = b"/Type/XRef/Size %d/W[1 8 2]/Root 1 0 R" % (size or number + 1)
    out += b"%d 0 obj\n%s\nendobj\n" % (number, stream_object(table, head + entries))
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"


def _with_form(fields: bytes, objects: Mapping[int, bytes]) -> bytes:
    return plain_file(catalog=b"/AcroForm<</Fields[%s]>>" % fields, extra=objects).with_table()


def compressed(filters: bytes, data: bytes, entries: bytes = b"") -> bytes:
    """The catalog in an object stream of these filters."""
    stream = stream_object(data, b"/Type/ObjStm/N 1/First 4/Filter%s%s" % (filters, entries))
    return raw_file({2: PAGES, 3: PAGE, 4: stream}, {1: (2, 4, 0)})


# -- cycles -----------------------------------------------------------------------------------------------------------


def field_cycle() -> bytes:
    """A form field that is its own kid."""
    return _with_form(b"1000 0 R", {1000: b"<</T(a)/Kids[1000 0 R]>>"})


def field_doubling() -> bytes:
    """A form field that is its own kid twice: a walk of depth n visits two to the power of n fields."""
    return _with_form(b"1000 0 R", {1000: b"<</T(a)/Kids[1000 0 R 1000 0 R]>>"})


def signature_field_doubling() -> bytes:
    """The same, of signature fields."""
    return _with_form(b"1000 0 R", {1000: b"<</FT/Sig/T(a)/Kids[1000 0 R 1000 0 R]>>"})


def field_parent_cycle() -> bytes:
    """A signature field that is its own parent, from which it would inherit its type."""
    return _with_form(b"1000 0 R", {1000: b"<</T(a)/Parent 1000 0 R/Ff 1>>"})


def page_parent_cycle() -> bytes:
    """Pages that inherit from each other in a ring."""
    return PdfFile({1: CATALOG, 2: b"<</Type/Pages/Kids[3 0 R]/Count 1/Parent 3 0 R>>", 3: PAGE}).with_table()


def page_tree_doubling() -> bytes:
    """Page nodes that each have the next one twice as kid, the last one a page: two to the power of forty pages."""
    objects = {1: CATALOG}
    for level in range(40):
        objects[2 + level] = b"<</Type/Pages/Count %d/Kids[%d 0 R %d 0 R]>>" % (1 << 40 - level, 3 + level, 3 + level)
    objects[42] = PAGE
    return PdfFile(objects).with_table()


def page_tree_without_leaves() -> bytes:
    """The same without any page, so that the first page is looked for everywhere."""
    objects = {1: CATALOG}
    for level in range(40):
        objects[2 + level] = b"<</Type/Pages/Count 1/Kids[%d 0 R %d 0 R]>>" % (3 + level, 3 + level)
    objects[42] = b"<</Type/Pages/Count 1/Kids[]>>"
    return PdfFile(objects).with_table()


def page_tree_chain(depth: int = 5_000) -> bytes:
    """Page nodes one below the other."""
    objects = {1: CATALOG}
    for number in range(2, depth + 2):
        objects[number] = b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (number + 1)
    objects[depth + 2] = PAGE
    return PdfFile(objects).with_table()


def reference_to_itself() -> bytes:
    """The catalog's page tree is an object that is a reference to itself."""
    return PdfFile({1: CATALOG, 2: b"2 0 R"}).with_table()


def reference_chain(length: int = 200_000) -> bytes:
    """A reference to a reference to a reference."""
    objects = {1: CATALOG, 2: b"3 0 R"}
    for number in range(3, length):
        objects[number] = b"%d 0 R" % (number + 1)
    objects[length] = PAGES.replace(b"3 0 R", b"%d 0 R" % (length + 1))
    objects[length + 1] = PAGE
    return PdfFile(objects).with_table()


def length_is_itself() -> bytes:
    """A stream whose length is that stream."""
    return raw_file(
        {2: PAGES, 3: PAGE, 4: b"<</Type/ObjStm/N 1/First 4/Length 4 0 R>>stream\n1 0 " + CATALOG + b"\nendstream"},
        {1: (2, 4, 0)},
    )


def object_streams_in_each_other() -> bytes:
    """Two object streams, each said to lie in the other."""
    return raw_file({2: PAGES, 3: PAGE}, {1: (2, 4, 0), 4: (2, 5, 0), 5: (2, 4, 0)})


def object_stream_in_itself() -> bytes:
    """An object stream said to lie in itself."""
    return raw_file({2: PAGES, 3: PAGE}, {1: (2, 4, 0), 4: (2, 4, 0)})


def object_streams_extending_each_other() -> bytes:
    """Object streams whose /Extends go round (7.5.7)."""
    first = stream_object(b"1 0 " + CATALOG, b"/Type/ObjStm/N 1/First 4/Extends 5 0 R")
    second = stream_object(b"9 0 null", b"/Type/ObjStm/N 1/First 4/Extends 4 0 R")
    return raw_file({2: PAGES, 3: PAGE, 4: first, 5: second}, {1: (2, 4, 0)})


def hybrid_of_itself() -> bytes:
    """A table whose /XRefStm is the table (7.5.8.4)."""
    data = plain_file().with_table()
    start = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    return data.replace(b"/Root 1 0 R", b"/XRefStm %d/Root 1 0 R" % start, 1)


def previous_pair() -> bytes:
    """Two cross-reference sections that are each other's predecessor."""
    first = plain_file().with_table()
    table = int(first.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    second_start = len(first) + 20
    first = first.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % second_start, 1)
    second_start = len(first)
    first = first.replace(b"/Prev %d" % (second_start - len(b"/Prev %d" % second_start)), b"/Prev %d" % second_start, 1)
    second = b"xref\n0 0\ntrailer\n<</Size 11/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (table, second_start)
    return first + second


# -- numbers that do not fit ------------------------------------------------------------------------------------------


def table_of_billions() -> bytes:
    """A table that says it has four billion entries and has eleven."""
    return plain_file().with_table().replace(b"xref\n0 11\n", b"xref\n0 4294967295\n", 1)


def table_of_empty_sections(sections: int = 1_000_000) -> bytes:
    """A table of a million sections without entries."""
    return plain_file().with_table().replace(b"xref\n", b"xref\n" + b"0 0\n" * sections, 1)


def size_of_billions() -> bytes:
    """/Size beyond any object there is."""
    return plain_file().with_table().replace(b"/Size 11", b"/Size 4294967295", 1)


def stream_of_billions() -> bytes:
    """A cross-reference stream whose /Size is far beyond its data."""
    return raw_file({1: CATALOG, 2: PAGES, 3: PAGE}, {}, size=4_294_967_295)


def rows_of_no_bytes() -> bytes:
    """A cross-reference stream whose entries have no bytes at all, a billion of them."""
    data = raw_file({1: CATALOG, 2: PAGES, 3: PAGE}, {}, size=1_000_000_000)
    return data.replace(b"/W[1 8 2]", b"/W[0 0 0]", 1)


def rows_of_a_gigabyte() -> bytes:
    """A cross-reference stream whose entries have a gigabyte each."""
    return raw_file({1: CATALOG, 2: PAGES, 3: PAGE}, {}).replace(b"/W[1 8 2]", b"/W[1 1000000000 2]", 1)


def index_of_billions() -> bytes:
    """A cross-reference stream about a billion objects, by its /Index."""
    return raw_file({1: CATALOG, 2: PAGES, 3: PAGE}, {}, b"/Index[0 1000000000]")


def previous_far_away() -> bytes:
    """/Prev beyond what a file offset can be."""
    return plain_file().with_table().replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev 99999999999999999999999999", 1)


def startxref_far_away() -> bytes:
    """startxref beyond what a file offset can be."""
    head, _, _ = plain_file().with_table().rpartition(b"startxref\n")
    return head + b"startxref\n99999999999999999999999999\n%%EOF\n"


def number_of_a_million_digits() -> bytes:
    """An integer in the catalog."""
    return plain_file(catalog=b"/Deep " + b"9" * 1_000_000).with_table()


def real_of_a_million_digits() -> bytes:
    """A real number in the catalog."""
    return plain_file(catalog=b"/Deep 0." + b"9" * 1_000_000).with_table()


def object_number_of_a_million_digits() -> bytes:
    """A reference in the catalog."""
    return plain_file(catalog=b"/Deep " + b"9" * 1_000_000 + b" 0 R").with_table()


def length_of_a_million_digits() -> bytes:
    """A stream's length."""
    data = stream_object(b"1 0 " + CATALOG, b"/Type/ObjStm/N 1/First 4").replace(b"/Length 33", b"/Length " + b"9" * 1_000_000)
    return raw_file({2: PAGES, 3: PAGE, 4: data}, {1: (2, 4, 0)})


def object_stream_of_millions() -> bytes:
    """An object stream that says it holds a hundred million objects."""
    stream = stream_object(b"1 0 " + CATALOG, b"/Type/ObjStm/N 100000000/First 4")
    return raw_file({2: PAGES, 3: PAGE, 4: stream}, {1: (2, 4, 0)})


def object_stream_of_many(objects: int = 60_000) -> bytes:
    """An object stream that does hold as many objects, each looked up through it."""
    numbers = range(10, 10 + objects)
    header = b"".join(b"%d %d " % (number, 5 * index) for index, number in enumerate(numbers))
    data = zlib.compress(header + b"null " * objects)
    stream = stream_object(data, b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (objects, len(header)))
    rows = {number: (2, 4, index & 0xFFFF) for index, number in enumerate(numbers)}
    return raw_file({1: CATALOG, 2: PAGES, 3: PAGE, 4: stream}, rows)


# -- filters ----------------------------------------------------------------------------------------------------------


def stream_bomb() -> bytes:
    """A few hundred bytes that expand to 256 MB."""
    return pdf_files.stream_bomb(size=1 << 28)


def predictor_bomb() -> bytes:
    """A predictor with rows of two gigabytes."""
    entries = b"/DecodeParms<</Predictor 12/Columns 2147483647>>"
    return compressed(b"/FlateDecode", zlib.compress(b"1 0 " + CATALOG), entries)


def predictor_of_many_colours() -> bytes:
    """A predictor whose rows are the product of three large numbers."""
    entries = b"/DecodeParms<</Predictor 15/Columns 65535/Colors 65535/BitsPerComponent 65535>>"
    return compressed(b"/FlateDecode", zlib.compress(b"1 0 " + CATALOG), entries)


def predicted_bomb(size: int = 1 << 27) -> bytes:
    """A stream that expands to zeros and then goes through a predictor of one byte a row, byte by byte."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    return compressed(b"/FlateDecode", data, b"/DecodeParms<</Predictor 12/Columns 1>>")


def filter_chain(filters: int = 20_000) -> bytes:
    """A stream behind twenty thousand filters."""
    return compressed(b"[" + b"/ASCIIHexDecode" * filters + b"]", b"31")


def ascii85_flood(size: int = 20_000_000) -> bytes:
    """ASCII base-85 data of zeros, five for one."""
    return compressed(b"/ASCII85Decode", b"z" * size + b"~>")


# -- text that is slow to read ----------------------------------------------------------------------------------------


def nested_dictionaries(depth: int = 100_000) -> bytes:
    """Dictionaries in dictionaries."""
    return plain_file(catalog=b"/A<<" * depth + b">>" * depth).with_table()


def nested_parentheses(depth: int = 6_000_000) -> bytes:
    """A string of balanced parentheses."""
    return plain_file(catalog=b"/A(" + b"(" * depth + b")" * depth + b")").with_table()


def unclosed_string(size: int = 20_000_000) -> bytes:
    """A string that never ends."""
    return plain_file(catalog=b"/A(").with_table() + b"x" * size


def unclosed_array(size: int = 5_000_000) -> bytes:
    """An array that never ends."""
    head, _, tail = plain_file().with_table().partition(b"/Catalog")
    return head + b"/Catalog/A[" + b"0 " * size + tail


def many_entries(entries: int = 1_000_000) -> bytes:
    """A catalog of a million entries."""
    return plain_file(catalog=b"".join(b"/A%d 0" % number for number in range(entries))).with_table()


def escaped_name(escapes: int = 200_000) -> bytes:
    """A name of two hundred thousand escapes."""
    return plain_file(catalog=b"/" + b"#41" * escapes + b" 0").with_table()


def comment_flood(size: int = 20_000_000) -> bytes:
    """Comments where an object should begin."""
    return plain_file(catalog=b"\n" + b"%\n" * (size // 2)).with_table()


def white_space_at_the_end(size: int = 30_000_000) -> bytes:
    """White space after the end."""
    return plain_file().with_table() + b"\n" * size


def zeros_at_the_end(size: int = 30_000_000) -> bytes:
    """Zeros after the end."""
    return plain_file().with_table() + bytes(size)


def endless_ends(ends: int = 2_000_000) -> bytes:
    """End-of-file marks without end."""
    return plain_file().with_table() + b"%%EOF\n" * ends


def nothing_but_a_header(size: int = 30_000_000) -> bytes:
    """A header and zeros."""
    return b"%PDF-1.7\n" + bytes(size)


# -- long, but allowed ------------------------------------------------------------------------------------------------


def long_history(updates: int = 2_000) -> bytes:
    """A document with two thousand empty updates."""
    out = bytearray(plain_file().with_table())
    previous = int(out.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    for _ in range(updates):
        start = len(out)
        out += b"xref\n0 0\ntrailer\n<</Size 11/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (previous, start)
        previous = start
    return bytes(out)


def many_fields(fields: int = 200_000) -> bytes:
    """A form of two hundred thousand fields."""
    numbers = range(1000, 1000 + fields)
    extra = {number: b"<</FT/Sig/T(f%d)>>" % number for number in numbers}
    return _with_form(b" ".join(b"%d 0 R" % number for number in numbers), extra)


def many_locks(fields: int = 1_000_000) -> bytes:
    """A signed field whose lock names a million fields."""
    names = b"(f)" * fields
    return _with_form(
        b"1000 0 R",
        {
            1000: b"<</FT/Sig/T(a)/V 1001 0 R/Lock<</Type/SigFieldLock/Action/Include/Fields[%s]>>>>" % names,
            1001: b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<00>>>",
        },
    )


def many_false_signatures(signatures: int = 60_000) -> bytes:
    """Fields that say they are signed, and are not."""
    numbers = range(1000, 1000 + signatures)
    value = b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<3000>>>"
    extra = {number: b"<</FT/Sig/T(f%d)/V 999 0 R>>" % number for number in numbers}
    return _with_form(b" ".join(b"%d 0 R" % number for number in numbers), {999: value, **extra})


def laughing_metadata() -> bytes:
    """XMP metadata with entities of entities."""
    entities = b'<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    xmp = b'<?xml version="1.0"?><!DOCTYPE x [%s]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a11;</x:xmpmeta>' % entities
    metadata = stream_object(xmp, b"/Type/Metadata/Subtype/XML")
    return plain_file(catalog=b"/Metadata 1000 0 R", extra={1000: metadata}).with_table()


# -- encryption -------------------------------------------------------------------------------------------------------


def _encrypted(dictionary: bytes) -> bytes:
    data = plain_file(extra={1000: b"<<" + dictionary + b">>"})
    data.trailer = b"/Encrypt 1000 0 R/ID[<%s><%s>]" % (b"00" * 16, b"00" * 16)
    return data.with_table()


_KEYS = b"/O<%s>/U<%s>/P -4" % (b"00" * 32, b"00" * 32)


def encrypted_for_somebody() -> bytes:
    """No security handler is named, and the keys are nobody's."""
    return _encrypted(b"/V 1/R 2" + _KEYS)


def encrypted_by_itself() -> bytes:
    """The encryption dictionary is the trailer's reference to itself."""
    data = plain_file(extra={1000: b"1000 0 R"})
    data.trailer = b"/Encrypt 1000 0 R"
    return data.with_table()


def encrypted_with_a_huge_key() -> bytes:
    """A key of two billion bits."""
    return _encrypted(b"/Filter/Standard/V 2/R 3/Length 2147483640" + _KEYS)


def encrypted_without_crypt_filters() -> bytes:
    """Crypt filters are used and not defined."""
    return _encrypted(b"/Filter/Standard/V 4/R 4/StmF/StdCF/StrF/StdCF" + _KEYS)


def encrypted_with_short_keys() -> bytes:
    """Revision 6 with keys of one byte."""
    crypt = b"/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/StmF/StdCF/StrF/StdCF"
    return _encrypted(b"/Filter/Standard/V 5/R 6/O<00>/U<00>/OE<00>/UE<00>/Perms<00>/P -4" + crypt)


def encrypted_of_unknown_revision() -> bytes:
    """A version and revision that nobody has defined."""
    return _encrypted(b"/Filter/Standard/V 99/R 99" + _KEYS)


def encrypted_with_wrong_types() -> bytes:
    """Everything is of another type than it should be."""
    return _encrypted(b"/Filter/Standard/V(1)/R<</A 1>>/O 1/U[]/P(x)/Length/Long")


# -- by what becomes of them ------------------------------------------------------------------------------------------

Make = Callable[[], bytes]

REFUSED: tuple[Make, ...] = (
    pdf_files.deep_nesting,
    pdf_files.looping_page_tree,
    stream_bomb,
    page_tree_without_leaves,
    reference_to_itself,
    reference_chain,
    length_is_itself,
    object_streams_in_each_other,
    object_stream_in_itself,
    table_of_billions,
    predictor_bomb,
    predictor_of_many_colours,
    predicted_bomb,
    filter_chain,
    ascii85_flood,
    nested_dictionaries,
    encrypted_for_somebody,
    encrypted_by_itself,
    encrypted_with_a_huge_key,
    encrypted_without_crypt_filters,
    encrypted_with_short_keys,
    encrypted_of_unknown_revision,
    encrypted_with_wrong_types,
)
"""Their reader notices."""

CUT_OFF: tuple[Make, ...] = (
    pdf_files.cross_reference_bomb,
    nothing_but_a_header,
)
"""Their reader does not: a bound of the engine process does."""

ALSO_CUT_OFF: tuple[Make, ...] = (
    many_false_signatures,
    unclosed_array,
    stream_of_billions,
    rows_of_no_bytes,
    index_of_billions,
    number_of_a_million_digits,
    real_of_a_million_digits,
    object_number_of_a_million_digits,
    length_of_a_million_digits,
    nested_parentheses,
    unclosed_string,
    many_entries,
    comment_flood,
    white_space_at_the_end,
    zeros_at_the_end,
    many_fields,
    many_locks,
)
"""More of these, each of which takes as long as it may."""

HARMLESS: tuple[Make, ...] = (
    field_parent_cycle,
    page_parent_cycle,
    page_tree_chain,
    page_tree_doubling,
    size_of_billions,
    object_streams_extending_each_other,
    object_stream_of_millions,
    escaped_name,
    long_history,
    object_stream_of_many,
    pdf_files.endless_previous,
    field_cycle,
    field_doubling,
    signature_field_doubling,
    hybrid_of_itself,
    previous_pair,
    rows_of_a_gigabyte,
    previous_far_away,
    startxref_far_away,
    endless_ends,
    laughing_metadata,
    table_of_empty_sections,
)
"""What is odd in them is not needed to sign them, is repaired, or only takes a while."""
