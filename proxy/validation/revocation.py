"""Revocation of one certificate at the validation time (EN 319 102-1, 5.2.5 and step 3 and 4 of 5.2.6.4).

A revocation that was not taken back counts whoever says it and whenever it was issued; of what says that a certificate is
good, the answer that stands best is taken. Reasons count as RFC 5280, 5.3 has them: an invalidity date is earlier than the
revocation when the key was in doubt by then.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from proxy.model import AlgorithmPolicy, RevocationState, SubIndication, WantedRevocation
from proxy.trust.certificates import read_certificate
from proxy.validation.algorithms import ALWAYS, INSTANT, Reliance, certificate_reliance, signature_reliance
from proxy.validation.context import Context, name_of
from proxy.validation.evidence import Answer
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.steps import Failure, Obstacle, Steps

BLOCK = "5.2.5"

_EXEMPT = (x509.ObjectIdentifier("0.4.0.194121.2.1"), x509.ObjectIdentifier("2.5.29.56"))
"""Extensions of certificates that are never revoked: short-term ones (EN 319 412-1, 5.2), and noRevAvail (RFC 9608)."""


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """What stands against a certificate; what was taken although it is old; whether it is known that it was not revoked."""

    obstacles: tuple[Obstacle, ...]
    unproven: tuple[Obstacle, ...]
    is_good: bool


def is_exempt(certificate: bytes) -> bool:
    """Whether a certificate (DER) of an end entity says that its revocation need not be asked for."""
    extensions = read_certificate(certificate).extensions
    return any(extension.oid in _EXEMPT for extension in extensions)


def revocation_obstacles(
    context: Context, certificate: bytes, issuer: bytes, *, is_leaf: bool, lenient: bool, steps: Steps
) -> RevocationStatus:
    """Judge a certificate (DER) by the answers about it from its issuer (DER).

    Args:
        context: Policy, moment, evidence.
        certificate: Of a signer or an authority below the anchor.
        issuer: The next one on its path.
        is_leaf: Whether it is the signer's.
        lenient: Whether an answer may be old, and its responder's certificate have run out.
        steps: Gets what was looked at.
    """
    name = name_of(certificate)
    if is_leaf and is_exempt(certificate):
        steps.passed(BLOCK, Check.REVOCATION_DATA, reason(Code.REVOCATION_NOT_NEEDED, subject=name))
        return RevocationStatus((), (), is_good=True)
    answers = context.book.answers(certificate, issuer)
    revoked = _revoked(context.at, answers, is_leaf=is_leaf, name=name)
    if revoked is not None:
        steps.failed(BLOCK, Check.NOT_REVOKED, revoked.failure)
        return RevocationStatus((revoked,), (), is_good=False)
    wanted = _wanted(context.at, certificate, issuer)
    good = [answer for answer in answers if _is_good(answer, certificate, context.at)]
    if not good:
        why = reason(Code.NO_REVOCATION_DATA, subject=name)
        failure = steps.failed(BLOCK, Check.REVOCATION_DATA, Failure(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, why))
        return RevocationStatus((Obstacle(failure, wanted=wanted),), (), is_good=False)
    steps.passed(BLOCK, Check.REVOCATION_DATA)
    steps.passed(BLOCK, Check.NOT_REVOKED)
    judged = [_stands_against(context, answer, issuer, name, wanted) for answer in good]
    best = min(judged, key=lambda against: (any(obstacle.until is None for obstacle in against), len(against)))
    obstacles, tolerated = [], []
    for obstacle in best:
        check = _CHECKS[obstacle.failure.reason.code]
        if lenient and obstacle.failure.sub_indication in _TOLERATED:
            steps.warned(BLOCK, check, obstacle.failure.reason)
            tolerated.append(obstacle)
        else:
            steps.failed(BLOCK, check, obstacle.failure)
            obstacles.append(obstacle)
    known = all(o.failure.sub_indication is not SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE for o in obstacles)
    return RevocationStatus(tuple(obstacles), tuple(tolerated), is_good=known)


def responder_until(answer: Answer, issuer: bytes) -> datetime:
    """Until when a delegated responder's certificate is valid; the issuer's own (DER) is judged on the path."""
    return ALWAYS if answer.signer == issuer else read_certificate(answer.signer).not_valid_after_utc


def answer_reliance(policy: AlgorithmPolicy, answer: Answer, issuer: bytes) -> Reliance:
    """Until when the algorithms of an answer are relied on: its own, and those by which the issuer (DER) named a responder."""
    own = signature_reliance(policy, answer.hash_name, answer.signer)
    return own if answer.signer == issuer else min(own, certificate_reliance(policy, answer.signer, issuer))


_TOLERATED = frozenset({SubIndication.TRY_LATER, SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE})
_CHECKS: dict[str, Check] = {
    Code.REVOCATION_DATA_NOT_FRESH: Check.REVOCATION_FRESHNESS,
    Code.RESPONDER_EXPIRED: Check.RESPONDER_VALIDITY,
    Code.ALGORITHM_NOT_ACCEPTED: Check.CERTIFICATE_ALGORITHMS,
    Code.ALGORITHM_OUTDATED: Check.CERTIFICATE_ALGORITHMS,
}


def _revoked(at: datetime, answers: tuple[Answer, ...], *, is_leaf: bool, name: str) -> Obstacle | None:
    """The earliest revocation that lasts; else a hold, if the latest answer says so."""
    lasting = [answer for answer in answers if answer.revoked_since is not None and not answer.on_hold]
    revoked = min(lasting, key=lambda answer: answer.revoked_since or at, default=None)
    if revoked is not None and revoked.revoked_since is not None and revoked.revoked_since <= at:
        code = Code.CERTIFICATE_REVOKED if is_leaf else Code.ISSUER_REVOKED
        sub = SubIndication.REVOKED_NO_POE if is_leaf else SubIndication.REVOKED_CA_NO_POE
        why = reason(code, subject=name, since=revoked.revoked_since, why=revoked.info.reason or "unspecified")
        return Obstacle(Failure(sub, why), revoked.revoked_since - INSTANT)
    latest = next(iter(answers), None)
    if latest is not None and latest.on_hold and latest.revoked_since is not None and latest.revoked_since <= at:
        why = reason(Code.CERTIFICATE_ON_HOLD, subject=name, since=latest.revoked_since)
        return Obstacle(Failure(SubIndication.TRY_LATER, why), latest.revoked_since - INSTANT)
    return None


def _is_good(answer: Answer, certificate: bytes, at: datetime) -> bool:
    """Whether an answer says that the certificate was not revoked by ``at``."""
    if not answer.is_conclusive(read_certificate(certificate)):
        return False
    return answer.info.state is RevocationState.GOOD or (answer.revoked_since is not None and answer.revoked_since > at)


def _wanted(at: datetime, certificate: bytes, issuer: bytes) -> WantedRevocation | None:
    """Nobody keeps the status of certificates that have expired: only a valid one is asked about."""
    parsed = read_certificate(certificate)
    if parsed.not_valid_before_utc <= at <= parsed.not_valid_after_utc:
        return WantedRevocation(certificate, issuer)
    return None


def _stands_against(
    context: Context, answer: Answer, issuer: bytes, name: str, wanted: WantedRevocation | None
) -> list[Obstacle]:
    found = []
    responder_ends = responder_until(answer, issuer)
    if context.at > responder_ends and context.proofs.earliest(answer.key) > responder_ends:
        why = reason(Code.RESPONDER_EXPIRED, subject=name, until=responder_ends)
        failure = Failure(SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE, why)
        found.append(Obstacle(failure, responder_ends, answer.key, in_time=False, wanted=wanted))
    if context.at > answer.fresh_until:
        why = reason(Code.REVOCATION_DATA_NOT_FRESH, subject=name, since=answer.info.this_update, until=answer.fresh_until)
        found.append(Obstacle(Failure(SubIndication.TRY_LATER, why), answer.fresh_until, wanted=wanted))
    obstacle = answer_reliance(context.policy.algorithms, answer, issuer).obstacle(context.at, answer.key)
    if obstacle is not None:
        found.append(obstacle)
    return found
