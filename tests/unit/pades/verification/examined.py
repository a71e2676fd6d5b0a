"""Documents examined in this process."""

import io

from asn1crypto import cms

from proxy.pades.verification.examining import examine_document
from proxy.pades.verification.values import ExaminedDocument, ExamineDocument, ExaminedSignature, ModificationLevel

MOST = 50


def examined(document: bytes, password: str | None = None, most: int = MOST) -> ExaminedDocument:
    return examine_document(io.BytesIO(document), ExamineDocument(most, password))


def only(document: bytes) -> ExaminedSignature:
    """Its one signature."""
    (signature,) = examined(document).signatures
    return signature


def codes(signature: ExaminedSignature) -> list[str]:
    return [finding.reason.code for finding in signature.object.findings]


def failures(signature: ExaminedSignature) -> list[str]:
    """Codes of the findings that make a signature less than valid."""
    return [finding.reason.code for finding in signature.object.findings if finding.sub_indication is not None]


def is_plain(signature: ExaminedSignature) -> bool:
    """Whether nothing at all is said against a signature, and nothing of changes."""
    unseen = (ModificationLevel.NONE, ModificationLevel.LTV_UPDATES)
    return not failures(signature) and signature.modification_level in unseen


def is_intact(signature: ExaminedSignature) -> bool:
    """Whether the digest is the one that was signed."""
    (signer,) = cms.ContentInfo.load(signature.object.contents)["content"]["signer_infos"]
    stated = next(item for item in signer["signed_attrs"] if item["type"].native == "message_digest")
    return stated["values"][0].native in signature.object.digests.values()
