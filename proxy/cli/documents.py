"""What ``sign`` and ``timestamp`` share: files in, results beside them, a password, progress and reports.

A verb adds its own options around these, makes its request of them, and has :func:`run_on_files` do it with every file.
"""

import argparse
import os

from proxy.cli.argument_types import jobs
from proxy.cli.connecting import ENVIRONMENT as CONNECTION_ENVIRONMENT
from proxy.cli.connecting import add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cli.many_files import DocumentCall
    from proxy.client import SigningClient

_UNLOCKING = "SIGNPROXY_DOCUMENT_PASSWORD"

LOST_ANSWERS = """\
A lost answer: the message names the transaction; `signproxy operations show ID`
says what became of it. With --repeats such a file is sent again, under an
Idempotency-Key, so that it is not signed twice; the service must take them.
"""
"""For the help of both."""

ENVIRONMENT = f"""\
{CONNECTION_ENVIRONMENT}  {_UNLOCKING}
                           opens encrypted documents, as --password-file
"""

EXIT_CODES = f"""\
{EXPLAINED}When every file failed for the same reason, the exit code is that reason's.
"""


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add what comes first: the files."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="PDF files")


def add_document_options(group: "argparse._ArgumentGroup") -> None:
    """Add to a verb's own group what every call that adds to a document may say."""
    group.add_argument("--tsa-profile", metavar="NAME", help="time-stamping profile (default: the service's)")
    add_password_option(group)
    group.add_argument("--dry-run", action="store_true", help="check all that can be checked and spend nothing")


def add_password_option(group: "argparse._ArgumentGroup") -> None:
    """Add what opens encrypted documents."""
    group.add_argument(
        "--password-file",
        metavar="FILE",
        help=f"its first line opens encrypted documents; or set {_UNLOCKING}: a command line is no place for a password",
    )


def add_result_options(parser: argparse.ArgumentParser, suffix: str) -> None:
    """Add what comes last: where results go, what is reported, and the service. ``suffix`` is put into results' names."""
    result = parser.add_argument_group("result")
    result.add_argument("--out", metavar="PATH", help="a folder, or for one FILE a file (default: beside each file)")
    add_sending_options(result, suffix, repeated=0)
    report = parser.add_argument_group("report")
    report.add_argument("--jobs", metavar="N", type=jobs, default=4, help="files at a time (default: %(default)s)")
    report.add_argument("--csv", metavar="FILE", help="write a row for each file; replaced if it is there")
    report.add_argument("--json", action="store_true", help="write JSON to standard output instead of the table")
    report.add_argument("--quiet", action="store_true", help="no progress bars")
    add_connection_options(parser)


def add_sending_options(result: "argparse._ArgumentGroup", suffix: str, *, repeated: int) -> None:
    """Add how results are named and asked for, of one file as of many; ``repeated`` times again if nothing else is said."""
    result.add_argument("--suffix", default=suffix, help="before the file name's extension (default: %(default)s)")
    result.add_argument("--force", action="store_true", help="replace results that are there already")
    result.add_argument(
        "--increment",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="download only what is appended to the document (the default), or the whole result",
    )
    result.add_argument(
        "--repeats",
        metavar="N",
        type=repeats,
        default=repeated,
        help="send a file again whose answer was lost (default: %(default)s)",
    )


def repeats(text: str) -> int:
    """How often a call is made again. Raises ``argparse.ArgumentTypeError``."""
    if text.isdecimal() and int(text) <= 10:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 10")


def password_from(arguments: argparse.Namespace) -> str | None:
    """The documents' password, if the option or the environment names one.

    Raises:
        SettingsError: The file cannot be read as UTF-8, or its first line is empty.
    """
    from pathlib import Path

    from proxy.errors import SettingsError

    if arguments.password_file is None:
        return os.environ.get(_UNLOCKING) or None
    try:
        with Path(arguments.password_file).open(encoding="utf-8-sig") as file:
            password = file.readline(4096).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise SettingsError(f"the password file {arguments.password_file} cannot be read: {error}") from error
    if not password:
        raise SettingsError(f"the first line of the password file {arguments.password_file} is empty")
    return password


def run_on_files(arguments: argparse.Namespace, call_of: "Callable[[SigningClient], DocumentCall]") -> int:
    """Send every file, report, and give the exit code.

    Args:
        arguments: As parsed with the options of this module.
        call_of: What is done with each file.

    Raises:
        SettingsError: The options contradict each other, or no service is named.
        OSError: The report cannot be written.
    """
    from contextlib import ExitStack
    from pathlib import Path

    from proxy.cli.connecting import connection_from
    from proxy.cli.many_files import Manner, exit_code, send_files
    from proxy.cli.outputs import plan
    from proxy.cli.progress import bars_for
    from proxy.cli.results import csv_report, write_json, write_table
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import output

    connection = connection_from(arguments)
    files = [Path(name) for name in arguments.files]
    work = plan(files, Path(arguments.out) if arguments.out else None, arguments.suffix, keep=not arguments.dry_run)
    manner = Manner(jobs=arguments.jobs, whole=not arguments.increment, overwrite=arguments.force, repeats=arguments.repeats)
    with ExitStack() as stack:
        # Opened before anything is sent: a report that cannot be written is told while nothing is spent.
        report = stack.enter_context(csv_report(Path(arguments.csv))) if arguments.csv else None
        bars = bars_for(len(work), quiet=arguments.quiet)
        stack.enter_context(bars)
        outcomes = run_until_done(send_files(connection, work, call_of, manner, bars=bars, told=report))
    if arguments.json:
        write_json(outcomes)
    else:
        write_table(output(), outcomes)
    return exit_code(outcomes)
