"""Secrets are named in the settings, never written there: ``file:/run/secrets/pin``, ``env:NAME``, or ``aws:ARN``.

The last is a secret of AWS Secrets Manager; ``aws:ARN#member`` is one member of a secret that is a JSON object.

A reference is looked up each time it is asked for, so a secret that was replaced is used without a restart. The value is never
part of a message or of a log line.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from proxy.errors import SettingsError

_SCHEMES = ("file", "env", "aws")
_ARN = re.compile(r"(arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+)(?:#([^#]+))?")


class SecretReference:
    """Where a secret is.

    Args:
        text: ``file:PATH`` with an absolute path, ``env:NAME``, or ``aws:ARN`` with ``#member`` or without.

    Raises:
        ValueError: Anything else; a secret itself, most likely, which the message does not repeat.
    """

    __slots__ = ("_name", "_scheme")

    def __init__(self, text: str) -> None:
        self._scheme, _, self._name = text.partition(":")
        well_formed = {
            "file": lambda: Path(self._name).is_absolute(),
            "env": lambda: bool(self._name),
            "aws": lambda: _ARN.fullmatch(self._name) is not None,
        }
        if self._scheme not in _SCHEMES or not well_formed[self._scheme]():
            raise ValueError("a secret is a reference: file:/absolute/path, env:NAME or aws:ARN of AWS Secrets Manager")

    def read(self) -> str:
        """The secret as it is now, without a final line end.

        Raises:
            SettingsError: The file cannot be read, the variable is not set, or what is there is empty or no text.
        """
        try:
            value = self._value()
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise SettingsError(f"the secret {self} cannot be read: {type(error).__name__}") from error
        value = value.removesuffix("\n").removesuffix("\r")
        if not value:
            raise SettingsError(f"the secret {self} is empty")
        return value

    def _value(self) -> str:
        match self._scheme:
            case "file":
                return Path(self._name).read_text(encoding="utf-8")
            case "env":
                return os.environ[self._name]
            case _:
                return self._of_aws()

    def _of_aws(self) -> str:
        """From AWS Secrets Manager, by AWS's own chain of credentials: on ECS the task's role.

        Raises:
            SettingsError: It cannot be had, or has no such member.
        """
        # A tenth of a second that only those pay whose secrets are there.
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        found = _ARN.fullmatch(self._name)
        assert found is not None, "the constructor has looked"
        arn, region, member = found.groups()
        config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})
        try:
            client = boto3.client("secretsmanager", region_name=region, config=config)
            answer = client.get_secret_value(SecretId=arn)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "?")
            raise SettingsError(f"the secret {self} cannot be read: {code}") from error
        except BotoCoreError as error:
            raise SettingsError(f"the secret {self} cannot be read: {type(error).__name__}") from error
        text = str(answer["SecretString"]) if "SecretString" in answer else bytes(answer["SecretBinary"]).decode("utf-8")
        if member is None:
            return text
        try:
            return str(json.loads(text)[member])
        except (ValueError, TypeError, KeyError):
            # Without its cause, which quotes what was read.
            raise SettingsError(f"the secret {self} is no JSON object with that member") from None

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
