"""Until when a document can be verified, of its verification, and what follows: whether it is to be extended, and by when.

A signature ends where its verification says (``validTo``): with its certificate or, where all that proves it is in the
document, with the certificate of the last timestamp. So does a document timestamp; one that a later one covers, its proof
included, ends no more. A document ends with the first that ends. An extension (contract, operation 7, ``ES_A``; EN 319 142-1,
5.5) has to come before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from proxy.cli.bulk.verification_rows import FAILED, INSIDE, RESULTS, TIMESTAMPS, why_not
from proxy.cli.csv_cells import Row
from proxy.cli.exit_codes import ExitCode
from proxy.cli.verdicts import Tally
from proxy.cli.verifying import Outcome
from proxy.client import SignatureVerdict, Verification
from proxy.model import VerificationResult

COLUMNS: Mapping[str, Row] = {
    "ja": (
        *("ファイル名", "状態", "理由", "延長期限", "残り日数", "署名レベル", "タイムスタンプ数", "最終タイムスタンプ時刻"),
        "最終タイムスタンプのTS証明書のサブジェクト",
    ),
    "en": (
        *("file name", "state", "reason", "extend by", "days left", "level", "timestamps", "last timestamp at"),
        "last TS certificate subject",
    ),
}
"""By language; what the columns hold is the same."""


_HEIGHTS = ("B-B", "B-T", "B-LT", "B-LTA")


class State(StrEnum):
    """What is to be done with a document that is VALID."""

    DUE = "DUE"
    LATER = "LATER"


_STATES: Mapping[str, Mapping[State, str]] = {
    "ja": {State.DUE: "要延長", State.LATER: "期限内"},
    "en": {state: state.value for state in State},
}


@dataclass(frozen=True, slots=True)
class Expiry:
    """Of one file.

    Attributes:
        outcome: Its verification.
        state: ``None`` where it is not VALID: what to do about it is not to extend it.
        extend_by: When it ends; ``None`` where nothing tells.
        level: The lowest that a signature in it reaches; ``None`` without signatures.
        timestamps: How many there are.
        last: The last of them.
    """

    outcome: Outcome
    state: State | None
    extend_by: datetime | None
    level: str | None
    timestamps: int
    last: SignatureVerdict | None

    def days_left(self, now: datetime) -> int | None:
        """Whole days."""
        return None if self.extend_by is None else (self.extend_by - now) // timedelta(days=1)


def expiry_of(outcome: Outcome, within: timedelta, now: datetime) -> Expiry:
    """Until when a document can be verified.

    Args:
        outcome: Its verification.
        within: It is due when it ends before this is over.
        now: The moment.
    """
    verification = outcome.verification
    if verification is None:
        return Expiry(outcome, None, None, None, 0, None)
    stamps = [one for one in verification.signatures if one.type in TIMESTAMPS]
    last = max(stamps, key=lambda one: one.timestamp_time or datetime.min.replace(tzinfo=UTC), default=None)
    ends = min(_ends(verification), default=None)
    state = None
    if verification.result is VerificationResult.VALID and ends is not None:
        state = State.DUE if ends <= now + within else State.LATER
    levels = [one.level for one in verification.signatures if one.level in _HEIGHTS]
    return Expiry(outcome, state, ends, min(levels, key=_HEIGHTS.index, default=None), len(stamps), last)


def _ends(verification: Verification) -> Iterator[datetime]:
    """When each thing that counts ends: signatures, the last timestamp over the document, and those that stand without it."""
    outer = [one for one in verification.signatures if one.type not in INSIDE]
    over: Sequence[SignatureVerdict] = [one for one in outer if one.type in TIMESTAMPS]
    for one in outer:
        covered = one.type in TIMESTAMPS and one is not over[-1] and one.ltv
        if one.valid_to is not None and not covered and one.result is not VerificationResult.NOT_APPLICABLE:
            yield one.valid_to


class ExpiryTally:
    """Counts what is to be done without keeping it."""

    def __init__(self) -> None:
        self._verified = Tally()
        self._states: Counter[State] = Counter()

    def add(self, expiry: Expiry) -> None:
        """Count one file."""
        self._verified.add(expiry.outcome)
        if expiry.state is not None:
            self._states[expiry.state] += 1

    @property
    def due(self) -> int:
        """How many are to be extended."""
        return self._states[State.DUE]

    @property
    def exit_code(self) -> ExitCode:
        """That files could not be verified; else the worst verdict's, where one is not to be relied on; else ``OK``."""
        code = self._verified.exit_code
        return ExitCode.OK if code is ExitCode.NOT_SIGNED else code

    @property
    def summary(self) -> str:
        """How many of each."""
        return f"{self._verified.summary}; to be extended: {self.due}"


def row(name: str, expiry: Expiry, language: str, zone: ZoneInfo, now: datetime) -> Row:
    """The row of one file, below :data:`COLUMNS`."""
    verification = expiry.outcome.verification
    if verification is None:
        assert expiry.outcome.error is not None
        return (name, FAILED[language], why_not(expiry.outcome.error), *[""] * 6)
    word = RESULTS[language][verification.result] if expiry.state is None else _STATES[language][expiry.state]
    days, last = expiry.days_left(now), expiry.last
    return (
        name,
        word,
        "" if expiry.state is not None else reasons(verification),
        "" if expiry.extend_by is None else _time(expiry.extend_by, zone),
        "" if days is None else str(days),
        expiry.level or "",
        str(expiry.timestamps),
        "" if last is None or last.timestamp_time is None else _time(last.timestamp_time, zone),
        "" if last is None else last.tsa_subject or "",
    )


def reasons(verification: Verification) -> str:
    """Why it is not VALID, each reason once."""
    texts = (text for one in verification.signatures if one.result is not VerificationResult.VALID for _, text in one.reasons)
    return "; ".join(dict.fromkeys(texts))


def _time(value: datetime, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
