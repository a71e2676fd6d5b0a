"""What is signed in a document already (engine process, stage ``inspect``): whose certificates an extension has to prove."""

from collections.abc import Iterator
from typing import BinaryIO

from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from proxy.model import SignerCertificates
from proxy.pades.objects import entry
from proxy.pades.permissions import is_certification, signed_fields
from proxy.pades.reading import read_pdf
from proxy.pades.security_store import read_validation_data
from proxy.pades.values import ExistingSignature, InspectDocument, InspectedDocument, SignatureKind

_TIMESTAMPS = frozenset({"signature_time_stamp_token", "content_time_stamp"})


def inspect_document(stream: BinaryIO, request: InspectDocument) -> InspectedDocument:
    """Read what is signed.

    Raises:
        InvalidDocument, PDFVersionUnsupported, PDFEncrypted: The document cannot be read.
    """

    def inspect(reader: PdfFileReader) -> InspectedDocument:
        return InspectedDocument(signatures=tuple(_existing(reader)), validation_data=read_validation_data(reader))

    return read_pdf(stream, request.password, inspect)


def kind_of(signature: generic.DictionaryObject) -> SignatureKind:
    """What a signature dictionary is (ISO 32000-2, 12.8.1, table 255)."""
    if is_document_timestamp(signature):
        return SignatureKind.DOCUMENT_TIMESTAMP
    return SignatureKind.CERTIFICATION if is_certification(signature) else SignatureKind.SIGNATURE


def is_document_timestamp(signature: generic.DictionaryObject) -> bool:
    """Whether a signature dictionary is a document timestamp's (EN 319 142-1, 5.4.3)."""
    return bool(entry(signature, "/Type") == "/DocTimeStamp" or entry(signature, "/SubFilter") == "/ETSI.RFC3161")


def _existing(reader: PdfFileReader) -> Iterator[ExistingSignature]:
    for name, field, signature in signed_fields(reader):
        yield ExistingSignature(str(name), kind_of(signature), tuple(_signers(reader, field, name)))


def _signers(reader: PdfFileReader, field: generic.DictionaryObject, name: str) -> Iterator[SignerCertificates]:
    try:
        embedded = EmbeddedPdfSignature(reader, field, name)
        own = _certificates(embedded.signed_data)
        stamps = [_certificates(token) for token in _tokens(embedded.signer_info)]
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - an earlier signer's junk fails in any way; it has no certificates to prove then
        return
    yield own
    yield from stamps


def _tokens(signer: cms.SignerInfo) -> Iterator[cms.SignedData]:
    for part in ("signed_attrs", "unsigned_attrs"):
        for attribute in signer[part] or ():
            if attribute["type"].native in _TIMESTAMPS:
                for token in attribute["values"]:
                    yield token["content"]


def _certificates(signed_data: cms.SignedData) -> SignerCertificates:
    found = extract_certificate_info(signed_data)
    return SignerCertificates(found.signer_cert.dump(), tuple(other.dump() for other in found.other_certs))
