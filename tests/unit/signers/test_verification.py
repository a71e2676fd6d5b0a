"""Verification of values that come back: only the one right encoding of the one right value is accepted."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import SignatureInvalid
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.verification import verify_value
from tests.support.keys import ec_key, rsa_key, self_signed, sign_digest

DIGEST = Digest.of(b"signed attributes", HashAlgorithm.SHA256)
ECDSA, PSS, PKCS1 = SignAlgorithm.ECDSA, SignAlgorithm.RSASSA_PSS, SignAlgorithm.RSASSA_PKCS1_V1_5
EC_CERTIFICATE, RSA_CERTIFICATE = self_signed(ec_key()), self_signed(rsa_key())
VALUES = {
    PKCS1: (RSA_CERTIFICATE, sign_digest(rsa_key(), PKCS1, DIGEST)),
    PSS: (RSA_CERTIFICATE, sign_digest(rsa_key(), PSS, DIGEST)),
    ECDSA: (EC_CERTIFICATE, sign_digest(ec_key(), ECDSA, DIGEST)),
}


@pytest.mark.parametrize("algorithm", list(SignAlgorithm))
def test_the_right_value_is_accepted(algorithm: SignAlgorithm) -> None:
    certificate, value = VALUES[algorithm]
    verify_value(certificate, algorithm, DIGEST, value)


@settings(max_examples=60)
@given(algorithm=st.sampled_from(list(SignAlgorithm)), data=st.data())
def test_any_changed_bit_is_refused(algorithm: SignAlgorithm, data: st.DataObject) -> None:
    certificate, value = VALUES[algorithm]
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureInvalid):
        verify_value(certificate, algorithm, DIGEST, bytes(changed))


@pytest.mark.parametrize("algorithm", list(SignAlgorithm))
def test_another_length_another_digest_another_algorithm_another_certificate(algorithm: SignAlgorithm) -> None:
    certificate, value = VALUES[algorithm]
    others = [
        (certificate, algorithm, DIGEST, wrong)
        for wrong in (b"", value[:-1], value + b"\x00", b"\x00" + value, bytes(len(value)))
    ]
    others.append((certificate, algorithm, Digest.of(b"other", HashAlgorithm.SHA256), value))
    others.append((certificate, algorithm, Digest.of(b"signed attributes", HashAlgorithm.SHA384), value))
    others.extend((certificate, other, DIGEST, value) for other in SignAlgorithm if other is not algorithm)
    others.append((self_signed(ec_key("secp384r1")), algorithm, DIGEST, value))
    others.append((self_signed(rsa_key(3072)), algorithm, DIGEST, value))
    for arguments in others:
        with pytest.raises(SignatureInvalid):
            verify_value(*arguments)


def test_an_ecdsa_value_must_be_strict_der() -> None:
    certificate, value = VALUES[ECDSA]
    r, s = decode_dss_signature(value)
    size = len(value) - 2
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    padded = b"\x02\x22\x00\x00" + r.to_bytes(32, "big")
    rest = b"\x02\x21\x00" + s.to_bytes(32, "big")
    for wrong in (
        raw,
        b"\x30\x81" + bytes([size]) + value[2:],
        b"\x30" + bytes([len(padded) + len(rest)]) + padded + rest,
        b"\x30\x80" + value[2:] + b"\x00\x00",
    ):
        with pytest.raises(SignatureInvalid):
            verify_value(certificate, ECDSA, DIGEST, wrong)


def test_pss_with_another_salt_or_mask_is_refused() -> None:
    for mask, salt in ((hashes.SHA256(), 20), (hashes.SHA256(), 0), (hashes.SHA1(), 32)):  # noqa: S303 - a wrong mask
        value = rsa_key().sign(DIGEST.value, padding.PSS(padding.MGF1(mask), salt), Prehashed(hashes.SHA256()))
        with pytest.raises(SignatureInvalid):
            verify_value(RSA_CERTIFICATE, PSS, DIGEST, value)
