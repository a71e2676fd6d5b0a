"""Read one signature dictionary (engine process): ISO 32000-2, 12.8.1, tables 255 and 256; EN 319 142-1, 5.3, 5.4.3, 6.3.

What is decisive is read from the revision that was signed, not from the newest one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError

from proxy.model import Finding, SignatureFormat, SignedObjectKind
from proxy.pades.inspecting import is_document_timestamp
from proxy.pades.objects import entry
from proxy.pades.scanning import Data
from proxy.pades.verification.byte_ranges import SignedRange, check_gap, read_byte_range, without_padding
from proxy.pades.verification.findings import failure
from proxy.pades.verification.form import text_of
from proxy.pades.verification.history import History
from proxy.pades.verification.inventory import Inventory
from proxy.pades.verification.revisions import Revisions
from proxy.pades.verification.rules import Rules, read_rules
from proxy.pades.verification.signatures import FoundSignature
from proxy.pades.verification.values import CoverageLevel

_STRINGS = (generic.TextStringObject, generic.ByteStringObject)
_MOST_CERTIFICATES = 20


@dataclass(frozen=True, slots=True)
class ReadSignature:
    """A signature as its document has it.

    Attributes:
        kind: What it is.
        format: How its contents are written.
        contents: DER, without padding; empty where there is none.
        certificates: DER of those beside the contents.
        claimed_time: ``/M``.
        rules: What it permits afterwards.
        signed: The bytes that it covers; ``None`` where they cannot be those of a signature.
        coverage: How much of the file that is; ``None`` where ``signed`` is.
        revision: The one it signs; ``None`` where it is not over one.
        findings: What is wrong about all that.
    """

    kind: SignedObjectKind
    format: SignatureFormat
    contents: bytes
    certificates: tuple[bytes, ...]
    claimed_time: datetime | None
    rules: Rules
    signed: SignedRange | None
    coverage: CoverageLevel | None
    revision: int | None
    findings: tuple[Finding, ...]


class SignatureReader:
    """Reads the signatures of one document."""

    def __init__(self, data: Data, history: History, inventory: Inventory) -> None:
        self._data = data
        self._history = history
        self._revisions = Revisions(data, history, inventory)
        self._inventory = inventory

    def read(self, found: FoundSignature) -> ReadSignature:
        """Read one signature. Raises as pyHanko's reader does where an object cannot be read."""
        findings: list[Finding] = []
        raw = _raw_contents(found.dictionary)
        signed = self._signed_range(found, raw, findings)
        coverage, revision = (None, None) if signed is None else self._signed_revision(found, signed, findings)
        contents, odd = without_padding(raw) if raw is not None else (b"", None)
        if odd is not None and signed is not None:
            findings.append(odd)
        dictionary, field = (found.dictionary, None) if revision is None else self._as_signed(found, revision)
        form = _format(dictionary)
        if form is None:
            findings.append(failure("SUB_FILTER_UNKNOWN", value=text_of(entry(dictionary, "/SubFilter"))))
        rules = read_rules(dictionary, field)
        kind = SignedObjectKind.CERTIFICATION if rules.certifies else SignedObjectKind.SIGNATURE
        if is_document_timestamp(dictionary):
            kind = SignedObjectKind.DOC_TIMESTAMP
        if (form is SignatureFormat.RFC3161) is not (kind is SignedObjectKind.DOC_TIMESTAMP):
            findings.append(failure("TYPE_AND_SUB_FILTER_DIFFER"))
        return ReadSignature(
            kind=kind,
            format=form or SignatureFormat.PKCS7_DETACHED,
            contents=contents,
            certificates=tuple(_certificates(dictionary)),
            claimed_time=_time(entry(dictionary, "/M")),
            rules=rules,
            signed=signed,
            coverage=coverage,
            revision=revision,
            findings=tuple(findings),
        )

    def _signed_range(self, found: FoundSignature, contents: bytes | None, findings: list[Finding]) -> SignedRange | None:
        span = self._inventory.span(found.number, found.place)
        if span is None:
            findings.append(failure("SIGNATURE_COMPRESSED" if found.place.compressed else "SIGNATURE_DICTIONARY_MALFORMED"))
            return None
        if contents is None:
            findings.append(failure("CONTENTS_MISSING"))
            return None
        signed = read_byte_range(found.dictionary, len(self._data))
        if isinstance(signed, Finding):
            findings.append(signed)
            return None
        wrong = check_gap(self._data, signed, span, contents)
        if wrong is not None:
            findings.append(wrong)
            return None
        return signed

    def _signed_revision(
        self, found: FoundSignature, signed: SignedRange, findings: list[Finding]
    ) -> tuple[CoverageLevel, int | None]:
        covered = self._revisions.covered(signed)
        if isinstance(covered, Finding):
            findings.append(covered)
            return CoverageLevel.PARTIAL, None
        coverage, revision = covered
        if self._history.place(found.number, revision) != found.place:
            findings.append(failure("SIGNATURE_NOT_IN_REVISION"))
            return coverage, None
        return coverage, revision

    def _as_signed(self, found: FoundSignature, revision: int) -> tuple[generic.DictionaryObject, object]:
        """The signature dictionary, and its field, in the revision that was signed."""
        view = self._history.view(revision)
        holder = view.object(found.number)
        field = None if found.field is None or found.field.number is None else view.object(found.field.number)
        own = isinstance(holder, generic.DictionaryObject) and "/ByteRange" in holder
        dictionary = holder if own else entry(holder, "/V")
        return (dictionary if isinstance(dictionary, generic.DictionaryObject) else found.dictionary), field


def _raw_contents(signature: generic.DictionaryObject) -> bytes | None:
    """``/Contents`` as it stands: it is exempt from encryption (7.6.2)."""
    if "/Contents" not in signature:
        return None
    raw = signature.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW)
    return bytes(raw.original_bytes) if isinstance(raw, _STRINGS) else None


def _format(signature: generic.DictionaryObject) -> SignatureFormat | None:
    stated = str(entry(signature, "/SubFilter")).removeprefix("/")
    return next((form for form in SignatureFormat if form == stated), None)


def _certificates(signature: generic.DictionaryObject) -> Iterator[bytes]:
    """``/Cert``: one, or an array whose first is the signer's."""
    stated = entry(signature, "/Cert")
    items = stated.iterate() if isinstance(stated, generic.ArrayObject) else [stated]
    for _, item in zip(range(_MOST_CERTIFICATES), items, strict=False):
        certificate = item.get_object() if isinstance(item, generic.PdfObject) else None
        if isinstance(certificate, _STRINGS):
            yield bytes(certificate.original_bytes)


def _time(stated: object) -> datetime | None:
    """A date (7.9.4), in UTC. One without a time zone is of an unknown one; it is taken for UTC."""
    if not isinstance(stated, str):
        return None
    try:
        moment = generic.parse_pdf_date(stated, strict=False)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (PdfReadError, ValueError, OverflowError):
        return None
