"""Append an update to any document that can be read (engine process): ISO 32000-2, 7.5.6.

What stands in the document stays as it is; its metadata are not touched. The update's cross-reference continues the document's
own, or where that one leads nowhere, lists every object there is.
"""

import os
from typing import BinaryIO, cast

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.pdf_utils.xref import XRefStream, write_xref_table

from proxy.errors import InvalidDocument
from proxy.pades.appearance.pages import pages
from proxy.pades.document import DocumentReader
from proxy.pades.forms import made_up_appearances, refuse_dynamic, tidy
from proxy.pades.objects import entry

_ID_BYTES = 16
MAX_NUMBER = 8_388_607
"""The highest object number that readers of every architecture take (ISO 32000-1, Annex C.2, table C.1)."""


class DocumentUpdate(IncrementalPdfFileWriter):
    """An update of a document."""

    prev: DocumentReader

    def __init__(self, reader: DocumentReader) -> None:
        super().__init__(reader.stream, prev=reader)
        # A /Size that is too small would give new objects the numbers of old ones.
        self._lastobj_id = max(self._lastobj_id, reader.highest_number)
        if self._lastobj_id > MAX_NUMBER:
            # So would one that leaves none: then the numbers are counted anew, and with them what there is.
            self._lastobj_id = reader.highest_number
            reader.continues = False
        dictionary: object = self._encrypt
        if isinstance(dictionary, generic.DictionaryObject):
            self._encrypt = _DirectEncryption(dictionary)  # type: ignore[assignment, no-untyped-call]  # written like a reference
        if not isinstance(entry(self.root, "/Metadata"), generic.StreamObject):
            # What leads to no metadata is none, but verifiers stumble over it in a catalog that was written anew.
            self.root.pop(generic.pdf_name("/Metadata"), None)
        if not isinstance(entry(self.root, "/Extensions"), generic.DictionaryObject):
            self.root.pop(generic.pdf_name("/Extensions"), None)
        refuse_dynamic(self)
        tidy(self, self.add_object)
        self._made_up_appearances = made_up_appearances(self)

    @classmethod
    def from_reader(cls, reader: PdfFileReader) -> "DocumentUpdate":
        """An update of what ``read_pdf`` or ``open_pdf`` gave.

        Raises:
            InvalidDocument: It is a form that cannot be updated.
        """
        assert isinstance(reader, DocumentReader)
        return cls(reader)

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> generic.ArrayObject:
        # An encrypted document's key is derived from the first half, also where there is none.
        first, _ = prev.document_id
        if not first and not prev.encrypted:
            first = os.urandom(_ID_BYTES)
        return generic.ArrayObject([generic.ByteStringObject(half) for half in (first, os.urandom(_ID_BYTES))])

    def _prep_dom_for_writing(self) -> None:
        super()._prep_dom_for_writing()  # type: ignore[no-untyped-call]  # untyped in pyHanko, as the others
        # pyHanko takes the entry out of every form it signs, and with it what such fields show.
        if self._made_up_appearances is not None:
            entry(self.root, "/AcroForm")["/NeedAppearances"] = self._made_up_appearances

    def find_page_for_modification(self, page_ix: int) -> tuple[generic.IndirectObject, generic.DictionaryObject]:
        """The page with an index, counted from 0, however the page tree is built.

        Raises:
            InvalidDocument: There is no such page.
        """
        page = next((page for page in pages(self) if page.index == page_ix), None)
        if page is None:
            raise InvalidDocument(f"the PDF has no page {page_ix + 1}")
        return page.reference, generic.DictionaryObject()

    def register_annotation(self, page_ref: generic.IndirectObject, annot_ref: generic.IndirectObject) -> None:
        """Add an annotation to a page."""
        page = page_ref.get_object()
        if not isinstance(entry(page, "/Annots"), generic.ArrayObject):
            page.pop(generic.pdf_name("/Annots"), None)
        super().register_annotation(page_ref, annot_ref)  # type: ignore[no-untyped-call]

    def _update_meta(self) -> None:
        """Leave the document's metadata as they are."""

    def _populate_trailer(self, trailer: generic.DictionaryObject) -> None:
        if self.prev.continues:
            super()._populate_trailer(trailer)  # type: ignore[no-untyped-call]
        else:
            trailer.update(self.trailer.flatten())
            BasePdfFileWriter._populate_trailer(self, trailer)  # noqa: SLF001 - which leaves /Prev out
            trailer.pop(generic.pdf_name("/Prev"), None)

    def _write(self, stream: BinaryIO, skip_header: bool = False) -> None:
        assert skip_header, "an update is appended, never written into a new file"
        # Readers repair a file whose cross-reference has a damaged part in it, and a signature does not survive that.
        positions = {} if self.prev.continues else self.prev.positions()
        trailer = XRefStream(positions) if self.stream_xrefs else generic.DictionaryObject()
        if isinstance(trailer, XRefStream):
            trailer.compress()
        self._populate_trailer(trailer)
        self._write_objects(stream, positions)
        start = stream.tell()
        number = self._lastobj_id + 1
        if self.stream_xrefs:
            positions[0, number] = start
        trailer["/Size"] = generic.NumberObject(number + self.stream_xrefs)
        # Offsets in the file count from its header.
        for key, position in positions.items():
            if isinstance(position, int):
                positions[key] = position - self.prev.origin
        if self.stream_xrefs:
            stream.write(b"%d 0 obj\n" % number)
        else:
            write_xref_table(stream, cast(dict[tuple[int, int], int], positions))
            stream.write(b"trailer\n")
        trailer.write_to_stream(stream, None)
        stream.write(b"%s\nstartxref\n%d\n%%%%EOF\n" % (b"\nendobj" if self.stream_xrefs else b"", start - self.prev.origin))


class _DirectEncryption(generic.DictionaryObject):
    """An encryption dictionary that stands in the trailer itself: it has no number that would tell it from other objects."""

    idnum = None
