"""The answer to a verification as values (contract, "Verification result")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proxy.client.answers import Members, moment
from proxy.client.problems import AnswerInvalid
from proxy.model import VerificationResult


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """The verdict on one signature or timestamp. Names are RFC 4514; what the service does not know is ``None``.

    Attributes:
        field_name: Of a timestamp inside a signature, the signature's.
        type: ``signature``, ``certification``, ``docTimestamp``, ``signatureTimestamp`` and more.
        result: The verdict.
        indication: ETSI EN 319 102-1's.
        sub_indication: ETSI EN 319 102-1's.
        reasons: Code and text of each.
        level: ``B-B`` to ``B-LTA``.
        coverage: How much of the file it covers.
        modification_level: What was changed after it.
        ltv: Whether all that proves it is in the document.
    """

    field_name: str | None
    type: str
    result: VerificationResult
    indication: str | None
    sub_indication: str | None
    reasons: tuple[tuple[str, str], ...]
    level: str | None
    coverage: str | None
    modification_level: str | None
    signer_subject: str | None
    claimed_signing_time: datetime | None
    timestamp_time: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None
    ltv: bool | None
    tsa_subject: str | None
    mic_accredited: bool | None


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on a document.

    Attributes:
        transaction_id: Under which the service keeps its record.
        result: The worst of its signatures'.
        signatures: Oldest first.
        pages: How many it has.
        doc_mdp: What its certification permits; ``None`` without one.
        modified_after_signing: Something but signatures and validation data came after the first signature.
        members: Everything the service told, as it told it.
    """

    transaction_id: str
    result: VerificationResult
    signatures: tuple[SignatureVerdict, ...]
    pages: int | None
    doc_mdp: int | None
    modified_after_signing: bool
    members: Mapping[str, Any]


def verification_from(members: Members) -> Verification:
    """The contract's operation 9. Raises AnswerInvalid."""
    document = Members(members.values.get("document"))
    modified = _flag(document, "modifiedAfterSigning")
    if modified is None:
        raise AnswerInvalid("the service's answer has no modifiedAfterSigning")
    return Verification(
        transaction_id=members.text("transactionId"),
        result=members.converted("result", VerificationResult),
        signatures=tuple(_verdict(entry) for entry in members.objects("signatures")),
        pages=_number(document, "pages"),
        doc_mdp=_number(document, "docMdp"),
        modified_after_signing=modified,
        members=members.values,
    )


def _verdict(entry: Members) -> SignatureVerdict:
    return SignatureVerdict(
        field_name=entry.optional_text("fieldName"),
        type=entry.text("type"),
        result=entry.converted("result", VerificationResult),
        indication=entry.optional_text("indication"),
        sub_indication=entry.optional_text("subIndication"),
        reasons=tuple((reason.text("code"), reason.text("text")) for reason in entry.objects("reasons")),
        level=entry.optional_text("level"),
        coverage=entry.optional_text("coverage"),
        modification_level=entry.optional_text("modificationLevel"),
        signer_subject=entry.optional_text("signerSubject"),
        claimed_signing_time=entry.optional("claimedSigningTime", moment),
        timestamp_time=entry.optional("timestampTime", moment),
        valid_from=entry.optional("validFrom", moment),
        valid_to=entry.optional("validTo", moment),
        ltv=_flag(entry, "ltv"),
        tsa_subject=entry.optional_text("tsaSubject"),
        mic_accredited=_flag(entry, "micAccredited"),
    )


def _flag(members: Members, name: str) -> bool | None:
    value = members.values.get(name)
    if value is not None and not isinstance(value, bool):
        raise AnswerInvalid(f"the service's answer has a {name} that is none")
    return value


def _number(members: Members, name: str) -> int | None:
    value = members.values.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise AnswerInvalid(f"the service's answer has a {name} that is none")
    return value
