"""Claims to a request that is to be done once."""

from dataclasses import dataclass
from enum import StrEnum


class ClaimState(StrEnum):
    """What became of the claim to a request that is to be done once."""

    CLAIMED = "claimed"
    HELD = "held"
    DONE = "done"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Claim:
    """How an idempotency store answers a claim.

    Attributes:
        state: ``CLAIMED``: the caller's to do, or to go on with; ``HELD``: another's, who lives; ``DONE``: there is a result;
            ``CONFLICT``: the key stands for another request.
        execution: Random id of what is done under the key, the same for all who go on with it.
        transaction_id: Of the call that came first.
        held_seconds: Until the claim of one who does not live any more is free.
    """

    state: ClaimState
    execution: str
    transaction_id: str
    held_seconds: float = 0.0
