"""Which digests are asked for before a document is read."""

import pytest
from hypothesis import given

from proxy.model import Digest, HashAlgorithm, SignAlgorithm, SignatureFormat
from proxy.pades.cms import signed_attributes, signed_data, signer_identity
from proxy.validation.digests import wanted_digests
from tests.support.keys import ec_key, self_signed, sign_digest
from tests.support.mangling import DAMAGE, Damage


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_signature_wants_its_digest_algorithm(algorithm: HashAlgorithm) -> None:
    assert wanted_digests(SignatureFormat.CADES_DETACHED, _contents(algorithm)) == {algorithm.hashlib_name}


def _contents(algorithm: HashAlgorithm) -> bytes:
    key = ec_key()
    identity = signer_identity(self_signed(key), ())
    attributes = signed_attributes(Digest.of(b"document", algorithm), identity, SignAlgorithm.ECDSA)
    value = sign_digest(key, SignAlgorithm.ECDSA, Digest.of(attributes, algorithm))
    return signed_data(attributes, value, identity, SignAlgorithm.ECDSA, algorithm)


@pytest.mark.parametrize("form", [SignatureFormat.PKCS7_SHA1, SignatureFormat.X509_RSA_SHA1])
def test_the_old_formats_want_sha1_whatever_they_hold(form: SignatureFormat) -> None:
    assert wanted_digests(form, b"") == {"sha1"}


@given(damage=DAMAGE)
def test_damaged_contents_want_what_is_known_or_nothing(damage: Damage) -> None:
    damaged = damage.to(_contents(HashAlgorithm.SHA256))
    for form in (SignatureFormat.CADES_DETACHED, SignatureFormat.RFC3161):
        assert wanted_digests(form, damaged) <= {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
