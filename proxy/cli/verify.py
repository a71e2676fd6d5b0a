"""``signproxy verify``: what is signed in PDF files, and whether it can be relied on."""

import argparse
import os

from proxy.cli.argument_types import jobs, moment
from proxy.cli.connecting import ENVIRONMENT as CONNECTION_ENVIRONMENT
from proxy.cli.documents import add_files, add_password_option
from proxy.cli.verifiers import add_verifier_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.cli.verifying import OpenVerifier, Outcome
    from proxy.model import VerificationRequest

_DESCRIPTION = """\
Verify every signature and timestamp of PDF files: who signed, when, whether it
can be proven, and what was changed afterwards. A file that fails does not stop
the others.

results:
  VALID            intact and trusted; changed afterwards in no way that the
                   signature does not permit (what it permits is told)
  INVALID          changed, forged, or revoked when it was made
  INDETERMINATE    it cannot be told: nothing proves it, or readers may see
                   different documents
  NOT_APPLICABLE   nothing in the file is signed, or it is no PDF
"""

_EPILOG = f"""\
examples:
  signproxy verify contract.pdf --sandbox ./state
      by a service
  signproxy verify *.pdf --at 2025-12-31T23:59:59+09:00
      as of another moment
  signproxy verify ledger.pdf --scan-info --json
      for programs, with the resolution of scanned pages
  signproxy verify locked.pdf --password-file pw.txt --lang ja
      an encrypted document; reasons in Japanese

{CONNECTION_ENVIRONMENT}
exit codes:
  0    every file is VALID
  10   a file is INVALID
  11   a file is INDETERMINATE, none is INVALID
  12   nothing is signed in a file, all others are VALID
  1    some files could not be verified, each told with its reason
  2    the command is wrong: its options, its settings, or a file it names
  3    the service is not there or busy: try again later
  4    refused: not permitted
  5    no file could be verified, by a fault of the files (a password is missing)
  6    the service failed, or its answer was not right
  130  interrupted (Ctrl-C or SIGTERM)
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("verify", help="verify what is signed in PDF files", description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_files(parser)
    verification = parser.add_argument_group("verification")
    verification.add_argument("--at", metavar="TIME", type=moment, help="as of this moment (ISO 8601; default: now)")
    add_password_option(verification)
    report = parser.add_argument_group("report")
    report.add_argument(
        "--report",
        choices=("simple", "detailed", "etsi"),
        default="simple",
        help="detailed: all that was checked; etsi: the XML report of ETSI TS 119 102-2, in the JSON",
    )
    report.add_argument("--scan-info", action="store_true", help="the image of each page, for scanned documents")
    report.add_argument("--lang", choices=("en", "ja"), help="language of the reasons (default: the environment's)")
    report.add_argument("--jobs", metavar="N", type=jobs, default=4, help="files at a time (default: %(default)s)")
    report.add_argument("--json", action="store_true", help="write JSON to standard output instead of text")
    report.add_argument("--quiet", action="store_true", help="no progress bars")
    add_verifier_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify and report.

    Raises:
        SettingsError: No service is named.
    """
    from pathlib import Path

    from proxy.cli.documents import password_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import output
    from proxy.cli.verdicts import exit_code, write_json, write_text
    from proxy.cli.verifiers import verifier_from
    from proxy.model import ReportKind, VerificationRequest

    request = VerificationRequest(
        validation_time=arguments.at,
        report=ReportKind(arguments.report),
        scan_info=arguments.scan_info,
        document_password=password_from(arguments),
    )
    files = [Path(name) for name in arguments.files]
    outcomes = run_until_done(_verify(arguments, files, request, verifier_from(arguments)))
    if arguments.json:
        write_json(outcomes)
    else:
        write_text(output(), outcomes)
    return exit_code(outcomes)


async def _verify(
    arguments: argparse.Namespace, files: "Sequence[Path]", request: "VerificationRequest", open_verifier: "OpenVerifier"
) -> "tuple[Outcome, ...]":
    from proxy.cli.many_files import a_few_at_a_time
    from proxy.cli.progress import bars_for
    from proxy.cli.verifying import Questions

    async with open_verifier() as verifier:
        with bars_for(len(files), quiet=arguments.quiet) as bars:
            questions = Questions(verifier, request, _language(arguments.lang), bars)
            return await a_few_at_a_time(files, lambda file: questions.ask(file, lambda: file.open("rb")), arguments.jobs)


def _language(asked: str | None) -> str:
    """The language asked for, or the environment's where that is Japanese."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return asked or ("ja" if next(filter(None, variables), "").startswith("ja") else "en")
