"""``signproxy batch sign``: every file of a folder is signed once, with a report in CSV."""

import argparse

from proxy.cli.bulk.making_options import ENVIRONMENT, EXIT_CODES, add_making_options
from proxy.cli.bulk.options import add_folder_options, add_report_options
from proxy.cli.connecting import add_connection_options
from proxy.cli.signature_options import add_signature_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.bulk.making import MadeTally
    from proxy.cli.bulk.places import Places
    from proxy.cli.bulk.run import BulkRun
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Connection
    from proxy.model import SignatureRequest

_DESCRIPTION = """\
Sign every file of a folder, as `signproxy sign` signs one, and write a report
with a row a file: OK, FAILED with its reason, or THERE for a file whose result is
there already. A file that fails stops nothing.

No file is signed twice. A result that is there and begins with its document is
left as it is; and each call carries an Idempotency-Key made of the document and
all that is asked, under which the service signs once, however often it is asked
within 24 hours. So a run that was killed goes on with --resume, or begun anew.
"""

_EPILOG = f"""\
examples:
  signproxy batch sign ./invoices --form es-t --ltv --certificate seal \\
      --out ./signed --csv signed.csv
      results in a folder of the same shape, as ./signed/2026/a.signed.pdf
  signproxy batch sign ./invoices --form es --certificate seal --csv signed.csv
      each beside its document, as a.signed.pdf
  signproxy batch sign ./invoices --form es --certificate seal --in-place \\
      --csv signed.csv
      in the place of its document
  signproxy batch sign ./invoices --form es-a --certificate seal \\
      --csv checked.csv --dry-run
      all that can be checked is, nothing is spent
  signproxy batch sign … --csv signed.csv --resume
      go on where a run was interrupted

{ENVIRONMENT}  SIGNPROXY_CERTIFICATE    as --certificate

{EXIT_CODES}"""


def add_parser(actions: "Verbs") -> None:
    """Add the action."""
    said = "sign every file, once"
    parser = actions.add_parser("sign", help=said, description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_folder_options(parser)
    add_report_options(parser)
    add_signature_options(parser)
    add_making_options(parser, ".signed")
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Sign the folder and report.

    Raises:
        SettingsError: The options contradict each other, no service or certificate is named, the folder is none, or there is a
            report already.
        OSError: The report cannot be written.
    """
    from proxy.cli.bulk.making import MadeTally
    from proxy.cli.bulk.making_options import places_from
    from proxy.cli.bulk.options import conclude, run_from
    from proxy.cli.connecting import connection_from
    from proxy.cli.results import COLUMNS
    from proxy.cli.running import run_until_done
    from proxy.cli.signature_options import signature_request_from

    request, places, connection = signature_request_from(arguments), places_from(arguments), connection_from(arguments)
    tally = MadeTally()
    with run_from(arguments, "sign", COLUMNS) as folder:
        folder.find(arguments.pattern, places.left_out())
        run_until_done(_sign(arguments, folder, places, request, connection, tally))
    conclude(arguments, folder, tally.summary)
    return tally.exit_code


async def _sign(
    arguments: argparse.Namespace,
    folder: "BulkRun",
    places: "Places",
    request: "SignatureRequest",
    connection: "Connection",
    tally: "MadeTally",
) -> None:
    from functools import partial

    from proxy.cli.bulk.making import Making
    from proxy.cli.bulk.making_options import key_of, manner_from
    from proxy.cli.progress import bars_for
    from proxy.cli.results import row
    from proxy.client import SigningClient

    manner = manner_from(arguments)
    async with SigningClient(connection, limit=manner.jobs, repeats=manner.repeats) as client:
        with bars_for(folder.waiting, quiet=arguments.quiet) as bars:
            call = partial(client.sign, request=request)
            making = Making(folder, call, key_of(arguments, request), places, manner, bars)
            outcomes = folder.work(making.make, lambda _, outcome: [row(outcome)], jobs=manner.jobs)
            async for outcome in outcomes:
                tally.add(outcome)
