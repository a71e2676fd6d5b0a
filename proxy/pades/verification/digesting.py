"""The digests of all signatures in one forward read (engine process): ISO 32000-2, 12.8.1.

All of them begin with the file's first byte. One state an algorithm runs from there to the end; where a signature's gap begins
it is copied, and the copy goes on behind the gap. So the bytes that all have in common are hashed once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from proxy.pades.verification.byte_ranges import SignedRange

if TYPE_CHECKING:
    from hashlib import _Hash

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class WantedDigest:
    """One digest over one signature's ranges; ``algorithm`` is hashlib's name."""

    signed: SignedRange
    algorithm: str


def digest_all(stream: BinaryIO, wanted: Sequence[WantedDigest]) -> Mapping[WantedDigest, bytes]:
    """Compute digests.

    Args:
        stream: The document.
        wanted: Which ones.

    Returns:
        Each wanted digest.
    """
    ranges = dict.fromkeys(wanted)
    leading: dict[str, _Hash] = {item.algorithm: hashlib.new(item.algorithm, usedforsecurity=False) for item in ranges}
    after_gap: dict[WantedDigest, _Hash] = {}
    done: dict[WantedDigest, bytes] = {}
    # Every offset at which a range begins or ends, and the file between each two of them.
    marks = sorted({0} | {mark for item in ranges for mark in (item.signed.gap_start, item.signed.gap_end, item.signed.end)})
    position = 0
    stream.seek(0)
    for mark in marks:
        running = [*leading.values()] if position < max((item.signed.gap_start for item in ranges), default=0) else []
        _feed(
            stream, mark - position, running + [state for item, state in after_gap.items() if position >= item.signed.gap_end]
        )
        position = mark
        for item in ranges:
            if item.signed.gap_start == mark:
                after_gap[item] = leading[item.algorithm].copy()
            if item.signed.end == mark and item in after_gap:
                done[item] = after_gap.pop(item).digest()
    return done


def _feed(stream: BinaryIO, size: int, states: Sequence["_Hash"]) -> None:
    while size:
        piece = stream.read(min(_CHUNK, size))
        if not piece:
            raise ValueError("the document is shorter than it was")
        size -= len(piece)
        for state in states:
            state.update(piece)
