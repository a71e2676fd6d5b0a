"""``signproxy report``: of ``expiry``, what has to be extended in a folder, and by when."""

import argparse

from proxy.cli.argument_types import days
from proxy.cli.bulk.options import add_folder_options, add_language_options, add_report_options
from proxy.cli.connecting import ENVIRONMENT
from proxy.cli.verifiers import add_verifier_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.bulk.expiry_shown import Shown
    from proxy.cli.bulk.run import BulkRun
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.cli.verifying import OpenVerifier

_DESCRIPTION = """\
Have every file of a folder verified, and tell until when each can be, and so by
when it has to be extended (`signproxy batch extend`). The table has those that
are due, the soonest first; with --csv or --json every file is told.

A signature ends with its certificate or, where all that proves it is in the
document, with the certificate of the last timestamp's authority. A document ends
with the first that ends in it.
"""

_EPILOG = f"""\
examples:
  signproxy report expiry ./archive --within 180d
  signproxy report expiry ./archive --within 1y --csv expiry.csv
      every file, for spreadsheets; goes on with --resume when interrupted
  signproxy report expiry ./archive --json | jq '.files[] | select(.state == "DUE")'

{ENVIRONMENT}
exit codes:
  0    nothing is due, and all that is signed is VALID
  13   files are due
  10   none is due, and a file is INVALID
  11   none is due, and a file is INDETERMINATE
  1    some files could not be verified, each told with its reason
  2    the command is wrong: its options, or a report that is there already
  3    the service is not there or busy: try again later
  4    refused: not permitted
  130  interrupted (Ctrl-C or SIGTERM)
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("report", description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options


def _options(parser: "VerbParser") -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    expiry = actions.add_parser("expiry", help="what has to be extended, by when", description=_DESCRIPTION, epilog=_EPILOG)
    add_folder_options(expiry)
    expiry.add_argument(
        "--within",
        metavar="SPAN",
        type=days,
        default="90d",
        help="due is what ends in less (default: %(default)s; also 12w, 2y)",
    )
    add_report_options(expiry, required=False)
    expiry.add_argument("--json", action="store_true", help="write JSON to standard output instead of the table")
    add_language_options(expiry)
    add_verifier_options(expiry)
    expiry.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify the folder and report.

    Raises:
        SettingsError: No service is named, the folder is none, or there is a report already.
        OSError: The report cannot be written.
    """
    from proxy.cli.bulk.expiry import COLUMNS
    from proxy.cli.bulk.expiry_shown import Listed, Soonest
    from proxy.cli.bulk.options import conclude, run_from
    from proxy.cli.running import run_until_done
    from proxy.cli.verifiers import verifier_from

    open_verifier = verifier_from(arguments)
    with run_from(arguments, "expiry", COLUMNS[arguments.lang]) as folder:
        folder.find(arguments.pattern)
        with Listed() if arguments.json else Soonest() as shown:
            run_until_done(_report(arguments, folder, open_verifier, shown))
    conclude(arguments, folder, shown.tally.summary)
    return shown.exit_code


async def _report(arguments: argparse.Namespace, folder: "BulkRun", open_verifier: "OpenVerifier", shown: "Shown") -> None:
    from datetime import UTC, datetime

    from proxy.cli.bulk.expiry import Expiry, expiry_of, row
    from proxy.cli.bulk.options import zone_from
    from proxy.cli.bulk.run import BulkFile
    from proxy.cli.progress import bars_for
    from proxy.cli.verifying import Questions
    from proxy.model import VerificationRequest

    zone = zone_from(arguments)
    async with open_verifier() as verifier:
        with bars_for(folder.waiting, quiet=arguments.quiet) as bars:
            questions = Questions(verifier, VerificationRequest(), arguments.lang, bars)

            async def ask(file: BulkFile) -> tuple[BulkFile, Expiry]:
                outcome = await questions.ask(file.document, file.open)
                return file, expiry_of(outcome, arguments.within, datetime.now(UTC))

            outcomes = folder.work(
                ask,
                lambda file, found: [row(file.name, found[1], arguments.lang, zone, datetime.now(UTC))],
                jobs=arguments.jobs,
            )
            async for file, expiry in outcomes:
                shown.add(file.name, expiry)
