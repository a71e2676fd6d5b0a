"""Read the file, and overlay the environment."""

import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from proxy.errors import SettingsError
from proxy.settings.base import Section
from proxy.settings.service import MaintenanceSettings
from proxy.settings.whole import Settings

PREFIX = "SIGNPROXY__"

_SectionT = TypeVar("_SectionT", bound=Section)


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file and overlay the environment.

    Args:
        path: The TOML file; ``env:NAME`` is the environment variable that holds its text, with paths relative to the folder of
            the process.
        environment: Instead of ``os.environ``.

    Raises:
        SettingsError: The file cannot be read, or a key is unknown, missing or out of range; the message names each.
    """
    environment = os.environ if environment is None else environment
    scheme, _, variable = str(path).partition(":")
    values = _read_variable(environment, variable) if scheme == "env" else _read(path)
    _overlay(values, environment)
    return _validated(path, Settings, values)


def announced_maintenance(own: MaintenanceSettings) -> MaintenanceSettings:
    """What ``maintenance.file`` says; where there is none, what the settings say themselves.

    One that says neither when it begins nor when it ends has begun when it was written, and ends when it is removed.

    Raises:
        SettingsError: As :func:`load_settings`, for that file.
    """
    if own.file is None or not own.file.exists():
        return own
    said = _validated(own.file, MaintenanceSettings, _read(own.file))
    if said.starts is None and said.ends is None:
        written = datetime.fromtimestamp(own.file.stat().st_mtime, UTC)
        return said.model_copy(update={"starts": written})
    return said


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _read_variable(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(environment[name])
    except KeyError as error:
        raise SettingsError(f"env:{name}: the variable is not set") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"env:{name}: {error}") from error


def _validated(path: Path, kind: type[_SectionT], values: dict[str, Any]) -> _SectionT:
    try:
        return kind.model_validate(values, context={"base": path.resolve().parent})
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
