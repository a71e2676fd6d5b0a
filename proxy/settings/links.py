"""How the links to signers, time-stamping authorities and revocation data hold when those fail."""

from pydantic import Field

from proxy.settings.base import PositiveSeconds, Section


class LinkSettings(Section):
    """The same for every destination; each has a circuit breaker of its own.

    ``attempts``: of what may be repeated, the first included. A breaker opens after ``failures_to_open`` failures in a row, or
    when ``share_to_open`` of the latest ``judged_exchanges``, none older than ``judged_seconds``, failed. It lets nothing
    through for ``pause_seconds``, then one exchange at a time until one goes well.
    """

    attempts: int = Field(3, ge=1, le=10)
    failures_to_open: int = Field(5, ge=1)
    share_to_open: float = Field(0.5, gt=0, le=1)
    judged_exchanges: int = Field(20, ge=1, le=1_000)
    judged_seconds: PositiveSeconds = 60.0
    pause_seconds: PositiveSeconds = 10.0
