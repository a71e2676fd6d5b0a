"""What ``signproxy report expiry`` shows: a table of what is due, the soonest first, or every file as JSON, as it comes."""

import heapq
import json
import sys
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from rich.table import Table
from rich.text import Text

from proxy.cli.bulk.expiry import Expiry, ExpiryTally, State, reasons
from proxy.cli.bulk.verification_rows import why_not
from proxy.cli.exit_codes import ExitCode
from proxy.cli.terminal import output, printable

MOST_SHOWN = 1000
"""Files in the table. Those that are due and not in it are counted below it."""


class Shown(ABC):
    """Use as a context manager, whose end completes what is shown. Attributes: ``tally``."""

    def __init__(self) -> None:
        self.tally = ExpiryTally()

    def add(self, name: str, expiry: Expiry) -> None:
        """One file more."""
        self.tally.add(expiry)
        self._show(name, expiry)

    @abstractmethod
    def _show(self, name: str, expiry: Expiry) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...

    @property
    def exit_code(self) -> ExitCode:
        """That files could not be verified; that some are due; else the worst verdict's."""
        code = self.tally.exit_code
        return ExitCode.DUE if self.tally.due and code in {ExitCode.OK, ExitCode.INVALID, ExitCode.INDETERMINATE} else code

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._end()


class Soonest(Shown):
    """The table."""

    def __init__(self) -> None:
        super().__init__()
        # Of a heap the least comes first: here the one that ends last, and makes room for another.
        self._due: list[tuple[float, str, str, str]] = []

    def _show(self, name: str, expiry: Expiry) -> None:
        if expiry.state is not State.DUE or expiry.extend_by is None:
            return
        authority = "" if expiry.last is None else printable(expiry.last.tsa_subject or "")
        entry = (-expiry.extend_by.timestamp(), name, expiry.level or "", authority)
        if len(self._due) < MOST_SHOWN:
            heapq.heappush(self._due, entry)
        else:
            heapq.heappushpop(self._due, entry)

    def _end(self) -> None:
        console = output()
        now = datetime.now(UTC).timestamp()
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("extend by", no_wrap=True)
        table.add_column("days left", justify="right", no_wrap=True)
        table.add_column("file", overflow="fold")
        table.add_column("level", no_wrap=True)
        table.add_column("last timestamp of", overflow="fold")
        for ends, name, level, authority in sorted(self._due, reverse=True):
            left = int((-ends - now) // 86_400)
            style = "red" if left < 30 else ""
            by = f"{datetime.fromtimestamp(-ends).astimezone():%Y-%m-%d}"
            table.add_row(Text(by, style), Text(str(left), style), Text(name), level, Text(authority))
        if self._due:
            console.print(table)
        if (more := self.tally.due - len(self._due)) > 0:
            console.print(f"and {more} more, which end later: --csv has all")


class Listed(Shown):
    """JSON: ``{"files": [...], "due": …}``."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def _show(self, name: str, expiry: Expiry) -> None:
        print(
            ",\n " if self._begun else '{"files": [\n ', json.dumps(_members(name, expiry), ensure_ascii=False), sep="", end=""
        )
        self._begun = True

    def _end(self) -> None:
        print("\n]" if self._begun else '{"files": []', f', "due": {self.tally.due}}}', sep="")
        sys.stdout.flush()


def _members(name: str, expiry: Expiry) -> dict[str, Any]:
    outcome, last = expiry.outcome, expiry.last
    verified = outcome.verification
    stamped = None if last is None else last.timestamp_time
    return {
        "file": name,
        "state": expiry.state or (None if verified is None else verified.result),
        "reason": reasons(verified) if verified is not None else None if outcome.error is None else why_not(outcome.error),
        "extendBy": None if expiry.extend_by is None else expiry.extend_by.isoformat(),
        "daysLeft": expiry.days_left(datetime.now(UTC)),
        "level": expiry.level,
        "timestamps": expiry.timestamps,
        "lastTimestampAt": None if stamped is None else stamped.isoformat(),
        "tsaSubject": None if last is None else last.tsa_subject,
    }
