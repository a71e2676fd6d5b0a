"""What keys can do, what is left of it when a backend declares less, and what is refused before anything is sent."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from proxy.errors import AlgorithmNotAllowed
from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.algorithms import Capabilities, capabilities, check_request
from proxy.trust.certificates import read_certificate
from tests.support.keys import ec_key, rsa_key
from tests.support.pki import issue

RSA = (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)


def test_keys_of_the_contract_and_their_preferred_hash() -> None:
    for key, sign_algorithms, preferred in (
        (rsa_key(2048), RSA, HashAlgorithm.SHA256),
        (rsa_key(3072), RSA, HashAlgorithm.SHA256),
        (ec_key("secp256r1"), (SignAlgorithm.ECDSA,), HashAlgorithm.SHA256),
        (ec_key("secp384r1"), (SignAlgorithm.ECDSA,), HashAlgorithm.SHA384),
        (ec_key("secp521r1"), (SignAlgorithm.ECDSA,), HashAlgorithm.SHA512),
    ):
        able = capabilities(issue("K", key=key).certificate)
        assert able.sign_algorithms == sign_algorithms
        assert able.hash_algorithms[0] is preferred
        assert set(able.hash_algorithms) == set(HashAlgorithm)


def test_a_key_for_pss_alone_does_pss_alone(tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-keyout"]
    command += [str(tmp_path / "key"), "-subj", "/CN=PSS", "-outform", "DER", "-out", str(tmp_path / "certificate")]
    subprocess.run(command, check=True, capture_output=True)
    able = capabilities(read_certificate((tmp_path / "certificate").read_bytes()))
    assert able.sign_algorithms == (SignAlgorithm.RSASSA_PSS,)


@pytest.mark.parametrize(
    "key",
    [rsa_key(1024), ec.generate_private_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["RSA-1024", "secp256k1", "Ed25519"],
)
def test_other_keys_are_refused(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    subject = issue("K", issue("CA", ca=True), key=key)
    with pytest.raises(AlgorithmNotAllowed):
        capabilities(subject.certificate)


def test_what_a_backend_declares_restricts_and_orders() -> None:
    able = capabilities(issue("K", key=rsa_key()).certificate)
    declared = Capabilities((SignAlgorithm.ECDSA, SignAlgorithm.RSASSA_PSS), (HashAlgorithm.SHA512, HashAlgorithm.SHA256))
    assert able.restricted(declared) == Capabilities((SignAlgorithm.RSASSA_PSS,), (HashAlgorithm.SHA512, HashAlgorithm.SHA256))
    for nothing in (Capabilities((SignAlgorithm.ECDSA,), tuple(HashAlgorithm)), Capabilities(RSA, ())):
        with pytest.raises(AlgorithmNotAllowed):
            able.restricted(nothing)


def test_only_what_the_credential_declares_is_signed() -> None:
    credential = Credential("c", b"", (), (SignAlgorithm.ECDSA,), (HashAlgorithm.SHA256,), "software")
    good, other = Digest.of(b"", HashAlgorithm.SHA256), Digest.of(b"", HashAlgorithm.SHA384)
    assert check_request(credential, SignAlgorithm.ECDSA, [good, good], 2) is HashAlgorithm.SHA256
    for sign_algorithm, digests in ((SignAlgorithm.RSASSA_PSS, [good]), (SignAlgorithm.ECDSA, [other])):
        with pytest.raises(AlgorithmNotAllowed):
            check_request(credential, sign_algorithm, digests, 2)
