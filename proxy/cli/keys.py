"""``signproxy keys``: keys to have certificates issued to."""

import argparse

from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Connection, Key
    from proxy.model import KeyAlgorithm

_DESCRIPTION = """\
List the keys that this client may have certificates issued to, or have a new
one made. A key is made where it stays: in the HSM, the key service or the
folder of the service's signer.
"""

_EPILOG = f"""\
A new signing certificate, from key to first signature:
  signproxy keys create --algorithm P-256 --label seal-2027
  signproxy csr create kms:1234abcd-… --subject 'CN=Seal,O=Example,C=JP' > seal.csr
  signproxy certificates register kms:1234abcd-… seal.pem
  signproxy sign contract.pdf --form es --certificate ID

The service grants listing and making keys as `keys`. A key is told of to whom
all its certificates are granted; a new one to its maker alone.

{ENVIRONMENT}
{EXPLAINED}"""

_LIST = "List the keys that this client may have certificates issued to."

ALGORITHMS = ("RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384", "P-521")


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("keys", description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options


def _options(parser: "VerbParser") -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="those this client may have certificates issued to", description=_LIST)
    making = actions.add_parser("create", help="make a new one", description="Make a new one, and print it.", epilog=EXPLAINED)
    making.add_argument("--algorithm", choices=ALGORITHMS, help="its kind (default: the service's choice, RSA-3072)")
    making.add_argument("--label", metavar="NAME", help="what people know it by; a name that was used is refused")
    making.add_argument("--backend", metavar="NAME", help="which signer makes it (default: the first that makes keys)")
    for action, run in ((listing, run_list), (making, run_create)):
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
        print(json.dumps({"keys": [_members(key) for key in found]}, indent=2))
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("key", "kind", "certificates", "sign algorithms"):
        table.add_column(name, overflow="fold")
    for key in found:
        certificates = ", ".join(key.certificate_ids) or "none yet"
        table.add_row(Text(printable(key.key_id)), key.algorithm, Text(printable(certificates)), ", ".join(key.sign_algorithms))
    output().print(table)
    return 0


def run_create(arguments: argparse.Namespace) -> int:
    """Make one. Raises ProxyError."""
    import json

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done
    from proxy.cli.terminal import printable
    from proxy.model import KeyAlgorithm

    algorithm = None if arguments.algorithm is None else KeyAlgorithm(arguments.algorithm)
    key = run_until_done(_create(connection_from(arguments), algorithm, arguments.label, arguments.backend))
    if arguments.json:
        print(json.dumps(_members(key), indent=2))
    else:
        # Alone on its line: `key=$(signproxy keys create)`.
        print(printable(key.key_id))
    return 0


async def _list(connection: "Connection") -> "tuple[Key, ...]":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.keys()


async def _create(connection: "Connection", algorithm: "KeyAlgorithm | None", label: str | None, backend: str | None) -> "Key":
    from proxy.client import SigningClient

    async with SigningClient(connection) as client:
        return await client.create_key(algorithm, label=label, backend=backend)


def _members(key: "Key") -> "Mapping[str, str | list[str]]":
    from base64 import b64encode

    return {
        "keyId": key.key_id,
        "algorithm": key.algorithm,
        "publicKey": b64encode(key.public_key).decode("ascii"),
        "signAlgorithms": list(key.sign_algorithms),
        "hashAlgorithms": list(key.hash_algorithms),
        "backend": key.backend,
        "certificateIds": list(key.certificate_ids),
    }
