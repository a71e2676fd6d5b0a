"""``signproxy batch verify``: of a folder a report in CSV, one row a timestamp."""

import argparse

from proxy.cli.bulk.options import add_folder_options, add_language_options, add_report_options
from proxy.cli.connecting import ENVIRONMENT
from proxy.cli.verifiers import add_verifier_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.bulk.run import BulkRun
    from proxy.cli.bulk.verification_rows import Period, RowStyle
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.cli.verdicts import Tally
    from proxy.cli.verifying import OpenVerifier

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
  3    the service is not there or busy: try again later
  4    refused: not permitted
  130  interrupted (Ctrl-C or SIGTERM): go on with --resume
"""


def add_parser(actions: "Verbs") -> None:
    """Add the action."""
    said = "verify every file: a row a timestamp"
    parser = actions.add_parser("verify", help=said, description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_folder_options(parser)
    add_report_options(parser)
    parser.add_argument("--period", type=_period, metavar="DAY..DAY", help="rows of these days alone, both included")
    parser.add_argument("--all", action="store_true", help="also a row a signature")
    add_language_options(parser)
    add_verifier_options(parser)


def _period(text: str) -> "Period":
    from datetime import date

    from proxy.cli.bulk.verification_rows import Period

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
    from proxy.cli.bulk.options import conclude, run_from, zone_from
    from proxy.cli.bulk.verification_rows import COLUMNS, RowStyle
    from proxy.cli.running import run_until_done
    from proxy.cli.verdicts import Tally
    from proxy.cli.verifiers import verifier_from

    style = RowStyle(arguments.lang, zone_from(arguments), arguments.all, arguments.period)
    open_verifier = verifier_from(arguments)
    tally = Tally()
    with run_from(arguments, "verify", COLUMNS[style.language]) as folder:
        folder.find(arguments.pattern)
        run_until_done(_verify(arguments, folder, style, open_verifier, tally))
    conclude(arguments, folder, tally.summary)
    return tally.exit_code


async def _verify(
    arguments: argparse.Namespace, folder: "BulkRun", style: "RowStyle", open_verifier: "OpenVerifier", tally: "Tally"
) -> None:
    from datetime import UTC, datetime

    from proxy.cli.progress import bars_for
    from proxy.cli.verifying import Questions
    from proxy.model import VerificationRequest

    async with open_verifier() as verifier:
        with bars_for(folder.waiting, quiet=arguments.quiet) as bars:
            questions = Questions(verifier, VerificationRequest(), style.language, bars)
            outcomes = folder.work(
                lambda file: questions.ask(file.document, file.open),
                lambda file, outcome: style.rows(file.name, outcome, datetime.now(UTC)),
                jobs=arguments.jobs,
            )
            async for outcome in outcomes:
                tally.add(outcome)
