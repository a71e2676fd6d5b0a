"""``signproxy openapi``: print the OpenAPI document of this version."""

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import Verbs


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "openapi",
        description="Prints the OpenAPI 3.1 document of the REST contract: the one a running proxy serves at /openapi.json.",
    )
    parser.add_argument("--output", "-o", metavar="FILE", help="write it to FILE instead of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write it. Returns the exit code."""
    from pathlib import Path

    from proxy.api.openapi import document_text

    text = document_text()
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
    return 0
