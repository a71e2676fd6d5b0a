"""``signproxy operations``: what became of this client's calls, a lost answer's above all."""

import argparse

from proxy.cli.argument_types import moment
from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Connection, Operation, OperationPage

_DESCRIPTION = """\
Ask the service's transaction log: every call of this client is there with its
outcome, the digests that left, and how many bytes went to whom.
"""

_EPILOG = f"""\
examples:
  signproxy operations show 6f1c0d6e-4b3f-4a53-9a5e-0c8f6a1f7f10
  signproxy operations list --result FAILED --from 2030-01-01T00:00:00+09:00
  signproxy operations list --document contract-signed.pdf
  signproxy operations list --limit 500 --json

{ENVIRONMENT}
{EXPLAINED}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "operations",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options


def _options(parser: "VerbParser") -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    one = actions.add_parser("show", help="one call, everything the service recorded, as JSON")
    one.add_argument("transaction", metavar="TRANSACTION-ID")
    listing = actions.add_parser("list", help="calls, newest first")
    listing.add_argument(
        "--from", dest="start", metavar="TIME", type=moment, help="started at or after (ISO 8601, with offset)"
    )
    listing.add_argument("--to", dest="end", metavar="TIME", type=moment, help="started before")
    listing.add_argument("--result", metavar="STATE|CODE", help="SUCCEEDED, FAILED, IN_PROGRESS, or an error code")
    listing.add_argument("--certificate", metavar="ID", help="only calls with this signing certificate")
    listing.add_argument("--operation", metavar="NAME", help="only calls of it: es-t, timestamp, verify, ...")
    listing.add_argument("--document", metavar="PATH", help="only calls with this file, before or after it was signed")
    listing.add_argument("--limit", metavar="N", type=_limit, default=100, help="at most so many (default: %(default)s)")
    listing.add_argument("--json", action="store_true", help="JSON instead of a table")
    for action, run in ((one, run_show), (listing, run_list)):
        add_connection_options(action)
        action.set_defaults(run=run)


def _limit(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 100_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 1 and 100000")


def run_show(arguments: argparse.Namespace) -> int:
    """One call. Raises ProxyError."""
    import json

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done

    operation = run_until_done(_show(connection_from(arguments), arguments.transaction))
    print(json.dumps(operation.members, indent=2))
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Many. Raises ProxyError."""
    import json

    from rich.table import Table
    from rich.text import Text

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import output, printable

    found = run_until_done(_list(connection_from(arguments), arguments))
    if arguments.json:
        print(json.dumps({"operations": [dict(operation.members) for operation in found]}, indent=2))
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("started", no_wrap=True)
    table.add_column("transaction", no_wrap=True)
    for name in ("operation", "level", "certificate", "result"):
        table.add_column(name, overflow="fold")
    for operation in found:
        table.add_row(
            f"{operation.started.astimezone():%Y-%m-%d %H:%M:%S}",
            Text(printable(operation.transaction_id)),
            Text(printable(operation.operation)),
            operation.level or "",
            Text(printable(operation.certificate_id or "")),
            Text(printable(operation.result_code or operation.state), "red" if operation.state == "FAILED" else ""),
        )
    output().print(table)
    return 0


async def _show(connection: "Connection", transaction_id: str) -> "Operation":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.operation(transaction_id)


_PAGE = 500


def _digest(path: str) -> str:
    import hashlib
    from pathlib import Path

    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _list(connection: "Connection", arguments: argparse.Namespace) -> "list[Operation]":
    import asyncio

    from proxy.client import SigningClient

    found: list[Operation] = []
    cursor: str | None = None
    sha256 = None if arguments.document is None else await asyncio.to_thread(_digest, arguments.document)
    async with SigningClient(connection) as client:
        while True:
            page: OperationPage = await client.operations(
                start=arguments.start,
                end=arguments.end,
                result=arguments.result,
                certificate_id=arguments.certificate,
                operation=arguments.operation,
                document_sha256=sha256,
                limit=min(_PAGE, arguments.limit - len(found)),
                cursor=cursor,
            )
            found.extend(page.operations)
            cursor = page.next_cursor
            if cursor is None or len(found) >= arguments.limit:
                return found
