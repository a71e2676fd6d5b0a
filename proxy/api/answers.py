"""Small answers as JSON: UTF-8, compact, so that a hash signature stays under a kilobyte."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """A JSON object in UTF-8 without insignificant whitespace."""
    # Half a surrogate pair has no UTF-8, but Python's escape of it is JSON's.
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def json_response(answer: BaseModel, *, status: int = 200) -> web.Response:
    """An answer of the contract: camelCase names, RFC 3339 times, absent members left out."""
    body = answer.model_dump_json(by_alias=True, exclude_none=True).encode()
    return web.Response(status=status, body=body, content_type="application/json")
