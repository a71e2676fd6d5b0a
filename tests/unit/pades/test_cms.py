"""The CMS is compared with what asn1crypto writes for the same content, and judged by openssl."""

import subprocess
from pathlib import Path

import pytest
from asn1crypto import algos, cms, core, tsp, x509
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.pades import der
from proxy.pades.cms import signed_attributes, signed_data, signed_data_size, signer_identity
from tests.conformance.judges import tool
from tests.support.keys import PrivateKey, ec_key, rsa_key, self_signed, sign_digest

COMBINATIONS = [
    (rsa_key(), SignAlgorithm.RSASSA_PKCS1_V1_5),
    (rsa_key(), SignAlgorithm.RSASSA_PSS),
    (ec_key("secp256r1"), SignAlgorithm.ECDSA),
    (ec_key("secp384r1"), SignAlgorithm.ECDSA),
    (ec_key("secp521r1"), SignAlgorithm.ECDSA),
]


@given(st.integers(min_value=0, max_value=1 << 2100))
def test_integers_are_encoded_as_asn1crypto_does(value: int) -> None:
    assert der.integer(value) == core.Integer(value).dump()


@given(st.binary(max_size=70_000))
def test_octet_strings_are_encoded_as_asn1crypto_does(value: bytes) -> None:
    assert der.octet_string(value) == core.OctetString(value).dump()


@given(
    st.tuples(st.integers(0, 2), st.integers(0, 39)),
    st.lists(st.integers(min_value=0, max_value=1 << 40), min_size=1, max_size=9),
)
def test_object_identifiers_are_encoded_as_asn1crypto_does(root: tuple[int, int], rest: list[int]) -> None:
    dotted = ".".join(str(arc) for arc in (*root, *rest))
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()


def _signed(key: PrivateKey, algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm, content: bytes) -> tuple[bytes, bytes]:
    identity = signer_identity(self_signed(key), ())
    attributes = signed_attributes(Digest.of(content, hash_algorithm), identity, algorithm)
    value = sign_digest(key, algorithm, Digest.of(attributes, hash_algorithm))
    return attributes, signed_data(attributes, value, identity, algorithm, hash_algorithm)


@pytest.mark.parametrize("hash_algorithm", list(HashAlgorithm))
@pytest.mark.parametrize(("key", "algorithm"), COMBINATIONS)
def test_openssl_verifies_every_combination_and_rejects_other_content(
    key: PrivateKey, algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm, tmp_path: Path
) -> None:
    content = b"the bytes of a byte range"
    _, encoded = _signed(key, algorithm, hash_algorithm, content)
    (tmp_path / "cms.der").write_bytes(encoded)

    def verify(document: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "content").write_bytes(document)
        command = [tool("openssl"), "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der", "-content", "content"]
        return subprocess.run([*command, "-noverify", "-out", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)

    accepted = verify(content)
    assert accepted.returncode == 0, accepted.stderr
    assert verify(content + b"!").returncode != 0


@pytest.mark.parametrize("hash_algorithm", list(HashAlgorithm))
@pytest.mark.parametrize(("key", "algorithm"), COMBINATIONS)
def test_the_structure_is_der_and_equals_asn1crypto_s(
    key: PrivateKey, algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm
) -> None:
    attributes, encoded = _signed(key, algorithm, hash_algorithm, b"content")
    parsed = cms.ContentInfo.load(encoded, strict=True)
    assert parsed.copy().dump(force=True) == encoded
    signer = parsed["content"]["signer_infos"][0]
    assert [attribute["type"].native for attribute in signer["signed_attrs"]].count("signing_time") == 0
    by_type = {attribute["type"].native: attribute["values"][0] for attribute in signer["signed_attrs"]}
    expected = tsp.SigningCertificateV2(
        {
            "certs": [
                {
                    "hash_algorithm": algos.DigestAlgorithm({"algorithm": hash_algorithm.hashlib_name}),
                    "cert_hash": Digest.of(signer_certificate(parsed), hash_algorithm).value,
                }
            ]
        }
    )
    assert by_type["signing_certificate_v2"].native == expected.native
    protection = by_type["cms_algorithm_protection"]
    assert protection["signature_algorithm"].native == signer["signature_algorithm"].native
    assert protection["digest_algorithm"].native == signer["digest_algorithm"].native
    assert signer["signed_attrs"].untag().dump() == attributes


def signer_certificate(parsed: cms.ContentInfo) -> bytes:
    certificate: bytes = parsed["content"]["certificates"][0].chosen.dump()
    return certificate


def test_the_path_travels_without_its_root() -> None:
    leaf, root = self_signed(ec_key(), "Leaf"), self_signed(rsa_key(), "Root")
    assert signer_identity(leaf, (root,)).certificates == (leaf,)


@pytest.mark.parametrize(("key", "algorithm"), COMBINATIONS)
@given(token=st.one_of(st.none(), st.binary(min_size=1, max_size=9_000)))
def test_the_size_estimate_is_never_too_small_and_close(key: PrivateKey, algorithm: SignAlgorithm, token: bytes | None) -> None:
    identity = signer_identity(self_signed(key), ())
    attributes = signed_attributes(Digest.of(b"", HashAlgorithm.SHA256), identity, algorithm)
    value = sign_digest(key, algorithm, Digest.of(attributes, HashAlgorithm.SHA256))
    # A token is a SEQUENCE; the outer structure only copies it.
    wrapped = None if token is None else der.sequence(token)
    encoded = signed_data(attributes, value, identity, algorithm, HashAlgorithm.SHA256, wrapped)
    estimate = signed_data_size(identity, algorithm, HashAlgorithm.SHA256, None if wrapped is None else len(wrapped))
    assert 0 <= estimate - len(encoded) < 32


def test_a_certificate_with_an_odd_serial_number_is_named_as_it_is() -> None:
    certificate = self_signed(ec_key())
    identity = signer_identity(certificate, ())
    parsed = x509.Certificate.load(certificate)
    named = cms.IssuerAndSerialNumber.load(identity.issuer_and_serial)
    assert named["issuer"].dump() == parsed.issuer.dump()
    assert named["serial_number"].dump() == parsed["tbs_certificate"]["serial_number"].dump()
