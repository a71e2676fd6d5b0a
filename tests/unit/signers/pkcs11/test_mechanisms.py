"""What a token is handed for a digest: by cryptography's own reckoning, and no more than that."""

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from proxy.errors import AlgorithmNotAllowed, SignerError
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.algorithms import key_capabilities
from proxy.signers.pkcs11.mechanisms import declared, signature_value, signing_request
from proxy.signers.pkcs11.messages import KeyPlace, Mechanism
from proxy.signers.verification import HASHES
from tests.support.keys import ec_key, rsa_key

PLACE = KeyPlace(b"id", "label", "key id")
RSA, P256, P521 = rsa_key(2048).public_key(), ec_key().public_key(), ec_key("secp521r1").public_key()


@pytest.mark.parametrize("hash_algorithm", HashAlgorithm)
def test_a_digest_info_is_the_one_that_is_signed(hash_algorithm: HashAlgorithm) -> None:
    digest = Digest.of(b"one", hash_algorithm)
    asked = signing_request(PLACE, RSA, SignAlgorithm.RSASSA_PKCS1_V1_5, [digest])
    value = rsa_key(2048).sign(digest.value, padding.PKCS1v15(), Prehashed(HASHES[hash_algorithm]))
    assert (asked.mechanism, asked.hash_algorithm) == ("CKM_RSA_PKCS", None)
    assert asked.data == (RSA.recover_data_from_signature(value, padding.PKCS1v15(), None),)


def test_pss_and_ecdsa_take_the_digest_itself() -> None:
    digest = Digest.of(b"one", HashAlgorithm.SHA512)
    pss = signing_request(PLACE, RSA, SignAlgorithm.RSASSA_PSS, [digest])
    assert (pss.mechanism, pss.hash_algorithm, pss.data) == ("CKM_RSA_PKCS_PSS", "SHA-512", (digest.value,))
    for key, length in ((P256, 32), (ec_key("secp384r1").public_key(), 48), (P521, 64)):
        ecdsa = signing_request(PLACE, key, SignAlgorithm.ECDSA, [digest, digest])
        assert (ecdsa.mechanism, ecdsa.hash_algorithm, ecdsa.data) == ("CKM_ECDSA", None, (digest.value[:length],) * 2)


def test_values_get_the_ports_form() -> None:
    assert signature_value(RSA, bytes(256)) == bytes(256)
    assert decode_dss_signature(signature_value(P256, b"\0" * 31 + b"\1" + b"\xff" * 32)) == (1, 2**256 - 1)
    assert decode_dss_signature(signature_value(P521, b"\0" * 65 + b"\1" + b"\0" * 65 + b"\2")) == (1, 2)


@pytest.mark.parametrize("length", [0, 63, 65, 255, 257])
def test_values_of_another_length_are_none(length: int) -> None:
    for key in (RSA, P256, P521):
        with pytest.raises(SignerError, match="length"):
            signature_value(key, bytes(length))


def test_a_key_declares_what_its_token_has_mechanisms_for() -> None:
    able = declared(key_capabilities(RSA), (Mechanism.RSA_PKCS_PSS, Mechanism.ECDSA))
    assert able.sign_algorithms == (SignAlgorithm.RSASSA_PSS,)
    assert declared(key_capabilities(P256), tuple(Mechanism)) == key_capabilities(P256)
    with pytest.raises(AlgorithmNotAllowed):
        declared(key_capabilities(P256), (Mechanism.RSA_PKCS,))
