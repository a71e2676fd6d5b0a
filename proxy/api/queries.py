"""Parameters in the query of a URL: once each, and only what may be written down on the way.

URLs end up in access logs and histories. Free text of the caller and passwords are refused there, by name and with the way that
is open to them. The members of an object are written with a dot: ``appearance.page=1``.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web

from proxy.errors import InvalidParameter

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}

PRIVATE = frozenset({"reason", "location", "contactInfo", "documentPassword", "sealImage", "appearance.text"})

BOOLEAN_PARAMETERS = frozenset({"existingFieldOnly", "dryRun", "ltv", "getScanInfo"})

NUMBER_PARAMETERS = frozenset(
    {"docMdp", "appearance.rotation", *(f"appearance.{name}" for name in ("page", "x", "y", "width", "height"))}
)

NOT_IN_URL = "never goes into the URL: send it in params of multipart/form-data, or in JSON"

_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?")


def query_members(request: web.Request) -> dict[str, Any]:
    """The query's parameters by name, numbers and booleans as such.

    Raises:
        InvalidParameter: One comes twice, may not be in a URL, or is a boolean or a number that cannot be read; or they are no
            UTF-8.
    """
    try:
        unquote_to_bytes(request.rel_url.raw_query_string).decode()
    except ValueError as error:
        raise InvalidParameter("the query of the URL is not percent-encoded UTF-8 (RFC 3986, 2.5)") from error
    members: dict[str, Any] = {}
    for name, text in request.query.items():
        if name in PRIVATE:
            raise InvalidParameter(f"{name} {NOT_IN_URL}", fields={name: NOT_IN_URL})
        owner, _, key = name.rpartition(".")
        target = members if owner != "appearance" else members.setdefault(owner, {})
        key = name if target is members else key
        if not isinstance(target, dict) or key in target:
            raise InvalidParameter("a parameter is given twice", fields={name: "given twice"})
        target[key] = _value(name, text)
    return members


def _value(name: str, text: str) -> object:
    if name in BOOLEAN_PARAMETERS:
        if text not in BOOLEANS:
            raise InvalidParameter(f"{name} is true or false", fields={name: "expected true or false"})
        return BOOLEANS[text]
    if name in NUMBER_PARAMETERS:
        number = _NUMBER.fullmatch(text)
        if number is None:
            raise InvalidParameter(f"{name} is a number", fields={name: "expected a number"})
        return float(text) if number[1] else int(text)
    return text
