"""Signatures inside evidence: over OCSP responses and over the signed attributes of timestamp tokens.

The algorithm comes from the structure itself, so it is judged here: RSA PKCS#1 v1.5 and PSS (RFC 8017) and ECDSA with SHA-256,
SHA-384 or SHA-512. Anything weaker or stranger is refused.
"""

from asn1crypto import algos
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from proxy.trust.certificates import read_certificate

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SMALLEST_RSA = 2048


def verify(
    signer: bytes,
    algorithm: algos.SignedDigestAlgorithm,
    signed: bytes,
    value: bytes,
    *,
    digest_algorithm: str | None = None,
) -> None:
    """Check a signature.

    Args:
        signer: DER of the signer's certificate.
        algorithm: The AlgorithmIdentifier that came with the value.
        signed: What was signed.
        value: The signature value.
        digest_algorithm: Name as in ``hashlib`` where the identifier does not say it (CMS with plain ``rsaEncryption``); where
            both say it they must agree.

    Raises:
        ValueError: The algorithm or key is not accepted, or the signature does not verify.
    """
    try:
        kind = algorithm.signature_algo
        named = algorithm["algorithm"].native
        hash_name = str(digest_algorithm if named == "rsassa_pkcs1v15" else algorithm.hash_algo)
        hash_algorithm = _HASHES[hash_name]
        pss = _pss(algorithm, hash_algorithm) if kind == "rsassa_pss" else None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("the signature's algorithm is not accepted") from error
    if digest_algorithm is not None and hash_name != digest_algorithm:
        raise ValueError("the signature's algorithm and the digest algorithm do not belong together")
    key = read_certificate(signer).public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and kind in {"rsassa_pkcs1v15", "rsassa_pss"} and key.key_size >= _SMALLEST_RSA:
            key.verify(value, signed, pss or padding.PKCS1v15(), hash_algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(value, signed, ec.ECDSA(hash_algorithm))
        else:
            raise ValueError("the signer's key does not fit the signature's algorithm, or is too small")
    except InvalidSignature as error:
        raise ValueError("the signature does not verify") from error


def _pss(algorithm: algos.SignedDigestAlgorithm, hash_algorithm: hashes.HashAlgorithm) -> padding.PSS:
    parameters = algorithm["parameters"]
    mask = parameters["mask_gen_algorithm"]
    if mask["algorithm"].native != "mgf1" or parameters["trailer_field"].native not in {1, "trailer_field_bc"}:
        raise ValueError("unknown RSASSA-PSS parameters")
    if mask["parameters"]["algorithm"].native != parameters["hash_algorithm"]["algorithm"].native:
        raise ValueError("RSASSA-PSS with two hash algorithms")
    return padding.PSS(padding.MGF1(hash_algorithm), parameters["salt_length"].native)
