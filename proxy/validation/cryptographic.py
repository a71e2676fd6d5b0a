"""Cryptographic verification (EN 319 102-1, 5.2.7): the digests inside what is signed, and the signature value itself."""

import hmac

from proxy.model import SubIndication
from proxy.trust.certificates import read_certificate
from proxy.trust.signatures import SignatureMethod, verify_value
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.steps import Failure, Steps
from proxy.validation.subject import Comparison, Subject

BLOCK = "5.2.7"

_FINDINGS = frozenset({SubIndication.HASH_FAILURE, SubIndication.SIGNED_DATA_NOT_FOUND})


def verify(subject: Subject, signer: bytes, steps: Steps) -> Failure | None:
    """Whether the signer's key made this value over this data; what keeps it from that, otherwise."""
    return _data(subject, steps) or _value(subject, signer, steps)


def _data(subject: Subject, steps: Steps) -> Failure | None:
    for finding in subject.findings:
        if finding.sub_indication in _FINDINGS:
            return steps.failed(BLOCK, Check.SIGNED_DATA_INTACT, Failure(finding.sub_indication, finding.reason))
    compared = (*subject.comparisons, *((subject.covered,) if subject.covered is not None else ()))
    for comparison in compared:
        if comparison.actual is None:
            missing = reason(Code.SIGNED_DATA_MISSING, algorithm=comparison.hash_name)
            return steps.failed(BLOCK, Check.SIGNED_DATA_FOUND, Failure(SubIndication.SIGNED_DATA_NOT_FOUND, missing))
    steps.passed(BLOCK, Check.SIGNED_DATA_FOUND)
    if not all(_matches(comparison) for comparison in subject.comparisons):
        failure = Failure(SubIndication.HASH_FAILURE, reason(Code.DIGEST_MISMATCH))
        return steps.failed(BLOCK, Check.SIGNED_DATA_INTACT, failure)
    steps.passed(BLOCK, Check.SIGNED_DATA_INTACT)
    return None


def _matches(comparison: Comparison) -> bool:
    return comparison.actual is not None and hmac.compare_digest(comparison.claimed, comparison.actual)


def _value(subject: Subject, signer: bytes, steps: Steps) -> Failure | None:
    if subject.algorithms_protected is False:
        failure = Failure(SubIndication.SIG_CRYPTO_FAILURE, reason(Code.ALGORITHM_SUBSTITUTED))
        return steps.failed(BLOCK, Check.ALGORITHMS_PROTECTED, failure)
    if subject.algorithms_protected:
        steps.passed(BLOCK, Check.ALGORITHMS_PROTECTED)
    if subject.method is None:
        failure = Failure(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, reason(Code.ALGORITHM_UNKNOWN))
        return steps.failed(BLOCK, Check.SIGNATURE_INTACT, failure)
    if not _verifies(subject, subject.method, signer):
        failure = Failure(SubIndication.SIG_CRYPTO_FAILURE, reason(Code.SIGNATURE_WRONG))
        return steps.failed(BLOCK, Check.SIGNATURE_INTACT, failure)
    steps.passed(BLOCK, Check.SIGNATURE_INTACT)
    return None


def _verifies(subject: Subject, method: SignatureMethod, signer: bytes) -> bool:
    readings = [(octets, False) for octets in subject.signed]
    if not readings and subject.covered is not None and subject.covered.actual is not None:
        readings = [(subject.covered.actual, True)]
    certificate = read_certificate(signer)
    for signed, is_digest in readings:
        try:
            verify_value(certificate, method, subject.value, signed, is_digest=is_digest)
        except ValueError:
            continue
        return True
    return False
