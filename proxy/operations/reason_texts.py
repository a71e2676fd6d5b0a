"""The reasons of a verdict as texts for people."""

from collections.abc import Mapping
from typing import Final, Literal

from proxy.model import Reason
from proxy.pades.verification.texts import LEVELS
from proxy.pades.verification.texts import TEXTS as PDF_TEXTS
from proxy.validation.texts import REASONS

TEXTS: Final[Mapping[str, tuple[str, str]]] = {**REASONS, **PDF_TEXTS}
"""English and Japanese by code, of all that a verification can find."""


def reason_text(reason: Reason, language: Literal["en", "ja"]) -> str:
    """One sentence; the code itself where it has no text."""
    index = ("en", "ja").index(language)
    text = TEXTS.get(reason.code, (reason.code, reason.code))[index]
    fields = {
        name: LEVELS[value][index] if name == "level" and value in LEVELS else value for name, value in reason.fields.items()
    }
    return text.format_map(fields)
