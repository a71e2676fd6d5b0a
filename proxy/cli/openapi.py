"""``signproxy openapi``: print the OpenAPI document of this version."""

import argparse
import sys
from pathlib import Path

from proxy.api.openapi import document_text


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "openapi",
        help="print the OpenAPI 3.1 document of the REST contract",
        description="Prints the OpenAPI 3.1 document of the REST contract: the one a running proxy serves at /openapi.json.",
    )
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write it to FILE instead of standard output")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write it. Returns the exit code."""
    text = document_text()
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0
