"""Read the file, and overlay the environment."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from proxy.errors import SettingsError
from proxy.settings.whole import Settings

PREFIX = "SIGNPROXY__"


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file and overlay the environment.

    Args:
        path: The TOML file.
        environment: Instead of ``os.environ``.

    Raises:
        SettingsError: The file cannot be read, or a key is unknown, missing or out of range; the message names each.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    _overlay(values, os.environ if environment is None else environment)
    try:
        return Settings.model_validate(values, context={"base": path.resolve().parent})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'settings'}: {item['msg']}" for item in error.errors()
        )
        raise SettingsError(f"{path}: {problems}") from error


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise SettingsError(f"{name} overlays a value that is no section")
        target[key] = _toml_value(text)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
