"""Who verifies, as options of every verb that has files verified."""

import argparse

from proxy.cli.connecting import add_connection_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verifying import OpenVerifier


def add_verifier_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a verb's parser."""
    add_connection_options(parser)


def verifier_from(arguments: argparse.Namespace) -> "OpenVerifier":
    """Who the options name.

    Raises:
        SettingsError: Nobody.
    """
    from functools import partial

    from proxy.cli.connecting import connection_from
    from proxy.cli.verifying import verifier_at

    return partial(verifier_at, connection_from(arguments), jobs=arguments.jobs)
