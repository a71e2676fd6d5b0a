"""Signature acceptance validation (EN 319 102-1, 5.2.8): what its reader objects to, and its algorithms."""

from proxy.model import SubIndication
from proxy.trust.signatures import SignatureScheme
from proxy.validation.algorithms import hash_reliance, key_reliance
from proxy.validation.context import Context
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.steps import Failure, Obstacle, Steps
from proxy.validation.subject import Subject

BLOCK = "5.2.8"


def accept(subject: Subject, steps: Steps) -> Failure | None:
    """What is not acceptable about a signature that is intact, by what its document's reader found."""
    for finding in subject.findings:
        if finding.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE:
            failure = Failure(SubIndication.SIG_CONSTRAINTS_FAILURE, finding.reason)
            return steps.failed(BLOCK, Check.SIGNATURE_CONSTRAINTS, failure)
        if finding.sub_indication is None:
            steps.warned(BLOCK, Check.SIGNATURE_CONSTRAINTS, finding.reason)
    steps.passed(BLOCK, Check.SIGNATURE_CONSTRAINTS)
    if subject.has_signature_policy:
        steps.warned(BLOCK, Check.SIGNATURE_POLICY, reason(Code.SIGNATURE_POLICY_NOT_APPLIED))
    return None


def judge_algorithms(context: Context, subject: Subject, signer: bytes, steps: Steps) -> Obstacle | None:
    """Whether the hash algorithms and the key are relied on at the validation time (5.1.4.4)."""
    policy = context.policy.algorithms
    names = {comparison.hash_name for comparison in subject.comparisons}
    if subject.method is not None and subject.method.scheme is not SignatureScheme.EDDSA:
        names.add(subject.method.hash_name)
    weakest = min([key_reliance(policy, signer), *(hash_reliance(policy, name) for name in names)])
    obstacle = weakest.obstacle(context.at)
    if obstacle is None:
        steps.passed(BLOCK, Check.SIGNATURE_ALGORITHMS)
    else:
        steps.failed(BLOCK, Check.SIGNATURE_ALGORITHMS, obstacle.failure)
    return obstacle
