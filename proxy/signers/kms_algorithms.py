"""The names AWS KMS has for keys and algorithms, and what a key there can sign.

KMS offers RSA keys with each of SHA-256, SHA-384 and SHA-512, and each curve with the one hash of its own strength.
"""

from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from proxy.errors import AlgorithmNotAllowed, SignerError
from proxy.model import HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.signers.algorithms import Capabilities

KEY_SPECS: dict[KeyAlgorithm, str] = {
    KeyAlgorithm.RSA_2048: "RSA_2048",
    KeyAlgorithm.RSA_3072: "RSA_3072",
    KeyAlgorithm.RSA_4096: "RSA_4096",
    KeyAlgorithm.P_256: "ECC_NIST_P256",
    KeyAlgorithm.P_384: "ECC_NIST_P384",
    KeyAlgorithm.P_521: "ECC_NIST_P521",
}
"""``KeySpec`` of each kind of key."""

_SCHEMES = {
    SignAlgorithm.RSASSA_PKCS1_V1_5: "RSASSA_PKCS1_V1_5",
    SignAlgorithm.RSASSA_PSS: "RSASSA_PSS",
    SignAlgorithm.ECDSA: "ECDSA",
}
_CURVES = {"secp256r1": "ECC_NIST_P256", "secp384r1": "ECC_NIST_P384", "secp521r1": "ECC_NIST_P521"}


def signing_algorithm(sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> str:
    """The ``SigningAlgorithm`` of a combination: ``RSASSA_PSS_SHA_256``. PSS has a salt as long as the digest there too."""
    return f"{_SCHEMES[sign_algorithm]}_{hash_algorithm.replace('-', '_')}"


def key_capabilities(signing_algorithms: Sequence[str]) -> Capabilities:
    """What a key can do that KMS lists these ``SigningAlgorithms`` for.

    Raises:
        AlgorithmNotAllowed: None of them is the contract's.
    """
    schemes = tuple(
        one for one in SignAlgorithm if any(signing_algorithm(one, hashed) in signing_algorithms for hashed in HashAlgorithm)
    )
    hash_algorithms = tuple(
        hashed for hashed in HashAlgorithm if all(signing_algorithm(one, hashed) in signing_algorithms for one in schemes)
    )
    if not schemes or not hash_algorithms:
        raise AlgorithmNotAllowed("the key signs with no algorithm of the contract")
    return Capabilities(schemes, hash_algorithms)


def checked_public_key(der: bytes, key_spec: str) -> bytes:
    """A public key as KMS gave it, in its one DER form (SubjectPublicKeyInfo).

    Raises:
        SignerError: It cannot be read, or is another kind of key than ``key_spec`` says.
    """
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignerError("the key service's public key cannot be read") from error
    is_spec = ""
    if isinstance(key, rsa.RSAPublicKey):
        is_spec = f"RSA_{key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        is_spec = _CURVES.get(key.curve.name, "")
    if is_spec != key_spec:
        raise SignerError("the key service's public key is of another kind than it says")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
