"""Where a document begins, and where its newest cross-reference section does (engine process): ISO 32000-2, 7.5.2, 7.5.5."""

import re
from dataclasses import dataclass

from pyhanko.pdf_utils.misc import PdfReadError

from proxy.errors import InvalidDocument, PDFVersionUnsupported
from proxy.pades.scanning import Data, object_at, occurrences

HEADER_WINDOW = 1024
"""Bytes in which ``%PDF-`` must begin (ISO 32000-1, Annex H.3, implementation note 13)."""

_TAIL = 1024
"""Bytes from the end in which every reader still finds ``startxref`` (ISO 32000-1, Annex H.3, implementation note 18)."""

_VERSION = re.compile(rb"%PDF-([0-9]{1,2})\.([0-9]{1,2})")
_START = re.compile(rb"startxref[\0\t\n\f\r ]*([0-9]{1,19})")
_SECTION = re.compile(rb"[\0\t\n\f\r ]*(xref|[0-9]+[\0\t\n\f\r ]+[0-9]+[\0\t\n\f\r ]+obj)")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the document begins, and the version it says it has.

    Attributes:
        origin: Bytes before ``%PDF-``.
        version: Major and minor.
    """

    origin: int
    version: tuple[int, int]


def find_header(data: Data) -> Header:
    """The header of a document.

    Raises:
        InvalidDocument: There is none.
        PDFVersionUnsupported: It names no version.
    """
    origin = data.find(b"%PDF-", 0, HEADER_WINDOW + len(b"%PDF-"))
    if origin < 0:
        raise InvalidDocument("the document is not a PDF")
    match = _VERSION.match(data[origin : origin + 16])
    if match is None:
        raise PDFVersionUnsupported("the PDF's header names no version")
    return Header(origin, (int(match[1]), int(match[2])))


def find_start(data: Data, origin: int) -> int:
    """What the last ``startxref`` says: where the newest cross-reference section begins, counted from the header.

    Args:
        data: The document.
        origin: Where its header is.

    Raises:
        PdfReadError: There is none, or readers do not look for it.
        InvalidDocument: Readers find different documents by it.
    """
    at = data.rfind(b"startxref")
    match = _START.match(data[at : at + 64]) if at >= 0 else None
    if match is None:
        raise PdfReadError("startxref not found")
    if at + _TAIL < len(data) and any(object_at(data, mark) for mark in occurrences(data, b"obj", at)):
        # Readers that do not look so far take what objects there are, those behind it too.
        raise PdfReadError("objects after the last cross-reference")
    start = int(match[1])
    if origin:
        _refuse_two_documents(data, start, start + origin)
    return start


def _refuse_two_documents(data: Data, by_file: int, by_header: int) -> None:
    """Most readers count offsets from the header, some from the first byte of the file."""
    found = {_section_at(data, offset) for offset in (by_file, by_header)} - {None}
    if len(found) > 1:
        raise InvalidDocument("readers count the offsets of the PDF differently, and each way there is a document")


def _section_at(data: Data, offset: int) -> int | None:
    match = _SECTION.match(data[offset : offset + 64])
    return match and offset + match.start(1)
