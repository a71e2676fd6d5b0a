"""``signproxy sign``: PDF files through a service, as many as given, each on its own."""

import argparse

from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.model import SignatureRequest

_DESCRIPTION = """\
Sign PDF files through a proxy. A file is streamed there, and only what the
signature appends comes back: it is added to a copy of the file. Nothing is
kept unless it has the digest and the level the proxy stated and you asked for.
A file that fails does not stop the others.
"""

_EPILOG = f"""\
examples:
  signproxy sign contract.pdf --form es-t --certificate seal
      writes contract.signed.pdf beside it
  signproxy sign *.pdf --form es --certificate seal --out signed/ --csv report.csv
      a folder of signed files and a line for each in the report
  signproxy sign contract.pdf --form es --certificate rsa --sandbox ./state
      through a sandbox, whose certificates also have names
  signproxy sign *.pdf --form es-t --certificate seal --dry-run
      everything is checked, no signature is spent

A lost answer: the message names the transaction; `signproxy operations show ID`
says whether it was signed. Nothing is ever repeated by itself.

{ENVIRONMENT}  SIGNPROXY_CERTIFICATE    as --certificate

{EXPLAINED}When every file failed for the same reason, the exit code is that reason's.
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "sign",
        help="sign PDF files",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="PDF files")
    signature = parser.add_argument_group("signature")
    signature.add_argument(
        "--form", choices=("es", "es-t"), required=True, help="es: PAdES-B-B; es-t: with a signature timestamp, PAdES-B-T"
    )
    signature.add_argument("--certificate", metavar="ID", help="the signing certificate (see `signproxy certificates list`)")
    signature.add_argument("--field", metavar="NAME", help="signature field; made where there is none of this name")
    signature.add_argument("--existing-field", action="store_true", help="fail rather than make a field")
    signature.add_argument("--reason", metavar="TEXT", help="why it is signed")
    signature.add_argument("--location", metavar="TEXT", help="where")
    signature.add_argument("--contact", metavar="TEXT", help="how to reach the signer")
    signature.add_argument(
        "--hash", choices=("SHA-256", "SHA-384", "SHA-512"), help="hash algorithm (default: the certificate's first choice)"
    )
    signature.add_argument(
        "--sign-algorithm",
        choices=("RSASSA-PKCS1-v1_5", "RSASSA-PSS", "ECDSA"),
        help="signature algorithm (default: the certificate's first choice)",
    )
    signature.add_argument("--tsa-profile", metavar="NAME", help="time-stamping profile, for es-t")
    signature.add_argument("--dry-run", action="store_true", help="check all that can be checked and sign nothing")
    result = parser.add_argument_group("result")
    result.add_argument("--out", metavar="PATH", help="a folder, or for one FILE a file (default: beside each file)")
    result.add_argument("--suffix", default=".signed", help="before the file name's extension (default: %(default)s)")
    result.add_argument("--force", action="store_true", help="replace results that are there already")
    result.add_argument(
        "--increment",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="download only what the signature appends (the default), or the whole signed document",
    )
    report = parser.add_argument_group("report")
    report.add_argument("--jobs", metavar="N", type=_jobs, default=4, help="files at a time (default: %(default)s)")
    report.add_argument("--csv", metavar="FILE", help="write a row for each file; replaced if it is there")
    report.add_argument("--json", action="store_true", help="write JSON to standard output instead of the table")
    report.add_argument("--quiet", action="store_true", help="no progress bars")
    add_connection_options(parser)


def _jobs(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 1 and 32")


def run(arguments: argparse.Namespace) -> int:
    """Sign and report.

    Raises:
        SettingsError: The options contradict each other, or no service or certificate is named.
        OSError: The report cannot be written.
    """
    from contextlib import ExitStack
    from pathlib import Path

    from proxy.cli.connecting import certificate_id_from, connection_from
    from proxy.cli.outputs import plan
    from proxy.cli.progress import Bars, NoBars
    from proxy.cli.running import run_until_done
    from proxy.cli.signing import exit_code, sign_files
    from proxy.cli.signing_report import csv_report, write_json, write_table
    from proxy.cli.terminal import messages, output

    request = _request(arguments, certificate_id_from(arguments))
    connection = connection_from(arguments)
    files = [Path(name) for name in arguments.files]
    work = plan(files, Path(arguments.out) if arguments.out else None, arguments.suffix, keep=not arguments.dry_run)
    with ExitStack() as stack:
        # Opened before anything is signed: a report that cannot be written is told while nothing is spent.
        report = stack.enter_context(csv_report(Path(arguments.csv))) if arguments.csv else None
        console = messages()
        shown = console.is_terminal and not arguments.quiet
        bars: Bars | NoBars = Bars(console, len(work)) if shown else NoBars()
        stack.enter_context(bars)
        outcomes = run_until_done(
            sign_files(
                connection,
                work,
                request,
                jobs=arguments.jobs,
                whole=not arguments.increment,
                overwrite=arguments.force,
                bars=bars,
                told=report,
            )
        )
    if arguments.json:
        write_json(outcomes)
    else:
        write_table(output(), outcomes)
    return exit_code(outcomes)


def _request(arguments: argparse.Namespace, certificate_id: str) -> "SignatureRequest":
    from proxy.model import HashAlgorithm, SignAlgorithm, SignatureForm, SignatureRequest

    return SignatureRequest(
        form=SignatureForm(arguments.form.upper()),
        certificate_id=certificate_id,
        field_name=arguments.field,
        existing_field_only=arguments.existing_field,
        reason=arguments.reason,
        location=arguments.location,
        contact_info=arguments.contact,
        hash_algorithm=HashAlgorithm(arguments.hash) if arguments.hash else None,
        sign_algorithm=SignAlgorithm(arguments.sign_algorithm) if arguments.sign_algorithm else None,
        tsa_profile=arguments.tsa_profile,
        dry_run=arguments.dry_run,
    )
