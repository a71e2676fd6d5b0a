"""Signature values and the algorithms they name (RFC 4055, RFC 5754, RFC 5758, RFC 8017, RFC 8410).

The algorithm comes from the structure that is judged, so it is judged too. :func:`verify` is for evidence that is to be relied
on now: RSA PKCS#1 v1.5 and PSS and ECDSA with SHA-256, SHA-384 or SHA-512, anything weaker or stranger is refused. A validation
of what was signed long ago takes the parts, :func:`method_of` and :func:`verify_value`, and has its own policy of algorithms.
"""

from dataclasses import dataclass
from enum import StrEnum

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from proxy.trust.certificates import read_certificate

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - to read old signatures; a policy says until when they count
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
"""Every hash algorithm that can be computed with, by its name in ``hashlib``."""

ACCEPTED = frozenset({"sha256", "sha384", "sha512"})
"""Hash algorithms of evidence that is to be relied on now."""

_SMALLEST_RSA = 2048


class SignatureScheme(StrEnum):
    """How a value is made of a digest, or, with EdDSA, of the message itself."""

    RSASSA_PKCS1_V1_5 = "RSASSA-PKCS1-v1_5"
    RSASSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class SignatureMethod:
    """What an AlgorithmIdentifier says. ``hash_name`` is ``hashlib``'s; ``salt_length``, in bytes, is for PSS alone."""

    scheme: SignatureScheme
    hash_name: str
    salt_length: int | None = None


class UnknownMethod(ValueError):
    """An algorithm, or parameters of one, that nothing here computes with."""


class KeyMismatch(ValueError):
    """The signer's key is of another kind than the algorithm asks for."""


class ValueMismatch(ValueError):
    """The signature value does not verify."""


def method_of(algorithm: algos.SignedDigestAlgorithm, digest_algorithm: str | None = None) -> SignatureMethod:
    """The method that an AlgorithmIdentifier names.

    Args:
        algorithm: As it came.
        digest_algorithm: Name as in ``hashlib`` where the identifier does not say it (CMS with plain ``rsaEncryption``); where
            both say it they must agree.

    Raises:
        UnknownMethod: It is unknown or malformed, or the two do not belong together.
    """
    try:
        scheme, hash_name, salt_length = _read(algorithm, digest_algorithm)
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownMethod("the signature's algorithm is not accepted") from error
    if digest_algorithm is not None and hash_name != digest_algorithm:
        raise UnknownMethod("the signature's algorithm and the digest algorithm do not belong together")
    return SignatureMethod(scheme, hash_name, salt_length)


def _read(algorithm: algos.SignedDigestAlgorithm, digest_algorithm: str | None) -> tuple[SignatureScheme, str, int | None]:
    kind = algorithm.signature_algo
    named = algorithm["algorithm"].native
    if named in {"ed25519", "ed448"}:
        # RFC 8419, 3: with Ed25519 the digests beside it are by SHA-512; Ed448 wants SHAKE256, which no digest here is.
        return SignatureScheme.EDDSA, digest_algorithm or "sha512", None
    without_hash = named in {"rsassa_pkcs1v15", "ecdsa"}
    hash_name = str(digest_algorithm if without_hash else algorithm.hash_algo)
    if hash_name not in HASHES:
        raise UnknownMethod("unknown hash algorithm")
    if kind == "rsassa_pss":
        return SignatureScheme.RSASSA_PSS, hash_name, _salt_length(algorithm["parameters"])
    schemes = {"rsassa_pkcs1v15": SignatureScheme.RSASSA_PKCS1_V1_5, "ecdsa": SignatureScheme.ECDSA}
    return schemes[kind], hash_name, None


def _salt_length(parameters: algos.RSASSAPSSParams) -> int:
    """RFC 4055, 3.1: one hash algorithm for both, MGF1, the one trailer there is."""
    mask = parameters["mask_gen_algorithm"]
    if mask["algorithm"].native != "mgf1" or parameters["trailer_field"].native not in {1, "trailer_field_bc"}:
        raise UnknownMethod("unknown RSASSA-PSS parameters")
    if mask["parameters"]["algorithm"].native != parameters["hash_algorithm"]["algorithm"].native:
        raise UnknownMethod("RSASSA-PSS with two hash algorithms")
    length = int(parameters["salt_length"].native)
    if not 0 <= length <= 512:
        raise UnknownMethod("RSASSA-PSS with an impossible salt")
    return length


def verify_value(signer: Certificate, method: SignatureMethod, value: bytes, signed: bytes, *, is_digest: bool = False) -> None:
    """Check a signature value.

    Args:
        signer: The signer's certificate.
        method: How it was made.
        value: RSA octets, or DER for ECDSA.
        signed: What was signed.
        is_digest: Whether ``signed`` is its digest by the method's hash algorithm.

    Raises:
        KeyMismatch, ValueMismatch: As named.
    """
    key = signer.public_key()
    # EdDSA has a hash of its own, whatever the one beside it is called.
    algorithm = hashes.SHA512() if method.scheme is SignatureScheme.EDDSA else HASHES[method.hash_name]
    hashed = Prehashed(algorithm) if is_digest else algorithm
    try:
        match method.scheme, key:
            case SignatureScheme.RSASSA_PKCS1_V1_5, rsa.RSAPublicKey():
                key.verify(value, signed, padding.PKCS1v15(), hashed)
            case SignatureScheme.RSASSA_PSS, rsa.RSAPublicKey():
                key.verify(value, signed, padding.PSS(padding.MGF1(algorithm), method.salt_length or 0), hashed)
            case SignatureScheme.ECDSA, ec.EllipticCurvePublicKey():
                key.verify(value, signed, ec.ECDSA(hashed))
            case SignatureScheme.EDDSA, ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey() if not is_digest:
                key.verify(value, signed)
            case _:
                raise KeyMismatch("the signer's key does not fit the signature's algorithm, or is too small")
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise ValueMismatch("the signature does not verify") from error
    except KeyMismatch:
        raise
    except ValueError as error:
        # A digest of another length, or a key too short for this padding.
        raise ValueMismatch("the signature does not verify") from error


def verify(
    signer: bytes,
    algorithm: algos.SignedDigestAlgorithm,
    signed: bytes,
    value: bytes,
    *,
    digest_algorithm: str | None = None,
) -> SignatureMethod:
    """Check a signature that is to be relied on now.

    Args:
        signer: DER of the signer's certificate.
        algorithm: The AlgorithmIdentifier that came with the value.
        signed: What was signed.
        value: The signature value.
        digest_algorithm: As for :func:`method_of`.

    Returns:
        How it was made.

    Raises:
        ValueError: The algorithm or key is not accepted, or the signature does not verify.
    """
    method = method_of(algorithm, digest_algorithm)
    certificate = read_certificate(signer)
    if method.hash_name not in ACCEPTED:
        raise UnknownMethod("the signature's algorithm is not accepted")
    key = certificate.public_key()
    small = isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA
    if small or method.scheme is SignatureScheme.EDDSA:
        raise KeyMismatch("the signer's key does not fit the signature's algorithm, or is too small")
    verify_value(certificate, method, value, signed)
    return method


def verify_any(signer: bytes, algorithm: algos.SignedDigestAlgorithm, signed: bytes, value: bytes) -> SignatureMethod:
    """The same by any algorithm there is, for who judges it himself.

    Raises:
        ValueError: The algorithm is unknown, the key does not fit it, or the signature does not verify.
    """
    method = method_of(algorithm)
    verify_value(read_certificate(signer), method, value, signed)
    return method


def issued_by_any(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the name matches and the issuer's key made the signature, by any algorithm there is.

    :func:`proxy.trust.certificates.issued_by` knows those of today alone: no SHA-1, by which half of the world's older
    certificates are signed.
    """
    if certificate.issuer != issuer.subject:
        return False
    try:
        outer = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
        algorithm = outer["signature_algorithm"]
        # RFC 5280, 4.1.1.2: the one that is signed too.
        if outer["tbs_certificate"]["signature"].dump() != algorithm.dump():
            return False
        verify_value(issuer, method_of(algorithm), certificate.signature, certificate.tbs_certificate_bytes)
    except (ValueError, TypeError, KeyError):
        return False
    return True
