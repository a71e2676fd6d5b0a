"""``signproxy serve``: the service itself."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Serve the REST contract until SIGTERM or Ctrl-C: then no new request is taken,
those in progress are finished within limits.shutdown_seconds, and the rest is
answered SHUTTING_DOWN.
"""

_EPILOG = """\
examples:
  signproxy serve --settings /etc/signproxy.toml
  SIGNPROXY__LISTENER__PORT=9443 signproxy serve --settings signproxy.toml

environment:
  SIGNPROXY__SECTION__KEY  overlays one value of the settings: listener.port is
                           SIGNPROXY__LISTENER__PORT. Values are read as TOML
                           where they parse as TOML, as text otherwise.

`signproxy doctor --settings FILE` checks the same file without serving.

exit codes:
  0    stopped as asked
  2    the settings cannot be used; the message names each key
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "serve",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.options = _options
    parser.set_defaults(run=run)


def _options(parser: "VerbParser") -> None:
    parser.add_argument("--settings", metavar="FILE", required=True, help="the settings, TOML")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop. Raises SettingsError."""
    from pathlib import Path

    from proxy.app import serve
    from proxy.settings import load_settings

    return serve(load_settings(Path(arguments.settings)))
