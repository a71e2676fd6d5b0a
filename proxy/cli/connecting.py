"""Options of every verb that asks a service: where it is, and who is asking."""

import argparse
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from proxy.client import Connection

ENVIRONMENT = """\
environment:
  SIGNPROXY_URL            as --proxy
  SIGNPROXY_CA             as --ca
  SIGNPROXY_CLIENT_CERT    as --client-cert
  SIGNPROXY_CLIENT_KEY     as --client-key
An option goes before --sandbox, and that before the environment.
"""
"""For the help of those verbs."""


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a verb's parser."""
    group = parser.add_argument_group("connection")
    group.add_argument("--proxy", metavar="URL", help="base URL of the service, as https://signing.internal:8443")
    group.add_argument("--ca", metavar="FILE", help="CA certificates its own must chain to, PEM (default: the system's)")
    group.add_argument("--client-cert", metavar="FILE", help="client certificate, PEM, its chain after it")
    group.add_argument("--client-key", metavar="FILE", help="its key, PEM (default: in the certificate's file)")
    group.add_argument("--sandbox", metavar="STATE", help="all four from a running sandbox's folder")
    group.add_argument(
        "--timeout", metavar="SECONDS", type=positive_seconds, default=600.0, help="for one whole call (default: %(default)g)"
    )


def positive_seconds(text: str) -> float:
    """A duration from the command line. Raises ``argparse.ArgumentTypeError``."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 86400")
    return value


def sandbox_members(state: "Path") -> "Mapping[str, object]":
    """What a running sandbox says of itself.

    Raises:
        SettingsError: There is none in this folder, or its file cannot be read.
    """
    import json

    from proxy.errors import SettingsError

    path = state / "sandbox.json"
    try:
        members = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"no sandbox runs in {state}: start one with `signproxy sandbox --dir {state}`") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(members, dict):
        raise SettingsError(f"{path} is not a JSON object")
    return members


def connection_from(arguments: argparse.Namespace) -> "Connection":
    """The connection the options, the sandbox or the environment name.

    Raises:
        SettingsError: None of them names a service, or the sandbox is not running.
    """
    from pathlib import Path

    from proxy.client import Connection
    from proxy.errors import SettingsError

    state = Path(arguments.sandbox) if arguments.sandbox else None
    members = sandbox_members(state) if state is not None else {}

    def chosen(option: str | None, member: str, variable: str) -> str | None:
        told = members.get(member)
        return option or (str(told) if told is not None else None) or (os.environ.get(variable) if state is None else None)

    def file(option: str | None, member: str, variable: str) -> Path | None:
        name = chosen(option, member, variable)
        if name is None:
            return None
        return Path(name) if option or state is None else state / name

    url = chosen(arguments.proxy, "proxy", "SIGNPROXY_URL")
    if url is None:
        raise SettingsError("no service is named: give --proxy, --sandbox or SIGNPROXY_URL")
    return Connection(
        url,
        ca=file(arguments.ca, "caFile", "SIGNPROXY_CA"),
        client_certificate=file(arguments.client_cert, "clientCertificate", "SIGNPROXY_CLIENT_CERT"),
        client_key=file(arguments.client_key, "clientKey", "SIGNPROXY_CLIENT_KEY"),
        timeout_seconds=arguments.timeout,
    )


def certificate_id_from(arguments: argparse.Namespace) -> str:
    """The signing certificate's id; with ``--sandbox`` also by its name there.

    Raises:
        SettingsError: None is named.
    """
    from pathlib import Path

    from proxy.errors import SettingsError

    named = arguments.certificate or os.environ.get("SIGNPROXY_CERTIFICATE")
    if not named:
        raise SettingsError("no signing certificate is named: give --certificate or SIGNPROXY_CERTIFICATE")
    if arguments.sandbox:
        by_name = sandbox_members(Path(arguments.sandbox)).get("certificates")
        if isinstance(by_name, dict) and named in by_name:
            return str(by_name[named])
    return str(named)
