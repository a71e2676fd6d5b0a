"""What pyHanko calls suspicious is never called permitted here, but for annotations, which its analysis does not know."""

import io
import logging

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.diff_analysis import ModificationLevel as TheirLevel

from proxy.pades.verification.values import ModificationLevel
from tests.support import attacks
from tests.support.attacks.documents import IN_PROCESS, approved, certified
from tests.unit.pades.verification.examined import examined, failures
from tests.unit.pades.verification.test_changes import LEVELS

BASES = {"approval": approved(), "P=3": certified(3)}
DOCUMENTS = {
    **{f"{change.__name__} after {name}": change(base) for change in LEVELS for name, base in BASES.items()},
    **{attack.__name__: attack(IN_PROCESS) for attack in attacks.ATTACKS if attack.__module__.endswith(".changes")},
}
SAME = {
    TheirLevel.NONE: ModificationLevel.NONE,
    TheirLevel.LTA_UPDATES: ModificationLevel.LTV_UPDATES,
    TheirLevel.FORM_FILLING: ModificationLevel.FORM_FILLING,
}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


def theirs(document: bytes) -> TheirLevel | None:
    """pyHanko's level of the changes after the first signature; ``None`` where it is suspicious, or cannot tell."""
    first, *_ = PdfFileReader(io.BytesIO(document), strict=False).embedded_signatures
    first.compute_integrity_info()
    return first.diff_result.modification_level if isinstance(first.diff_result, DiffResult) else None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_never_more_lenient(name: str) -> None:
    try:
        level = theirs(DOCUMENTS[name])
    except Exception:  # noqa: BLE001 - it cannot read what was forged, and then says nothing
        level = None
    first = examined(DOCUMENTS[name]).signatures[0]
    if level is None:
        assert failures(first) or first.modification_level is ModificationLevel.ANNOTATIONS
    elif not failures(first):
        assert first.modification_level is SAME[level]
