"""What must never be said of a damaged file, told without the code under test: by the bytes of the seed that it was made of.

A signature of a seed is unchanged where the bytes that its own ``/ByteRange`` covers stand where they stood, and its signature
value and signed attributes too. Nothing else of a file is signed (ISO 32000-2, 12.8.1; RFC 5652, 5.4): other parts of
``/Contents`` may change and leave a signature as it was.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from asn1crypto import cms

from proxy.model import VerificationResult
from proxy.operations.verified import VerifiedDocument
from tests.fuzz.seeds import Seed

_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_HEX = re.compile(rb"<([0-9A-Fa-f\s]*)>")


@dataclass(frozen=True, slots=True)
class Original:
    """One signature of a seed: where its gap is, where it ends, and what in the gap is fixed, each part with its place.

    Attributes:
        gap_start, gap_end: Offsets of ``<`` and behind ``>``.
        end: Behind the last byte that is covered.
        value: The signature value.
        parts: What must stand in the decoded ``/Contents``, by its place there.
    """

    gap_start: int
    gap_end: int
    end: int
    value: bytes
    parts: tuple[tuple[int, bytes], ...]

    def is_unchanged(self, before: bytes, after: bytes) -> bool:
        """Whether a file still has all that it signs, and its value."""
        covered = before[: self.gap_start] == after[: self.gap_start]
        return covered and before[self.gap_end : self.end] == after[self.gap_end : self.end] and self._holds_value(after)

    def _holds_value(self, after: bytes) -> bool:
        gap = _HEX.fullmatch(after[self.gap_start : self.gap_end])
        if gap is None:
            return False
        digits = b"".join(gap[1].split())
        contents = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        return all(contents[place : place + len(part)] == part for place, part in self.parts)


@lru_cache(maxsize=1)
def originals(document: bytes) -> tuple[Original, ...]:
    """The signatures of a seed, oldest first."""
    found = [tuple(int(number) for number in match.groups()) for match in _BYTE_RANGE.finditer(document)]
    return tuple(_original(document, start, end, end + rest) for start, end, rest in sorted(found))


def _original(document: bytes, start: int, end: int, covered_to: int) -> Original:
    contents = bytes.fromhex(document[start + 1 : end - 1].decode())
    (signer,) = cms.ContentInfo.load(contents)["content"]["signer_infos"]
    value = signer["signature"].native
    # Behind the identifier, which is another one where they are digested.
    attributes = signer["signed_attrs"].dump()[1:]
    parts = tuple((contents.index(part), part) for part in (attributes, value))
    assert all(contents.count(part) == 1 for _, part in parts)
    return Original(start, end, covered_to, value, parts)


def check(seed: Seed, after: bytes, verdict: VerifiedDocument) -> None:
    """Nothing that was changed is called valid.

    Raises:
        AssertionError: It is.
    """
    signed = originals(seed.document)
    unchanged = [original for original in signed if original.is_unchanged(seed.document, after)]
    for signature in verdict.signatures:
        if signature.result is VerificationResult.VALID:
            held = signature.examined.object.contents
            assert any(original.value in held for original in unchanged), f"{signature.examined.object.identifier} was changed"
    if verdict.result is VerificationResult.VALID:
        assert verdict.signatures
        assert len(unchanged) == len(_expected(signed, seed.document, after)), "a signature was changed"


def _expected(signed: Sequence[Original], before: bytes, after: bytes) -> Sequence[Original]:
    """The signatures that a valid file must have: all, or, where it was cut off, those of the revisions that are left.

    A file that ends where an earlier revision ended is that earlier file; nobody can tell that it ever was more.
    """
    if before.startswith(after):
        return [original for original in signed if original.end <= len(after)]
    return signed
