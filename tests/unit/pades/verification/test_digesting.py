"""One read gives what reading each signature's ranges by itself would give."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pades.verification.byte_ranges import SignedRange
from proxy.pades.verification.digesting import WantedDigest, digest_all

DATA = bytes(range(256)) * 20


@st.composite
def wanted(draw: st.DrawFn) -> WantedDigest:
    marks = sorted(draw(st.lists(st.integers(1, len(DATA)), min_size=3, max_size=3)))
    return WantedDigest(SignedRange(*marks), draw(st.sampled_from(["sha1", "sha256", "sha512"])))


class OneWay(io.BytesIO):
    """A file that is read from its first byte to its last, never back."""

    def seek(self, position: int, whence: int = 0, /) -> int:
        assert (position, whence, self.tell()) == (0, 0, 0)
        return super().seek(position, whence)


@given(st.lists(wanted(), max_size=12))
def test_all_digests_in_one_forward_read(items: list[WantedDigest]) -> None:
    found = digest_all(OneWay(DATA), items)
    assert found.keys() == set(items)
    for item in items:
        covered = DATA[: item.signed.gap_start] + DATA[item.signed.gap_end : item.signed.end]
        assert found[item] == hashlib.new(item.algorithm, covered).digest()


def test_a_file_that_became_shorter_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        digest_all(io.BytesIO(DATA[:100]), [WantedDigest(SignedRange(50, 60, 200), "sha256")])
