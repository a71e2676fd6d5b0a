"""The command ``signproxy``: one module a verb, imported when it is chosen.

A verb's module has ``add_parser(verbs)``, which sets ``run`` as the parser's default, and ``run(arguments)``, which gives
the exit code. What is heavy is imported inside ``run``, so that ``--help`` and ``--version`` answer at once; for them
``typing`` and ``pathlib`` are heavy too, hence ``TYPE_CHECKING = False``, which type checkers read as true.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from proxy import __version__
from proxy.cli.exit_codes import EXPLAINED, ExitCode, exit_code_of
from proxy.cli.verb_parser import VerbParser

_DESCRIPTION = """\
Signs and time-stamps documents without letting them leave: a document is hashed
where it is, and only digests reach the signer and the time-stamping authority.

First steps, on any machine, without an account anywhere:

  signproxy demo                      sign a PDF in every form there is, and look
  signproxy demo contract.pdf         the same with one of yours
  signproxy sandbox --dir ./state     keep a whole service running on loopback
  signproxy sign contract.pdf --form es-t --certificate ID --sandbox ./state
  signproxy timestamp contract.pdf --sandbox ./state
  signproxy verify contract.signed.pdf --sandbox ./state
"""

_EPILOG = f"""\
environment:
  SIGNPROXY_URL, SIGNPROXY_CA,        the service that sign, timestamp,
  SIGNPROXY_CLIENT_CERT,              certificates, keys, csr, operations and
  SIGNPROXY_CLIENT_KEY                maintenance ask, where no option says
                                      otherwise
  SIGNPROXY_CERTIFICATE               the signing certificate's id for sign
  SIGNPROXY_DOCUMENT_PASSWORD         opens encrypted documents for both
  SIGNPROXY__SECTION__KEY             overlays one value of the settings that
                                      serve and doctor read
  NO_COLOR                            no colours

{EXPLAINED}
`signproxy VERB --help` explains a verb, with examples."""


_VERBS = {
    "demo": "sign a PDF in every form through a sandbox, and look",
    "sandbox": "a whole service on loopback, to try and to test against",
    "serve": "serve the REST contract",
    "sign": "sign PDF files",
    "timestamp": "time-stamp PDF files, or prolong what is signed in them",
    "verify": "verify what is signed in PDF files",
    "batch": "verify, sign or extend whole folders, with a report in CSV",
    "report": "what has to be extended in a folder, and by when",
    "certificates": "list, show, export or register signing certificates",
    "keys": "list keys, make new ones",
    "csr": "certification requests for keys",
    "operations": "what became of earlier calls",
    "maintenance": "ask whether the service is in maintenance",
    "doctor": "check a service's settings and all it depends on",
    "health": "ask whether the service on this machine lives",
    "openapi": "print the OpenAPI 3.1 document of the REST contract",
}
"""Each verb is a module of its name, and what ``--help`` says of it here; what is not chosen is not imported."""


def _parser(chosen: str) -> VerbParser:
    parser = VerbParser(prog="signproxy", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"signproxy {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for name, said in _VERBS.items():
        if name == chosen:
            import_module(f"proxy.cli.{name}").add_parser(verbs)
        else:
            verbs.add_parser(name, help=said)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: Arguments after the command's name; those of the process where ``None``.

    Returns:
        The process's exit code, one of :class:`~proxy.cli.exit_codes.ExitCode`. A failure has been told in one line on standard
        error by then.

    Raises:
        SystemExit: Help or version was asked for (0), or the arguments are wrong (2).
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = _parser(argv[0] if argv else "")
    arguments = parser.parse_args(argv)
    if "run" not in arguments:
        parser.print_help()
        return ExitCode.USAGE
    from proxy.cli.terminal import complain, survive_odd_characters
    from proxy.errors import ProxyError

    survive_odd_characters()
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Who read our output has read enough. What is still buffered goes nowhere, or the interpreter's end would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except ProxyError as error:
        complain(error)
        return exit_code_of(error)
    except OSError as error:
        complain(error)
        return ExitCode.FAILED
    return code
