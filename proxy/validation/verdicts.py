"""The contract's facts about an outcome: result, level reached, ``ltv``, until when, by whom, and whose accreditation."""

from functools import lru_cache
from hashlib import sha256
from itertools import pairwise

from proxy.model import (
    Accreditation,
    AccreditationRegistry,
    BaselineLevel,
    CertificateFacts,
    Indication,
    Reason,
    SignedObjectKind,
    SubIndication,
    ValidationPolicy,
    Verdict,
    VerificationResult,
)
from proxy.trust.certificates import read_certificate, subject
from proxy.validation.context import Context, digest
from proxy.validation.process import Outcome
from proxy.validation.reasons import Code
from proxy.validation.revocation import is_exempt
from proxy.validation.subject import Stamp

_RESULTS = {
    Indication.TOTAL_PASSED: VerificationResult.VALID,
    Indication.PASSED: VerificationResult.VALID,
    Indication.INDETERMINATE: VerificationResult.INDETERMINATE,
    Indication.TOTAL_FAILED: VerificationResult.INVALID,
    Indication.FAILED: VerificationResult.INVALID,
}
_OF_TIMESTAMPS = {Indication.TOTAL_PASSED: Indication.PASSED, Indication.TOTAL_FAILED: Indication.FAILED}


def verdict_on_timestamp(context: Context, outcome: Outcome) -> Verdict:
    """The verdict on a timestamp, one inside a signature or one that stands for itself."""
    stamp = outcome.subject.stamp
    facts = None if outcome.signer is None else certificate_facts(outcome.signer)
    indication = _indication(outcome)
    return Verdict(
        identifier=outcome.subject.identifier,
        kind=outcome.subject.kind,
        result=_result(outcome, context.policy),
        indication=_OF_TIMESTAMPS.get(indication, indication),
        sub_indication=_sub_indication(outcome),
        reasons=_reasons(outcome),
        ltv=outcome.passed and _proof_inside(context, outcome) is not None,
        signer=facts,
        claimed_time=outcome.subject.claimed_time,
        timestamp_time=None if stamp is None else stamp.gen_time,
        valid_from=None if facts is None else facts.not_before,
        valid_to=None if facts is None else facts.not_after,
        tsa=facts,
        mic_accredited=_accredited(context.policy.accreditations, outcome),
        constraints=tuple(outcome.steps.results),
        path=_path(outcome),
        proven_time=context.proofs.earliest(outcome.subject.identifier),
        digest=outcome.subject.digest,
    )


def verdict_on_signature(
    context: Context, outcome: Outcome, inner: tuple[Outcome, ...], covering: tuple[Outcome, ...]
) -> Verdict:
    """The verdict on a signature.

    Args:
        context: With all the proofs there are.
        outcome: How it came out.
        inner: How the timestamps inside it came out.
        covering: How those that cover it whole came out, the inner ones first.
    """
    proving = _proving(inner, covering)
    first = min(proving, key=lambda entry: entry[0].gen_time, default=None)
    facts = None if outcome.signer is None else certificate_facts(outcome.signer)
    ltv = _is_long_term(context, outcome, [entry for _, entry in proving])
    last = proving[-1][1].signer if proving and ltv else outcome.signer
    return Verdict(
        identifier=outcome.subject.identifier,
        kind=outcome.subject.kind,
        result=_result(outcome, context.policy),
        indication=_indication(outcome),
        sub_indication=_sub_indication(outcome),
        reasons=_reasons(outcome),
        level=_level(context, outcome, proving, ltv=ltv),
        ltv=ltv,
        signer=facts,
        claimed_time=outcome.subject.claimed_time,
        timestamp_time=None if first is None else first[0].gen_time,
        valid_from=None if facts is None else facts.not_before,
        valid_to=None if last is None else certificate_facts(last).not_after,
        tsa=None if first is None or first[1].signer is None else certificate_facts(first[1].signer),
        mic_accredited=None if first is None else _accredited(context.policy.accreditations, first[1]),
        timestamps=tuple(verdict_on_timestamp(context, entry) for entry in inner),
        constraints=tuple(outcome.steps.results),
        path=_path(outcome),
        proven_time=context.proofs.earliest(outcome.subject.identifier),
        digest=outcome.subject.digest,
    )


@lru_cache(maxsize=512)
def certificate_facts(certificate: bytes) -> CertificateFacts:
    """What people want to know of a certificate (DER)."""
    parsed = read_certificate(certificate)
    return CertificateFacts(
        certificate=certificate,
        subject=subject(parsed),
        issuer=parsed.issuer.rfc4514_string(),
        serial_number=f"{parsed.serial_number:x}",
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
    )


def _path(outcome: Outcome) -> tuple[bytes, ...]:
    return () if outcome.status is None or outcome.status.path is None else outcome.status.path.certificates


# -- result ---------------------------------------------------------------------------------------------------------


def _indication(outcome: Outcome) -> Indication:
    return Indication.TOTAL_PASSED if outcome.failure is None else outcome.failure.sub_indication.indication


def _sub_indication(outcome: Outcome) -> SubIndication | None:
    return None if outcome.failure is None else outcome.failure.sub_indication


def _result(outcome: Outcome, policy: ValidationPolicy) -> VerificationResult:
    expired = outcome.failure is not None and outcome.failure.reason.code == Code.CERTIFICATE_EXPIRED
    if policy.expired_without_poe and expired:
        return VerificationResult.INVALID
    return _RESULTS[_indication(outcome)]


def _reasons(outcome: Outcome) -> tuple[Reason, ...]:
    """What decided, then all that was found about it in its document: a failure does not hide what else is wrong."""
    found = [outcome.failure.reason] if outcome.failure is not None else []
    for reason in (*(finding.reason for finding in outcome.subject.findings), *outcome.warnings):
        if reason not in found:
            found.append(reason)
    return tuple(found)


# -- level ----------------------------------------------------------------------------------------------------------

_Proving = list[tuple[Stamp, Outcome]]


def _proving(inner: tuple[Outcome, ...], covering: tuple[Outcome, ...]) -> _Proving:
    """The timestamps that prove the signature's existence, those over its value first, then as they lie around it."""
    over_value = [entry for entry in inner if entry.subject.kind is SignedObjectKind.SIGNATURE_TIMESTAMP]
    return [
        (entry.subject.stamp, entry) for entry in (*over_value, *covering) if entry.passed and entry.subject.stamp is not None
    ]


def _level(context: Context, outcome: Outcome, proving: _Proving, *, ltv: bool) -> BaselineLevel | None:
    """EN 319 142-1, 6.1. A timestamp that did not pass raises no level."""
    if not outcome.subject.is_baseline or outcome.signer is None:
        return None
    if not proving:
        return BaselineLevel.B_B
    if not ltv:
        return BaselineLevel.B_T
    archived = _covered_proof(context, outcome, proving)
    return BaselineLevel.B_LTA if archived else BaselineLevel.B_LT


def _is_long_term(context: Context, outcome: Outcome, proving: list[Outcome]) -> bool:
    """Whether the signature's proof, and that of the timestamps that give its time, is in the document."""
    inner = [entry for entry in proving if entry.subject.kind is SignedObjectKind.SIGNATURE_TIMESTAMP] or proving[:1]
    return all(_proof_inside(context, entry) is not None for entry in (outcome, *inner))


def _covered_proof(context: Context, outcome: Outcome, proving: _Proving) -> bool:
    """Whether a timestamp over the document covers the signature's proof and, where there is one, its signature timestamp."""
    inner = [entry for _, entry in proving if entry.subject.kind is SignedObjectKind.SIGNATURE_TIMESTAMP]
    if len(inner) == len(proving):
        return False
    keys = [_proof_inside(context, entry) for entry in (outcome, *inner)]
    return all(found is not None and all(context.proofs.is_covered(key) for key in found) for found in keys)


def _proof_inside(context: Context, outcome: Outcome) -> frozenset[bytes] | None:
    """Digests of what the document holds to prove the signer's path, anchor excepted; ``None`` where something is missing."""
    path = None if outcome.status is None else outcome.status.path
    if path is None:
        return None
    found: set[bytes] = set()
    for certificate, issuer in pairwise(path.certificates):
        key = digest(certificate)
        if not context.book.in_document(key):
            return None
        found.add(key)
        if certificate is path.certificates[0] and is_exempt(certificate):
            continue
        answers = context.book.answers(certificate, issuer)
        inside = [a for a in answers if context.book.in_document(a.key) and a.is_conclusive(read_certificate(certificate))]
        if not inside:
            return None
        found.add(inside[0].key)
    return frozenset(found)


# -- accreditation --------------------------------------------------------------------------------------------------


def _accredited(registry: AccreditationRegistry | None, outcome: Outcome) -> bool | None:
    """Whether the Minister had accredited the TSA at the timestamp's time; ``None`` where nobody knows."""
    path = None if outcome.status is None else outcome.status.path
    stamp = outcome.subject.stamp
    if registry is None or stamp is None or path is None:
        return None
    hashes = [sha256(der).digest() for der in path.certificates[:2]]
    entries = [entry for entry in registry.entries if _names(entry, hashes, stamp)]
    if not entries:
        return False if registry.complete else None
    return any(
        entry.accredited_from <= stamp.gen_time and (entry.accredited_to is None or stamp.gen_time < entry.accredited_to)
        for entry in entries
    )


def _names(entry: Accreditation, hashes: list[bytes], stamp: Stamp) -> bool:
    named = hashes[1:] if entry.is_issuer else hashes[:1]
    return entry.authority in named and entry.policy_oid in {None, stamp.policy_oid}
