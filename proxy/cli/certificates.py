"""``signproxy certificates``: what this client may sign with, and registration of what was issued."""

import argparse

from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Certificate, Connection

_DESCRIPTION = """\
List the signing certificates that are granted to this client, show one, write
one's chain, or register one that was issued to a key of the service. The list is
also the quickest test of a connection.
"""

_EPILOG = f"""\
examples:
  signproxy certificates list --sandbox ./state
  signproxy certificates show seal --json
  signproxy certificates chain seal > chain.pem
  signproxy certificates register kms:1234abcd-… seal.pem --chain issuers.pem

The service grants reading as `certificates`, registration as `register`.

{ENVIRONMENT}
{EXPLAINED}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "certificates",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options


def _options(parser: "VerbParser") -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    summaries = {
        "list": "all that are granted to this client",
        "show": "one of them",
        "chain": "its chain as PEM, the certificate itself first",
        "register": "bind an issued certificate to its key, and print its id",
    }
    listing, one, chain, register = (actions.add_parser(name, help=said, description=said) for name, said in summaries.items())
    for action in (one, chain):
        action.add_argument("certificate", metavar="ID")
    register.add_argument("key", metavar="KEY", help="the key's id, as `signproxy keys list` has it")
    register.add_argument("file", metavar="FILE", help="the certificate, PEM; its issuers may follow, its own first")
    register.add_argument("--chain", metavar="FILE", help="its issuers, PEM, if they are not in the same file")
    runs = ((listing, run_list), (one, run_show), (chain, run_chain), (register, run_register))
    for action, run in runs:
        if action is not chain:
            action.add_argument("--json", action="store_true", help="JSON instead of a table")
        add_connection_options(action)
        action.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    """All of them. Raises ProxyError."""
    import json

    from rich.table import Table
    from rich.text import Text

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import output, printable

    found = run_until_done(_list(connection_from(arguments)))
    if arguments.json:
        print(json.dumps({"certificates": [_members(certificate) for certificate in found]}, indent=2))
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("certificate", "key", "valid until", "subject", "sign algorithms"):
        table.add_column(name, overflow="fold")
    for certificate in found:
        table.add_row(
            Text(printable(certificate.certificate_id)),
            certificate.key_algorithm,
            f"{certificate.not_after:%Y-%m-%d}",
            Text(printable(certificate.subject)),
            ", ".join(certificate.sign_algorithms),
        )
    output().print(table)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """One of them. Raises ProxyError."""
    import json

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import printable

    members = _members(run_until_done(_show(connection_from(arguments), arguments.certificate)))
    if arguments.json:
        print(json.dumps(members, indent=2))
        return 0
    width = max(map(len, members))
    for name, value in members.items():
        print(f"{name:{width}}  {printable(', '.join(value) if isinstance(value, list) else value)}")
    return 0


def run_chain(arguments: argparse.Namespace) -> int:
    """Its chain as PEM. Raises ProxyError."""
    from ssl import DER_cert_to_PEM_cert

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done

    for der in run_until_done(_chain(connection_from(arguments), arguments.certificate)):
        print(DER_cert_to_PEM_cert(der), end="")
    return 0


def run_register(arguments: argparse.Namespace) -> int:
    """Register one. Raises ProxyError."""
    import json
    import sys
    from pathlib import Path

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import printable

    certificates = _read(Path(arguments.file))
    if arguments.chain is not None:
        certificates += _read(Path(arguments.chain))
    made = run_until_done(_register(connection_from(arguments), arguments.key, certificates))
    if arguments.json:
        print(json.dumps(_members(made), indent=2))
        return 0
    # Alone on its line: `id=$(signproxy certificates register …)`.
    print(printable(made.certificate_id))
    for warning in made.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
    return 0


def _read(path: "Path") -> list[bytes]:
    """DER of the certificates in a PEM file. Raises SettingsError."""
    from ssl import PEM_cert_to_DER_cert

    from proxy.errors import SettingsError

    end = "-----END CERTIFICATE-----"
    try:
        text = path.read_text(encoding="ascii")
        found = [part.partition("-----BEGIN CERTIFICATE-----")[1:] for part in text.split(end)[:-1]]
        ders = [PEM_cert_to_DER_cert("".join(part) + end) for part in found]
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: no PEM certificates can be read from it: {error}") from error
    if not ders:
        raise SettingsError(f"{path}: there is no PEM certificate in it")
    return ders


async def _register(connection: "Connection", key_id: str, certificates: list[bytes]) -> "Certificate":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.register_certificate(key_id, certificates[0], certificates[1:])


async def _list(connection: "Connection") -> "tuple[Certificate, ...]":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.certificates()


async def _show(connection: "Connection", certificate_id: str) -> "Certificate":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.certificate(certificate_id)


async def _chain(connection: "Connection", certificate_id: str) -> tuple[bytes, ...]:
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return (await client.chain(certificate_id)).certificates


def _members(certificate: "Certificate") -> "Mapping[str, str | list[str]]":
    return {
        "certificateId": certificate.certificate_id,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serialNumber": certificate.serial_number,
        "notBefore": certificate.not_before.isoformat(),
        "notAfter": certificate.not_after.isoformat(),
        "keyAlgorithm": certificate.key_algorithm,
        "signAlgorithms": list(certificate.sign_algorithms),
        "hashAlgorithms": list(certificate.hash_algorithms),
        "certificateSha256": certificate.certificate_sha256,
        "warnings": list(certificate.warnings),
    }
