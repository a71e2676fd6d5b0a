"""``signproxy csr``: certification requests for the service's keys."""

import argparse

from proxy.cli.connecting import ENVIRONMENT, add_connection_options
from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs
    from proxy.client import Connection

_DESCRIPTION = """\
Have a key of the service sign a certification request (PKCS #10), to be sent to
a certification authority. The key stays where it is and signs a digest, as it
signs everything.
"""

_EPILOG = f"""\
examples:
  signproxy csr create kms:1234abcd-… --subject 'CN=Seal,O=Example,C=JP' > seal.csr
  signproxy csr create software:seal --subject 'CN=Seal,O=Example\\, Inc.,C=JP' \\
            --email seal@example.jp --key-usage nonRepudiation --out seal.csr
  openssl req -in seal.csr -noout -text -verify

The subject is RFC 4514: the most specific part first, and a backslash before a
comma or a plus sign that belongs to a value. Names of attributes are CN, O, OU,
L, ST, C, SN, GN, serialNumber, organizationIdentifier, or dotted numbers.

What is issued is registered by `signproxy certificates register`. The service
grants requests as `csr`.

{ENVIRONMENT}
{EXPLAINED}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("csr", description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options


def _options(parser: "VerbParser") -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make one, PEM", description="Make one, PEM.", epilog=EXPLAINED)
    create.add_argument("key", metavar="KEY", help="the key's id, as `signproxy keys list` has it")
    create.add_argument("--subject", metavar="NAME", required=True, help="RFC 4514: 'CN=Seal,O=Example,C=JP'")
    create.add_argument("--email", metavar="ADDRESS", action="append", default=[], help="for subjectAltName; may be repeated")
    create.add_argument("--uri", metavar="URI", action="append", default=[], help="the same")
    create.add_argument("--dns", metavar="NAME", action="append", default=[], help="the same")
    create.add_argument(
        "--key-usage",
        choices=("digitalSignature", "nonRepudiation"),
        action="append",
        default=[],
        help="for keyUsage; may be repeated (default: the issuer says)",
    )
    create.add_argument(
        "--sign-algorithm",
        choices=("RSASSA-PKCS1-v1_5", "RSASSA-PSS", "ECDSA"),
        help="signs the request (default: the key's first choice)",
    )
    create.add_argument("--hash-algorithm", choices=("SHA-256", "SHA-384", "SHA-512"), help="the same")
    create.add_argument("--out", metavar="FILE", help="where to (default: standard output)")
    add_connection_options(create)
    create.set_defaults(run=run_create)


def run_create(arguments: argparse.Namespace) -> int:
    """Make one. Raises ProxyError, OSError."""
    from base64 import encodebytes
    from pathlib import Path

    from proxy.cli.connecting import connection_from
    from proxy.cli.running import run_until_done

    der = run_until_done(_create(connection_from(arguments), arguments))
    # base64 of RFC 7468 has lines of 64 characters.
    text = encodebytes(der).decode("ascii").replace("\n", "")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    pem = "\n".join(("-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""))
    if arguments.out is None:
        print(pem, end="")
    else:
        Path(arguments.out).write_text(pem, encoding="ascii")
    return 0


async def _create(connection: "Connection", arguments: argparse.Namespace) -> bytes:
    from proxy.client import SigningClient
    from proxy.model import AlternativeName, AlternativeNameKind, HashAlgorithm, KeyUsage, SignAlgorithm

    named = {
        AlternativeNameKind.EMAIL: arguments.email,
        AlternativeNameKind.DNS: arguments.dns,
        AlternativeNameKind.URI: arguments.uri,
    }
    async with SigningClient(connection) as client:
        return await client.certification_request(
            arguments.key,
            arguments.subject,
            alternative_names=[AlternativeName(kind, value) for kind, values in named.items() for value in values],
            key_usages=[KeyUsage(name) for name in dict.fromkeys(arguments.key_usage)],
            sign_algorithm=None if arguments.sign_algorithm is None else SignAlgorithm(arguments.sign_algorithm),
            hash_algorithm=None if arguments.hash_algorithm is None else HashAlgorithm(arguments.hash_algorithm),
        )
