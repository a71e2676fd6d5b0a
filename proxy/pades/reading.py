"""Open a caller's PDF, and turn every way in which that fails into a code (engine process).

A document that conforms is read strictly, so that what we append is held to the same rules; one that does not is read
leniently; one whose cross-reference leads nowhere is repaired where a repair has nothing to choose. No way of reading changes
a byte of it.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import BinaryIO, TypeVar

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError

from proxy.errors import InvalidDocument, PDFVersionUnsupported, ProxyError
from proxy.pades.document import DocumentReader
from proxy.pades.encryption import authenticate
from proxy.pades.forms import cut_circles, forget_other_types
from proxy.pades.landmarks import find_header, find_start
from proxy.pades.object_streams import ObjectStreams
from proxy.pades.objects import entry
from proxy.pades.rebuilding import SIGNED, Rebuilder, refusal
from proxy.pades.scanning import Data, Definition, is_object, mapped

_Result = TypeVar("_Result")

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class _Way(Enum):
    """How a document is read, one after the other until one leads to the end."""

    STRICT = auto()
    LENIENT = auto()
    REPAIRED = auto()


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


def open_pdf(stream: BinaryIO, password: str | None = None, *, strict: bool = True) -> DocumentReader:
    """A reader on the document, decrypted where ``password`` (``None``: the empty one) opens it.

    With ``strict``, a strict one where the document conforms. For what only looks: opening looks at the cross-reference, and
    damage that shows later is not repaired. What appends goes through :func:`read_pdf`.

    Raises:
        InvalidDocument: It is no PDF or cannot be read.
        PDFVersionUnsupported: Major version above 2, or before 1.3.
        PDFEncrypted: It needs a password or a recipient's key.
    """
    return _read(stream, password, lambda reader: reader, tuple(_Way) if strict else (_Way.LENIENT, _Way.REPAIRED))


def read_pdf(
    stream: BinaryIO, password: str | None, work: Callable[[DocumentReader], _Result], *, any_version: bool = False
) -> _Result:
    """Do some work on a document, read in the strictest way that leads to the end.

    Args:
        stream: The document. What ``work`` appended before it failed is cut off again.
        password: The user's or the owner's; ``None``: the empty one.
        work: From the reader to a result; done anew with each way of reading. It raises the error tree for what no other way of
            reading would change, and lets pyHanko's exceptions through.
        any_version: Whether the version is no matter: to look at what others signed.

    Returns:
        What ``work`` gave.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted: As :func:`open_pdf`, and what ``work`` raises of the error tree.
    """
    return _read(stream, password, work, tuple(_Way), any_version=any_version)


def _read(
    stream: BinaryIO,
    password: str | None,
    work: Callable[[DocumentReader], _Result],
    ways: tuple[_Way, ...],
    *,
    any_version: bool = False,
) -> _Result:
    size = stream.seek(0, 2)
    failures: list[Exception] = []
    conforms = False
    for way in ways:
        try:
            with reading_errors():
                reader, signed = _located(stream, password, way)
                if way is _Way.LENIENT:
                    # A signed document has revisions, which an update that says all anew would do away with.
                    reader.continues = conforms or reader.hybrid or signed
                conforms = conforms or way is _Way.STRICT
                _unlock(reader, password, any_version=any_version)
                return work(reader)
        except InvalidDocument as error:
            # Without a cause, it is a finding and no failure of a way of reading.
            if error.__cause__ is None or isinstance(error.__cause__, PdfDecodeLimitError):
                if failures:
                    # Why it had to be read otherwise is told to the log; why that does not do, to the caller.
                    error.__cause__ = failures[0].__cause__
                raise
            failures.append(error)
        if stream.seek(0, 2) != size:
            stream.truncate(size)
    raise failures[0]


def _located(stream: BinaryIO, password: str | None, way: _Way) -> tuple[DocumentReader, bool]:
    """A reader that knows where the document's objects are, and whether the document is signed."""
    with mapped(stream) as data:
        header = find_header(data)
        reader = DocumentReader(stream, header, strict=way is _Way.STRICT)
        if way is _Way.REPAIRED:
            _repair(reader, data, password)
        else:
            reader.follow(find_start(data, header.origin))
        return reader, way is _Way.LENIENT and data.find(SIGNED) >= 0


def _unlock(reader: DocumentReader, password: str | None, *, any_version: bool) -> None:
    """Decrypt the document and see that it is one that can be worked on."""
    if reader.strict and reader.hybrid:
        raise PdfReadError("pyHanko does not update hybrid files that it reads strictly")
    authenticate(reader, password)
    version = reader.input_version
    if not any_version and (version[0] > 2 or version < (1, 3)):
        raise PDFVersionUnsupported(f"PDF {version[0]}.{version[1]} cannot be signed; 1.3 to 2.x can")
    if not isinstance(entry(reader.root, "/Pages"), generic.DictionaryObject):
        raise PdfReadError("the PDF has no page tree")
    forget_other_types(reader)
    if not reader.strict:
        cut_circles(reader)


def _repair(reader: DocumentReader, data: Data, password: str | None) -> None:
    _refuse_half_right(reader, data)
    rebuilder = Rebuilder(data)
    rebuilder.find(reader)
    reader.adopt(rebuilder.rebuilt)
    authenticate(reader, password)
    holders = rebuilder.rebuilt.object_streams
    if holders:
        rebuilder.add_compressed(_contents(reader, holders))
        reader.adopt(rebuilder.rebuilt)


def _refuse_half_right(reader: DocumentReader, data: Data) -> None:
    """Refuse to repair where some readers see no need to: they show the document by the cross-reference it has."""
    try:
        reader.follow(find_start(data, reader.origin))
        if "/Root" not in reader.trailer:
            return
        places = reader.positions().items()
        right = [
            is_object(data, offset, number, generation) for (generation, number), offset in places if isinstance(offset, int)
        ]
    except (ProxyError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - in whatever way it leads nowhere, all readers repair it
        return
    if any(right) and not all(right):
        raise refusal("its cross-reference leads to some objects and past others")
    if any(right):
        raise InvalidDocument("the PDF is damaged: it cannot be read")


def _contents(reader: DocumentReader, holders: list[Definition]) -> Iterator[tuple[Definition, list[int]]]:
    streams = ObjectStreams()
    for holder in holders:
        held = streams.get(generic.Reference(holder.number, holder.generation, reader))
        if not held.complete:
            raise InvalidDocument("the PDF is damaged: an object stream cannot be read")
        yield holder, [number for number, _ in held.entries]
