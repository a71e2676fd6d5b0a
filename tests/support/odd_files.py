"""PDF files with the oddities and the damage of real ones, each made from a conforming file and otherwise like it."""

import io
import re
import subprocess
import tempfile
import zlib
from pathlib import Path

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import StandardSecurityHandler
from pyhanko.pdf_utils.crypt.standard import StandardSecuritySettingsRevision
from pyhanko.pdf_utils.writer import PdfFileWriter

from tests.support.pdf_files import HEADER, PdfFile, plain_file, stream_object

PLAIN = plain_file().with_table()


# -- cross-references -----------------------------------------------------------------------------------------------


def start_of(document: bytes) -> int:
    """What the last ``startxref`` says."""
    return int(document[document.rindex(b"startxref") + 9 :].split()[0])


def with_start(document: bytes, start: bytes) -> bytes:
    """The document with another ``startxref``."""
    head, _, tail = document.rpartition(b"startxref\n")
    return head + b"startxref\n" + start + b"\n" + tail.partition(b"\n")[2]


def without_start(document: bytes) -> bytes:
    return document[: document.rindex(b"startxref")]


def with_moved_entries(document: bytes, by: int, *, only: int | None = None) -> bytes:
    """A table whose entries are off by so many bytes, all of them or one."""
    seen = 0

    def moved(match: re.Match[bytes]) -> bytes:
        nonlocal seen
        seen += 1
        return b"%010d 00000 n " % (int(match[1]) + by) if only in (None, seen) else match[0]

    return re.sub(rb"([0-9]{10}) 00000 n ", moved, document)


def cut_in_table(document: bytes) -> bytes:
    """The document as far as the middle of its table."""
    return document[: start_of(document) + 70]


def without_trailer(document: bytes) -> bytes:
    return document[: document.rindex(b"trailer")]


def with_short_entries(document: bytes) -> bytes:
    """A table with entries of 19 bytes, as text editors leave them."""
    return re.sub(rb"([0-9]{10} [0-9]{5} [nf]) \n", rb"\1\n", document)


def redefined(document: bytes, number: int, content: bytes, *, revision_ends: bool) -> bytes:
    """A file without a cross-reference that is right, where an object is defined once more after the others."""
    body = document[: start_of(document)]
    ended = b"startxref\n0\n%%EOF\n" if revision_ends else b""
    return body + ended + b"%d 0 obj\n%s\nendobj\ntrailer\n<</Size 20/Root 1 0 R>>\nstartxref\n0\n%%%%EOF\n" % (number, content)


def with_object_like_stream() -> bytes:
    """A file whose cross-reference leads nowhere, and that carries another PDF's text in a stream."""
    inner = b"\n4 0 obj\n" + stream_object(b"BT ET") + b"\nendobj\n"
    return with_start(plain_file(extra={1000: stream_object(inner)}).with_table(), b"1")


def hybrid() -> bytes:
    """A table, and beside it a stream with what stands in an object stream (ISO 32000-1, 7.5.8.4)."""
    out = bytearray(HEADER % b"1.5")
    offsets = {}
    info = b"<</Title(Hidden)>>"
    for number, content in (
        (1, b"<</Type/Catalog/Pages 2 0 R>>"),
        (2, b"<</Type/Pages/Kids[3 0 R]/Count 1>>"),
        (3, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>"),
        (5, stream_object(b"4 0 " + info, b"/Type/ObjStm/N 1/First 4")),
    ):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    beside = len(out)
    row = b"\x02" + (5).to_bytes(8, "big") + b"\0"
    out += b"6 0 obj\n" + stream_object(row, b"/Type/XRef/Size 7/W[1 8 1]/Index[4 1]") + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n"
    for number in range(1, 7):
        out += b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n"
    out += b"trailer\n<</Size 7/Root 1 0 R/Info 4 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n" % (beside, start)
    return bytes(out)


def with_object_stream(*, header: bytes = b"", entries: bytes = b"", unended: bool = False) -> bytes:
    """A file whose catalog, page tree and page lie in an object stream.

    Args:
        header: Instead of the stream's own numbers and offsets.
        entries: Instead of ``/N`` and ``/First``.
        unended: Whether the compressed data lack their end mark and checksum.
    """
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
    }
    numbers, content = b"", b""
    for number, text in objects.items():
        numbers += b"%d %d " % (number, len(content))
        content += text + b" "
    numbers = header or numbers
    packer = zlib.compressobj()
    data = packer.compress(numbers + content) + packer.flush(zlib.Z_SYNC_FLUSH if unended else zlib.Z_FINISH)
    out = bytearray(HEADER % b"1.5")
    holder = len(out)
    stated = entries or b"/N 3/First %d" % len(numbers)
    out += b"4 0 obj\n" + stream_object(data, b"/Type/ObjStm/Filter/FlateDecode" + stated) + b"\nendobj\n"
    start = len(out)
    rows = bytes(10) + b"".join(b"\x02" + (4).to_bytes(8, "big") + bytes([index]) for index in range(3))
    rows += b"".join(b"\x01" + at.to_bytes(8, "big") + b"\0" for at in (holder, start))
    out += b"5 0 obj\n" + stream_object(rows, b"/Type/XRef/Size 6/W[1 8 1]/Root 1 0 R") + b"\nendobj\n"
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def many_objects(count: int, *, held: int = 100) -> bytes:
    """The plain file with ``count`` objects more, in object streams of ``held`` each."""
    objects = plain_file().objects
    out = bytearray(HEADER % b"1.7")
    rows = {0: (0, 0, 0)}
    for number, content in objects.items():
        rows[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    first = 1_000
    holder = first + count
    for start in range(first, first + count, held):
        numbers = range(start, min(start + held, first + count))
        texts = [b"<</A %d>> " % number for number in numbers]
        header, at = b"", 0
        for index, (number, text) in enumerate(zip(numbers, texts, strict=True)):
            header += b"%d %d " % (number, at)
            at += len(text)
            rows[number] = (2, holder, index)
        rows[holder] = (1, len(out), 0)
        entries = b"/Type/ObjStm/Filter/FlateDecode/N %d/First %d" % (len(numbers), len(header))
        out += b"%d 0 obj\n%s\nendobj\n" % (holder, stream_object(zlib.compress(header + b"".join(texts), 1), entries))
        holder += 1
    start = len(out)
    rows[holder] = (1, start, 0)
    data = b"".join(
        kind.to_bytes(1, "big") + second.to_bytes(4, "big") + third.to_bytes(2, "big")
        for kind, second, third in (rows.get(number, (0, 0, 0)) for number in range(holder + 1))
    )
    entries = b"/Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Filter/FlateDecode" % (holder + 1)
    out += b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (holder, stream_object(zlib.compress(data, 1), entries), start)
    return bytes(out)


def linearized(*options: str, document: bytes = PLAIN) -> bytes:
    """The document as qpdf linearizes it: its first section stands at the front (ISO 32000-1, Annex F)."""
    return by_qpdf("--linearize", *options, document=document)


def by_qpdf(*options: str, document: bytes) -> bytes:
    """What qpdf makes of a document."""
    with tempfile.TemporaryDirectory() as folder:
        plain, result = Path(folder, "plain.pdf"), Path(folder, "result.pdf")
        plain.write_bytes(document)
        subprocess.run(["qpdf", *options, plain, result], check=True)
        return result.read_bytes()


# -- around the document --------------------------------------------------------------------------------------------


def behind(prefix: bytes, document: bytes, *, counted: bool = False) -> bytes:
    """The document behind some bytes; ``counted``: its offsets count from the first of them."""
    if not counted:
        return prefix + document
    by = len(prefix)
    return prefix + with_start(with_moved_entries(document, by), b"%d" % (start_of(document) + by))


# -- encryption -----------------------------------------------------------------------------------------------------


def encrypted(*options: str, user: str = "", document: bytes = PLAIN) -> bytes:
    """The document encrypted by qpdf.

    Args:
        options: Key length and what follows it, as ``qpdf --encrypt USER OWNER`` takes them.
        user: The user password; the owner's is ``owner``.
        document: What to encrypt.
    """
    return by_qpdf("--allow-weak-crypto", "--encrypt", user, "owner", *options, "--", document=document)


def encrypted_without_identifier() -> bytes:
    """RC4 with an empty user password, the key derived without the file identifier that the trailer does not have."""
    handler = StandardSecurityHandler.build_from_pw_legacy(
        StandardSecuritySettingsRevision.RC4_EXTENDED, b"", "owner", "", keylen_bytes=16, use_aes128=False
    )
    writer = PdfFileWriter(stream_xrefs=False)
    page = generic.DictionaryObject({"/Type": generic.NameObject("/Page"), "/MediaBox": _box(200)})
    writer.insert_page(page)
    writer._assign_security_handler(handler)
    out = io.BytesIO()
    writer.write(out)
    return re.sub(rb"/ID \[.*?\]", lambda match: b" " * len(match[0]), out.getvalue(), flags=re.DOTALL)


def _box(size: int) -> generic.ArrayObject:
    return generic.ArrayObject(map(generic.NumberObject, (0, 0, size, size)))


def with_direct_encryption(document: bytes) -> bytes:
    """A document of qpdf's whose encryption dictionary stands in its trailer."""
    match = re.search(rb"/Encrypt ([0-9]+) 0 R", document)
    assert match is not None
    (dictionary,) = re.findall(rb"\n%s 0 obj\n(<<.*?>>)\nendobj" % match[1], document, flags=re.DOTALL)
    return document.replace(match[0], b"/Encrypt " + dictionary)


# -- pages ----------------------------------------------------------------------------------------------------------


def with_objects(changed: dict[int, bytes], *, version: bytes = b"1.7") -> bytes:
    """The plain file with some of its objects replaced or added: 1 catalog, 2 page tree, 10 page."""
    return PdfFile({**plain_file().objects, **changed}, version=version).with_table()


PAGE = b"/Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents 4 0 R"


# -- forms ----------------------------------------------------------------------------------------------------------


def with_form(form: bytes, fields: dict[int, bytes] | None = None, *, on_page: bytes = b"", catalog: bytes = b"") -> bytes:
    """The plain file with a form dictionary, fields by number from 1000, and the page's annotations."""
    changed = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm %s%s>>" % (form, catalog), **(fields or {})}
    if on_page:
        changed[10] = b"<<%s/Annots[%s]>>" % (PAGE, on_page)
    return with_objects(changed)


TEXT_FIELD = b"<</FT/Tx/T(Amount)/V(100)/DA(/F1 12 Tf 0 g)/Type/Annot/Subtype/Widget/Rect[72 600 272 630]%s>>"


def with_xfa(config: bytes, *, fields: bytes = b"[1000 0 R]", catalog: bytes = b"") -> bytes:
    """A form with XFA packets, a text field in it."""
    packets = {
        1000: TEXT_FIELD % b"",
        1001: stream_object(b"<config>" + config + b"</config>"),
        1002: stream_object(b"<template/>"),
    }
    form = b"<</Fields%s/XFA[(config)1001 0 R(template)1002 0 R]>>" % fields
    return with_form(form, packets, on_page=b"1000 0 R", catalog=catalog)
