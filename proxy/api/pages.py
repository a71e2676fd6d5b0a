"""Lists in pages: what stands behind a cursor is the last id of the page before."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

from proxy.errors import InvalidParameter

T = TypeVar("T")


def page_of(found: Iterable[T], id_of: Callable[[T], str], limit: int, cursor: str | None) -> tuple[tuple[T, ...], str | None]:
    """One page by id, and the cursor of the next one.

    Raises:
        InvalidParameter: The cursor is none of ours.
    """
    after = "" if cursor is None else _id_of(cursor)
    ahead = sorted((one for one in found if id_of(one) > after), key=id_of)
    page = tuple(ahead[:limit])
    return page, _cursor_of(id_of(page[-1])) if len(ahead) > limit else None


def _cursor_of(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode("ascii")


def _id_of(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter("the cursor is none of ours", fields={"cursor": "not a nextCursor"}) from error
