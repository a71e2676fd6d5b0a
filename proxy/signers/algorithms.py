"""What a key can sign, judged by its certificate, and the check before anything is sent.

RSA from 2048 bits by PKCS#1 v1.5 and PSS (RFC 8017), and ECDSA on P-256, P-384 and P-521 (FIPS 186-5), with SHA-256, SHA-384
and SHA-512. A curve's preferred hash is the one of its own strength; of RSA it is SHA-256.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import PublicKeyAlgorithmOID

from proxy.errors import AlgorithmNotAllowed
from proxy.model import Credential, Digest, HashAlgorithm, HeldKey, SignAlgorithm

SMALLEST_RSA = 2048

_ALL_HASHES = (HashAlgorithm.SHA256, HashAlgorithm.SHA384, HashAlgorithm.SHA512)
_CURVES = {
    "secp256r1": _ALL_HASHES,
    "secp384r1": (HashAlgorithm.SHA384, HashAlgorithm.SHA512, HashAlgorithm.SHA256),
    "secp521r1": (HashAlgorithm.SHA512, HashAlgorithm.SHA384, HashAlgorithm.SHA256),
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a key can do, preferred first."""

    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]

    def restricted(self, declared: "Capabilities") -> "Capabilities":
        """What the key can do and its backend declares, in the backend's order.

        Raises:
            AlgorithmNotAllowed: Nothing is left.
        """
        left = Capabilities(
            tuple(algorithm for algorithm in declared.sign_algorithms if algorithm in self.sign_algorithms),
            tuple(algorithm for algorithm in declared.hash_algorithms if algorithm in self.hash_algorithms),
        )
        if not left.sign_algorithms or not left.hash_algorithms:
            raise AlgorithmNotAllowed("the signer declares no algorithm that this key can do")
        return left


def capabilities(certificate: x509.Certificate) -> Capabilities:
    """What the key of a certificate, read by :func:`proxy.trust.certificates.read_certificate`, can do.

    Raises:
        AlgorithmNotAllowed: It is another kind of key than the contract's, or an RSA key below 2048 bits.
    """
    able = key_capabilities(certificate.public_key())
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        return Capabilities((SignAlgorithm.RSASSA_PSS,), able.hash_algorithms)
    return able


def key_capabilities(key: object) -> Capabilities:
    """What a key can do; ``key`` is a public key of cryptography's. Raises as :func:`capabilities`."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return Capabilities((SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS), _ALL_HASHES)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return Capabilities((SignAlgorithm.ECDSA,), _CURVES[key.curve.name])
    raise AlgorithmNotAllowed("signing keys are RSA from 2048 bits, or ECDSA on P-256, P-384 or P-521")


def check_request(
    key: Credential | HeldKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest], max_digests: int
) -> HashAlgorithm:
    """What every backend checks before it does anything.

    Returns:
        The hash algorithm of all digests.

    Raises:
        AlgorithmNotAllowed: The key does not declare the combination.
        ValueError: No digest, too many, or of several hash algorithms: the caller of the port is wrong.
    """
    algorithms = {digest.algorithm for digest in digests}
    if len(algorithms) != 1 or len(digests) > max_digests:
        raise ValueError(f"1 to {max_digests} digests of one hash algorithm are signed at a time")
    hash_algorithm = algorithms.pop()
    if sign_algorithm not in key.sign_algorithms or hash_algorithm not in key.hash_algorithms:
        raise AlgorithmNotAllowed(f"the key does not sign {sign_algorithm} with {hash_algorithm}")
    return hash_algorithm
