"""What a validation goes through, step by step: kept for the detailed report, told by the same words that decide."""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.model import ConstraintResult, ConstraintStatus, Reason, SubIndication, WantedRevocation
from proxy.validation.reasons import Check


@dataclass(frozen=True, slots=True)
class Failure:
    """A building block did not pass: the standard's word for it, and the reason."""

    sub_indication: SubIndication
    reason: Reason


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a certificate or signature from being good at the validation time, and what proof would overcome it.

    Attributes:
        failure: What it is.
        until: Proof that the material existed then overcomes it; ``None`` where no proof does.
        material: What has to have existed: the digest of a certificate or piece of revocation data; ``None`` for the signature.
        in_time: Whether a timestamp alone overcomes it (5.5), or only the past validation of the certificate (5.6).
        wanted: Revocation data that could overcome it.
    """

    failure: Failure
    until: datetime | None = None
    material: bytes | None = None
    in_time: bool = True
    wanted: WantedRevocation | None = None


@dataclass(slots=True)
class Steps:
    """The constraints that were looked at, in order."""

    results: list[ConstraintResult] = field(default_factory=list)

    def passed(self, block: str, check: Check, reason: Reason | None = None) -> None:
        """The constraint holds."""
        self.results.append(ConstraintResult(block, check, ConstraintStatus.FULFILLED, reason))

    def failed(self, block: str, check: Check, failure: Failure) -> Failure:
        """It does not; gives the failure back."""
        self.results.append(ConstraintResult(block, check, ConstraintStatus.NOT_FULFILLED, failure.reason))
        return failure

    def warned(self, block: str, check: Check, reason: Reason) -> None:
        """It does not hold, or is not asked for, and nothing follows."""
        self.results.append(ConstraintResult(block, check, ConstraintStatus.WARNING, reason))
