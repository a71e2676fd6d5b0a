"""``signproxy sign``: PDF files through a service, as many as given, each on its own."""

import argparse

from proxy.cli.documents import (
    ENVIRONMENT,
    EXIT_CODES,
    LOST_ANSWERS,
    add_files,
    add_result_options,
)
from proxy.cli.signature_options import add_signature_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Sign PDF files through a proxy. A file is streamed there, and only what the
signature appends comes back: it is added to a copy of the file. Nothing is
kept unless it has the digest and the level the proxy stated and you asked for.
A file that fails does not stop the others.

forms:
  es          verifiable until the signing certificate ends (PAdES-B-B)
  es-t        its time is proven (B-T); --ltv adds all that verifies it, for about
              10 years (B-LT)
  mdp         certifies the document, as its first signature: --doc-mdp says what
              may be changed afterwards, by default nothing; with validation data
              unless --no-ltv
  es-a        for 10 years, and extendable by `signproxy timestamp --purpose ES_A`
              as often as wanted (B-LTA)
"""

_EPILOG = f"""\
examples:
  signproxy sign contract.pdf --form es-t --ltv --certificate seal
      writes contract.signed.pdf beside it
  signproxy sign *.pdf --form es --certificate seal --out signed/ --csv report.csv
      a folder of signed files and a line for each in the report
  signproxy sign invoice.pdf --form es-a --certificate seal --seal kakuin.png
      a seal of 24 mm, 20 mm from the right and the lower edge of page 1
  signproxy sign invoice.pdf --form es-a --certificate seal --seal kakuin.png \\
      --text '承認済 経理部' --page 2 --origin top-right --x 15 --y 30 \\
      --width 70 --height 24
      seal and text beside each other, 15 mm from the right edge and 30 mm from
      the upper one
  signproxy sign form.pdf --form mdp --doc-mdp 2 --certificate seal
      forms can be filled in and signatures added afterwards
  signproxy sign locked.pdf --form es --certificate seal --password-file pw.txt
      an encrypted document
  signproxy sign contract.pdf --form es --certificate legal-person-rsa \\
      --sandbox ./state
      through a sandbox, whose certificates also have names
  signproxy sign *.pdf --form es-t --certificate seal --dry-run
      everything is checked, no signature is spent

{LOST_ANSWERS}
{ENVIRONMENT}  SIGNPROXY_CERTIFICATE    as --certificate

{EXIT_CODES}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "sign",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_files(parser)
    add_signature_options(parser)
    add_result_options(parser, ".signed")


def run(arguments: argparse.Namespace) -> int:
    """Sign and report.

    Raises:
        SettingsError: The options contradict each other, or no service or certificate is named.
        OSError: The report cannot be written.
    """
    from functools import partial

    from proxy.cli.documents import run_on_files
    from proxy.cli.signature_options import signature_request_from

    request = signature_request_from(arguments)
    return run_on_files(arguments, lambda client: partial(client.sign, request=request))
