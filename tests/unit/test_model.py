"""The values that travel between layers."""

import dataclasses
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import model
from proxy.model import BaselineLevel, Digest, HashAlgorithm, TransactionRecord


@pytest.mark.parametrize(("algorithm", "size"), [("SHA-256", 32), ("SHA-384", 48), ("SHA-512", 64)])
def test_a_digest_has_the_length_of_its_algorithm(algorithm: str, size: int) -> None:
    named = HashAlgorithm(algorithm)
    assert named.digest_size == size == hashlib.new(named.hashlib_name).digest_size
    assert Digest(named, bytes(size)).value == bytes(size)
    for wrong in (0, size - 1, size + 1, 200):
        with pytest.raises(ValueError, match=f"has {size} bytes, not {wrong}"):
            Digest(named, bytes(wrong))


@given(data=st.binary(), algorithm=st.sampled_from(HashAlgorithm))
def test_a_digest_of_data_is_hashlibs(data: bytes, algorithm: HashAlgorithm) -> None:
    assert Digest.of(data, algorithm) == Digest(algorithm, hashlib.new(algorithm.hashlib_name, data).digest())


def test_every_value_is_frozen_and_slotted() -> None:
    values = [value for value in vars(model).values() if dataclasses.is_dataclass(value)]
    assert TransactionRecord in values
    for value in values:
        assert value.__dataclass_params__.frozen, value  # type: ignore[union-attr] # what dataclass() itself leaves on a class
        assert "__slots__" in vars(value), value


def test_a_digest_cannot_be_changed_into_something_longer() -> None:
    digest = Digest.of(b"document", HashAlgorithm.SHA256)
    with pytest.raises(dataclasses.FrozenInstanceError):
        digest.value = b"the document itself"  # type: ignore[misc] # that it is refused is the point
    with pytest.raises(ValueError, match="32 bytes"):
        dataclasses.replace(digest, value=b"the document itself")


def test_levels_rise() -> None:
    assert list(BaselineLevel) == ["B-B", "B-T", "B-LT", "B-LTA"]
