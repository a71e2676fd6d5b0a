"""Secrets are named in the settings, never written there: ``file:/run/secrets/pin`` or ``env:NAME``.

A reference is looked up each time it is asked for, so a secret that was replaced is used without a restart. The value is never
part of a message or of a log line.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from proxy.errors import SettingsError

_SCHEMES = ("file", "env")


class SecretReference:
    """Where a secret is.

    Args:
        text: ``file:PATH`` with an absolute path, or ``env:NAME``.

    Raises:
        ValueError: Anything else; a secret itself, most likely, which the message does not repeat.
    """

    __slots__ = ("_name", "_scheme")

    def __init__(self, text: str) -> None:
        self._scheme, _, self._name = text.partition(":")
        if self._scheme not in _SCHEMES or not self._name or (self._scheme == "file" and not Path(self._name).is_absolute()):
            raise ValueError("a secret is a reference: file:/absolute/path or env:NAME")

    def read(self) -> str:
        """The secret as it is now, without a final line end.

        Raises:
            SettingsError: The file cannot be read, the variable is not set, or what is there is empty or no text.
        """
        try:
            value = Path(self._name).read_text(encoding="utf-8") if self._scheme == "file" else os.environ[self._name]
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise SettingsError(f"the secret {self} cannot be read: {type(error).__name__}") from error
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise SettingsError(f"the secret {self} is empty")
        return value

    def __str__(self) -> str:
        return f"{self._scheme}:{self._name}"

    def __repr__(self) -> str:
        return f"SecretReference({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretReference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A string in the settings."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
