"""``signproxy batch``: whole folders. Each action is a module; what they share is ``proxy.cli.bulk``."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.cli.verb_parser import VerbParser, Verbs

_DESCRIPTION = """\
Have every file of a folder verified, signed or extended, with a report in CSV: a
file that fails is told there and stops nothing. A run that was interrupted goes
on with --resume: no row is lost or there twice, and nothing is signed twice.
"""

_EPILOG = """\
`signproxy batch ACTION --help` explains an action, with examples.
"""


def add_parser(verbs: "Verbs") -> None:
    """Add the verb."""
    verbs.add_parser("batch", description=_DESCRIPTION, epilog=_EPILOG).options = _options


def _options(parser: "VerbParser") -> None:
    from proxy.cli.batch import extend, sign, verify

    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for action in (verify, sign, extend):
        action.add_parser(actions)
