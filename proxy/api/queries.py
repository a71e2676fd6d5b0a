"""Parameters in the query of a URL: once each, and only what may be written down on the way.

URLs end up in access logs and histories. Free text of the caller is refused there, by name and with the way that is open to it.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from proxy.errors import InvalidParameter

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}

FREE_TEXT = frozenset({"reason", "location", "contactInfo"})

BOOLEAN_PARAMETERS = frozenset({"existingFieldOnly", "dryRun"})

NOT_IN_URL = "is free text and never goes into the URL: send it in params of multipart/form-data, or in JSON"


def query_members(request: web.Request) -> dict[str, Any]:
    """The query's parameters by name, booleans as such.

    Raises:
        InvalidParameter: One comes twice, is free text, or is a boolean that is neither ``true`` nor ``false``.
    """
    members: dict[str, Any] = {}
    for name, text in request.query.items():
        if name in members:
            raise InvalidParameter("a parameter is given twice", fields={name: "given twice"})
        if name in FREE_TEXT:
            raise InvalidParameter(f"{name} {NOT_IN_URL}", fields={name: NOT_IN_URL})
        value: object = text
        if name in BOOLEAN_PARAMETERS:
            value = BOOLEANS.get(text)
            if value is None:
                raise InvalidParameter(f"{name} is true or false", fields={name: "expected true or false"})
        members[name] = value
    return members
