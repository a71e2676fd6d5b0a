"""``signproxy maintenance``: is the service in maintenance."""

import argparse

from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Connection
    from proxy.model import MaintenanceState

_DESCRIPTION = """\
Ask whether the service, or the central signer behind it, is in maintenance.
A script can wait for the end of it by the exit code.
"""

_EPILOG = f"""\
examples:
  signproxy maintenance
  until signproxy maintenance; do sleep 60; done

{ENVIRONMENT}
{EXPLAINED}Here 0 means that there is no maintenance, and 3 that there is.
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "maintenance",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and tell. Raises ProxyError."""
    from proxy.cli.connecting import connection_from
    from proxy.cli.exit_codes import ExitCode
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import printable

    state = run_until_done(_ask(connection_from(arguments)))
    period = " ".join(
        f"{word} {moment.isoformat()}" for word, moment in (("from", state.starts), ("to", state.ends)) if moment is not None
    )
    said = ["in maintenance" if state.in_maintenance else "not in maintenance", period, printable(state.message or "")]
    print(", ".join(part for part in said if part))
    return ExitCode.UNAVAILABLE if state.in_maintenance else ExitCode.OK


async def _ask(connection: "Connection") -> "MaintenanceState":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.maintenance()
