"""``signproxy batch``: whole folders; of ``verify`` a report in CSV, one row a timestamp."""

import argparse

from proxy.cli.argument_types import jobs
from proxy.cli.connecting import ENVIRONMENT, add_connection_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from proxy.cli.bulk_file import BulkFile
    from proxy.cli.bulk_rows import Period, RowStyle
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.cli.verifying import Outcome, Verify
    from proxy.client import SigningClient

_DESCRIPTION = """\
Have every file of a folder verified, and write a report with one row a
timestamp (with --all, also a row a signature). A file with neither has a row
that says so, and so has a file that cannot be verified: nothing stops the run.
A run that was interrupted goes on with --resume, and no row is lost or there
twice.
"""

_EPILOG = f"""\
examples:
  signproxy batch verify ./ledger --csv report.csv
  signproxy batch verify ./ledger --csv q1.csv --period 2026-01-01..2026-03-31
      what was time-stamped in the first quarter
  signproxy batch verify ./ledger --csv report.csv --lang en --all
  signproxy batch verify ./ledger --csv report.csv --encoding cp932
      for old spreadsheets
  signproxy batch verify ./ledger --csv report.csv --resume
      go on where a run was interrupted

{ENVIRONMENT}
exit codes:
  0    every file is VALID
  10   a file is INVALID
  11   a file is INDETERMINATE, none is INVALID
  12   nothing is signed in a file, all others are VALID
  1    some files could not be verified, each told in the report
  2    the command is wrong: its options, or a report that is there already
  3    the service is not there or busy: try again later, with --resume
  4    refused: not permitted
  130  interrupted (Ctrl-C or SIGTERM): go on with --resume
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "batch", help="verify whole folders, with a report in CSV", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("action", choices=("verify",), help="what is done with every file")
    parser.add_argument("folder", metavar="FOLDER", help="with all folders in it")
    parser.add_argument("--csv", metavar="FILE", required=True, help="the report; one that is there is not replaced")
    parser.add_argument("--resume", action="store_true", help="go on with a report that was interrupted")
    parser.add_argument("--pattern", default="*.pdf", metavar="GLOB", help="names of the files (default: %(default)s)")
    parser.add_argument("--period", type=_period, metavar="DAY..DAY", help="rows of these days alone, both included")
    parser.add_argument("--all", action="store_true", help="also a row a signature")
    parser.add_argument("--lang", choices=("ja", "en"), default="ja", help="of names and reasons (default: %(default)s)")
    parser.add_argument("--encoding", choices=("utf-8", "cp932"), default="utf-8", help="of the report (default: %(default)s)")
    parser.add_argument("--timezone", default="Asia/Tokyo", metavar="NAME", help="of its times (default: %(default)s)")
    parser.add_argument("--jobs", metavar="N", type=jobs, default=4, help="files at a time (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_connection_options(parser)


def _period(text: str) -> "Period":
    from datetime import date

    from proxy.cli.bulk_rows import Period

    try:
        first, last = (date.fromisoformat(day) for day in text.split(".."))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a period, as 2026-01-01..2026-03-31") from error
    if first > last:
        raise argparse.ArgumentTypeError("the period ends before it begins")
    return Period(first, last)


def run(arguments: argparse.Namespace) -> int:
    """Verify the folder and report.

    Raises:
        SettingsError: No service is named, the folder is none, or there is a report already.
        OSError: The report cannot be written.
    """
    from pathlib import Path
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from proxy.cli.bulk_rows import RowStyle
    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.client import SigningClient
    from proxy.errors import SettingsError

    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder")
    try:
        style = RowStyle(arguments.lang, ZoneInfo(arguments.timezone), arguments.all, arguments.period)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"{arguments.timezone!r} is no time zone, as Asia/Tokyo") from error
    connection = connection_from(arguments)

    async def verify_folder() -> int:
        async with SigningClient(connection, limit=arguments.jobs) as client:
            return await _verify_folder(arguments, folder, style, _verifying(client, arguments.lang))

    return run_until_done(verify_folder())


def _verifying(client: "SigningClient", language: str) -> "Verify":
    from proxy.client import Progress, Verification

    async def verify(document: "Path", progress: Progress) -> Verification:
        return await client.verify(document, language=language, progress=progress)

    return verify


async def _verify_folder(arguments: argparse.Namespace, folder: "Path", style: "RowStyle", verify: "Verify") -> int:
    from pathlib import Path

    from proxy.cli.bulk import files_below, verified_in_order
    from proxy.cli.bulk_file import BulkFile
    from proxy.cli.bulk_rows import COLUMNS
    from proxy.cli.progress import Bars, NoBars
    from proxy.cli.terminal import messages
    from proxy.cli.verdicts import Tally

    console, tally = messages(), Tally()
    with BulkFile(Path(arguments.csv), COLUMNS[style.language], arguments.encoding, resume=arguments.resume) as report:
        waiting = [path for path in files_below(folder, arguments.pattern) if _name(folder, path) not in report.done]
        bars: Bars | NoBars = Bars(console, len(waiting)) if console.is_terminal and not arguments.quiet else NoBars()
        with bars:
            outcomes = verified_in_order(iter(waiting), verify, jobs=arguments.jobs, bars=bars)
            await _write(outcomes, tally.add, lambda outcome: _add(report, folder, style, outcome))
    already = f", {len(report.done)} were done before" if report.done else ""
    console.print(f"{tally.summary}{already}: {arguments.csv}", markup=False)
    return tally.exit_code


async def _write(
    outcomes: "AsyncIterator[Outcome]", count: "Callable[[Outcome], None]", write: "Callable[[Outcome], None]"
) -> None:
    import asyncio

    async for outcome in outcomes:
        await asyncio.to_thread(write, outcome)
        count(outcome)


def _add(report: "BulkFile", folder: "Path", style: "RowStyle", outcome: "Outcome") -> None:
    from datetime import UTC, datetime

    name = _name(folder, outcome.document)
    report.add(name, style.rows(name, outcome, datetime.now(UTC)))


def _name(folder: "Path", document: "Path") -> str:
    """As the report has it: below the folder, the same on every system."""
    from proxy.cli.terminal import printable

    return printable(document.relative_to(folder).as_posix())
