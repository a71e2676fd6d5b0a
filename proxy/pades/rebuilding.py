"""Make a cross-reference for a document that has lost its own (engine process).

A repair may have nothing to choose: what is signed must be what every reader that repairs the file shows. Where readers would
go different ways, the document is refused. The rule is the one thing they agree on, a later definition replaces an earlier one,
and it is followed only where the earlier one's revision had ended.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.errors import InvalidDocument
from proxy.pades.scanning import Data, Definition, Scan, ends_stream, scan

SIGNED = b"/ByteRange"
"""What a signed document holds; never in an object stream, since its numbers are filled in last."""

_TRAILER_KEYS = ("/Root", "/Info", "/ID", "/Encrypt")
_FIXED_KEYS = ("/Root", "/Encrypt")
"""What no revision changes: some readers take them from the first trailer, some from the last."""

_TRAILER_BYTES = 1 << 16
_AFTER_OBJECTS = re.compile(rb"xref|trailer|%%EOF")


@dataclass(slots=True)
class Rebuilt:
    """What a document's cross-reference has to say.

    Attributes:
        in_file: Definitions by object number.
        in_streams: Object stream and index in it, by object number.
        trailer: ``/Root`` and what else of a trailer was found.
    """

    in_file: dict[int, Definition] = field(default_factory=dict)
    in_streams: dict[int, tuple[int, int]] = field(default_factory=dict)
    trailer: generic.DictionaryObject = field(default_factory=generic.DictionaryObject)

    @property
    def object_streams(self) -> list[Definition]:
        """The object streams, in the file's order."""
        found = [item for item in self.in_file.values() if item.type_name == "ObjStm"]
        return sorted(found, key=lambda item: item.offset)

    @property
    def size(self) -> int:
        """One more than the highest object number."""
        return 1 + max((*self.in_file, *self.in_streams), default=0)


def refusal(reason: str) -> InvalidDocument:
    """What is raised where readers would repair a document differently."""
    return InvalidDocument(f"the PDF is damaged in a way that readers repair differently: {reason}")


class Rebuilder:
    """Two steps, since object streams may have to be decrypted by what the first step finds."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._scan: Scan | None = None
        self.rebuilt = Rebuilt()

    def find(self, handler: PdfHandler) -> None:
        """Find the objects that stand in the file, and the trailer.

        Args:
            handler: Whose references the trailer is to hold.

        Raises:
            InvalidDocument: There is nothing to be found, or readers would not agree on it.
        """
        data = self._data
        # Which bytes a signature covers says which revision it signed; with the revisions lost, nobody can hold it to that.
        if data.find(SIGNED) >= 0:
            raise InvalidDocument("the PDF is signed and its cross-reference is damaged: a repair would break the signature")
        found = self._scan = scan(data)
        if found.hidden:
            raise refusal("stream data look like objects")
        for definition in found.definitions:
            self._define(found, definition)
        self._check_streams(found)
        _check_end(data, found)
        self.rebuilt.trailer = self._trailer(found, handler)
        # They are what was lost; nobody refers to them.
        self.rebuilt.in_file = {number: item for number, item in self.rebuilt.in_file.items() if item.type_name != "XRef"}

    def _define(self, found: Scan, new: Definition) -> None:
        old = self.rebuilt.in_file.get(new.number)
        if old is not None and found.same_revision(old.offset, new.offset) and not self._equal(old, new):
            raise refusal(f"object {new.number} is defined twice")
        self.rebuilt.in_file[new.number] = new

    def _equal(self, one: Definition, other: Definition) -> bool:
        return self._data[one.offset : one.end] == self._data[other.offset : other.end]

    def _check_streams(self, found: Scan) -> None:
        for number, start, end in found.indirect_lengths:
            length = self._number(number)
            if length is not None and start + length > end and ends_stream(self._data, start + length):
                raise refusal("stream data look like the end of a stream")

    def _number(self, number: int) -> int | None:
        item = self.rebuilt.in_file.get(number)
        words = self._data[item.offset : min(item.end, item.offset + 64)].split() if item else []
        return int(words[3]) if len(words) > 3 and words[3].isdigit() else None

    def add_compressed(self, contents: Iterable[tuple[Definition, list[int]]]) -> None:
        """Add the objects that object streams hold.

        Args:
            contents: The object streams, in the file's order, each with its objects' numbers.

        Raises:
            InvalidDocument: Readers would not agree on them, or there is no catalog.
        """
        assert self._scan is not None
        holders: dict[int, Definition] = {}
        rebuilt = self.rebuilt
        for holder, numbers in contents:
            for index, number in enumerate(numbers):
                earlier = holders.get(number)
                if earlier is not None and self._scan.same_revision(earlier.offset, holder.offset):
                    raise refusal(f"object {number} is defined twice")
                beside = rebuilt.in_file.get(number)
                if beside is not None:
                    if self._scan.same_revision(*sorted((beside.offset, holder.offset))):
                        raise refusal(f"object {number} is defined twice")
                    if beside.offset > holder.offset:
                        continue
                    del rebuilt.in_file[number]
                holders[number] = holder
                rebuilt.in_streams[number] = (holder.number, index)

    def _trailer(self, found: Scan, handler: PdfHandler) -> generic.DictionaryObject:
        texts = {at: self._data[at : at + _TRAILER_BYTES] for at in found.trailers}
        for item in found.definitions:
            if item.type_name == "XRef":
                _, _, dictionary = self._data[item.offset : min(item.end, item.offset + _TRAILER_BYTES)].partition(b"obj")
                texts[item.offset], _, _ = dictionary.partition(b"stream")
        trailer = generic.DictionaryObject()
        for _, text in sorted(texts.items()):
            for key, value in _dictionary(text, handler).items():
                if key in _FIXED_KEYS and key in trailer and trailer.raw_get(key) != value:
                    raise refusal(f"trailers differ in {key}")
                if key in _TRAILER_KEYS:
                    trailer[key] = value
        if "/Root" not in trailer:
            catalogs = {item.number for item in self.rebuilt.in_file.values() if item.type_name == "Catalog"}
            if len(catalogs) != 1:
                raise (
                    refusal("it has no trailer, and not one catalog") if catalogs else InvalidDocument("the PDF has no catalog")
                )
            (number,) = catalogs
            trailer["/Root"] = generic.IndirectObject(number, self.rebuilt.in_file[number].generation, handler)
        return trailer


def _dictionary(text: bytes, handler: PdfHandler) -> generic.DictionaryObject:
    start = text.find(b"<<")
    if start < 0 or text[:start].strip(b"\0\t\n\f\r "):
        return generic.DictionaryObject()
    stream = BytesIO(text)
    stream.seek(start)
    try:
        read: generic.DictionaryObject = generic.DictionaryObject.read_from_stream(stream, generic.TrailerReference(handler))
    except (PdfError, ValueError, IndexError, KeyError) as error:
        raise InvalidDocument("the PDF is damaged: its trailer cannot be read") from error
    return read


def _check_end(data: Data, found: Scan) -> None:
    """Refuse a file that breaks off: what of it is shown differs from reader to reader, and none shows all.

    A cross-reference, or what is left of one, says that all objects were written.
    """
    if not found.definitions:
        raise InvalidDocument("the PDF is damaged: it holds no object")
    last = found.definitions[-1]
    if found.broken_off or (last.type_name != "XRef" and not _AFTER_OBJECTS.search(data, last.end)):
        raise InvalidDocument("the PDF is broken off")
