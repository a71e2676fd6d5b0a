"""``signproxy timestamp``: document timestamps, and the extension of what is signed, for as many PDF files as given."""

import argparse

from proxy.cli.documents import (
    ENVIRONMENT,
    EXIT_CODES,
    LOST_ANSWERS,
    add_document_options,
    add_files,
    add_result_options,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Time-stamp PDF files through a proxy. Nobody signs: a time-stamping authority
states that the file existed, as it is. Files and results are handled as by
`signproxy sign`.

purposes:
  DocTimeStamp    a timestamp that stands for itself; the file need not be signed
  ES_A            prolongs every signature and timestamp in the file, whoever made
                  them, by adding what proves them and a timestamp over all: for 10
                  more years, again and again
"""

_EPILOG = f"""\
examples:
  signproxy timestamp ledger.pdf
      writes ledger.stamped.pdf beside it
  signproxy timestamp *.pdf --on-already-timestamped skip --out stamped/
      those that hold a timestamp already come out as they are
  signproxy timestamp contract.signed.pdf --purpose ES_A --out contract.2035.pdf
      before the last timestamp's certificate ends (see "valid until")
  signproxy timestamp *.pdf --purpose ES_A --dry-run
      which can be prolonged? nothing is spent
  signproxy timestamp contract.pdf --sandbox ./state
      through a sandbox

{LOST_ANSWERS}
{ENVIRONMENT}
{EXIT_CODES}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "timestamp",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_files(parser)
    timestamp = parser.add_argument_group("timestamp")
    timestamp.add_argument(
        "--purpose", choices=("DocTimeStamp", "ES_A"), default="DocTimeStamp", help="see above (default: %(default)s)"
    )
    timestamp.add_argument(
        "--on-already-timestamped",
        choices=("add", "reject", "skip"),
        default="add",
        help="a file that holds a document timestamp: add another, fail, or leave it as it is (default: %(default)s)",
    )
    add_document_options(timestamp)
    add_result_options(parser, ".stamped")


def run(arguments: argparse.Namespace) -> int:
    """Time-stamp and report.

    Raises:
        SettingsError: The options contradict each other, or no service is named.
        OSError: The report cannot be written.
    """
    from functools import partial

    from proxy.cli.documents import password_from, run_on_files
    from proxy.model import OnAlreadyTimestamped, TimestampPurpose, TimestampRequest

    request = TimestampRequest(
        purpose=TimestampPurpose(arguments.purpose),
        tsa_profile=arguments.tsa_profile,
        on_already_timestamped=OnAlreadyTimestamped(arguments.on_already_timestamped),
        document_password=password_from(arguments),
        dry_run=arguments.dry_run,
    )
    return run_on_files(arguments, lambda client: partial(client.timestamp, request=request))
