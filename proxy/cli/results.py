"""What became of each file, as a table for people, as CSV for spreadsheets and as JSON for programs."""

import codecs
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from proxy.cli.csv_cells import Row, encoded
from proxy.cli.many_files import Outcome, Result
from proxy.cli.terminal import explain, printable
from proxy.client import TimestampedDocument
from proxy.errors import ProxyError

COLUMNS = (
    "file",
    "output",
    "result",
    "code",
    "detail",
    "form",
    "level",
    "validUntil",
    "transactionId",
    "resultSha256",
    "size",
    "sent",
    "received",
    "upstreamSent",
    "upstreamReceived",
    "milliseconds",
)


def facts(outcome: Outcome) -> Mapping[str, str | int | float | None]:
    """One outcome by the names of the contract; what does not apply is ``None``. Sizes are bytes."""
    result, error = outcome.result, outcome.error
    transaction_id = result.transaction_id if result else error.transaction_id if isinstance(error, ProxyError) else None
    values: dict[str, str | int | float | None] = dict.fromkeys(COLUMNS)
    values |= {
        "file": str(outcome.work.document),
        "output": None if error is not None or outcome.work.output is None else str(outcome.work.output),
        "result": _word(outcome),
        "transactionId": transaction_id,
        "milliseconds": round(outcome.milliseconds, 1),
    }
    if error is not None:
        values["code"] = error.code if isinstance(error, ProxyError) else "FILE"
        values["detail"] = error.detail if isinstance(error, ProxyError) else printable(error.strerror or error)
    if result is not None:
        values |= {
            "form": result.form,
            "level": result.level,
            "validUntil": result.valid_until.isoformat() if result.valid_until else None,
            "resultSha256": result.result_sha256,
            "size": result.size,
            "sent": result.sent,
            "received": result.received,
            "upstreamSent": result.upstream_sent,
            "upstreamReceived": result.upstream_received,
        }
    return values


@contextmanager
def csv_report(path: Path) -> Iterator[Callable[[Outcome], None]]:
    """A report whose rows are there as soon as their files are done, so that an interrupted run has told what it did.

    UTF-8 with a byte order mark and CRLF, as spreadsheets read it; no cell can be taken for a formula.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("wb") as file:
        file.write(codecs.BOM_UTF8 + encoded([COLUMNS], "utf-8"))
        file.flush()

        def add(outcome: Outcome) -> None:
            file.write(encoded([row(outcome)], "utf-8"))
            file.flush()

        yield add


def row(outcome: Outcome) -> Row:
    """One outcome as a row of a report, below :data:`COLUMNS`."""
    return tuple("" if value is None else str(value) for value in facts(outcome).values())


def write_json(outcomes: Sequence[Outcome]) -> None:
    """``{"files": [...]}`` on standard output."""
    json.dump({"files": [facts(outcome) for outcome in outcomes]}, sys.stdout, indent=2)
    print()


def write_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """A row a file, then the count."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for name in ("level", "valid until"):
        table.add_column(name, no_wrap=True)
    for name in ("up", "down", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    for outcome in outcomes:
        result = outcome.result
        document, milliseconds = Text(printable(outcome.work.document)), f"{outcome.milliseconds:.0f}"
        if result is None:
            assert outcome.error is not None
            table.add_row(document, "", "", "", "", milliseconds, Text(f"✖ {explain(outcome.error)}", "red"))
            continue
        table.add_row(
            document,
            result.level or "",
            f"{result.valid_until:%Y-%m-%d}" if result.valid_until else "",
            decimal(result.sent),
            decimal(result.received),
            milliseconds,
            Text(f"✔ {_what_became(outcome, result)}", "green"),
        )
    console.print(table)
    failed = sum(outcome.error is not None for outcome in outcomes)
    console.print(f"{len(outcomes) - failed} of {len(outcomes)} files done" + (f", {failed} failed" if failed else ""))


def _word(outcome: Outcome) -> str:
    if outcome.result is None:
        return "FAILED" if outcome.error is not None else "THERE"
    return "SKIPPED" if _skipped(outcome.result) else "OK"


def _skipped(result: Result) -> bool:
    return isinstance(result, TimestampedDocument) and result.skipped


def _what_became(outcome: Outcome, result: Result) -> str:
    where = "" if outcome.work.output is None else printable(outcome.work.output)
    if _skipped(result):
        return f"time-stamped already, as it was: {where}" if where else "time-stamped already"
    return where or ("checked, not time-stamped" if isinstance(result, TimestampedDocument) else "checked, not signed")
