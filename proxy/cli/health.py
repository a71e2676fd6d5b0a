"""``signproxy health``: does the service on this machine live; what a container's health check runs."""

import argparse

from proxy.cli.exit_codes import EXPLAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DEFAULT = "https://127.0.0.1:8443/healthz"
_SECONDS = 4.0

_DESCRIPTION = """\
Ask a service on this machine whether it lives (/healthz) or takes calls
(/readyz). No client certificate is needed, and the server's is not judged:
nothing secret is sent, and nothing that comes is believed but the status.
"""

_EPILOG = f"""\
examples:
  signproxy health
  signproxy health --url https://127.0.0.1:8443/readyz
  signproxy health --url http://127.0.0.1:8080/healthz    behind a load balancer

environment:
  SIGNPROXY_HEALTH_URL  where no option says otherwise

{EXPLAINED}"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("health", description=_DESCRIPTION, epilog=_EPILOG)
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    import os

    default = os.environ.get("SIGNPROXY_HEALTH_URL", _DEFAULT)
    parser.add_argument("--url", default=default, metavar="URL", help=f"on loopback; {_DEFAULT} unless set otherwise")


def run(arguments: argparse.Namespace) -> int:
    """Ask and tell. Raises SettingsError for a URL that is not on loopback."""
    import ssl
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    from proxy.cli.exit_codes import ExitCode
    from proxy.errors import SettingsError

    url = urlsplit(arguments.url)
    if url.scheme not in {"http", "https"} or url.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise SettingsError("--url is http or https on loopback")
    connection: HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection(url.hostname, url.port, timeout=_SECONDS, context=context)
    else:
        connection = HTTPConnection(url.hostname, url.port, timeout=_SECONDS)
    try:
        connection.request("GET", url.path or "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"no answer: {type(error).__name__}")
        return ExitCode.UNAVAILABLE
    finally:
        connection.close()
    print("ok" if status == 200 else f"status {status}")
    return ExitCode.OK if status == 200 else ExitCode.UNAVAILABLE
