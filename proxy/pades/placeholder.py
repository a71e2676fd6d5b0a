"""Signature dictionaries whose digest is computed elsewhere (ISO 32000-2, 12.8.1).

pyHanko's own placeholders hash the whole file after writing it. Here the file's bytes were hashed when they arrived, by the
process that received them; this side appends, fills ``/ByteRange`` and says where ``/Contents`` lies.
"""

from collections.abc import Generator
from datetime import datetime
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PdfByteRangeDigest, SignatureObject

_NEWLINES = b"\r\n"


class _Deferred(PdfByteRangeDigest):
    def fill(self, writer: BasePdfFileWriter, *_: Any, **__: Any) -> Generator[tuple[int, int, int]]:
        """Append the update in place; yields the offsets of ``/Contents``' ``<`` and after its ``>``, and the file's end."""
        assert isinstance(writer, IncrementalPdfFileWriter), "a signature is appended, never written into a new file"
        writer.digest_aware_write = True
        end = append_update(writer)
        start_contents, end_contents = self.contents.offsets
        stream = writer.prev.stream
        self.byte_range.fill_offsets(stream, start_contents, end_contents, end)
        stream.flush()
        yield start_contents, end_contents, end


class DeferredSignature(_Deferred, SignatureObject):
    """A PAdES signature dictionary (sub-filter ``ETSI.CAdES.detached``, EN 319 142-1, 6.3) to be filled from outside."""

    def __init__(
        self, *, contents_bytes: int, signing_time: datetime, reason: str | None, location: str | None, contact_info: str | None
    ) -> None:
        super().__init__(
            timestamp=signing_time,
            subfilter=SigSeedSubFilter.PADES,
            reason=reason,
            location=location,
            contact_info=contact_info,
            bytes_reserved=2 * contents_bytes,
        )


class DeferredTimestamp(_Deferred, DocumentTimestamp):
    """A document timestamp dictionary (sub-filter ``ETSI.RFC3161``, EN 319 142-1, 5.4.3) to be filled from outside."""

    def __init__(self, *, contents_bytes: int) -> None:
        super().__init__(bytes_reserved=2 * contents_bytes)  # type: ignore[no-untyped-call]  # untyped in pyHanko


def append_update(writer: IncrementalPdfFileWriter) -> int:
    """Append what ``writer`` holds to the document it was opened on; gives the file's new size in bytes.

    The document's last line is closed first, or ``%%EOF1 0 obj`` would be written.
    """
    stream = writer.prev.stream
    end = stream.seek(0, 2)
    stream.seek(end - 1)
    if stream.read(1) not in _NEWLINES:
        stream.seek(end)
        stream.write(b"\n")
    writer.write_in_place()
    size: int = stream.seek(0, 2)
    stream.flush()
    return size
