"""What is attacked: a page with an amount on it, under an overlay, in a form with a text field and a signature field."""

import re
from collections.abc import Callable

from tests.support.pdf_files import PdfFile, stream_object
from tests.support.signed_files import request, sign_in_process

PAGE, CONTENT, OVERLAY, FONT, NOTE, TEXT_FIELD, SIGNATURE_FIELD, SHADOW, ANNOTATIONS = 3, 4, 5, 6, 7, 8, 9, 10, 11
SIGNED_FIELD_NAME = "Approval"

_AMOUNT = b"BT /F1 24 Tf 72 700 Td (Pay 100 EUR) Tj ET q /Over Do Q"
FORGED = b"BT /F1 24 Tf 72 700 Td (Pay 9999 EUR) Tj ET"


def prepared() -> PdfFile:
    """A page with text under an overlay, a note, a text field and an empty, visible signature field; and a shadow content."""
    return PdfFile(
        {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R 9 0 R]/SigFlags 3/DR<</Font<</F1 6 0 R>>>>>>>>",
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            PAGE: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 6 0 R>>/XObject<</Over 5 0 R>>>>"
            b"/Contents 4 0 R/Annots 11 0 R>>",
            CONTENT: stream_object(_AMOUNT),
            OVERLAY: stream_object(b"1 1 1 rg 0 0 10 10 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 10 10]"),
            FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            NOTE: b"<</Type/Annot/Subtype/Text/Rect[10 10 30 30]/Contents(a note)/P 3 0 R>>",
            TEXT_FIELD: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Amount)/V(100)/Rect[100 600 200 620]/P 3 0 R"
            b"/DA(/F1 12 Tf 0 g)>>",
            SIGNATURE_FIELD: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/Rect[100 100 300 150]/P 3 0 R/AP<</N 12 0 R>>>>"
            % SIGNED_FIELD_NAME.encode(),
            SHADOW: stream_object(FORGED),
            ANNOTATIONS: b"[7 0 R 8 0 R 9 0 R]",
            12: stream_object(b"0 0 200 50 re S", b"/Type/XObject/Subtype/Form/BBox[0 0 200 50]"),
        }
    )


Sign = Callable[[bytes, str, int | None], bytes]
"""Signs a document in the field of a name, which is made where it is not there; certifies it where DocMDP's P is told."""


class Victim:
    """What is attacked: documents signed by somebody who meant no harm.

    Args:
        sign: How they are signed.
        layout: How they are written.
    """

    def __init__(self, sign: Sign, layout: Callable[[PdfFile], bytes] = PdfFile.with_table) -> None:
        self._sign = sign
        self._layout = layout
        self._signed: dict[tuple[bytes, str, int | None], bytes] = {}

    def signed(self, plain: bytes, field_name: str = SIGNED_FIELD_NAME, level: int | None = None) -> bytes:
        """A document signed in one of its fields; certified, where a level is told."""
        key = plain, field_name, level
        if key not in self._signed:
            self._signed[key] = self._sign(*key)
        return self._signed[key]

    def approved(self) -> bytes:
        """Signed in its field, without a policy."""
        return self.signed(self._layout(prepared()))

    def certified(self, level: int) -> bytes:
        """Certified with DocMDP P."""
        return self.signed(self._layout(prepared()), "Certified", level)


def _in_process(document: bytes, field_name: str, level: int | None) -> bytes:
    existing = field_name.encode() in document
    return sign_in_process(document, request(field_name, existing_only=existing, certify=level))


IN_PROCESS = Victim(_in_process)
"""With a throwaway key that nobody trusts."""

approved, certified = IN_PROCESS.approved, IN_PROCESS.certified


def signature_number(document: bytes) -> int:
    return int(re.findall(rb"(\d+) 0 obj\s*<<(?:(?!endobj).)*?/ByteRange", document, re.DOTALL)[-1])


def byte_range(document: bytes) -> tuple[int, int, int, int]:
    numbers = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", document)[-1]
    first, second, third, fourth = (int(number) for number in numbers)
    return first, second, third, fourth


def with_byte_range(victim: Victim, new: bytes) -> bytes:
    """The signed document with another ``/ByteRange`` of the same length."""
    document = victim.approved()
    match = list(re.finditer(rb"/ByteRange\s*\[[^\]]*\](\s*)", document))[-1]
    assert len(new) <= len(match[0]), "it fits in its place"
    return document[: match.start()] + new.ljust(len(match[0])) + document[match.end() :]


def with_contents(victim: Victim, change: Callable[[bytes], bytes]) -> bytes:
    """The signed document with other bytes in the gap, as many."""
    document = victim.approved()
    _, start, end, _ = byte_range(document)
    new = change(document[start:end])
    assert len(new) == end - start
    return document[:start] + new + document[end:]
