"""The document security store (engine process): validation data inside the file, ISO 32000-2, 12.8.4.3.

Written without VRI entries, which the baseline profile discourages (EN 319 142-1, 6.3); those that others wrote stay as they
are. What the store holds already is not added again.
"""

from collections.abc import Iterable

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.rw_common import PdfHandler

from proxy.engine.keeping import BoundedCache
from proxy.model import ValidationData
from proxy.pades.objects import entry

_STORE = generic.pdf_name("/DSS")
_PARTS = (
    (generic.pdf_name("/Certs"), DecodePurpose.CERTIFICATE),
    (generic.pdf_name("/OCSPs"), DecodePurpose.OCSP_RESPONSE),
    (generic.pdf_name("/CRLs"), DecodePurpose.CRL),
)
_FILTER = generic.pdf_name("/Filter")
_FLATE = generic.pdf_name("/FlateDecode")
_CHECKSUM_BYTES = 4


def read_validation_data(reader: PdfHandler) -> ValidationData:
    """What the document's store holds; empty where it has none."""
    store = entry(reader.root, _STORE)
    return ValidationData(*(tuple(_streams(entry(store, key), purpose)) for key, purpose in _PARTS))


def _streams(items: object, purpose: DecodePurpose) -> Iterable[bytes]:
    for item in items if isinstance(items, generic.ArrayObject) else ():
        stream = item.get_object()
        if isinstance(stream, generic.StreamObject):
            known = _ENCODINGS.decoded(stream)
            yield stream.read_data(purpose) if known is None else known


def supply_validation_data(writer: IncrementalPdfFileWriter, data: ValidationData) -> bool:
    """Add what the store does not hold yet to the update that ``writer`` is to append.

    Args:
        writer: The update.
        data: DER values.

    Returns:
        Whether anything was added.
    """
    known = read_validation_data(writer)
    added = [[der for der in dict.fromkeys(new) if der not in old] for new, old in zip(data.parts, known.parts, strict=True)]
    if not any(added):
        return False
    store = entry(writer.root, _STORE)
    if not isinstance(store, generic.DictionaryObject):
        store = generic.DictionaryObject({generic.pdf_name("/Type"): _STORE})
        writer.root[_STORE] = writer.add_object(store)
        writer.update_root()
    else:
        writer.update_container(store)
    for (key, _), new in zip(_PARTS, added, strict=True):
        if new:
            # Written anew, not where it was: verifiers look for what was added in objects that were not there before.
            held = entry(store, key)
            others = held.iterate() if isinstance(held, generic.ArrayObject) else ()
            store[key] = generic.ArrayObject([*others, *(writer.add_object(_stream(value)) for value in new)])
    return True


def _stream(value: bytes) -> generic.StreamObject:
    return generic.StreamObject({_FILTER: _FLATE}, encoded_data=_ENCODINGS.encoded(value))


class _Encodings:
    """The values that were written last, with what they were deflated to: the same proofs go into document after document.

    A stream with the very bytes that a value was deflated to holds that value, and needs no inflating.
    """

    def __init__(self, most_bytes: int) -> None:
        self._encoded: BoundedCache[bytes, bytes] = BoundedCache(most_bytes)
        self._decoded: BoundedCache[bytes, tuple[bytes, bytes]] = BoundedCache(most_bytes)

    def encoded(self, value: bytes) -> bytes:
        """The value, deflated."""
        encoded = self._encoded.get(value)
        if encoded is None:
            stream = generic.StreamObject(stream_data=value)
            stream.compress()
            encoded = bytes(stream.encoded_data)
            self._encoded.keep(value, encoded, len(value) + len(encoded))
            self._decoded.keep(_end(encoded), (encoded, value), len(value) + len(encoded))
        return encoded

    def decoded(self, stream: generic.StreamObject) -> bytes | None:
        """What the stream holds; ``None`` where that is not known without reading it."""
        if stream.get(_FILTER) != _FLATE or "/DecodeParms" in stream:
            return None
        encoded, value = self._decoded.get(_end(stream.encoded_data)) or (b"", None)
        return value if stream.encoded_data == encoded else None


def _end(encoded: bytes) -> bytes:
    """What tells encodings apart at little cost: the checksum of a value is at its encoding's end (RFC 1950, 2.2)."""
    return encoded[-_CHECKSUM_BYTES:]


_ENCODINGS = _Encodings(16_000_000)
