"""Truncated, bit-flipped and spliced copies of signed files: each has a verdict, and none that was changed is ``VALID``."""

from collections.abc import Iterable

import pytest

from proxy.errors import PDFEncrypted
from proxy.model import ReportKind, VerificationResult
from tests.fuzz.damaging import KINDS, Damage
from tests.fuzz.oracle import check, originals
from tests.fuzz.seeds import Seed, seeds
from tests.fuzz.verifying import verified

# Damaged certificates make cryptography announce what it will refuse one day, and names that are too long.
pytestmark = [
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:cryptography"),
]

EVERYDAY, AT_LENGTH = 20, 200
"""Damages to each of the seeds: a thousand, and ten thousand."""

REPORTS = (ReportKind.SIMPLE, ReportKind.SIMPLE, ReportKind.DETAILED, ReportKind.ETSI)
VALID = VerificationResult.VALID
each_seed = pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)


def judge(seed: Seed, numbers: Iterable[int]) -> None:
    damage = Damage(seed, seeds())
    for number in numbers:
        damaged = damage.number(number)
        try:
            verdict = verified(damaged.document, report=REPORTS[number % len(REPORTS)], scan_info=not number % 4)
            check(seed, damaged.document, verdict)
        except PDFEncrypted:
            # The one thing about a document that is an error and no verdict: it says that it needs a password.
            assert b"/Encrypt" in damaged.document
        except Exception as error:
            error.add_note(f"damage {number} to {seed.name}: {damaged.what}")
            raise


@each_seed
def test_seeds_are_valid_as_they_are(seed: Seed) -> None:
    verdict = verified(seed.document)
    assert verdict.result is VALID
    assert len(verdict.signatures) == len(originals(seed.document))
    check(seed, seed.document, verdict)


@each_seed
def test_damaged_files(seed: Seed) -> None:
    judge(seed, range(EVERYDAY))


@pytest.mark.full
@each_seed
def test_damaged_files_at_length(seed: Seed) -> None:
    judge(seed, range(EVERYDAY, AT_LENGTH))


def test_enough_files_and_every_kind_of_damage() -> None:
    assert len(seeds()) >= 50
    assert len(seeds()) * AT_LENGTH >= 10_000
    assert len(KINDS) < EVERYDAY, "each kind happens to each seed"


def test_the_oracle_sees_what_a_verifier_that_believes_everything_would_let_through() -> None:
    """Were the verdict on a damaged file the one on its seed, most would be caught; the others hit what nobody signed."""
    caught = let_through = 0
    for seed in seeds():
        trusting, damage = verified(seed.document), Damage(seed, seeds())
        for number in range(len(KINDS)):
            try:
                check(seed, damage.number(number).document, trusting)
                let_through += 1
            except AssertionError:
                caught += 1
    assert caught > 10 * let_through > 0


@pytest.mark.parametrize("name", ["es-t", "pyhanko-lt", "timestamp"])
def test_what_is_not_signed_in_contents(name: str) -> None:
    """The digits' case says nothing; what fills the string up has to be zeros, as nothing else is of any use there."""
    (seed,) = (seed for seed in seeds() if seed.name == name)
    (original,) = originals(seed.document)
    head, gap, tail = (
        seed.document[: original.gap_start],
        seed.document[original.gap_start : original.gap_end],
        seed.document[original.gap_end :],
    )
    assert gap.swapcase() != gap
    assert verified(head + gap.swapcase() + tail).result is VALID
    assert gap.endswith(b"00>"), "there is something to fill up"
    (filled,) = verified(head + gap[:-3] + b"01>" + tail).signatures
    assert filled.result is VerificationResult.INVALID
    assert [finding.reason.code for finding in filled.examined.object.findings] == ["CONTENTS_PADDING"]
