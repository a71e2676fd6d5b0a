"""Every code has its texts in both languages, and every text has the fields that its reason brings."""

import ast
import string
from pathlib import Path

import pytest

import proxy.validation
from proxy.model import Reason
from proxy.validation.reasons import Check, Code, reason
from proxy.validation.texts import CHECKS, REASONS, check_text, reason_text


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _raised() -> dict[str, list[set[str]]]:
    """The fields of every reason that the package makes, by its code, read from the sources."""
    found: dict[str, list[set[str]]] = {}
    for path in sorted(Path(proxy.validation.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"reason", "_Malformed"}:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Attribute):
                    found.setdefault(first.attr, []).append({word.arg for word in node.keywords if word.arg})
    return found


def test_every_code_and_every_check_has_both_texts_and_no_text_is_left_over() -> None:
    assert set(REASONS) == set(Code)
    assert set(CHECKS) == set(Check)
    for english, japanese in (*REASONS.values(), *CHECKS.values()):
        assert english.isascii()
        assert not japanese.isascii()


@pytest.mark.parametrize("code", Code)
def test_both_texts_name_the_same_fields_and_the_reason_brings_them(code: Code) -> None:
    english, japanese = REASONS[code]
    assert _fields(english) == _fields(japanese)
    for fields in _raised().get(code.name, []):
        assert _fields(english) <= fields


def test_texts_are_filled_in() -> None:
    expired = reason(Code.CERTIFICATE_EXPIRED, subject="CN=Signer", until="2026-06-01T00:00:00+00:00")
    assert reason_text(expired, "en").startswith("The certificate CN=Signer expired at 2026-06-01")
    assert "CN=Signer" in reason_text(expired, "ja")
    assert reason_text(Reason("SOMEBODY_ELSES"), "ja") == "SOMEBODY_ELSES"
    assert check_text(Check.FORMAT, "en") == "The signature is well-formed"
