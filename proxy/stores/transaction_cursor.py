"""Where a page of transactions ended, as callers hand it back: opaque, and with one spelling."""

import base64
import binascii

from proxy.errors import InvalidParameter


def written_cursor(place: str) -> str:
    """The cursor for a place in the order of transactions."""
    return base64.urlsafe_b64encode(place.encode("utf-8")).rstrip(b"=").decode("ascii")


def read_cursor(cursor: str) -> str:
    """The place that a cursor names. Raises InvalidParameter where it is none."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise no_cursor() from error
    if written_cursor(place) != cursor:
        raise no_cursor()
    return place


def no_cursor() -> InvalidParameter:
    """That a cursor is not one that this client was given."""
    return InvalidParameter("the cursor is not one that was given", fields={"cursor": "unknown"})
