"""What is said of a document that could not be examined: light enough for the request's process, which may have to say it."""

from proxy.model import Finding, SignatureFormat, SignedObject, SignedObjectKind
from proxy.pades.verification.values import ExaminedDocument, ExaminedSignature


def unread_document(why: Finding) -> ExaminedDocument:
    """A document that may hold signatures, as one signature of which nothing is known but why."""
    lost = SignedObject("1", SignedObjectKind.SIGNATURE, SignatureFormat.PKCS7_DETACHED, b"", {}, findings=(why,))
    return ExaminedDocument((ExaminedSignature(lost, None),))
