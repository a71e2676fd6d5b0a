"""What options take that more than one verb has, read from the command line."""

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, timedelta


def moment(text: str) -> "datetime":
    """A time in ISO 8601. Raises ``argparse.ArgumentTypeError``."""
    from datetime import datetime

    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time, as 2030-01-31T09:00:00+09:00") from error
    # Without an offset: this machine's zone, as a person means it.
    return value.astimezone()


def jobs(text: str) -> int:
    """How many files at a time. Raises ``argparse.ArgumentTypeError``."""
    if text.isdecimal() and 1 <= int(text) <= 32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number between 1 and 32")


def days(text: str) -> "timedelta":
    """A time span in days, weeks or years of 365 days: ``90d``, ``12w``, ``2y``. Raises ``argparse.ArgumentTypeError``."""
    from datetime import timedelta

    length = {"d": 1, "w": 7, "y": 365}.get(text[-1:])
    if length is None or not text[:-1].isdecimal() or not 0 <= int(text[:-1]) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a span, as 90d, 12w or 2y")
    return timedelta(days=int(text[:-1]) * length)
