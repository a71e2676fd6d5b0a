"""``signproxy batch extend``: what nears its end in a folder is extended (contract, operation 7, ``ES_A``), with a report."""

import argparse

from proxy.cli.argument_types import days
from proxy.cli.bulk.making_options import ENVIRONMENT, add_making_options
from proxy.cli.bulk.options import add_folder_options, add_language_options, add_report_options
from proxy.cli.documents import add_document_options
from proxy.cli.verifiers import add_verifier_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.bulk.extending import ExtensionTally
    from proxy.cli.bulk.places import Places
    from proxy.cli.bulk.run import BulkRun
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.cli.verifying import OpenVerifier
    from proxy.client import Connection

_DESCRIPTION = """\
Have every file of a folder verified, and extend those that can be verified no
longer than --within says: what proves them is added, and a timestamp over all,
for 10 more years. The report has a row a file, as `signproxy report expiry`, and
what became of those that were to be extended. A file that is not VALID is told
and left as it is. A file that fails stops nothing.

No file is extended twice: see `signproxy batch sign --help`.
"""

_EPILOG = f"""\
examples:
  signproxy batch extend ./archive --csv due.csv --within 1y --dry-run
      what would be extended; nothing is spent
  signproxy batch extend ./archive --csv extended.csv --within 180d --in-place
  signproxy batch extend ./archive --csv extended.csv --out ./extended
      those that were to be extended alone, in a folder of the same shape
  signproxy batch extend … --csv extended.csv --resume
      go on where a run was interrupted

{ENVIRONMENT}
exit codes:
  0    all that were to be extended are, and all others that are signed are VALID
  10   a file is INVALID
  11   a file is INDETERMINATE, none is INVALID
  13   with --dry-run: files are to be extended, and can be
  1    some files failed, each told in the report; the rest is done
  2    the command is wrong: its options, or a report that is there already
  3    the service or its time-stamping authority is not there or busy: try again
       later
  4    refused: not permitted, or against a rule
  5    no file could be done, by a fault of the files
  6    the service or something behind it failed, or its answer was not right
  130  interrupted (Ctrl-C or SIGTERM): go on with --resume
"""


def add_parser(actions: "Verbs") -> None:
    """Add the action."""
    said = "extend what nears its end"
    parser = actions.add_parser("extend", help=said, description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_folder_options(parser)
    add_report_options(parser)
    add_language_options(parser)
    extension = parser.add_argument_group("extension")
    extension.add_argument(
        "--within", metavar="SPAN", type=days, default="90d", help="what ends in less (default: %(default)s; also 12w, 2y)"
    )
    add_document_options(extension)
    add_making_options(parser, ".extended")
    add_verifier_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Extend and report.

    Raises:
        SettingsError: The options contradict each other, no service is named, the folder is none, or there is a report already.
        OSError: The report cannot be written.
    """
    from proxy.cli.bulk.extending import COLUMNS, ExtensionTally
    from proxy.cli.bulk.making_options import places_from
    from proxy.cli.bulk.options import conclude, run_from
    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.verifiers import verifier_from

    places, connection, open_verifier = places_from(arguments), connection_from(arguments), verifier_from(arguments)
    tally = ExtensionTally(dry_run=arguments.dry_run)
    with run_from(arguments, "extend", COLUMNS[arguments.lang]) as folder:
        folder.find(arguments.pattern, places.left_out())
        run_until_done(_extend(arguments, folder, places, connection, open_verifier, tally))
    conclude(arguments, folder, tally.summary)
    return tally.exit_code


async def _extend(
    arguments: argparse.Namespace,
    folder: "BulkRun",
    places: "Places",
    connection: "Connection",
    open_verifier: "OpenVerifier",
    tally: "ExtensionTally",
) -> None:
    from functools import partial

    from proxy.cli.bulk.extending import Extending
    from proxy.cli.bulk.making import Making
    from proxy.cli.bulk.making_options import key_of, manner_from
    from proxy.cli.bulk.options import zone_from
    from proxy.cli.documents import password_from
    from proxy.cli.progress import NoBars, bars_for
    from proxy.cli.verifying import Questions
    from proxy.client import SigningClient
    from proxy.model import TimestampPurpose, TimestampRequest, VerificationRequest

    password, manner = password_from(arguments), manner_from(arguments)
    request = TimestampRequest(
        TimestampPurpose.ES_A, arguments.tsa_profile, document_password=password, dry_run=arguments.dry_run
    )
    async with open_verifier() as verifier, SigningClient(connection, limit=manner.jobs, repeats=manner.repeats) as client:
        with bars_for(folder.waiting, quiet=arguments.quiet) as bars:
            call = partial(client.timestamp, request=request)
            extending = Extending(
                Questions(verifier, VerificationRequest(document_password=password), arguments.lang, bars),
                Making(folder, call, key_of(arguments, request), places, manner, NoBars()),
                arguments.within,
                arguments.lang,
                zone_from(arguments),
                dry_run=arguments.dry_run,
            )
            async for extension in folder.work(extending.extend, extending.rows, jobs=manner.jobs):
                tally.add(extension)
