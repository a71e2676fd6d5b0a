"""The processes of EN 319 102-1: basic signatures (5.3), time-stamps (5.4), with time (5.5), with archive data (5.6.3).

They share their first steps. What then stands against a signature is overcome by proofs of existence, or not: by a timestamp
alone where 5.5 lets it, by past signature validation else.
"""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.model import Reason, SubIndication, TrustUse, WantedRevocation
from proxy.trust.certificates import read_certificate
from proxy.trust.ocsp import SKEW
from proxy.validation.acceptance import accept, judge_algorithms
from proxy.validation.certificates import CertificateStatus, judge_certificate
from proxy.validation.context import Context, name_of
from proxy.validation.cryptographic import verify
from proxy.validation.identification import identify
from proxy.validation.past import passes_in_the_past
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.steps import Failure, Obstacle, Steps
from proxy.validation.subject import Subject


@dataclass(slots=True)
class Outcome:
    """How a subject came out.

    Attributes:
        subject: Whose it is.
        failure: ``None`` where it passed.
        signer: DER of the signing certificate, where it was found.
        status: How the certificate stands; ``None`` where nobody came to look at it.
        steps: What was looked at.
        warnings: What is worth telling although it passed.
        wanted: Revocation data that could change it.
    """

    subject: Subject
    failure: Failure | None = None
    signer: bytes | None = None
    status: CertificateStatus | None = None
    steps: Steps = field(default_factory=Steps)
    warnings: list[Reason] = field(default_factory=list)
    wanted: list[WantedRevocation] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is left against it."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Stamps:
    """The timestamps that bear on one signature.

    Attributes:
        before: Those over its content that passed: the signature was made after them.
        over_value: Those over its value that passed.
        covering: Those that cover it whole and passed, the inner ones first.
        failed: Identifiers of those that did not pass.
    """

    before: tuple[Subject, ...] = ()
    over_value: tuple[Subject, ...] = ()
    covering: tuple[Subject, ...] = ()
    failed: tuple[str, ...] = ()


def validate_timestamp(context: Context, subject: Subject) -> Outcome:
    """Time-stamp validation (5.4), and past validation of the time-stamp where proof is wanting (5.6.3.4, step 4)."""
    outcome = Outcome(subject)
    obstacles = _basic(context, outcome, TrustUse.TIMESTAMP)
    if outcome.failure is None:
        outcome.failure = _stamp_time(context, outcome)
    _overcome(context, outcome, TrustUse.TIMESTAMP, obstacles)
    if outcome.passed and outcome.status is not None:
        for tolerated in outcome.status.unproven:
            outcome.warnings.append(tolerated.failure.reason)
            outcome.wanted += [tolerated.wanted] if tolerated.wanted is not None else []
    return outcome


def _stamp_time(context: Context, outcome: Outcome) -> Failure | None:
    """A timestamp's own time: not after the validation, and within the life of the TSA's certificate."""
    stamp, steps = outcome.subject.stamp, outcome.steps
    if stamp is None or outcome.signer is None:
        return None
    certificate = read_certificate(outcome.signer)
    name, time = name_of(outcome.signer), stamp.gen_time
    if time > context.at + SKEW:
        failure = Failure(SubIndication.NO_POE, reason(Code.TIMESTAMP_FROM_THE_FUTURE, since=time))
    elif time < certificate.not_valid_before_utc:
        why = reason(Code.SIGNED_BEFORE_ISSUANCE, subject=name, time=time, since=certificate.not_valid_before_utc)
        failure = Failure(SubIndication.NOT_YET_VALID, why)
    elif time > certificate.not_valid_after_utc:
        why = reason(Code.SIGNED_AFTER_EXPIRY, subject=name, time=time, until=certificate.not_valid_after_utc)
        failure = Failure(SubIndication.EXPIRED, why)
    else:
        steps.passed("5.4", Check.TIMESTAMP_TIME)
        return None
    return steps.failed("5.4", Check.TIMESTAMP_TIME, failure)


def validate_signature(context: Context, subject: Subject, stamps: Stamps) -> Outcome:
    """Basic validation (5.3), with time (5.5), and with archive data (5.6.3) where that does not pass.

    Args:
        context: Its proofs hold what the document's timestamps prove by now.
        subject: The signature.
        stamps: How the timestamps that bear on it came out.
    """
    outcome = Outcome(subject)
    obstacles = _basic(context, outcome, TrustUse.SIGNATURE)
    if outcome.failure is None:
        outcome.failure = _contradiction(context, outcome, stamps)
    remaining = [obstacle for obstacle in obstacles if not (obstacle.in_time and _is_overcome(context, subject, obstacle))]
    _overcome(context, outcome, TrustUse.SIGNATURE, remaining)
    if outcome.failure is None:
        outcome.failure = _order(stamps, outcome.steps)
    outcome.warnings += [reason(Code.TIMESTAMP_NOT_VALID, timestamp=name) for name in stamps.failed]
    return outcome


def _basic(context: Context, outcome: Outcome, use: TrustUse) -> list[Obstacle]:
    """5.3: format, signing certificate, certificate, cryptography, acceptance; what proof could overcome is given back."""
    subject, steps = outcome.subject, outcome.steps
    outcome.failure = _format(subject, steps)
    if outcome.failure is not None:
        return []
    signer = identify(context, subject, steps)
    if isinstance(signer, Failure):
        outcome.failure = signer
        return []
    outcome.signer = signer
    outcome.status = judge_certificate(context, signer, use, steps)
    outcome.failure = verify(subject, signer, steps) or accept(subject, steps)
    if outcome.failure is not None:
        return []
    outcome.warnings += [finding.reason for finding in subject.findings if finding.sub_indication is None]
    weakness = judge_algorithms(context, subject, signer, steps)
    return [*outcome.status.obstacles, *((weakness,) if weakness is not None else ())]


def _format(subject: Subject, steps: Steps) -> Failure | None:
    block = "5.2.2"
    for finding in subject.findings:
        if finding.sub_indication is SubIndication.CUSTOM:
            return steps.failed(block, Check.FORMAT, Failure(SubIndication.CUSTOM, finding.reason))
    # What is wrong about its place in the document says more than that nothing can be read there.
    for finding in subject.findings:
        if finding.sub_indication is SubIndication.FORMAT_FAILURE:
            return steps.failed(block, Check.FORMAT, Failure(SubIndication.FORMAT_FAILURE, finding.reason))
    if subject.malformed is not None:
        return steps.failed(block, Check.FORMAT, Failure(SubIndication.FORMAT_FAILURE, subject.malformed))
    steps.passed(block, Check.FORMAT)
    return None


def _is_overcome(context: Context, subject: Subject, obstacle: Obstacle) -> bool:
    material = obstacle.material if obstacle.material is not None else subject.identifier
    return obstacle.until is not None and context.proofs.earliest(material) <= obstacle.until


def _overcome(context: Context, outcome: Outcome, use: TrustUse, remaining: list[Obstacle]) -> None:
    """5.6.3.4: what is left is overcome all together by past signature validation, or the first of it is the failure."""
    if outcome.failure is not None or not remaining or outcome.signer is None:
        return
    subject = outcome.subject
    if all(obstacle.until is not None for obstacle in remaining):
        algorithms = [o for o in remaining if o.failure.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE]
        if all(_is_overcome(context, subject, obstacle) for obstacle in algorithms) and passes_in_the_past(
            context, subject.identifier, outcome.signer, use, outcome.steps
        ):
            return
    outcome.failure = remaining[0].failure
    outcome.wanted += [obstacle.wanted for obstacle in remaining if obstacle.wanted is not None]


def _contradiction(context: Context, outcome: Outcome, stamps: Stamps) -> Failure | None:
    """What timestamps prove against a signature: made before its certificate was (5.5.4), or after its end (5.3.4)."""
    if outcome.signer is None or outcome.status is None:
        return None
    certificate = read_certificate(outcome.signer)
    name = name_of(outcome.signer)
    best = context.proofs.earliest(outcome.subject.identifier)
    if context.proofs.is_covered(outcome.subject.identifier) and best < certificate.not_valid_before_utc:
        why = reason(Code.SIGNED_BEFORE_ISSUANCE, subject=name, time=best, since=certificate.not_valid_before_utc)
        return outcome.steps.failed("5.5", Check.BEST_SIGNATURE_TIME, Failure(SubIndication.NOT_YET_VALID, why))
    begun = max((stamp.stamp.gen_time for stamp in stamps.before if stamp.stamp is not None), default=None)
    if begun is None:
        return None
    if begun > certificate.not_valid_after_utc:
        why = reason(Code.SIGNED_AFTER_EXPIRY, subject=name, time=begun, until=certificate.not_valid_after_utc)
        return outcome.steps.failed("5.3", Check.BEST_SIGNATURE_TIME, Failure(SubIndication.EXPIRED, why))
    revoked = next((o for o in outcome.status.obstacles if o.failure.sub_indication is SubIndication.REVOKED_NO_POE), None)
    if revoked is not None and revoked.until is not None and begun > revoked.until:
        why = reason(Code.SIGNED_AFTER_REVOCATION, subject=name, time=begun)
        return outcome.steps.failed("5.3", Check.BEST_SIGNATURE_TIME, Failure(SubIndication.REVOKED, why))
    return None


def _order(stamps: Stamps, steps: Steps) -> Failure | None:
    """5.5.4, step 5: none may say that it is older than what it covers. Clocks of two authorities may differ a little."""
    latest: datetime | None = None
    for group in (stamps.before, stamps.over_value, *((stamp,) for stamp in stamps.covering)):
        times = [(subject.stamp.gen_time, subject.identifier) for subject in group if subject.stamp is not None]
        for gen_time, identifier in times:
            if latest is not None and gen_time < latest - SKEW:
                why = reason(Code.TIMESTAMPS_OUT_OF_ORDER, timestamp=identifier)
                return steps.failed("5.5", Check.TIMESTAMP_ORDER, Failure(SubIndication.TIMESTAMP_ORDER_FAILURE, why))
        latest = max([gen_time for gen_time, _ in times] + ([latest] if latest is not None else []), default=None)
    steps.passed("5.5", Check.TIMESTAMP_ORDER)
    return None
