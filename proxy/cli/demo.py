"""``signproxy demo``: one command from nothing to a signed PDF, over the real wire."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Start a sandbox (a development CA with OCSP and CRLs, a time-stamping authority, a
central signer, and the proxy in front of it: processes of their own, mutual TLS
between them), sign a PDF in every form there is, time-stamp it, prolong what was
archived, have each result judged by validators, draw the page with the visible
seal, and stop the sandbox. Nothing leaves this machine.

The table says of each: the level reached, until when it can be verified, how many
bytes went to the central signer, the milliseconds, and the judges' verdicts.
"""

_EPILOG = """\
examples:
  signproxy demo
      signs an invoice in Japanese that is made on the spot
  signproxy demo contract.pdf --out signed/
  signproxy demo --dir ./state
      keeps the sandbox's folder; `signproxy sandbox --dir ./state` goes on with it

The judges: pyHanko's validator with the sandbox's roots, offline for what holds
its own proof (ltv, MDP, ES-A); and pdfsig (Debian: poppler-utils) where it is
installed, which knows no document timestamps.

A PDF that others signed may forbid a form by its own rules: "refused: MDP_LOCKED"
in the table is right, and no failure.

exit codes:
  0    every form was signed and found valid, or refused by the document's rules
  1    one was not; the table says which and why
  2    the command is wrong: a file or folder it names; or the sandbox does not start
  4, 5 the PDF cannot be signed; the message says why
  130  interrupted (Ctrl-C or SIGTERM); the sandbox is stopped
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("pdf", metavar="PDF", nargs="?", help="what to sign (default: an invoice made on the spot)")
    parser.add_argument("--out", metavar="FOLDER", default="demo-output", help="where results go (default: ./%(default)s)")
    parser.add_argument("--dir", metavar="STATE", help="the sandbox's folder; kept (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder, to look at logs and certificates")


def run(arguments: argparse.Namespace) -> int:
    """Show it. Raises SettingsError and OSError."""
    from pathlib import Path

    from proxy.cli.demonstration import demonstrate
    from proxy.cli.running import interruptible
    from proxy.errors import SettingsError

    pdf = Path(arguments.pdf) if arguments.pdf else None
    if pdf is not None and not pdf.is_file():
        raise SettingsError(f"{pdf} is no file")
    state = Path(arguments.dir) if arguments.dir else None
    with interruptible():
        return demonstrate(pdf, Path(arguments.out), state, keep=arguments.keep)
