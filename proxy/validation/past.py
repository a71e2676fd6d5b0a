"""Looking into the past (EN 319 102-1, 5.6.2): past certificate validation with its sliding time, past signature validation.

The sliding gives the last moment at which everything about a path was known to be good: the certificates, and the revocation
data about them, have to be proven to have existed by then. Where revocation data is not fresh any more, the standard slides
to its issuance; here the time slides to the end of its freshness, the moment up to which 5.2.5 calls it fresh. A list of a
week would otherwise be of no use to a signature of the second day, whose own revocation data is later than the list
(docs/adr/0020).
"""

from datetime import datetime
from itertools import pairwise

from proxy.model import RevocationState, SubIndication, TrustUse
from proxy.trust.certificates import read_certificate
from proxy.trust.paths import CertificationPath
from proxy.validation.algorithms import INSTANT, certificate_reliance
from proxy.validation.context import Context, digest, name_of
from proxy.validation.evidence import Answer
from proxy.validation.proofs import ProofKey
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.revocation import answer_reliance, is_exempt, responder_until
from proxy.validation.steps import Failure, Steps

BLOCK_CERTIFICATE = "5.6.2.1"
BLOCK_SIGNATURE = "5.6.2.4"


def passes_in_the_past(context: Context, identifier: ProofKey, signer: bytes, use: TrustUse, steps: Steps) -> bool:
    """Past signature validation: whether the signature is proven to have existed while its certificate was good.

    Args:
        context: Policy, moment, evidence, and the proofs there are by now.
        identifier: The signature's or timestamp's.
        signer: DER of its signing certificate.
        use: For whose anchors.
        steps: Gets what was looked at.
    """
    existed = context.proofs.earliest(identifier)
    failure: Failure | None = None
    for path in context.paths(signer, use):
        control_time = slide(context, path, use)
        if isinstance(control_time, Failure):
            failure = failure or control_time
        elif not path.not_before <= existed <= control_time:
            why = reason(Code.NO_PROOF_IN_TIME, subject=name_of(signer), since=existed, until=control_time)
            failure = failure or Failure(SubIndication.NO_POE, why)
        elif context.is_anchor_trusted(path.certificates[-1], use, existed):
            steps.passed(BLOCK_CERTIFICATE, Check.PAST_CERTIFICATE_VALIDATION)
            proven = reason(Code.PASSED_BY_PROOF, since=existed, until=control_time)
            steps.passed(BLOCK_SIGNATURE, Check.PAST_SIGNATURE_VALIDATION, proven)
            return True
    if failure is not None:
        steps.failed(BLOCK_SIGNATURE, Check.PAST_SIGNATURE_VALIDATION, failure)
    return False


def slide(context: Context, path: CertificationPath, use: TrustUse) -> datetime | Failure:
    """The control time of a path (5.6.2.2): the last moment at which it was known, and proven, to be good."""
    control_time = context.at
    ended = context.anchor_trusted_to(path.certificates[-1], use)
    if ended is not None:
        control_time = min(control_time, ended - INSTANT)
    lenient = use is TrustUse.TIMESTAMP and not context.policy.require_fresh_timestamps
    for certificate, issuer in reversed(list(pairwise(path.certificates))):
        slid = _slide_over(
            context, certificate, issuer, control_time, lenient=lenient, is_leaf=certificate is path.certificates[0]
        )
        if slid is None:
            why = reason(Code.NO_PROOF_IN_TIME, subject=name_of(certificate), until=control_time)
            return Failure(SubIndication.NO_POE, why)
        control_time = slid
    return control_time


def _slide_over(
    context: Context, certificate: bytes, issuer: bytes, control_time: datetime, *, lenient: bool, is_leaf: bool
) -> datetime | None:
    """Control time after one certificate of the path; ``None`` where something is not proven to have existed in time."""
    if context.proofs.earliest(digest(certificate)) > control_time:
        return None
    bounds = [control_time, read_certificate(certificate).not_valid_after_utc]
    bounds.append(certificate_reliance(context.policy.algorithms, certificate, issuer).until - INSTANT)
    if not (is_leaf and is_exempt(certificate)):
        by_revocation = _bound_by_revocation(context, certificate, issuer, control_time, lenient=lenient)
        if by_revocation is None:
            return None
        bounds.append(by_revocation)
    return min(bounds)


def _bound_by_revocation(
    context: Context, certificate: bytes, issuer: bytes, control_time: datetime, *, lenient: bool
) -> datetime | None:
    answers = context.book.answers(certificate, issuer)
    revocations = [answer.revoked_since for answer in answers if answer.revoked_since is not None]
    if revocations:
        return min(revocations) - INSTANT
    usable = [answer for answer in answers if _is_usable(context, answer, certificate, issuer, control_time, lenient=lenient)]
    if not usable:
        return None
    return max(_bound_by_answer(context, answer, issuer, control_time, lenient=lenient) for answer in usable)


def _is_usable(
    context: Context, answer: Answer, certificate: bytes, issuer: bytes, control_time: datetime, *, lenient: bool
) -> bool:
    if answer.info.state is not RevocationState.GOOD or not answer.is_conclusive(read_certificate(certificate)):
        return False
    existed = context.proofs.earliest(answer.key)
    if existed > control_time or answer.info.this_update > control_time:
        return False
    return lenient or min(existed, control_time) <= responder_until(answer, issuer)


def _bound_by_answer(context: Context, answer: Answer, issuer: bytes, control_time: datetime, *, lenient: bool) -> datetime:
    reliance = answer_reliance(context.policy.algorithms, answer, issuer).until - INSTANT
    fresh_until = control_time if lenient else answer.fresh_until
    return min(reliance, fresh_until)
