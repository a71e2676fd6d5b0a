"""Options that runs over folders share, and what is made of them."""

import argparse

from proxy.cli.argument_types import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from proxy.cli.bulk.run import BulkRun
    from proxy.cli.csv_cells import Row

_ALIKE = frozenset(
    {
        "run",
        "folder",
        "csv",
        "resume",
        "jobs",
        "quiet",
        "json",
        "proxy",
        "ca",
        "client_cert",
        "client_key",
        "sandbox",
        "timeout",
    }
)
"""Options that change nothing about the rows of a report: a run may go on with others."""


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """What is worked on."""
    parser.add_argument("folder", metavar="FOLDER", help="with all folders in it; links are not followed")
    parser.add_argument("--pattern", default="*.pdf", metavar="GLOB", help="names of the files (default: %(default)s)")
    parser.add_argument("--jobs", metavar="N", type=jobs, default=4, help="files at a time (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def add_report_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The report."""
    report = parser.add_argument_group("report")
    report.add_argument("--csv", metavar="FILE", required=required, help="the report; one that is there is not replaced")
    report.add_argument("--resume", action="store_true", help="go on with a report that was interrupted")
    report.add_argument("--encoding", choices=("utf-8", "cp932"), default="utf-8", help="of the report (default: %(default)s)")


def add_language_options(parser: argparse.ArgumentParser) -> None:
    """The report's words and times."""
    parser.add_argument("--lang", choices=("ja", "en"), default="ja", help="of names and reasons (default: %(default)s)")
    parser.add_argument("--timezone", default="Asia/Tokyo", metavar="NAME", help="of its times (default: %(default)s)")


def zone_from(arguments: argparse.Namespace) -> "ZoneInfo":
    """The time zone. Raises SettingsError."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from proxy.errors import SettingsError

    try:
        return ZoneInfo(arguments.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"{arguments.timezone!r} is no time zone, as Asia/Tokyo") from error


def run_from(arguments: argparse.Namespace, does: str, columns: "Row") -> "BulkRun":
    """Open the run that the options name.

    Args:
        arguments: With all of the above.
        does: What it does, in a word.
        columns: First row of the report.

    Raises:
        SettingsError, OSError: As :class:`~proxy.cli.bulk.run.BulkRun`.
    """
    import json
    from pathlib import Path

    from proxy.cli.bulk.run import BulkRun, Report

    report = Report(Path(arguments.csv), columns, arguments.encoding, arguments.resume) if arguments.csv else None
    manner = {name: value for name, value in sorted(vars(arguments).items()) if name not in _ALIKE}
    return BulkRun(Path(arguments.folder), f"{does} {json.dumps(manner, default=str)}", report)


def conclude(arguments: argparse.Namespace, run: "BulkRun", summary: str) -> None:
    """Tell what became of all files."""
    from proxy.cli.terminal import messages

    before = f", {run.done} were done before" if run.done else ""
    where = f": {arguments.csv}" if arguments.csv else ""
    messages().print(f"{summary}{before}{where}", markup=False)
