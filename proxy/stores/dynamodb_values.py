"""Values of DynamoDB's JSON, and the names in its expressions (Amazon DynamoDB API Reference, AttributeValue).

Each value carries its type: ``{"S": text}``, ``{"N": digits}``, ``{"B": base64}``, ``{"BOOL": …}``, ``{"M": …}``.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile("#([a-z_]+)")


def encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item, or the values of an expression. What is ``None`` is left out."""
    return {name: _encoded(value) for name, value in values.items() if value is not None}


def decoded(item: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an item. Raises ``ValueError`` or ``KeyError`` for types that are not among these."""
    return {name: _decoded(value) for name, value in item.items()}


def names(*expressions: str, **more: str) -> dict[str, str]:
    """``ExpressionAttributeNames`` for every ``#name`` in the expressions, none of which can be a reserved word then.

    Args:
        expressions: They say ``#name`` for the attribute ``name``.
        more: Attributes that are called otherwise than they are named there.
    """
    found = {f"#{name}": name for expression in expressions for name in _NAME.findall(expression)}
    return found | {f"#{name}": attribute for name, attribute in more.items()}


def _encoded(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": base64.b64encode(value).decode("ascii")}
        case Mapping():
            return {"M": encoded(value)}
    raise TypeError(f"DynamoDB has no {type(value).__name__}")


def _decoded(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "BOOL" | "S":
            return content
        case "N":
            return float(content) if "." in content or "e" in content.lower() else int(content)
        case "B":
            return base64.b64decode(content, validate=True)
        case "M":
            return decoded(content)
    raise ValueError(f"an attribute of type {kind}")
