"""Object identifiers of the CSC API: what a listed key can do, what is asked for, and parameters that openssl reads."""

import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from proxy.errors import AlgorithmNotAllowed
from proxy.model import HashAlgorithm, SignAlgorithm
from proxy.signers.algorithms import Capabilities, capabilities
from proxy.signers.csc_algorithms import declared_capabilities, ecdsa_value, sign_algo, sign_algo_params
from tests.support.keys import ec_key, rsa_key
from tests.support.pki import issue

PKCS1, PSS, ECDSA = SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS, SignAlgorithm.ECDSA
SHA256, SHA384, SHA512 = HashAlgorithm.SHA256, HashAlgorithm.SHA384, HashAlgorithm.SHA512
RSA_KEY, PSS_KEY, EC_KEY = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1"
RSA_256, RSA_384, ECDSA_256, ECDSA_384 = (
    *("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12"),
    *("1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3"),
)


@pytest.fixture(scope="module")
def rsa() -> Capabilities:
    return capabilities(issue("RSA", key=rsa_key()).certificate)


@pytest.fixture(scope="module")
def p384() -> Capabilities:
    return capabilities(issue("P-384", key=ec_key("secp384r1")).certificate)


@pytest.mark.parametrize(
    ("listed", "schemes", "hash_algorithms"),
    [
        ([RSA_KEY], (PKCS1,), (SHA256, SHA384, SHA512)),
        ([RSA_256], (PKCS1,), (SHA256,)),
        ([RSA_384, RSA_256], (PKCS1,), (SHA256, SHA384)),
        ([PSS_KEY], (PSS,), (SHA256, SHA384, SHA512)),
        ([PSS_KEY, RSA_KEY], (PKCS1, PSS), (SHA256, SHA384, SHA512)),
        ([RSA_384, PSS_KEY, "1.2.3", ECDSA_256], (PKCS1, PSS), (SHA384,)),
    ],
)
def test_what_an_rsa_key_can_do(
    rsa: Capabilities,
    listed: list[str],
    schemes: tuple[SignAlgorithm, ...],
    hash_algorithms: tuple[HashAlgorithm, ...],
) -> None:
    able = declared_capabilities(rsa, listed)
    assert (able.sign_algorithms, able.hash_algorithms) == (schemes, hash_algorithms)


def test_what_a_curve_can_do(p384: Capabilities) -> None:
    assert declared_capabilities(p384, [EC_KEY]).hash_algorithms == (SHA384, SHA512, SHA256)
    assert declared_capabilities(p384, [ECDSA_256, ECDSA_384]).hash_algorithms == (SHA384, SHA256)
    with pytest.raises(AlgorithmNotAllowed):
        declared_capabilities(p384, [RSA_KEY, PSS_KEY])


def test_the_narrowest_identifier_is_asked_for() -> None:
    assert sign_algo([RSA_KEY, RSA_256], PKCS1, SHA256) == RSA_256
    assert sign_algo([RSA_KEY, RSA_256], PKCS1, SHA512) == RSA_KEY
    assert sign_algo([RSA_KEY, RSA_256], PSS, SHA256) is None
    assert sign_algo([EC_KEY, ECDSA_384], ECDSA, SHA384) == ECDSA_384


@pytest.mark.parametrize("hash_algorithm", HashAlgorithm)
def test_parameters_of_pss_say_the_hash_the_mask_and_the_salt(hash_algorithm: HashAlgorithm) -> None:
    der = sign_algo_params(PSS, hash_algorithm)
    assert der is not None
    command = ["openssl", "asn1parse", "-inform", "DER"]
    said = subprocess.run(command, input=der, capture_output=True, check=True).stdout.decode()
    assert said.count(hash_algorithm.hashlib_name) == 2
    assert "mgf1" in said
    assert f"INTEGER           :{hash_algorithm.digest_size:02X}" in said
    assert sign_algo_params(PKCS1, hash_algorithm) is None


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1"])
def test_an_ecdsa_value_is_der_whatever_it_came_as(curve: str) -> None:
    key = ec_key(curve)
    size = (key.key_size + 7) // 8
    for _ in range(20):
        value = key.sign(b"d" * 32, ec.ECDSA(Prehashed(hashes.SHA256())))
        raw = b"".join(number.to_bytes(size) for number in decode_dss_signature(value))
        assert ecdsa_value(value) == ecdsa_value(raw) == value


@pytest.mark.parametrize("value", [b"", b"\x30", b"\x30\x00\x00", b"abc"])
def test_what_is_neither_is_left_to_verification(value: bytes) -> None:
    assert ecdsa_value(value) == value
