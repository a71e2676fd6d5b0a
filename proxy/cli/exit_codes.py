"""Exit codes that scripts can use: each says what to do next."""

from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proxy.errors import ProxyError


class ExitCode(IntEnum):
    """How a verb ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    REFUSED = 4
    REQUEST = 5
    UPSTREAM = 6
    INVALID = 10
    INDETERMINATE = 11
    NOT_SIGNED = 12
    DUE = 13
    INTERRUPTED = 130


EXPLAINED = """\
exit codes:
  0    all that was asked is done
  1    some files or checks failed, each told with its reason; the rest is done
  2    the command is wrong: its options, its settings, or a file it names
  3    the service, its signer or its time-stamping authority is not there or busy:
       try again later
  4    refused: not permitted, or against a rule
  5    the request or the document is at fault: the same again fails again
  6    the service or something behind it failed, or its answer was not right
  130  interrupted (Ctrl-C or SIGTERM)
"""
"""For the help of every verb that can end in them."""

_COME_BACK = frozenset(
    {
        "SERVICE_UNREACHABLE",
        "SIGNER_UNAVAILABLE",
        "TSA_UNAVAILABLE",
        "REVOCATION_UNAVAILABLE",
        "MAINTENANCE",
        "SHUTTING_DOWN",
        "SPOOL_FULL",
        "CONCURRENCY_LIMIT",
        "RATE_LIMIT",
        "TIMEOUT",
    }
)


def exit_code_of(error: "ProxyError") -> ExitCode:
    """What one error of the tree means to a script."""
    from proxy.errors import CallerError, PolicyError, SettingsError

    if error.code in _COME_BACK:
        return ExitCode.UNAVAILABLE
    for kind, code in (
        (SettingsError, ExitCode.USAGE),
        (CallerError, ExitCode.REQUEST),
        (PolicyError, ExitCode.REFUSED),
    ):
        if isinstance(error, kind):
            return code
    return ExitCode.UPSTREAM
