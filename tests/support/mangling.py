"""Damage as a network or an attacker does it: a byte changed, a piece left out, put in twice, or cut off."""

from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True)
class Damage:
    """Where, as a part of the whole, and what; it fits data of any length, as signatures differ in length each time."""

    kind: str
    where: float
    length: int
    mask: int
    noise: bytes

    def to(self, good: bytes) -> bytes:
        """A damaged copy, never equal to the original."""
        start = min(int(self.where * len(good)), len(good) - 1)
        bad = {
            "change": good[:start] + bytes([good[start] ^ self.mask]) + good[start + 1 :],
            "remove": good[:start] + good[start + self.length :],
            "repeat": good[: start + self.length] + good[start:],
            "cut": good[:start],
            "replace": good[:start] + self.noise + good[start + self.length :],
        }[self.kind]
        return good + b"\x00" if bad == good else bad


DAMAGE = st.builds(
    Damage,
    kind=st.sampled_from(["change", "remove", "repeat", "cut", "replace"]),
    where=st.floats(0, 1, allow_nan=False),
    length=st.integers(1, 4),
    mask=st.integers(1, 255),
    noise=st.binary(max_size=4),
)
