"""What a signature covers (engine process): ``/ByteRange`` and ``/Contents``, ISO 32000-2, 12.8.1, table 255.

Two ranges, all of the file from its first byte but for one gap, and in the gap nothing but the hexadecimal string that is this
dictionary's own ``/Contents``. Whatever else a file says, it was not what a signer signed.
"""

import re
from dataclasses import dataclass

from asn1crypto import parser
from pyhanko.pdf_utils import generic

from proxy.model import Finding
from proxy.pades.scanning import Data
from proxy.pades.verification.findings import failure
from proxy.pades.verification.inventory import Span
from proxy.pades.verification.lexing import located

_HEXADECIMAL = re.compile(rb"<(?:[0-9A-Fa-f]{2})*+>")

_DECISIVE = (b"/Contents", b"/ByteRange", b"/SubFilter", b"/Reference")

MOST_CONTENTS_BYTES = 8 << 20
"""Bytes of a signature's DER: more than any archive timestamp with its revocation data takes."""


@dataclass(frozen=True, slots=True)
class SignedRange:
    """The bytes that a signature covers: the file's first ``gap_start``, and those from ``gap_end`` to ``end``."""

    gap_start: int
    gap_end: int
    end: int

    def covers(self, start: int, end: int) -> bool:
        """Whether all bytes from ``start`` to ``end`` are covered."""
        return 0 <= start <= end <= self.gap_start or self.gap_end <= start <= end <= self.end


def read_byte_range(signature: generic.DictionaryObject, size: int) -> SignedRange | Finding:
    """The byte range of a signature dictionary, if it is one that a signature can have.

    Args:
        signature: The dictionary.
        size: Of the file in bytes.
    """
    stated = signature.raw_get("/ByteRange") if "/ByteRange" in signature else None
    if stated is None:
        return failure("BYTE_RANGE_MISSING")
    numbers = list(stated) if isinstance(stated, generic.ArrayObject) else []
    if len(numbers) != 4 or not all(isinstance(number, generic.NumberObject) for number in numbers):
        return failure("BYTE_RANGE_MALFORMED")
    start, gap_start, gap_end, rest = (int(number) for number in numbers)
    if start != 0:
        return failure("BYTE_RANGE_NOT_FROM_START")
    if not 0 < gap_start < gap_end or rest < 0:
        return failure("BYTE_RANGE_OVERLAPS")
    if gap_end + rest > size:
        return failure("BYTE_RANGE_OUTSIDE_FILE")
    return SignedRange(gap_start, gap_end, gap_end + rest)


def check_gap(data: Data, covered: SignedRange, holder: Span, contents: bytes) -> Finding | None:
    """What is wrong about the bytes that a signature does not cover.

    Args:
        data: The document.
        covered: What it covers.
        holder: The object that holds the signature dictionary.
        contents: The dictionary's ``/Contents`` as it was parsed.
    """
    gap = (
        bytes(data[covered.gap_start : covered.gap_end])
        if covered.gap_end - covered.gap_start <= 2 * MOST_CONTENTS_BYTES
        else b""
    )
    if not _HEXADECIMAL.fullmatch(gap):
        return failure("GAP_NOT_CONTENTS")
    try:
        standing = list(located(data, holder.text_start, holder.text_end))
    except ValueError:
        return failure("SIGNATURE_DICTIONARY_MALFORMED")
    path = next(
        (
            value.path[:-1]
            for value in standing
            if not value.is_key
            and value.path[-1:] == (b"/Contents",)
            and (value.start, value.end) == (covered.gap_start, covered.gap_end)
        ),
        None,
    )
    if path is None or bytes.fromhex(gap[1:-1].decode("ascii")) != contents:
        return failure("GAP_NOT_CONTENTS")
    keys = [value.path for value in standing if value.is_key]
    # A key that comes twice is read as the first by some, as the last by others.
    if any(keys.count((*path, key)) > 1 for key in _DECISIVE):
        return failure("SIGNATURE_DICTIONARY_AMBIGUOUS")
    return None


def without_padding(contents: bytes) -> tuple[bytes, Finding | None]:
    """The DER in ``/Contents`` without what fills it up, and what is wrong about that: it should be zeros."""
    if not contents.strip(b"\0"):
        return b"", failure("CONTENTS_EMPTY")
    try:
        end = parser.peek(contents)
    except (ValueError, RecursionError):
        return contents, None  # whoever reads it says what it is not
    der, padding = contents[:end], contents[end:]
    return der, failure("CONTENTS_PADDING") if padding.strip(b"\0") else None
