"""What crosses the socket between a child process and its parent, and how it is framed.

A message is its length (4 bytes, big-endian) and a pickle. The parent trusts itself and not its children: what comes back is
unpickled with nothing but plain values allowed (:func:`decode`), so that a process that was taken over cannot run code in the
one that holds the requests.
"""

import datetime
import io
import pickle
import struct
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

MESSAGE_BYTES = 32 << 20
"""The longest message, either way."""

HEADER = struct.Struct(">I")


class MalformedMessage(Exception):
    """What arrived is no message: too long, no pickle, or not made of plain values."""


def encode(message: object) -> bytes:
    """Pickle a message.

    Raises:
        MalformedMessage: It is longer than :data:`MESSAGE_BYTES`.
    """
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    if len(data) > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {len(data)} bytes")
    return data


def body_size(header: bytes | bytearray) -> int:
    """The length that a header announces.

    Raises:
        MalformedMessage: It is over :data:`MESSAGE_BYTES`.
    """
    size: int = HEADER.unpack(header)[0]
    if size > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {size} bytes is announced")
    return size


def decode(data: bytes | bytearray, module: str = "") -> object:
    """Unpickle what a child process sent.

    Allowed are Python's plain types, dates and times, and the dataclasses, named tuples and enumerations of ``proxy`` and of
    ``module``, a dotted name.

    Raises:
        MalformedMessage: It is no pickle, or holds something else.
    """
    try:
        return _PlainValues(io.BytesIO(data), module).load()
    except Exception as error:
        # Bytes that are no pickle make the unpickler raise nearly anything.
        raise MalformedMessage(f"{type(error).__name__}: {error}") from error


class _PlainValues(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, module: str) -> None:
        super().__init__(file)
        self._module = module

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name == "datetime" and global_name in {"datetime", "date", "time", "timedelta", "timezone"}:
            return getattr(datetime, global_name)
        if (module_name, global_name) == ("builtins", "getattr"):
            return _enumeration_member
        if module_name == self._module or module_name.split(".", 1)[0] == "proxy":
            found = super().find_class(module_name, global_name)
            if isinstance(found, type) and found.__module__ == module_name and _is_plain(found):
                return found
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not a plain value")


def _is_plain(found: type) -> bool:
    return is_dataclass(found) or issubclass(found, Enum) or (issubclass(found, tuple) and hasattr(found, "_fields"))


def _enumeration_member(enumeration: object, name: str) -> Enum:
    """Stands in for ``getattr``, by which the first releases of Python 3.11 pickle members of enumerations."""
    if isinstance(enumeration, type) and issubclass(enumeration, Enum):
        return enumeration[name]
    raise pickle.UnpicklingError("getattr on something that is no enumeration")
