"""Append updates with room for what is still to come (engine process, stage ``prepare``).

Everything that can refuse does so here, before a digest leaves: the document's version and encryption, the field, what earlier
signatures permit, and that each of them is judged after the update as it was before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko.sign.signers import cms_embedder, constants
from pyhanko.sign.signers.pdf_byterange import PdfSignedData

from proxy.errors import NotSupported
from proxy.model import Appearance, BaselineLevel, ValidationData
from proxy.pades.appearance import Placement, draw, draw_for_field, place, set_appearance
from proxy.pades.earlier import judge_earlier, refuse_damage
from proxy.pades.fields import choose_field, free_name
from proxy.pades.objects import entry
from proxy.pades.permissions import enforce_permissions, refuse_certification
from proxy.pades.placeholder import DeferredSignature, DeferredTimestamp, append_update
from proxy.pades.reading import open_pdf, read_pdf
from proxy.pades.rehearsing import PROBE, rehearse
from proxy.pades.security_store import supply_validation_data
from proxy.pades.seed_values import obey_seed_values
from proxy.pades.updating import DocumentUpdate
from proxy.pades.values import AppendValidationData, PreparedSignature, PrepareSignature, PrepareTimestamp

_Result = TypeVar("_Result")

TIMESTAMP_NAME = "Timestamp"
"""What the fields of document timestamps are called, with a number."""


def prepare_signature(stream: BinaryIO, request: PrepareSignature) -> PreparedSignature:
    """Append a signature's update to ``stream``.

    Args:
        stream: The spooled document, readable and writable; only appended to.
        request: What to append.

    Returns:
        Where the room for the signature is.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted: It cannot be read or not be signed.
        FieldExists, FieldNotFound, SeedValueConflict: The field cannot be used.
        AppearanceInvalid, SealImageInvalid: What is to be seen cannot be drawn.
        MDPNotFirst, MDPLocked, FieldLocked: An earlier signature forbids it, or would be broken by it.
        NotExtendable: The revisions that are to follow would break the signature.
        NotSupported: The document is protected in a way that cannot be kept.
    """

    def append(reader: PdfFileReader) -> PreparedSignature:
        name, existing = choose_field(reader, request.field_name, existing_only=request.existing_field_only)
        obeyed = request if existing is None else obey_seed_values(existing, request)
        enforce_permissions(reader, name)
        if request.certify is not None:
            refuse_certification(reader)
        placeholder = DeferredSignature(
            contents_bytes=obeyed.contents_bytes,
            signing_time=obeyed.signing_time,
            reason=obeyed.reason,
            location=obeyed.location,
            contact_info=obeyed.contact_info,
        )
        rules = _rules(existing, request.certify)
        target = _Target(name, exists=existing is not None, appearance=request.appearance)
        prepared = _append(reader, target, placeholder, rules, request.validation_data)
        if request.augmented_to is not None and (entry(reader.root, "/DSS") or entry(reader.root, "/AcroForm")):
            _rehearse(stream, request, strict=reader.strict)
        return prepared

    return _updated(stream, request.password, append)


def _rehearse(stream: BinaryIO, request: PrepareSignature, *, strict: bool) -> None:
    """Append what is to follow the signature, look at it, and take it away again."""

    def append(reader: PdfFileReader) -> object:
        if request.augmented_to is BaselineLevel.B_LT:
            return _append_validation_data(reader, PROBE)
        return _append_timestamp(reader, PrepareTimestamp(request.contents_bytes, PROBE, request.password))

    rehearse(stream, lambda: open_pdf(stream, request.password, strict=strict), append)


def prepare_timestamp(stream: BinaryIO, request: PrepareTimestamp) -> PreparedSignature:
    """Append a document timestamp's update, with the validation data it is to cover.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: As :func:`prepare_signature`.
    """

    def append(reader: PdfFileReader) -> PreparedSignature:
        enforce_permissions(reader, None)
        return _append_timestamp(reader, request)

    return _updated(stream, request.password, append)


def append_validation_data(stream: BinaryIO, request: AppendValidationData) -> int:
    """Append a revision with the validation data that the document does not hold yet.

    Returns:
        The file's size in bytes afterwards.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: As :func:`prepare_signature`.
    """

    def append(reader: PdfFileReader) -> int:
        enforce_permissions(reader, None)
        return _append_validation_data(reader, request.validation_data)

    return _updated(stream, request.password, append)


def _updated(stream: BinaryIO, password: str | None, append: Callable[[PdfFileReader], _Result]) -> _Result:
    """Append by ``append``, if every earlier signature is judged after it as it was before."""

    def update(reader: PdfFileReader) -> _Result:
        before = judge_earlier(reader)
        result = append(reader)
        if before:
            updated = open_pdf(stream, password, strict=reader.strict)
            refuse_damage(before, judge_earlier(updated, only=before.keys()))
        return result

    return read_pdf(stream, password, update)


@dataclass(frozen=True, slots=True)
class _Target:
    """The field that is to be signed, and what it is to show."""

    name: str
    exists: bool
    appearance: Appearance | None

    def new_field(self, placement: Placement | None) -> SigFieldSpec | None:
        if self.exists:
            return None
        if placement is None:
            return SigFieldSpec(self.name)
        return SigFieldSpec(self.name, on_page=placement.page_index, box=placement.box)  # type: ignore[arg-type]  # takes floats


def _writer(reader: PdfFileReader) -> DocumentUpdate:
    writer = DocumentUpdate.from_reader(reader)
    if writer._need_mac_on_write:  # noqa: SLF001 - the only way pyHanko tells of ISO/TS 32004
        raise NotSupported("the PDF is protected by a message authentication code (ISO/TS 32004)")
    return writer


def _append(
    reader: PdfFileReader,
    target: _Target,
    placeholder: PdfSignedData,
    rules: cms_embedder.SigMDPSetup | None,
    validation_data: ValidationData | None,
) -> PreparedSignature:
    writer = _writer(reader)
    if writer.output_version < (2, 0):
        writer.register_extension(constants.ESIC_EXTENSION_1)
    placement = None if target.exists or target.appearance is None else place(reader, target.appearance)
    embedder = cms_embedder.PdfCMSEmbedder(new_field_spec=target.new_field(placement))
    steps = embedder.write_cms(target.name, writer, existing_fields_only=target.exists)
    field = next(steps).get_object()
    if target.appearance is not None:
        if placement is None:
            draw_for_field(writer, field, target.appearance)
        else:
            set_appearance(writer, field, draw(writer, placement, target.appearance))
    steps.send(cms_embedder.SigObjSetup(sig_placeholder=placeholder, mdp_setup=rules))
    if validation_data is not None:
        supply_validation_data(writer, validation_data)
    # The algorithm named here is not used: the digest is continued by the process that holds its state.
    start, end, size = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha256", in_place=True))
    return PreparedSignature(field_name=target.name, contents_start=start, contents_end=end, end=size)


def _append_timestamp(reader: PdfFileReader, request: PrepareTimestamp) -> PreparedSignature:
    placeholder = DeferredTimestamp(contents_bytes=request.contents_bytes)
    target = _Target(free_name(reader, TIMESTAMP_NAME), exists=False, appearance=None)
    return _append(reader, target, placeholder, None, request.validation_data)


def _append_validation_data(reader: PdfFileReader, data: ValidationData) -> int:
    writer = _writer(reader)
    if supply_validation_data(writer, data):
        return append_update(writer)
    size: int = reader.stream.seek(0, 2)
    return size


def _rules(field: object, certify: int | None) -> cms_embedder.SigMDPSetup | None:
    """The permissions a signature brings: a certification's, and the lock an existing field asks it to carry.

    ISO 32000-2, 12.8.2.2 and 12.7.5.5, table 236.
    """
    lock = entry(field, "/Lock")
    level = entry(lock, "/P") if certify is None else certify
    if lock is None and certify is None:
        return None
    return cms_embedder.SigMDPSetup(
        md_algorithm="sha256",
        certify=certify is not None,
        field_lock=None if lock is None else FieldMDPSpec.from_pdf_object(lock),
        docmdp_perms=None if level is None else MDPPerm(level),
    )
