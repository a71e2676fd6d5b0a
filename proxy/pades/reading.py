"""Open a caller's PDF with pyHanko, and turn every way in which that fails into a code (engine process).

A document that conforms is read strictly, so that what we append is held to the same rules; one that does not is read
leniently.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from pyhanko.pdf_utils.crypt import AuthStatus, StandardSecurityHandler
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfStrictReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.errors import InvalidDocument, PDFEncrypted, PDFVersionUnsupported, ProxyError

_Result = TypeVar("_Result")

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

HEADER_WINDOW = 1024
"""Bytes in which ``%PDF-`` must begin (ISO 32000-1, Annex H.3, implementation note 13)."""


@contextmanager
def reading_errors() -> Iterator[None]:
    """Map what pyHanko raises while it reads a hostile or damaged file.

    pyHanko lets ``OSError``, ``KeyError``, ``TypeError``, ``AttributeError``, ``ValueError``, ``AssertionError``,
    ``zlib.error`` and more through on real files. Everything but the error tree and exhaustion is the document's fault
    here: it is the only input of an engine task that was not checked.

    Raises:
        InvalidDocument: The document cannot be read.
    """
    try:
        yield
    except (ProxyError, MemoryError, RecursionError):
        raise
    except PdfDecodeLimitError as error:
        raise InvalidDocument("a stream of the PDF decodes to more than is allowed") from error
    except OSError as error:
        if error.errno in _DISK:
            raise  # a seek to where a damaged document points fails with other numbers
        raise InvalidDocument("the PDF is damaged: it cannot be read") from error
    except Exception as error:  # the docstring says why
        raise InvalidDocument("the PDF is damaged: it cannot be read") from error


def read_pdf(stream: BinaryIO, password: str | None, work: Callable[[PdfFileReader], _Result]) -> _Result:
    """Do some work on a document, read strictly; where that meets an object that does not conform, once more leniently.

    Opening a document looks at its cross references, not at its objects. One reference to nothing, which is null (ISO 32000-2,
    7.3.10) and which real documents have, would otherwise make it unreadable.

    Args:
        stream: The document.
        password: As :func:`open_pdf` takes it.
        work: What to do; what it appended is dropped before it is called again.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted: As :func:`open_pdf`, and what ``work`` raises.
    """
    size = stream.seek(0, 2)
    with reading_errors():
        try:
            return work(open_pdf(stream, password))
        except PdfStrictReadError:
            stream.truncate(size)
            return work(open_pdf(stream, password, strict=False))


def open_pdf(stream: BinaryIO, password: str | None = None, *, strict: bool = True) -> PdfFileReader:
    """A reader on the document, decrypted where the empty user password opens it; with ``strict``, where it conforms.

    Raises:
        InvalidDocument: It is no PDF or cannot be read.
        PDFVersionUnsupported: Major version above 2, or before 1.3.
        PDFEncrypted: It needs a password or a recipient's key.
    """
    stream.seek(0)
    if b"%PDF-" not in stream.read(HEADER_WINDOW):
        raise InvalidDocument("the document is not a PDF")
    with reading_errors():
        reader = _strict_or_lenient(stream) if strict else PdfFileReader(stream, strict=False)
        _decrypt(reader, password)
        version = reader.input_version
        if version[0] > 2 or version < (1, 3):
            raise PDFVersionUnsupported(f"PDF {version[0]}.{version[1]} cannot be signed; 1.3 to 2.x can")
        if "/Pages" not in reader.root:
            raise InvalidDocument("the PDF has no page tree")
    return reader


def _strict_or_lenient(stream: BinaryIO) -> PdfFileReader:
    try:
        reader = PdfFileReader(stream, strict=True)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - what strict reading could not take is tried leniently, and that failure is mapped
        return PdfFileReader(stream, strict=False)
    return PdfFileReader(stream, strict=False) if reader.xrefs.hybrid_xrefs_present else reader


def _decrypt(reader: PdfFileReader, password: str | None) -> None:
    if reader.encrypt_dict is None:
        return
    handler = reader.security_handler
    if not isinstance(handler, StandardSecurityHandler):
        raise PDFEncrypted("the PDF is encrypted for recipients' keys")
    if reader.decrypt((password or "").encode()).status is AuthStatus.FAILED:
        which = "empty password" if password is None else "password given"
        raise PDFEncrypted(f"the PDF is encrypted and the {which} does not open it")
