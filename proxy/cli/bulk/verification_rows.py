"""Rows of a bulk verification (contract, "Bulk verification"): one a timestamp, with ``everything`` also one a signature.

A file with neither has one row that says so, and so has a file that could not be verified. A timestamp inside a signature is
about that signature's value and not about the document: its row has no better result than its signature, so that who looks at
timestamps alone hears of a document that was changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from proxy.cli.csv_cells import Row
from proxy.cli.terminal import explain
from proxy.cli.verifying import Outcome
from proxy.client import SignatureVerdict
from proxy.errors import ProxyError
from proxy.model import VerificationResult

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ja": (
        "ファイル名",
        "検証結果",
        "検証結果理由",
        "検証時刻",
        "署名フィールド名",
        "TS証明書のサブジェクト",
        "署名時刻",
        "有効期間の開始",
        "有効期間の終了",
        "総務大臣認定済",
    ),
    "en": (
        "file name",
        "result",
        "reason",
        "verified at",
        "signature field",
        "TS certificate subject",
        "signing time",
        "valid from",
        "valid to",
        "accredited by the Minister",
    ),
}
"""By language; what the columns hold is the same."""

RESULTS: Mapping[str, Mapping[VerificationResult, str]] = {
    "ja": {
        VerificationResult.VALID: "有効",
        VerificationResult.INVALID: "無効",
        VerificationResult.INDETERMINATE: "不明",
        VerificationResult.NOT_APPLICABLE: "対象外",
    },
    "en": {result: result.value for result in VerificationResult},
}
FAILED = {"ja": "検証できません", "en": "NOT VERIFIED"}
_ACCREDITED: Mapping[str, Mapping[bool | None, str]] = {
    "ja": {True: "はい", False: "いいえ", None: "不明"},
    "en": {True: "yes", False: "no", None: "unknown"},
}
INSIDE = frozenset({"signatureTimestamp", "contentTimestamp"})
_WORST_FIRST = (
    VerificationResult.INVALID,
    VerificationResult.INDETERMINATE,
    VerificationResult.VALID,
    VerificationResult.NOT_APPLICABLE,
)
TIMESTAMPS = frozenset({"docTimestamp", "signatureTimestamp", "archiveTimestamp", "contentTimestamp"})


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, in the report's time zone; what was signed on none of them has no row."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class RowStyle:
    """What rows say and how.

    Attributes:
        language: ``ja`` or ``en``.
        zone: Of all times.
        everything: Also a row a signature.
        period: Which signing times have a row; ``None`` for all.
    """

    language: str
    zone: ZoneInfo
    everything: bool = False
    period: Period | None = None

    def rows(self, name: str, outcome: Outcome, verified_at: datetime) -> Iterator[Row]:
        """The rows of one file.

        Args:
            name: Of the file, as the report has it.
            outcome: What became of it.
            verified_at: When.
        """
        moment = self._time(verified_at)
        if outcome.verification is None:
            assert outcome.error is not None
            yield (name, FAILED[self.language], why_not(outcome.error), moment, *[""] * 6)
            return
        signatures = tuple(_held_to_their_signatures(outcome.verification.signatures))
        wanted = [one for one in signatures if self.everything or one.type in TIMESTAMPS]
        if not wanted:
            word = RESULTS[self.language][VerificationResult.NOT_APPLICABLE]
            # What is signed and not time-stamped has a verdict all the same, which must not be lost.
            reasons = "; ".join(text for one in signatures for _, text in one.reasons)
            yield (name, word, reasons, moment, *[""] * 6)
            return
        for signature in wanted:
            if self._in_period(signature):
                yield self._row(name, signature, moment)

    def _row(self, name: str, signature: SignatureVerdict, moment: str) -> Row:
        return (
            name,
            RESULTS[self.language][signature.result],
            "; ".join(text for _, text in signature.reasons),
            moment,
            signature.field_name or "",
            signature.tsa_subject or "",
            self._time(signature.timestamp_time or signature.claimed_signing_time),
            self._time(signature.valid_from),
            self._time(signature.valid_to),
            _ACCREDITED[self.language][signature.mic_accredited] if signature.type in TIMESTAMPS else "",
        )

    def _in_period(self, signature: SignatureVerdict) -> bool:
        signed = signature.timestamp_time or signature.claimed_signing_time
        if self.period is None or signed is None:
            return True
        return self.period.first <= signed.astimezone(self.zone).date() <= self.period.last

    def _time(self, value: datetime | None) -> str:
        return "" if value is None else f"{value.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"


def why_not(error: ProxyError | OSError) -> str:
    """Why there is no verdict, for a report."""
    return f"{error.code}: {error.detail}" if isinstance(error, ProxyError) else explain(error)


def _held_to_their_signatures(signatures: Sequence[SignatureVerdict]) -> Iterator[SignatureVerdict]:
    """The verdicts, timestamps inside a signature with the worse of both results; they follow their signature."""
    holder: SignatureVerdict | None = None
    for one in signatures:
        if one.type not in INSIDE:
            holder = one
        elif holder is not None and _WORST_FIRST.index(holder.result) < _WORST_FIRST.index(one.result):
            yield replace(one, result=holder.result, reasons=(*holder.reasons, *one.reasons))
            continue
        yield one
