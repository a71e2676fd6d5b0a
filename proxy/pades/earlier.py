"""Whether the signatures already in a document still stand after an update (engine process).

A signature's own bytes are never touched: updates only append. What an update can break is the verdict on the changes made
after it (ISO 32000-2, 12.8.2), so the changes are judged before and after, and must not be judged worse.
"""

from collections.abc import Collection
from enum import IntEnum

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from proxy.errors import MDPLocked
from proxy.pades.differences import POLICY, without_a_search
from proxy.pades.permissions import signed_fields


class Judgement(IntEnum):
    """How the changes after a signature are judged."""

    PERMITTED = 0
    FORBIDDEN = 1
    UNREADABLE = 2


def judge_earlier(reader: PdfFileReader, *, only: Collection[str] | None = None) -> dict[str, Judgement]:
    """Judge the changes after each filled signature field.

    Args:
        reader: The document, with or without an update.
        only: Names of the fields to judge; all if ``None``.

    Returns:
        A judgement by field name.
    """
    return {name: _judge(reader, field, name) for name, field, _ in signed_fields(reader) if only is None or name in only}


def _judge(reader: PdfFileReader, field: generic.DictionaryObject, name: str) -> Judgement:
    try:
        signature = EmbeddedPdfSignature(reader, field, name)
        coverage = signature.coverage = signature.evaluate_signature_coverage()  # type: ignore[assignment]  # untyped there
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - an earlier signer's junk fails in any way; then there is nothing we could break
        return Judgement.UNREADABLE
    if coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return Judgement.UNREADABLE
    without_a_search(reader, signature.signed_revision)
    result = signature.evaluate_modifications(POLICY)
    if not isinstance(result, DiffResult):
        return Judgement.FORBIDDEN
    level = signature.docmdp_level
    return Judgement.PERMITTED if level is None or result.modification_level.value <= level.value else Judgement.FORBIDDEN


def refuse_damage(before: dict[str, Judgement], after: dict[str, Judgement]) -> None:
    """Refuse an update that changes a verdict for the worse.

    Raises:
        MDPLocked: Names the signature that would no longer validate.
    """
    for name, judgement in before.items():
        if after.get(name, Judgement.UNREADABLE) > judgement:
            raise MDPLocked(f"the signature in the field {name!r} would not validate any more")
