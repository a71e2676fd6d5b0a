"""Damage to whole files: cut off, bits flipped, pieces lost, repeated, moved, or taken from another file.

The same seed and number are the same damage everywhere. Much of a signed file is the filling of ``/Contents``; so half of what
happens happens elsewhere, and some of it right at a word that decides how a file is read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz.seeds import Seed

_FILLING = re.compile(rb"0{64,}")
_DECISIVE = re.compile(
    rb"(?<!\d)\d{1,10} \d{1,5} obj|(?<!\d)\d{1,10} 0 R|endobj|endstream|stream|xref|trailer|startxref|%%EOF|[\[\]<>()]"
    rb"|/ByteRange|/Contents|/SubFilter|/Type|/FT|/Fields|/Kids|/Annots|/Reference|/Perms|/DSS|/V "
    rb"|/Prev|/Root|/Size|/Length|/W ?\[|/Index|/Filter|/Encrypt"
)
_WORD = re.compile(rb"[0-9]+|[A-Za-z]")
_LONGEST_PIECE = 3000


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged copy.

    Attributes:
        what: What was done to it.
        document: Its bytes.
    """

    what: str
    document: bytes


class Damage:
    """One damage after the other to one seed.

    Args:
        seed: What is damaged.
        others: Where foreign pieces come from.
    """

    def __init__(self, seed: Seed, others: Sequence[Seed]) -> None:
        self._seed = seed
        self._others = others
        self._decisive = [match.start() for match in _DECISIVE.finditer(seed.document)]
        self._filling = [match.span() for match in _FILLING.finditer(seed.document)]

    def number(self, number: int) -> Damaged:
        """The damage of that number; never equal to the original."""
        random = Random(f"{self._seed.name} {number}")
        kind = KINDS[number % len(KINDS)]
        document = kind(self, random)
        while document == self._seed.document:
            document = kind(self, random)
        return Damaged(kind.__name__.strip("_"), document)

    # -- kinds ----------------------------------------------------------------------------------------------------------

    def _flip_a_bit(self, random: Random) -> bytes:
        return self._with_flipped(random, 1)

    def _flip_bits(self, random: Random) -> bytes:
        return self._with_flipped(random, random.randint(2, 40))

    def _cut_off(self, random: Random) -> bytes:
        return self._seed.document[: self._place(random)]

    def _another_digit_or_letter(self, random: Random) -> bytes:
        """At a decisive word: what reads as well as before, and says something else."""
        good = self._seed.document
        at = random.choice(self._decisive)
        words = list(_WORD.finditer(good[at : at + 60]))
        if not words:
            return self._with_flipped(random, 1)
        word = random.choice(words)
        letters = b"0123456789" if word[0].isdigit() else b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        start = at + word.start() + random.randrange(len(word[0]))
        return good[:start] + bytes([random.choice(letters)]) + good[start + 1 :]

    def _lose_a_piece(self, random: Random) -> bytes:
        start, end = self._piece(random)
        return self._seed.document[:start] + self._seed.document[end:]

    def _repeat_a_piece(self, random: Random) -> bytes:
        start, end = self._piece(random)
        at = self._place(random)
        return self._seed.document[:at] + self._seed.document[start:end] + self._seed.document[at:]

    def _overwrite_with_noise(self, random: Random) -> bytes:
        start, end = self._piece(random)
        filler = random.choice([random.randbytes(end - start), bytes(end - start), b" " * (end - start), b"0" * (end - start)])
        return self._seed.document[:start] + filler + self._seed.document[end:]

    def _swap_pieces(self, random: Random) -> bytes:
        good = self._seed.document
        first, second = sorted(self._place(random) for _ in range(2))
        size = random.randint(1, max(min(second - first, len(good) - second, 400), 1))
        parts = (good[second : second + size], good[first + size : second], good[first : first + size], good[second + size :])
        return good[:first] + b"".join(parts)

    def _splice_from_another_file(self, random: Random) -> bytes:
        other = random.choice(self._others).document
        start = random.randrange(len(other))
        piece = other[start : start + random.randint(1, _LONGEST_PIECE)]
        at = self._place(random)
        kept = at + random.choice([0, len(piece)])
        return self._seed.document[:at] + piece + self._seed.document[kept:]

    def _continue_with_another_file(self, random: Random) -> bytes:
        other = random.choice(self._others).document
        return self._seed.document[: self._place(random)] + other[random.choice([0, random.randrange(len(other))]) :]

    # -- where ----------------------------------------------------------------------------------------------------------

    def _place(self, random: Random) -> int:
        """An offset: anywhere, outside of fillings, or near a decisive word."""
        size = len(self._seed.document)
        choice = random.random()
        if choice < 0.2:
            return random.randrange(size)
        if choice < 0.6:
            place = random.randrange(size)
            while any(start < place < end for start, end in self._filling):
                place = random.randrange(size)
            return place
        return min(random.choice(self._decisive) + random.randint(-2, 12), size - 1) % size

    def _piece(self, random: Random) -> tuple[int, int]:
        start = self._place(random)
        return start, min(start + int(_LONGEST_PIECE ** random.random()), len(self._seed.document))

    def _with_flipped(self, random: Random, count: int) -> bytes:
        changed = bytearray(self._seed.document)
        for _ in range(count):
            changed[self._place(random)] ^= 1 << random.randrange(8)
        return bytes(changed)


KINDS: Sequence[Callable[[Damage, Random], bytes]] = (
    Damage._flip_a_bit,
    Damage._cut_off,
    Damage._another_digit_or_letter,
    Damage._lose_a_piece,
    Damage._splice_from_another_file,
    Damage._flip_bits,
    Damage._repeat_a_piece,
    Damage._overwrite_with_noise,
    Damage._another_digit_or_letter,
    Damage._swap_pieces,
    Damage._continue_with_another_file,
)
