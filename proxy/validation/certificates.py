"""X.509 certificate validation at one moment (EN 319 102-1, 5.2.6): what stands against a certificate, path by path.

Instead of the first failure alone it gives everything that stands against the certificate, each with the proof that would
overcome it: the processes with time (5.5) and with archive data (5.6) ask for nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from proxy.model import SubIndication, TrustUse
from proxy.trust.certificates import check_signing_usage, check_time_stamping_usage, read_certificate
from proxy.trust.failures import UsageRefused
from proxy.trust.paths import CertificationPath
from proxy.validation.algorithms import INSTANT, certificate_reliance
from proxy.validation.context import Context, digest, name_of
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.revocation import revocation_obstacles
from proxy.validation.steps import Failure, Obstacle, Steps

BLOCK = "5.2.6"


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """How a certificate stands at the validation time.

    Attributes:
        path: The path that was judged; ``None`` where there is none.
        obstacles: What stands against it, the one to report first.
        unproven: Revocation data that was taken although newer could be asked for.
    """

    path: CertificationPath | None
    obstacles: tuple[Obstacle, ...]
    unproven: tuple[Obstacle, ...] = ()


def judge_certificate(context: Context, signer: bytes, use: TrustUse, steps: Steps) -> CertificateStatus:
    """Judge a signing certificate (DER) at the validation time, on the best of its paths.

    Args:
        context: Policy, moment, evidence.
        signer: The certificate.
        use: For whose anchors. Revocation data about a TSA need not be fresh, where the policy says so.
        steps: Gets what was looked at.
    """
    usage = _usage(signer, use, steps)
    paths = context.paths(signer, use)
    if not paths:
        why = reason(Code.NO_PATH_TO_ANCHOR, subject=name_of(signer))
        failure = steps.failed(BLOCK, Check.CHAIN_TO_ANCHOR, Failure(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, why))
        return CertificateStatus(None, (Obstacle(failure),))
    judged = [(*_on_path(context, path, use), path) for path in paths]
    status, own_steps, path = min(judged, key=lambda entry: _badness(entry[0].obstacles))
    steps.passed(BLOCK, Check.CHAIN_TO_ANCHOR)
    steps.results.extend(own_steps.results)
    return CertificateStatus(path, (*usage, *status.obstacles), status.unproven)


def _badness(obstacles: tuple[Obstacle, ...]) -> tuple[bool, int]:
    """A path that proof could still make good is better than one that none can."""
    return any(obstacle.until is None for obstacle in obstacles), len(obstacles)


def _usage(signer: bytes, use: TrustUse, steps: Steps) -> tuple[Obstacle, ...]:
    """Chain constraints of this deployment: what the key may be used for (RFC 5280, 4.2.1.3; RFC 3161, 2.3)."""
    check = check_time_stamping_usage if use is TrustUse.TIMESTAMP else check_signing_usage
    try:
        check(read_certificate(signer))
    except UsageRefused as error:
        failure = Failure(SubIndication.CHAIN_CONSTRAINTS_FAILURE, reason(Code.USAGE_NOT_ALLOWED, detail=str(error)))
        return (Obstacle(steps.failed(BLOCK, Check.USAGE, failure)),)
    steps.passed(BLOCK, Check.USAGE)
    return ()


def _on_path(context: Context, path: CertificationPath, use: TrustUse) -> tuple[CertificateStatus, Steps]:
    steps = Steps()
    found: list[Obstacle] = []
    unproven: list[Obstacle] = []
    for certificate, issuer in pairwise(path.certificates):
        is_leaf = certificate is path.certificates[0]
        lenient = use is TrustUse.TIMESTAMP and not context.policy.require_fresh_timestamps
        revocation = revocation_obstacles(context, certificate, issuer, is_leaf=is_leaf, lenient=lenient, steps=steps)
        found += _validity(context.at, certificate, steps, is_leaf=is_leaf, is_good=revocation.is_good)
        found += revocation.obstacles
        unproven += revocation.unproven
        weakness = certificate_reliance(context.policy.algorithms, certificate, issuer).obstacle(
            context.at, digest(certificate)
        )
        if weakness is not None:
            steps.failed(BLOCK, Check.CERTIFICATE_ALGORITHMS, weakness.failure)
            found.append(weakness)
    if len(path.certificates) == 1:
        found += _validity(context.at, path.certificates[0], steps, is_leaf=True, is_good=True)
    found += _anchor(context, path.certificates[-1], use, steps)
    return CertificateStatus(path, tuple(found), tuple(unproven)), steps


def _validity(at: datetime, certificate: bytes, steps: Steps, *, is_leaf: bool, is_good: bool) -> list[Obstacle]:
    parsed = read_certificate(certificate)
    name = name_of(certificate)
    if at > parsed.not_valid_after_utc:
        why = reason(Code.CERTIFICATE_EXPIRED, subject=name, until=parsed.not_valid_after_utc)
        known_good = is_leaf and is_good
        sub = SubIndication.OUT_OF_BOUNDS_NOT_REVOKED if known_good else SubIndication.OUT_OF_BOUNDS_NO_POE
        failure = steps.failed(BLOCK, Check.VALIDITY, Failure(sub, why))
        return [Obstacle(failure, parsed.not_valid_after_utc, in_time=known_good)]
    if at < parsed.not_valid_before_utc:
        why = reason(Code.CERTIFICATE_NOT_YET_VALID, subject=name, since=parsed.not_valid_before_utc)
        failure = steps.failed(BLOCK, Check.VALIDITY, Failure(SubIndication.OUT_OF_BOUNDS_NO_POE, why))
        return [Obstacle(failure)]
    steps.passed(BLOCK, Check.VALIDITY)
    return []


def _anchor(context: Context, anchor: bytes, use: TrustUse, steps: Steps) -> list[Obstacle]:
    if context.is_anchor_trusted(anchor, use, context.at):
        steps.passed(BLOCK, Check.ANCHOR_TRUSTED)
        return []
    ended = context.anchor_trusted_to(anchor, use)
    if ended is None or ended > context.at:
        why = reason(Code.NO_PATH_TO_ANCHOR, subject=name_of(anchor))
        failure = Failure(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, why)
        return [Obstacle(steps.failed(BLOCK, Check.ANCHOR_TRUSTED, failure))]
    why = reason(Code.ANCHOR_NOT_TRUSTED_ANY_MORE, subject=name_of(anchor), until=ended)
    failure = Failure(SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE, why)
    return [Obstacle(steps.failed(BLOCK, Check.ANCHOR_TRUSTED, failure), ended - INSTANT, in_time=False)]
