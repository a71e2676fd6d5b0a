"""Signatures inside evidence: the algorithm is the sender's word, so strange ones must not be believed."""

import hashlib

import pytest
from asn1crypto import algos
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, padding, rsa

from proxy.trust.certificates import issued_by
from proxy.trust.signatures import (
    KeyMismatch,
    SignatureScheme,
    ValueMismatch,
    issued_by_any,
    method_of,
    verify,
    verify_value,
)
from tests.support.keys import rsa_key
from tests.support.pki import NOW, YEAR, Holder, by_sha1, issue, name

DATA = b"signed attributes"


@pytest.fixture(scope="module")
def signer() -> Holder:
    return issue("Signer", key=rsa_key())


def pss(hash_name: str = "sha256", mask: str = "sha256", salt: int = 32, trailer: int = 1) -> algos.SignedDigestAlgorithm:
    parameters = algos.RSASSAPSSParams(
        {
            "hash_algorithm": {"algorithm": hash_name},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask}},
            "salt_length": salt,
            "trailer_field": trailer,
        }
    )
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})


def test_pss_by_its_parameters(signer: Holder) -> None:
    value = rsa_key().sign(DATA, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    verify(signer.der, pss(), DATA, value)
    verify(signer.der, pss(), DATA, value, digest_algorithm="sha256")
    for algorithm, reason in (
        (pss(salt=20), "does not verify"),
        (pss(mask="sha512"), "not accepted"),
        (pss(mask="sha1"), "not accepted"),
        (pss(hash_name="sha1", mask="sha1"), "not accepted"),
        (pss(trailer=2), "not accepted"),
        (algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss"}), "not accepted"),
    ):
        with pytest.raises(ValueError, match=reason):
            verify(signer.der, algorithm, DATA, value)
    with pytest.raises(ValueError, match="do not belong together"):
        verify(signer.der, pss(), DATA, value, digest_algorithm="sha512")


def test_plain_rsa_encryption_needs_the_digest_algorithm_from_outside(signer: Holder) -> None:
    value = rsa_key().sign(DATA, padding.PKCS1v15(), hashes.SHA384())
    plain = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pkcs1v15"})
    verify(signer.der, plain, DATA, value, digest_algorithm="sha384")
    for digest_algorithm in (None, "sha1", "sha256"):
        with pytest.raises(ValueError, match=r"not accepted|does not verify"):
            verify(signer.der, plain, DATA, value, digest_algorithm=digest_algorithm)


def test_a_key_that_is_too_small_is_refused_though_its_signature_is_right() -> None:
    small = issue("Small", key=rsa_key(1024))
    value = rsa_key(1024).sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(ValueError, match="too small"):
        verify(small.der, algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}), DATA, value)


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()], ids=["25519", "448"])
@pytest.mark.parametrize("digest_algorithm", [None, "sha512", "shake256", "2.999.1"])
def test_eddsa_is_computed_for_who_judges_algorithms_himself(
    key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey, digest_algorithm: str | None
) -> None:
    builder = x509.CertificateBuilder().subject_name(name("EdDSA")).issuer_name(name("EdDSA")).serial_number(1)
    builder = builder.public_key(key.public_key()).not_valid_before(NOW).not_valid_after(NOW + YEAR)
    certificate = builder.sign(key, None)
    kind = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ed448"
    method = method_of(algos.SignedDigestAlgorithm({"algorithm": kind}), digest_algorithm)
    assert method.scheme is SignatureScheme.EDDSA
    verify_value(certificate, method, key.sign(DATA), DATA)
    with pytest.raises(ValueMismatch):
        verify_value(certificate, method, key.sign(b"else"), DATA)
    with pytest.raises(KeyMismatch):
        verify_value(certificate, method, key.sign(DATA), DATA, is_digest=True)


def test_a_finished_digest_is_verified_as_what_it_is_the_digest_of(signer: Holder) -> None:
    value = rsa_key().sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    method = method_of(algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}))
    verify_value(signer.certificate, method, value, hashlib.sha256(DATA).digest(), is_digest=True)
    for wrong in (hashlib.sha256(b"else").digest(), b"short"):
        with pytest.raises(ValueMismatch):
            verify_value(signer.certificate, method, value, wrong, is_digest=True)


@pytest.mark.parametrize("root_key", [rsa_key(), None], ids=["RSA", "EC"])
def test_who_issued_a_certificate_by_whatever_algorithm(root_key: rsa.RSAPrivateKey | None) -> None:
    root, stranger = (issue("Root", key=key, ca=True) for key in (root_key, None))
    modern = issue("Leaf", root)
    old = by_sha1(modern, root)
    assert issued_by(modern.certificate, root.certificate)
    assert not issued_by(old.certificate, root.certificate), "today's algorithms alone"
    for leaf in (modern, old):
        assert issued_by_any(leaf.certificate, root.certificate)
        assert not issued_by_any(leaf.certificate, stranger.certificate), "of the same name"
        assert not issued_by_any(leaf.certificate, modern.certificate), "of another name"


def test_the_algorithm_of_a_certificate_is_the_one_that_was_signed() -> None:
    root = issue("Root", ca=True)
    leaf = issue("Leaf", root)
    assert issued_by_any(by_sha1(leaf, root, named_inside="sha1_ecdsa").certificate, root.certificate)
    assert not issued_by_any(by_sha1(leaf, root, named_inside="sha256_ecdsa").certificate, root.certificate)
