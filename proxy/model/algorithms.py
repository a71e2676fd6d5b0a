"""Algorithms of the contract, and ``Digest``."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class HashAlgorithm(StrEnum):
    """Hash algorithms of the contract; values are its names."""

    SHA256 = "SHA-256"
    SHA384 = "SHA-384"
    SHA512 = "SHA-512"

    @property
    def digest_size(self) -> int:
        """Length of a digest in bytes."""
        return int(self.value[-3:]) // 8

    @property
    def hashlib_name(self) -> str:
        """The name ``hashlib``, asn1crypto and pyHanko use (``sha256``)."""
        return self.value.replace("-", "").lower()


class SignAlgorithm(StrEnum):
    """Signature algorithms of the contract.

    ``RSASSA-PSS`` is always with MGF1 on the same hash and a salt as long as the digest; an ``ECDSA`` value is the DER
    ``Ecdsa-Sig-Value`` of RFC 3279.
    """

    RSASSA_PKCS1_V1_5 = "RSASSA-PKCS1-v1_5"
    RSASSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"


@dataclass(frozen=True, slots=True)
class Digest:
    """A finished hash value. Raises ``ValueError`` when its length does not fit its algorithm."""

    algorithm: HashAlgorithm
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != self.algorithm.digest_size:
            raise ValueError(f"a {self.algorithm} digest has {self.algorithm.digest_size} bytes, not {len(self.value)}")

    @classmethod
    def of(cls, data: bytes, algorithm: HashAlgorithm) -> "Digest":
        """Hash a small value that is in memory already (signed attributes, a signature value)."""
        return cls(algorithm, hashlib.new(algorithm.hashlib_name, data).digest())


class KeyAlgorithm(StrEnum):
    """Keys that the contract signs with: RSA by modulus length in bits, and the curves of FIPS 186-5."""

    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"
    P_256 = "P-256"
    P_384 = "P-384"
    P_521 = "P-521"
