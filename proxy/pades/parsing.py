"""Read one object of a document (engine process): ISO 32000-2, 7.3.

pyHanko reads byte by byte, whatever shape the bytes have; the ``/Contents`` of one signature cost it ten milliseconds. An
object in a shape that leaves nothing to decide is read here, token by token; any other is left to pyHanko, and so is every
judgement on it. What is read here is what pyHanko reads, to the last attribute.
"""

import codecs
import re
from binascii import unhexlify
from functools import lru_cache
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

_MOST_LEVELS = 64
_WINDOWS = (1 << 11, 1 << 16, 1 << 20)
"""Bytes that are looked at, in turn, for an object's end or its stream's beginning."""

_AFTER_STREAM = 64
"""Bytes behind stream data in which ``endstream`` and ``endobj`` are looked for."""

_HEADER = re.compile(rb"([0-9]{1,10})[\0\t\n\f\r ]([0-9]{1,5})[\0\t\n\f\r ]obj")
# Each token that could go on has its end in sight: what a window cuts off is not taken for something shorter.
_TOKEN = re.compile(
    rb"""[\0\t\n\f\r ]*(?:
      / (?P<name>[!"$&'*+,\-.0-9:;=?@A-Z\\^_`a-z|~]*) (?=[\0\t\n\f\r ()<>\[\]{}/%])
    | (?P<reference> (?P<number>[0-9]{1,8}) [\t\n\f\r ]+ (?P<generation>[0-9]{1,5}) [\t\n\f\r ]+ R (?=[^a-zA-Z]) )
    | (?P<integer> [+\-]?[0-9]{1,18} (?=[^+,\-.0-9]) )
    | (?P<real> [+\-]?(?: [0-9]{1,18}\.[0-9]{0,18} | \.[0-9]{1,18} ) (?=[^+,\-.0-9]) )
    | (?P<open><<) | (?P<close>>>) | (?P<start>\[) | (?P<end>\])
    | \( (?P<literal> [^()\\]* (?: \\(?: [0-3][0-7]{2} | [()\ /%<>\[\]\#_&$\\nrtbf] ) [^()\\]* )* ) \)
    | < (?P<hexadecimal> [0-9A-Fa-f\0\t\n\f\r ]* ) >
    | (?P<word> true | false | null )
    )""",
    re.VERBOSE,
)
_MOST_REFERENCE_BYTES = 19
"""pyHanko looks at twenty bytes for a reference and what follows it."""

_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_STREAM = re.compile(rb"[\0\t\n\f\r ]*stream[\0\t\f ]*\r?\n")
_STREAM_END = re.compile(rb"[\0\t\n\f\r ]*endstream")
_OBJECT_END = re.compile(rb"[\0\t\n\f\r ]*endobj[\0\t\n\f\r ]*[^\0\t\n\f\r %]")
_OTHER = re.compile(rb"[\0\t\n\f\r ]*(?:[^\0\t\n\f\r %s]|\Z)")
_WHITE = b"\0\t\n\f\r "
_MARKS = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF8)


class _Odd(Exception):
    """In a shape that is left to pyHanko."""


def read_indirect(reader: PdfFileReader, reference: generic.Reference, offset: int) -> generic.PdfObject | None:
    """The object that stands in the file at an offset.

    Args:
        reader: The document.
        reference: The number and generation it must have.
        offset: Where the cross-reference says it is.

    Returns:
        The object as pyHanko would read it; ``None`` where it is left to it.
    """
    stream: BinaryIO = reader.stream
    for size in _WINDOWS:
        stream.seek(offset)
        data = stream.read(size)
        header = _HEADER.match(data)
        if header is None or (int(header[1]), int(header[2])) != (reference.idnum, reference.generation):
            return None
        try:
            return _indirect(
                reader, data, header.end(), offset, generic.Reference(reference.idnum, reference.generation, reader)
            )
        except _Odd:
            if len(data) < size:
                return None
    return None


def _indirect(reader: PdfFileReader, data: bytes, at: int, offset: int, container: generic.Reference) -> generic.PdfObject:
    value, at = _read(data, at, container)
    begins = _STREAM.match(data, at) if type(value) is generic.DictionaryObject else None
    if begins is not None:
        assert isinstance(value, generic.DictionaryObject)
        return _with_stream(reader, value, offset + begins.end(), container)
    if not _OBJECT_END.match(data, at):
        raise _Odd
    return value


def _with_stream(
    reader: PdfFileReader, dictionary: generic.DictionaryObject, start: int, container: generic.Reference
) -> generic.StreamObject:
    length = dict.get(dictionary, "/Length")
    if isinstance(length, generic.IndirectObject):
        length = reader.get_object(length)
    if not isinstance(length, generic.NumberObject) or length < 0:
        raise _Odd
    reader.stream.seek(start)
    encoded = reader.stream.read(length)
    after = reader.stream.read(_AFTER_STREAM)
    end = _STREAM_END.match(after)
    if end is None or not _OBJECT_END.match(after, end.end()):
        raise _Odd
    found = generic.StreamObject(dictionary, encoded_data=encoded)
    found.container_ref = container
    return found


def read_compressed(data: bytes, offset: int, container: generic.Reference) -> generic.PdfObject | None:
    """The object that stands in a decoded object stream at an offset; ``None`` where it is left to pyHanko."""
    if data[offset : offset + 1] in _WHITE:
        return None
    try:
        value, at = _read(data, offset, container)
    except _Odd:
        return None
    return value if _OTHER.match(data, at) else None


def _read(data: bytes, at: int, container: generic.Reference) -> tuple[generic.PdfObject, int]:
    """One object, and where it ends."""
    match = _TOKEN.match
    open_values: list[tuple[generic.PdfObject, generic.NameObject | None]] = []
    holder: generic.PdfObject | None = None
    key: generic.NameObject | None = None
    value: generic.PdfObject
    while True:
        token = match(data, at)
        if token is None:
            raise _Odd
        at = token.end()
        kind = token.lastgroup
        if type(holder) is generic.DictionaryObject and key is None and kind != "close":
            if kind != "name":
                raise _Odd
            key = _key(token["name"])
            if key in holder:
                raise _Odd
            continue
        if kind in ("open", "start"):
            if len(open_values) > _MOST_LEVELS:
                raise _Odd
            open_values.append((holder, key))  # type: ignore[arg-type]  # the outermost has no holder
            holder, key = (generic.DictionaryObject() if kind == "open" else generic.ArrayObject()), None
            continue
        if kind in ("close", "end"):
            if key is not None or type(holder) is not (generic.DictionaryObject if kind == "close" else generic.ArrayObject):
                raise _Odd
            assert holder is not None
            value = holder
            holder, key = open_values.pop()
        else:
            value = _simple(kind, token, container)
        value.container_ref = container
        if holder is None:
            return value, at
        if type(holder) is generic.DictionaryObject:
            dict.__setitem__(holder, key, value)
            key = None
        else:
            list.append(holder, value)  # type: ignore[arg-type]  # it is an array


def _simple(kind: str | None, token: re.Match[bytes], container: generic.Reference) -> generic.PdfObject:
    text = token[kind] if kind is not None else b""
    if kind == "name":
        return generic.NameObject("/" + text.decode("ascii"))
    if kind == "integer":
        return generic.NumberObject(text)
    if kind == "reference":
        number, generation = int(token["number"]), int(token["generation"])
        if not number or len(text) > _MOST_REFERENCE_BYTES:
            raise _Odd
        return generic.IndirectObject(number, generation, container.get_pdf_handler())
    if kind == "real":
        return generic.FloatObject(text.decode("ascii"))
    if kind == "literal":
        return _string(_ESCAPE.sub(_unescaped, text) if b"\\" in text else text)
    if kind == "hexadecimal":
        digits = text.translate(None, _WHITE)
        return _string(unhexlify(digits + b"0" if len(digits) % 2 else digits))
    return generic.NullObject() if text == b"null" else generic.BooleanObject(text == b"true")


@lru_cache(maxsize=2048)
def _key(name: bytes) -> generic.NameObject:
    return generic.NameObject("/" + name.decode("ascii"))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    text = escape[1]
    return bytes((int(text, 8),)) if len(text) == 3 else _ESCAPED.get(text, text)


def _charmap() -> str:
    """PDFDocEncoding (ISO 32000-2, Annex D.3), as :mod:`codecs` wants it."""
    letters = []
    for value in range(256):
        try:
            letters.append(generic.decode_pdfdocencoding(bytes((value,))))
        except UnicodeDecodeError:
            letters.append("\ufffe")
    return "".join(letters)


_PDF_DOC_ENCODING = _charmap()


def _string(value: bytes) -> generic.PdfObject:
    """Text where it can be read as text, as :func:`pyhanko.pdf_utils.generic.pdf_string`."""
    if value.startswith(_MARKS):
        return generic.pdf_string(value)
    try:
        text = generic.TextStringObject(codecs.charmap_decode(value, "strict", _PDF_DOC_ENCODING)[0])
    except UnicodeDecodeError:
        return generic.ByteStringObject(value)
    text.autodetected_encoding = generic.TextStringEncoding.PDF_DOC
    return text
