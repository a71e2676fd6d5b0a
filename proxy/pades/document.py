"""A document to read (engine process): pyHanko's reader, with its parts put together for the documents there are.

Offsets in a file count from its header (ISO 32000-2, 7.5.2). In this reader, as in a signature's byte range, they count from
the first byte of the file.
"""

from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import AuthResult, SecurityHandler
from pyhanko.pdf_utils.crypt.api import SecurityHandlerVersion
from pyhanko.pdf_utils.decode_limits import DecodeContext, DecodeLimits
from pyhanko.pdf_utils.misc import PdfReadError, PdfStreamError, PdfStrictReadError
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, parse_catalog_version
from pyhanko.pdf_utils.xref import (
    OBJSTREAM_FORBIDDEN,
    ObjStreamRef,
    PositionDict,
    TrailerDictionary,
    XRefCache,
    XRefSection,
    XRefSectionData,
    XRefSectionMetaInfo,
    XRefSectionType,
)

from proxy.pades.cross_reference import FromHeader, SectionReader, highest_number
from proxy.pades.encryption import security_handler
from proxy.pades.landmarks import Header
from proxy.pades.object_streams import ObjectStream, ObjectStreams
from proxy.pades.objects import entry
from proxy.pades.packed_section import PackedSection
from proxy.pades.parsing import read_compressed, read_indirect
from proxy.pades.rebuilding import Rebuilt


class DocumentReader(PdfFileReader):
    """A document.

    Attributes:
        origin: Bytes before its header.
        continues: Whether an update's cross-reference continues the document's own; otherwise it says all there is.
        highest_number: Of all objects.
    """

    def __init__(self, stream: BinaryIO, header: Header, *, strict: bool) -> None:
        # pyHanko's own would look for header and cross-reference where they should be.
        self.stream = stream
        self.strict = strict
        self.origin = header.origin
        self.continues = True
        self.highest_number = 0
        self.resolved_objects: dict[tuple[int, int], generic.PdfObject] = {}
        self.trailer = TrailerDictionary()
        self._stated_version = header.version
        self._decode_context = DecodeContext(DecodeLimits(), input_size=stream.seek(0, 2))
        self._object_streams = ObjectStreams()
        self._security_handler: SecurityHandler | None = None
        self._historical_resolver_cache: dict[int, HistoricalResolver] = {}
        self._embedded_signatures = None

    def follow(self, start: int) -> None:
        """Read the document's own cross-reference.

        Args:
            start: Where its newest section begins, counted from the header.

        Raises:
            PdfReadError: It leads nowhere; other exceptions of the parsers too.
        """
        view = FromHeader(self.stream, self.origin) if self.origin else self.stream
        builder = SectionReader(handler=self, stream=view, strict=self.strict, last_startxref=start)
        sections: list[XRefSection] = builder.read_xrefs()  # type: ignore[no-untyped-call]  # untyped in pyHanko
        self.last_startxref = start if self.strict else _true_start(sections[-1].meta_info)
        self.has_xref_stream = builder.has_xref_stream
        self.trailer = builder.trailer
        self.xrefs = XRefCache(self, [_moved(section, self.origin) for section in sections] if self.origin else sections)
        self.highest_number = max(highest_number(section.xref_data) for section in sections)

    def positions(self) -> PositionDict:
        """Where each object is by the cross-reference: its offset, or object stream and index; by generation and number.

        Offsets that lie in no document are left out.
        """
        found: PositionDict = {}
        seen: set[int] = set()
        size = self.stream.seek(0, 2)
        for section in reversed(range(self.xrefs.total_revisions)):
            data: XRefSectionData | None = self.xrefs.get_xref_data(section)
            while data is not None:
                for number, place in data.xrefs_in_objstm.items():
                    if number not in seen:
                        found[0, number] = (place.obj_stream_id, place.ix_in_stream)
                for number, (generation, offset) in data.standard_xrefs.items():
                    if number not in seen and number not in data.xrefs_in_objstm and self.origin < offset < size:
                        found[generation, number] = offset
                seen.update(data.standard_xrefs, data.xrefs_in_objstm, data.freed if data.hybrid is None else ())
                data = data.hybrid.xref_data if data.hybrid is not None else None
        # What held the cross-reference is nothing that anybody refers to.
        for reference in self.xrefs.xref_stream_refs:
            found.pop((reference.generation, reference.idnum), None)
        return found

    def adopt(self, rebuilt: Rebuilt) -> None:
        """Take a rebuilt cross-reference for the document's."""
        data = XRefSectionData()
        data.standard_xrefs = {number: (item.generation, item.offset) for number, item in rebuilt.in_file.items()}
        data.xrefs_in_objstm = {number: ObjStreamRef(*place) for number, place in rebuilt.in_streams.items()}
        data.obj_streams_used = {holder for holder, _ in rebuilt.in_streams.values()}
        data.explicit_refs_in_revision = {(number, item.generation) for number, item in rebuilt.in_file.items()}
        data.explicit_refs_in_revision.update((number, 0) for number in rebuilt.in_streams)
        meta_info = XRefSectionMetaInfo(XRefSectionType.STANDARD, rebuilt.size, 0, 0, 0, None)
        self.continues = False
        self.resolved_objects.clear()
        self._object_streams = ObjectStreams()
        self.xrefs = XRefCache(self, [XRefSection(meta_info, data)])
        self.trailer = TrailerDictionary()
        self.trailer.container_ref = generic.TrailerReference(self)
        rebuilt.trailer["/Size"] = generic.NumberObject(rebuilt.size)
        self.trailer.add_trailer_revision(rebuilt.trailer)
        self.last_startxref = None
        self.has_xref_stream = bool(rebuilt.in_streams)
        self.highest_number = rebuilt.size - 1

    @property
    def newest_trailer(self) -> generic.DictionaryObject:
        """The trailer of the newest section alone; readers differ in whether they look further."""
        newest: generic.DictionaryObject = self.trailer._trailer_revisions[0]  # noqa: SLF001 - all other ways lead through all of them
        return newest

    @property
    def hybrid(self) -> bool:
        """Whether a part of the cross-reference is for readers of PDF 1.5 alone (ISO 32000-2, 7.5.8.4)."""
        return self.xrefs.hybrid_xrefs_present

    @property
    def input_version(self) -> tuple[int, int]:
        """The later of the header's and the catalog's version (ISO 32000-2, 7.7.2, table 29)."""
        return max(self._stated_version, parse_catalog_version(entry(self.root, "/Version")) or self._stated_version)

    @property
    def document_id(self) -> tuple[bytes, bytes]:
        """The file identifier; empty where there is none: encryption takes it so."""
        pair = entry(self.trailer.flatten(), "/ID")
        halves = [half.get_object() for half in pair] if isinstance(pair, generic.ArrayObject) else []
        written = [
            half.original_bytes for half in halves if isinstance(half, (generic.ByteStringObject, generic.TextStringObject))
        ]
        return (written[0], written[1]) if len(written) == 2 else (b"", b"")

    @property
    def encrypt_dict(self) -> generic.DictionaryObject | None:
        """The encryption dictionary, as it stands."""
        try:
            if isinstance(self.trailer.raw_get("/Encrypt"), generic.NullObject):
                return None
        except KeyError:
            return None
        return super().encrypt_dict

    @property
    def security_handler(self) -> SecurityHandler | None:
        """What decrypts the document; ``None`` where it is not encrypted."""
        if self._security_handler is None and (dictionary := self.encrypt_dict) is not None:
            self._security_handler = security_handler(dictionary)
        return self._security_handler

    def _validate_pdf_mac(self, prelim_auth_result: AuthResult) -> AuthResult:
        # Before AES-256 the permission bit that asks for a message authentication code has no meaning.
        if isinstance(self.security_handler, SecurityHandler) and self.security_handler.version < SecurityHandlerVersion.AES256:
            return prelim_auth_result
        judged: AuthResult = super()._validate_pdf_mac(prelim_auth_result)
        return judged

    def object_stream(self, number: int) -> ObjectStream:
        """An object stream, decoded.

        Raises:
            PdfReadError: There is none of this number, or it is damaged; other exceptions of the parsers too.
        """
        container = generic.Reference(number, 0, self)
        if isinstance(self.xrefs[container], ObjStreamRef):
            raise PdfReadError("an object stream lies in an object stream")
        return self._object_streams.get(container)

    def _read_object(
        self,
        ref: generic.Reference,
        marker: int | ObjStreamRef | None,
        never_decrypt: bool = False,
        as_metadata_stream: bool = False,
    ) -> generic.PdfObject:
        found = read_indirect(self, ref, marker) if isinstance(marker, int) and not as_metadata_stream else None
        if found is None:
            found = super()._read_object(ref, marker, never_decrypt, as_metadata_stream)
        elif not never_decrypt and self.encrypted:
            # What is kept of an encrypted document is as it stands in the file.
            found = generic.proxy_encrypted_obj(found, self.security_handler)
        return found

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        held = self.object_stream(stmnum)
        offset = held.offset_of(idnum, idx, strict=self.strict)
        if offset is None:
            return generic.NullObject()
        container = generic.Reference(idnum, 0, self)
        found = read_compressed(held.data, offset, container)
        try:
            if found is None:
                stream = BytesIO(held.data)
                stream.seek(offset)
                found = generic.read_object(stream, container)
        except (PdfStreamError, PdfReadError) as error:
            if self.strict:
                raise PdfStrictReadError("an object in an object stream cannot be read") from error
            return generic.NullObject()
        if self.strict and isinstance(found, OBJSTREAM_FORBIDDEN):
            raise PdfStrictReadError("a stream or a reference lies in an object stream")
        return found


def _true_start(section: XRefSectionMetaInfo) -> int:
    """Where a section does begin: parsers step over white space, and look around a little."""
    # Of a table, the start is taken to be after the word and one more byte.
    return section.start_location - (0 if section.xref_section_type is XRefSectionType.STREAM else len("xref") + 1)


def _moved(section: XRefSection, origin: int) -> XRefSection:
    """A section with offsets from the first byte of the file. What ``startxref`` says of it stays as it stands in the file."""
    data = section.xref_data
    if isinstance(data, PackedSection):
        data = data.unpacked()
    data.standard_xrefs = {number: (generation, at + origin) for number, (generation, at) in data.standard_xrefs.items()}
    if data.hybrid is not None:
        data.hybrid = _moved(data.hybrid, origin)
    info = section.meta_info
    return XRefSection(
        replace(info, start_location=info.start_location + origin, end_location=info.end_location + origin), data
    )
