"""Append a signature's update with its placeholder (engine process, stage ``prepare``).

Everything that can refuse does so here, before a digest leaves: the document's version and encryption, the field, what earlier
signatures permit, and that each of them is judged after the update as it was before.
"""

from typing import BinaryIO

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko.sign.signers import cms_embedder, constants

from proxy.errors import NotSupported
from proxy.pades.earlier import Judgement, judge_earlier, refuse_damage
from proxy.pades.fields import choose_field, refuse_seed_values
from proxy.pades.objects import entry
from proxy.pades.permissions import enforce_permissions
from proxy.pades.placeholder import DeferredSignature
from proxy.pades.reading import open_pdf, reading_errors
from proxy.pades.values import PreparedSignature, PrepareSignature


def prepare_signature(stream: BinaryIO, request: PrepareSignature) -> PreparedSignature:
    """Append the update to ``stream``.

    Args:
        stream: The spooled document, readable and writable; only appended to.
        request: What to append.

    Returns:
        Where the room for the signature is.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted: It cannot be read or not be signed.
        FieldExists, FieldNotFound, SeedValueConflict: The field cannot be used.
        MDPLocked, FieldLocked: An earlier signature forbids it, or would be broken by it.
        NotSupported: The document is protected in a way that cannot be kept.
    """
    reader = open_pdf(stream)
    with reading_errors():
        name, existing = choose_field(reader, request.field_name, existing_only=request.existing_field_only)
        if existing is not None:
            refuse_seed_values(existing)
        enforce_permissions(reader, name)
        before = judge_earlier(reader)
        prepared = _append(reader, name, existing is not None, request)
    _check_earlier(stream, before)
    return prepared


def _append(reader: PdfFileReader, name: str, exists: bool, request: PrepareSignature) -> PreparedSignature:
    writer = IncrementalPdfFileWriter.from_reader(reader)
    if writer._need_mac_on_write:  # noqa: SLF001 - the only way pyHanko tells of ISO/TS 32004
        raise NotSupported("the PDF is protected by a message authentication code (ISO/TS 32004)")
    if writer.output_version < (2, 0):
        writer.register_extension(constants.ESIC_EXTENSION_1)
    embedder = cms_embedder.PdfCMSEmbedder(new_field_spec=None if exists else SigFieldSpec(name))
    steps = embedder.write_cms(name, writer, existing_fields_only=exists)
    field = next(steps).get_object()
    placeholder = DeferredSignature(
        contents_bytes=request.contents_bytes,
        signing_time=request.signing_time,
        reason=request.reason,
        location=request.location,
        contact_info=request.contact_info,
    )
    steps.send(cms_embedder.SigObjSetup(sig_placeholder=placeholder, mdp_setup=_lock_of(field)))
    # The algorithm named here is not used: the digest is continued by the process that holds its state.
    start, end, size = steps.send(cms_embedder.SigIOSetup(md_algorithm="sha256", in_place=True))
    return PreparedSignature(field_name=name, contents_start=start, contents_end=end, end=size)


def _lock_of(field: object) -> cms_embedder.SigMDPSetup | None:
    """The lock an existing field asks its signature to carry (ISO 32000-2, 12.7.5.5, table 236)."""
    lock = entry(field, "/Lock")
    if lock is None:
        return None
    level = entry(lock, "/P")
    return cms_embedder.SigMDPSetup(
        md_algorithm="sha256",
        field_lock=FieldMDPSpec.from_pdf_object(lock),
        docmdp_perms=None if level is None else MDPPerm(level),
    )


def _check_earlier(stream: BinaryIO, before: dict[str, Judgement]) -> None:
    if before:
        with reading_errors():
            refuse_damage(before, judge_earlier(open_pdf(stream), only=before.keys()))
