"""Which revision of a document a signature covers, and whether all of it (engine process): ISO 32000-2, 7.5.6, 12.8.1.

A signature signs the file up to where a revision ended. What the cross-reference says of that revision must lie within the
signed bytes, all of it: an entry that leads beyond them is filled in by whoever appends something.
"""

import re
from itertools import accumulate

from proxy.model import Finding
from proxy.pades.scanning import Data
from proxy.pades.verification.byte_ranges import SignedRange
from proxy.pades.verification.findings import failure
from proxy.pades.verification.history import History
from proxy.pades.verification.inventory import Inventory
from proxy.pades.verification.values import CoverageLevel

_REVISION_END = re.compile(rb"startxref[\0\t\n\f\r ]+([0-9]{1,19})[\0\t\n\f\r ]+(?:%[^\r\n]*[\r\n]+)*%%EOF[\0\t\n\f\r ]*\Z")
_TAIL = 1024


class Revisions:
    """The revisions of a document, as bytes.

    Args:
        data: The document.
        history: Its revisions.
        inventory: Its objects.
    """

    def __init__(self, data: Data, history: History, inventory: Inventory) -> None:
        self._data = data
        self._last = history.last
        sections = [history.section(revision) for revision in range(history.last + 1)]
        self._by_start = {section.declared_startxref: revision for revision, section in enumerate(sections)}
        reach = (
            max((inventory.end_of(place) for _, place in history.defined_by(at) if not place.compressed), default=0)
            for at in range(history.last + 1)
        )
        # By revision: how far it and those before it reach, and where those after it begin.
        self._sections_end = list(accumulate((section.end_location for section in sections), max))
        self._objects_end = list(accumulate(reach, max))
        later = list(accumulate((section.start_location for section in reversed(sections)), min))
        self._later_begin = [*reversed(later), len(data) + 1][1:]

    def covered(self, signed: SignedRange) -> tuple[CoverageLevel, int] | Finding:
        """How much a signature covers, and its revision; or what is wrong about that."""
        if signed.end == len(self._data):
            return CoverageLevel.WHOLE_FILE, self._last
        revision = self._ending_at(signed.end)
        if revision is None or not self._sections_end[revision] <= signed.end <= self._later_begin[revision]:
            return failure("REVISION_NOT_COVERED")
        if self._objects_end[revision] > signed.end:
            return failure("REVISION_REACHES_BEYOND")
        return CoverageLevel.WHOLE_REVISION, revision

    def _ending_at(self, end: int) -> int | None:
        tail = bytes(self._data[max(end - _TAIL, 0) : end])
        at = tail.rfind(b"startxref")
        match = _REVISION_END.match(tail, at) if at >= 0 else None
        return self._by_start.get(int(match[1])) if match else None
