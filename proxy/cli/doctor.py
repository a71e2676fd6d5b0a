"""``signproxy doctor``: everything the service stands on, tried without spending a signature."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.cli.doctor_checks import Finding
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Read the settings of a service and try what it will need: spool, listener,
signers, every signing certificate with its chain and revocation data, every
time-stamping authority, and the clock. No signature is made; each time-stamping
authority is asked for one timestamp on random bytes.
"""

_EPILOG = """\
examples:
  signproxy doctor --settings /etc/signproxy.toml
  signproxy doctor --settings signproxy.toml --json | jq '.findings[] | select(.verdict != "OK")'

environment:
  SIGNPROXY__SECTION__KEY  overlays one value of the settings, as for serve

exit codes:
  0    nothing is broken; what is marked with ! deserves a look
  1    what is marked with ✖ keeps requests from succeeding
  2    the settings cannot be used; the message names each key
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "doctor",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("--settings", metavar="FILE", required=True, help="the settings, TOML")
    parser.add_argument("--json", action="store_true", help="JSON instead of the table")


def run(arguments: argparse.Namespace) -> int:
    """Examine and tell. Raises SettingsError."""
    from pathlib import Path

    from proxy.app import configure_logging
    from proxy.cli.doctor_checks import Verdict, examine
    from proxy.cli.exit_codes import ExitCode
    from proxy.cli.running import run_until_done
    from proxy.ports import SystemClock
    from proxy.settings import LogSettings, load_settings

    settings = load_settings(Path(arguments.settings))
    # What the adapters log is found again in the findings.
    configure_logging(LogSettings(level="error", style="text"))
    findings = run_until_done(examine(settings, SystemClock()))
    if arguments.json:
        _write_json(findings)
    else:
        _write_table(findings)
    return ExitCode.FAILED if any(finding.verdict is Verdict.FAILED for finding in findings) else ExitCode.OK


def _write_json(findings: "Sequence[Finding]") -> None:
    import json

    entries = [{"subject": entry.subject, "verdict": entry.verdict, "detail": entry.detail} for entry in findings]
    print(json.dumps({"findings": entries}, indent=2))


def _write_table(findings: "Sequence[Finding]") -> None:
    from rich.table import Table
    from rich.text import Text

    from proxy.cli.doctor_checks import Verdict
    from proxy.cli.terminal import output, printable

    marks = {Verdict.OK: ("✔", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.FAILED: ("✖", "red")}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = marks[finding.verdict]
        table.add_row(Text(mark, style), Text(printable(finding.subject)), Text(printable(finding.detail)))
    console = output()
    console.print(table)
    broken = sum(finding.verdict is Verdict.FAILED for finding in findings)
    odd = sum(finding.verdict is Verdict.WARNING for finding in findings)
    console.print(f"{broken} broken, {odd} to look at" if broken or odd else "all is well")
