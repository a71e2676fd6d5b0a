"""One file of a folder: verified, and extended where it nears its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from proxy.cli.bulk.expiry import COLUMNS as EXPIRY_COLUMNS
from proxy.cli.bulk.expiry import Expiry, ExpiryTally, State, expiry_of
from proxy.cli.bulk.expiry import row as expiry_row
from proxy.cli.bulk.making import MadeTally, Making
from proxy.cli.bulk.run import BulkFile
from proxy.cli.csv_cells import Row
from proxy.cli.exit_codes import ExitCode
from proxy.cli.many_files import Outcome
from proxy.cli.results import facts
from proxy.cli.terminal import explain
from proxy.cli.verifying import Questions

COLUMNS: Mapping[str, Row] = {
    "ja": (*EXPIRY_COLUMNS["ja"], "処理結果", "失敗理由", "出力ファイル", "延長後の期限", "トランザクションID"),
    "en": (*EXPIRY_COLUMNS["en"], "outcome", "failure", "output", "extended until", "transaction"),
}
"""By language; what the columns hold is the same."""

_CHECKED = "CHECKED"
_OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "ja": {"OK": "延長済", "THERE": "作成済", "FAILED": "失敗", _CHECKED: "延長可"},
    "en": {"OK": "EXTENDED", "THERE": "THERE", "FAILED": "FAILED", _CHECKED: "CAN BE EXTENDED"},
}


@dataclass(frozen=True, slots=True)
class Extension:
    """What became of one file. Attributes: its end as it was; ``made``: what became of its extension, where it was due."""

    expiry: Expiry
    made: Outcome | None


@dataclass(frozen=True, slots=True)
class Extending:
    """How files are extended. Attributes: who verifies, who makes, what is due, the report's language and time zone."""

    questions: Questions
    making: Making
    within: timedelta
    language: str
    zone: ZoneInfo
    dry_run: bool

    async def extend(self, file: BulkFile) -> Extension:
        """Extend one file if it is due; that it cannot be is an outcome too."""
        outcome = await self.questions.ask(file.document, file.open)
        expiry = expiry_of(outcome, self.within, datetime.now(UTC))
        return Extension(expiry, await self.making.make(file) if expiry.state is State.DUE else None)

    def rows(self, file: BulkFile, extension: Extension) -> Iterator[Row]:
        """The row of one file, below :data:`COLUMNS`."""
        beginning = expiry_row(file.name, extension.expiry, self.language, self.zone, datetime.now(UTC))
        made = extension.made
        if made is None:
            yield (*beginning, *[""] * 5)
            return
        told = facts(made)
        word = _CHECKED if self.dry_run and made.error is None else str(told["result"])
        ends = None if made.result is None else made.result.valid_until
        yield (
            *beginning,
            _OUTCOMES[self.language][word],
            "" if made.error is None else explain(made.error),
            str(told["output"] or ""),
            "" if ends is None else f"{ends.astimezone(self.zone):%Y-%m-%d %H:%M:%S}",
            str(told["transactionId"] or ""),
        )


class ExtensionTally:
    """Counts outcomes without keeping them."""

    def __init__(self, *, dry_run: bool) -> None:
        self._expiry = ExpiryTally()
        self._made = MadeTally()
        self._dry_run = dry_run

    def add(self, extension: Extension) -> None:
        """Count what became of one file."""
        self._expiry.add(extension.expiry)
        if extension.made is not None:
            self._made.add(extension.made)

    @property
    def exit_code(self) -> ExitCode:
        """What failed where something did; that files are due and were not to be extended; else the worst verdict's."""
        for code in (self._made.exit_code, self._expiry.exit_code):
            if code not in {ExitCode.OK, ExitCode.INVALID, ExitCode.INDETERMINATE}:
                return code
        return ExitCode.DUE if self._dry_run and self._expiry.due else self._expiry.exit_code

    @property
    def summary(self) -> str:
        """How many of each."""
        return f"{self._expiry.summary}" + (f"; {self._made.summary}" if self._expiry.due else "")
