"""Certification requests: what openssl reads in them, and that nothing but what was asked for is in them."""

from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import InvalidParameter, SignatureInvalid
from proxy.model import (
    AlternativeName,
    AlternativeNameKind,
    Digest,
    HashAlgorithm,
    KeyUsage,
    RequestedCertificate,
    SignAlgorithm,
)
from proxy.signers.certification_requests import public_key_of, read_request, request, request_info
from proxy.signers.subjects import subject_of_attributes, subject_of_text, subject_text
from tests.support.keys import PrivateKey, ec_key, rsa_key, sign_digest
from tests.support.openssl_judge import openssl_request

SUBJECT = subject_of_text("CN=Seal,O=Example,C=JP")
RSA = (SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS)
ALGORITHMS = [*product(("rsa",), RSA, HashAlgorithm), *product(("ec",), (SignAlgorithm.ECDSA,), HashAlgorithm)]


def public(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def made(key: PrivateKey, wanted: RequestedCertificate, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> bytes:
    info = request_info(public(key), wanted)
    return request(info, sign_algorithm, hash_algorithm, sign_digest(key, sign_algorithm, Digest.of(info, hash_algorithm)))


@pytest.mark.parametrize(("kind", "sign_algorithm", "hash_algorithm"), ALGORITHMS, ids=str)
def test_openssl_verifies_each_algorithm(kind: str, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> None:
    key = rsa_key() if kind == "rsa" else ec_key("secp384r1")
    der = made(key, RequestedCertificate(SUBJECT), sign_algorithm, hash_algorithm)
    text = openssl_request(der)
    assert text is not None
    assert "Subject: CN=Seal,O=Example,C=JP" in text
    assert public_key_of(read_request(der)) == public(key)
    spoilt = der[:-1] + bytes([der[-1] ^ 1])
    assert openssl_request(spoilt) is None
    with pytest.raises(SignatureInvalid):
        read_request(spoilt)


def test_extensions_are_asked_for_and_no_others() -> None:
    wanted = RequestedCertificate(
        SUBJECT,
        (
            AlternativeName(AlternativeNameKind.EMAIL, "seal@example.jp"),
            AlternativeName(AlternativeNameKind.DNS, "seal.example.jp"),
            AlternativeName(AlternativeNameKind.URI, "https://example.jp/"),
        ),
        (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION),
    )
    der = made(ec_key(), wanted, SignAlgorithm.ECDSA, HashAlgorithm.SHA256)
    text = openssl_request(der) or ""
    assert "email:seal@example.jp, DNS:seal.example.jp, URI:https://example.jp/" in text
    assert "X509v3 Key Usage: critical\n                    Digital Signature, Non Repudiation\n" in text
    assert len(read_request(der).extensions) == 2
    without = made(ec_key(), RequestedCertificate(SUBJECT), SignAlgorithm.ECDSA, HashAlgorithm.SHA256)
    assert not list(read_request(without).extensions)
    with pytest.raises(InvalidParameter):
        request_info(public(ec_key()), RequestedCertificate(SUBJECT, (AlternativeName(AlternativeNameKind.EMAIL, "é@x"),)))


def test_a_value_that_is_not_the_keys_own_makes_no_request() -> None:
    info = request_info(public(ec_key()), RequestedCertificate(SUBJECT))
    other = request_info(public(ec_key()), RequestedCertificate(subject_of_text("CN=Other")))
    for value in (
        b"",
        b"rubbish",
        sign_digest(ec_key("secp384r1"), SignAlgorithm.ECDSA, Digest.of(info, HashAlgorithm.SHA256)),
        sign_digest(ec_key(), SignAlgorithm.ECDSA, Digest.of(other, HashAlgorithm.SHA256)),
    ):
        with pytest.raises(SignatureInvalid):
            request(info, SignAlgorithm.ECDSA, HashAlgorithm.SHA256, value)


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=40))
def test_a_value_stays_one_value_whatever_it_looks_like(value: str) -> None:
    """By its members, as the text that is made of them, and as the central signer reads that text again."""
    if value != value.strip() or len(value.encode()) > 64:
        with pytest.raises(InvalidParameter):
            subject_of_attributes([(NameOID.COMMON_NAME, value)])
        return
    asked = [(NameOID.ORGANIZATION_NAME, value), (NameOID.COMMON_NAME, value)]
    der = subject_of_attributes(asked)
    assert [(one.oid, one.value) for one in x509.Name.from_bytes(der)] == asked
    assert subject_of_text(subject_text(der)) == der


@given(st.text(max_size=60))
def test_no_text_is_read_as_more_than_it_says(text: str) -> None:
    try:
        name = x509.Name.from_bytes(subject_of_text(text))
    except InvalidParameter:
        return
    assert 0 < len(list(name)) <= text.count("=")
    assert all(str(one.value).isprintable() for one in name)
