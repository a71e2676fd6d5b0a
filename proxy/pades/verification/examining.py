"""Examine what is signed in a document (engine process, stage ``examine``).

Reading goes by :mod:`proxy.pades.reading`, strictly where the document conforms. Whatever is wrong about a damaged or hostile
document is a finding about its signatures; only a missing password is an error.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO

from proxy.errors import InvalidDocument, PDFVersionUnsupported
from proxy.model import Finding, SignedObject
from proxy.pades.document import DocumentReader
from proxy.pades.reading import read_pdf
from proxy.pades.scanning import mapped
from proxy.pades.verification.digesting import WantedDigest, digest_all
from proxy.pades.verification.examination import Examination, page_count
from proxy.pades.verification.findings import failure, unknown
from proxy.pades.verification.history import History
from proxy.pades.verification.signatures import find_live, looks_signed
from proxy.pades.verification.unread import unread_document
from proxy.pades.verification.values import ExaminedDocument, ExamineDocument, SurveyDocument

_Wanted = Mapping[str, tuple[WantedDigest, ...]]
"""The digests that a validation will compare, by signed object's identifier."""


def examine_document(stream: BinaryIO, request: ExamineDocument) -> ExaminedDocument:
    """Find and read every signature of a document.

    Raises:
        PDFEncrypted: It needs a password or a recipient's key.
    """
    try:
        examined, wanted = read_pdf(stream, request.password, lambda reader: _examined(reader, request), any_version=True)
    except (InvalidDocument, PDFVersionUnsupported):
        return _surveyed(stream, failure("DOCUMENT_UNREADABLE"))
    digests = digest_all(stream, [item for items in wanted.values() for item in items])

    def with_digests(signed: SignedObject) -> SignedObject:
        return replace(signed, digests={item.algorithm: digests[item] for item in wanted.get(signed.identifier, ())})

    signatures = tuple(replace(signature, object=with_digests(signature.object)) for signature in examined.signatures)
    return replace(examined, signatures=signatures)


def survey_document(stream: BinaryIO, request: SurveyDocument) -> ExaminedDocument:
    """What can be said of a document whose examination came to no end."""
    return _surveyed(stream, unknown("NOT_EXAMINED" if request.failed else "LIMITS_EXCEEDED"))


def _examined(reader: DocumentReader, request: ExamineDocument) -> tuple[ExaminedDocument, _Wanted]:
    with mapped(reader.stream) as data:
        history = History(reader)
        live = list(find_live(history))
        if not live and not looks_signed(reader.stream):
            return ExaminedDocument((), pages=page_count(history)), {}
        examination = Examination(data, reader, history, live, request.most_signatures)
        return examination.result(), examination.wanted_digests()


def _surveyed(stream: BinaryIO, why: Finding) -> ExaminedDocument:
    """A document that cannot be read: if something in it looks signed, one signature of which that is said."""
    return unread_document(why) if looks_signed(stream) else ExaminedDocument(())
