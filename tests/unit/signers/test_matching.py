"""Values are matched to digests by verifying them, in whatever order they came."""

import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest

from proxy.errors import SignerError
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.signers import matching, verification
from proxy.signers.matching import match_values
from tests.support.keys import ec_key, rsa_key, sign_digest
from tests.support.pki import Holder, issue

ECDSA = SignAlgorithm.ECDSA
DIGESTS = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(12)]


@pytest.fixture(scope="module")
def holder() -> Holder:
    return issue("Signer", key=ec_key())


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    return [sign_digest(ec_key(), ECDSA, digest) for digest in DIGESTS]


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[Digest]:
    """Digests that values were verified against."""
    seen: list[Digest] = []
    real = verification.verify_value

    def counting(certificate: bytes, sign_algorithm: SignAlgorithm, digest: Digest, value: bytes) -> None:
        seen.append(digest)
        real(certificate, sign_algorithm, digest, value)

    monkeypatch.setattr(matching, "verify_value", counting)
    return seen


def test_any_order_is_undone(holder: Holder, values: list[bytes]) -> None:
    for seed in range(5):
        order = random.Random(seed).sample(range(12), 12)
        assert match_values(holder.der, ECDSA, DIGESTS, [values[at] for at in order], 100) == tuple(values)


def test_each_value_is_verified_once_in_the_order_asked_in(
    holder: Holder, values: list[bytes], verifications: list[Digest]
) -> None:
    match_values(holder.der, ECDSA, DIGESTS, values, 100)
    assert verifications == DIGESTS


@pytest.mark.parametrize("key", [bytes, b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("multisign", [100, 5])
def test_what_a_signer_sorted_costs_no_search(
    holder: Holder, values: list[bytes], verifications: list[Digest], multisign: int, key: Callable[[bytes], bytes]
) -> None:
    parts = [range(start, min(start + multisign, 12)) for start in range(0, 12, multisign)]
    order = [at for part in parts for at in sorted(part, key=lambda at: key(DIGESTS[at].value))]
    assert match_values(holder.der, ECDSA, DIGESTS, [values[at] for at in order], multisign) == tuple(values)
    assert len(verifications) <= 12 * 4


def test_a_digest_may_be_there_twice(holder: Holder, values: list[bytes]) -> None:
    again = sign_digest(ec_key(), ECDSA, DIGESTS[0])
    matched = match_values(holder.der, ECDSA, [*DIGESTS, DIGESTS[0]], [again, *reversed(values)], 100)
    assert {matched[0], matched[12]} == {again, values[0]}
    assert matched[1:12] == tuple(values[1:])


@pytest.mark.parametrize("forged", [b"", b"\x30\x00", bytes(64)])
def test_a_value_over_none_of_them_leaves_one_digest_without(
    holder: Holder, values: list[bytes], verifications: list[Digest], forged: bytes
) -> None:
    expected = (*values[:5], None, *values[6:])
    assert match_values(holder.der, ECDSA, DIGESTS, [*values[:5], forged, *values[6:]], 100) == expected
    assert len(verifications) <= 12 + 4
    shuffled = [forged, *values[:5], *values[6:]]
    assert match_values(holder.der, ECDSA, DIGESTS, shuffled, 100) == expected


def test_one_over_a_digest_that_has_another(holder: Holder, values: list[bytes]) -> None:
    assert match_values(holder.der, ECDSA, DIGESTS, [values[0], *values[:11]], 100) == (*values[:11], None)


def test_rsa() -> None:
    holder = issue("RSA", key=rsa_key())
    made = [sign_digest(rsa_key(), SignAlgorithm.RSASSA_PSS, digest) for digest in DIGESTS[:3]]
    assert match_values(holder.der, SignAlgorithm.RSASSA_PSS, DIGESTS[:3], made[::-1], 100) == tuple(made)


@pytest.mark.parametrize("count", [0, 11, 13])
def test_another_number(holder: Holder, values: list[bytes], count: int) -> None:
    with pytest.raises(SignerError):
        match_values(holder.der, ECDSA, DIGESTS, [*values, *values][:count], 100)
