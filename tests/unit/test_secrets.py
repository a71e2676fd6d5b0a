"""A secret is found where the settings say, as it is at that moment, and never told."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from proxy.errors import SettingsError
from proxy.secrets import SecretReference


class Section(BaseModel):
    pin: SecretReference


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    reference = SecretReference(f"file:{path}")
    for value in ("1234", "user: with spaces \t"):
        path.write_text(f"{value}\n", encoding="utf-8")
        assert reference.read() == value


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PIN", "1234")
    assert SecretReference("env:A_PIN").read() == "1234"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"], ids=["missing", "empty", "a line end", "no text"])
def test_what_is_no_secret_is_named_by_its_reference(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=str(path)):
        SecretReference(f"file:{path}").read()


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_PIN", raising=False)
    with pytest.raises(SettingsError, match="env:A_PIN"):
        SecretReference("env:A_PIN").read()


@pytest.mark.parametrize("text", ["hunter2", "file:relative", "env:", "https://hunter2", ""])
def test_a_value_in_the_place_of_a_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a reference") as raised:
        SecretReference(text)
    assert "hunter2" not in str(raised.value)


def test_settings_take_a_reference_and_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PIN", "1234")
    section = Section.model_validate({"pin": "env:A_PIN"})
    assert section.pin.read() == "1234"
    assert "1234" not in repr(section)
    assert section == Section.model_validate({"pin": "env:A_PIN"})
    with pytest.raises(ValidationError):
        Section.model_validate({"pin": "1234"})
