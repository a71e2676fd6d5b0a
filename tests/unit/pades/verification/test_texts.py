"""Every code that is found has a text in both languages, and every text a code."""

import re
from pathlib import Path

import pytest

import proxy.api.verification_answers
import proxy.pades.verification
from proxy.model import Reason
from proxy.operations.reason_texts import reason_text
from proxy.pades.verification.texts import LEVELS, TEXTS
from proxy.pades.verification.values import ModificationLevel

SOURCES = [
    *Path(proxy.pades.verification.__file__).parent.glob("*.py"),
    Path(proxy.api.verification_answers.__file__),
]
CODE = re.compile(r"(?:failure|doubt|remark|unknown|forbid|Reason)\(\s*\"([A-Z_]+)\"|\"([A-Z]+(?:_[A-Z]+)+)\" if ")


def test_codes_and_texts_are_the_same() -> None:
    used: set[str] = set()
    for path in SOURCES:
        if path.name != "texts.py":
            text = path.read_text("utf-8")
            used |= {one or other for one, other in CODE.findall(text)}
            used |= set(re.findall(r'else "([A-Z]+(?:_[A-Z]+)+)"', text))
    assert used == TEXTS.keys()


@pytest.mark.parametrize("code", TEXTS)
def test_both_texts_name_the_same_fields(code: str) -> None:
    english, japanese = TEXTS[code]
    assert re.findall(r"{(\w+)}", english) == re.findall(r"{(\w+)}", japanese)
    assert english.endswith(".")
    assert japanese.endswith("。")
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", japanese)


def test_levels_have_names() -> None:
    assert LEVELS.keys() == set(ModificationLevel) - {ModificationLevel.NONE}
    reason = Reason("CHANGES_NOT_PERMITTED", {"level": ModificationLevel.ANNOTATIONS, "permitted": "1"})
    assert reason_text(reason, "en").endswith("(annotations; DocMDP P=1).")
    assert "注釈" in reason_text(reason, "ja")


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert reason_text(Reason("SOMETHING_ELSE"), "ja") == "SOMETHING_ELSE"
