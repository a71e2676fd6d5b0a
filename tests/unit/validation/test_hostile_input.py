"""Whatever is done to signatures, tokens, certificates and revocation data, the answer is a verdict, and never a better one."""

from dataclasses import replace

import pytest
from asn1crypto import cms
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.model import SignedObject, ValidationData, ValidationInputs, Verdict, VerificationResult
from proxy.trust.cms import MalformedCMS, read_signed_data
from proxy.validation.judge import judge
from tests.support.mangling import DAMAGE, Damage
from tests.support.pki import DAY, NOW, Hierarchy, crl
from tests.support.scenes import Scene, cms_over, good, stamp_of

# Damaged certificates make cryptography announce what it will refuse one day, and names that are too long.
pytestmark = [
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:cryptography"),
]

DOCUMENT = b"document"
VALID = VerificationResult.VALID


@pytest.fixture(scope="module")
def archived() -> ValidationInputs:
    """A signature with a timestamp, validation data of both kinds and a document timestamp; all of it is good."""
    pki = Hierarchy.make()
    signer = pki.signer()
    stamp = stamp_of(pki, NOW + 5 * DAY)
    scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
    lists = ValidationData(crls=(crl(pki.issuing, issued=NOW), crl(pki.root, issued=NOW)))
    inputs = scene.hold(good(signer, stamp.tsa, by=pki)).hold(lists).archive(stamp).inputs()
    assert [verdict.result for verdict in judge(inputs).verdicts] == [VALID, VALID]
    return inputs


def verdicts(inputs: ValidationInputs) -> tuple[Verdict, ...]:
    """All, timestamps inside signatures too."""
    found = judge(inputs).verdicts
    return (*found, *(inner for verdict in found for inner in verdict.timestamps))


def signed_parts(contents: bytes) -> tuple[bytes, bytes]:
    message = read_signed_data(contents)
    assert message.signed is not None
    return message.signature, message.signed.der


def with_object(inputs: ValidationInputs, number: int, contents: bytes) -> ValidationInputs:
    objects: list[SignedObject] = list(inputs.objects)
    objects[number] = replace(objects[number], contents=contents)
    return replace(inputs, objects=tuple(objects))


def check_damaged_object(inputs: ValidationInputs, number: int, damage: Damage) -> None:
    original = inputs.objects[number].contents
    damaged = damage.to(original)
    result = verdicts(with_object(inputs, number, damaged))[number].result
    if result is VALID:
        assert signed_parts(damaged) == signed_parts(original), "what is signed, and the value, are as they were"


def check_damaged_evidence(inputs: ValidationInputs, part: int, piece: int, damage: Damage) -> None:
    document, *others = inputs.evidence
    parts = [list(values) for values in document.data.parts]
    parts[part][piece] = damage.to(parts[part][piece])
    changed = replace(document, data=ValidationData(*(tuple(values) for values in parts)))
    for verdict in verdicts(replace(inputs, evidence=(changed, *others))):
        assert verdict.result in {VALID, VerificationResult.INDETERMINATE}, "there is less proof, nothing else"


PIECES = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


@settings(max_examples=100, deadline=None)
@given(number=st.sampled_from([0, 1]), damage=DAMAGE)
def test_damaged_signatures_and_tokens(archived: ValidationInputs, number: int, damage: Damage) -> None:
    check_damaged_object(archived, number, damage)


@settings(max_examples=60, deadline=None)
@given(piece=st.sampled_from(PIECES), damage=DAMAGE)
def test_damaged_evidence(archived: ValidationInputs, piece: tuple[int, int], damage: Damage) -> None:
    check_damaged_evidence(archived, *piece, damage)


@pytest.mark.full
@settings(max_examples=6000, deadline=None)
@given(number=st.sampled_from([0, 1]), damage=DAMAGE)
def test_damaged_signatures_and_tokens_at_length(archived: ValidationInputs, number: int, damage: Damage) -> None:
    check_damaged_object(archived, number, damage)


@pytest.mark.full
@settings(max_examples=4000, deadline=None)
@given(piece=st.sampled_from(PIECES), damage=DAMAGE)
def test_damaged_evidence_at_length(archived: ValidationInputs, piece: tuple[int, int], damage: Damage) -> None:
    check_damaged_evidence(archived, *piece, damage)


def test_every_bit_of_the_value_and_of_what_is_signed_counts(archived: ValidationInputs) -> None:
    """One bit after the other would take long: one of every byte."""
    contents = archived.objects[0].contents
    signer = cms.ContentInfo.load(contents)["content"]["signer_infos"][0]
    value, attributes = signer["signature"].native, signer["signed_attrs"].dump()[2:]
    for part in (value, attributes):
        start = contents.index(part)
        for position in range(start, start + len(part)):
            changed = bytearray(contents)
            changed[position] ^= 1 << (position % 8)
            (verdict, *_) = judge(with_object(archived, 0, bytes(changed))).verdicts
            assert verdict.result is not VALID, position


@given(st.binary(max_size=200))
def test_rubbish(archived: ValidationInputs, data: bytes) -> None:
    for number in (0, 1):
        assert verdicts(with_object(archived, number, data))[number].result is VerificationResult.INVALID
    try:
        read_signed_data(data)
    except MalformedCMS:
        return
    raise AssertionError("random bytes are no signature")


def test_evidence_that_is_none(archived: ValidationInputs) -> None:
    rubbish = ValidationData((b"", b"x", b"\x30\x80"), (b"", b"\x30\x03\x0a\x01\x00"), (b"", b"\x30\x00"))
    document, *others = archived.evidence
    inputs = replace(archived, evidence=(replace(document, data=document.data | rubbish), *others))
    assert [verdict.result for verdict in verdicts(inputs)] == [VALID] * 3
