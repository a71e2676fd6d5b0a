"""Options of runs that make results of a folder's files, and what is made of them."""

import argparse

from proxy.cli.documents import ENVIRONMENT as DOCUMENT_ENVIRONMENT
from proxy.cli.documents import add_sending_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cli.bulk.places import Places
    from proxy.cli.many_files import Manner
    from proxy.model import SignatureRequest, TimestampRequest

ENVIRONMENT = DOCUMENT_ENVIRONMENT

EXIT_CODES = """\
exit codes:
  0    all files are done, or were
  1    some failed, each told in the report; the rest is done
  2    the command is wrong: its options, or a report that is there already
  3    the service, its signer or its time-stamping authority is not there or busy:
       try again later
  4    refused: not permitted, or against a rule
  5    no file could be done, by a fault of the files
  6    the service or something behind it failed, or its answer was not right
  130  interrupted (Ctrl-C or SIGTERM): go on with --resume
"""


def add_making_options(parser: argparse.ArgumentParser, suffix: str) -> None:
    """Where results go, and how they are asked for. ``suffix`` is put into their names."""
    result = parser.add_argument_group("result")
    result.add_argument("--out", metavar="FOLDER", help="in a folder of the same shape (default: beside each file)")
    result.add_argument("--in-place", action="store_true", help="in the place of each document, which is replaced")
    add_sending_options(result, suffix, repeated=2)
    result.add_argument(
        "--no-keys",
        action="store_true",
        help="the service takes no Idempotency-Keys: a file whose answer was lost may be done twice",
    )


def places_from(arguments: argparse.Namespace) -> "Places":
    """Where results go. Raises SettingsError."""
    from pathlib import Path

    from proxy.cli.bulk.places import Places

    out = Path(arguments.out) if arguments.out else None
    places = Places(Path(arguments.folder), out, arguments.suffix, arguments.in_place, keep=not arguments.dry_run)
    return places.checked()


def manner_from(arguments: argparse.Namespace) -> "Manner":
    """How files are sent."""
    from proxy.cli.many_files import Manner

    # What is sent again without a key is done again.
    times = 0 if arguments.no_keys else arguments.repeats
    return Manner(jobs=arguments.jobs, whole=not arguments.increment, overwrite=arguments.force, repeats=times)


def key_of(arguments: argparse.Namespace, request: "SignatureRequest | TimestampRequest") -> "Callable[[str], str] | None":
    """The Idempotency-Key by a document's SHA-256; ``None`` for a service that takes none, and where nothing is spent."""
    from functools import partial

    from proxy.client import idempotency_key_of

    return None if arguments.no_keys or request.dry_run else partial(idempotency_key_of, request)
