"""Every attack is seen, and named; most of them leave the signature itself intact, which is what makes them attacks."""

import pytest

from tests.support import attacks
from tests.support.attacks import changes, documents, forgery
from tests.unit.pades.verification.examined import codes, examined, is_intact, is_plain, only

INTACT = [
    attack
    for attack in attacks.ATTACKS
    if attack.__module__ == changes.__name__ and attack is not changes.with_a_copy_of_the_signature
]


@pytest.mark.parametrize("document", [documents.approved(), *(documents.certified(level) for level in (1, 2, 3))])
def test_what_is_attacked_is_as_it_should_be(document: bytes) -> None:
    signature = only(document)
    assert is_plain(signature)
    assert is_intact(signature)
    assert not codes(signature)


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_named_and_never_plainly_valid(attack: attacks.Attack) -> None:
    signatures = examined(attack(documents.IN_PROCESS)).signatures
    assert attacks.ATTACKS[attack] in [code for signature in signatures for code in codes(signature)]
    # A signature over what somebody else changed before is good in itself; the one before it is not.
    assert not all(is_plain(signature) for signature in signatures)


@pytest.mark.parametrize("attack", INTACT, ids=lambda attack: attack.__name__)
def test_the_digest_alone_would_not_show_it(attack: attacks.Attack) -> None:
    assert any(is_intact(signature) for signature in examined(attack(documents.IN_PROCESS)).signatures)


def test_wrapping_moves_what_was_signed_and_leaves_it_whole() -> None:
    """The bytes that the forged range names are the ones that were signed."""
    signed, forged = documents.approved(), forgery.second_range_moved(documents.IN_PROCESS)
    _, start, end, rest = documents.byte_range(signed)
    assert forged.startswith(signed[:start])
    assert forged.endswith(signed[end : end + rest])
    assert len(forged) > len(signed)
