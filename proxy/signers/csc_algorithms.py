"""The object identifiers that a provider has for algorithms, and what a key can do that it lists some of them for.

CSC API v2.0, clause 5 and 11.10; parameters of RSASSA-PSS by RFC 8017, A.2.3; ECDSA values by RFC 3279, 2.2.3.
"""

from collections.abc import Sequence

from asn1crypto import algos, core
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from proxy.model import HashAlgorithm, SignAlgorithm
from proxy.signers.algorithms import Capabilities

HASH_OIDS: dict[HashAlgorithm, str] = {
    HashAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
    HashAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
    HashAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
}
"""``hashAlgorithmOID`` of each hash algorithm."""

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"

RSA_WITH: dict[HashAlgorithm, str] = {
    HashAlgorithm.SHA256: "1.2.840.113549.1.1.11",
    HashAlgorithm.SHA384: "1.2.840.113549.1.1.12",
    HashAlgorithm.SHA512: "1.2.840.113549.1.1.13",
}
ECDSA_WITH: dict[HashAlgorithm, str] = {
    HashAlgorithm.SHA256: "1.2.840.10045.4.3.2",
    HashAlgorithm.SHA384: "1.2.840.10045.4.3.3",
    HashAlgorithm.SHA512: "1.2.840.10045.4.3.4",
}


def sign_algo(listed: Sequence[str], sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> str | None:
    """The ``signAlgo`` of a combination, one of those that ``key/algo`` lists; ``None`` where it lists none that fits.

    Some providers list the kind of key alone, and take the hash from ``hashAlgorithmOID``: that fits PKCS#1 and ECDSA.
    """
    fitting = {
        SignAlgorithm.RSASSA_PKCS1_V1_5: (RSA_WITH[hash_algorithm], RSA_ENCRYPTION),
        SignAlgorithm.RSASSA_PSS: (RSASSA_PSS,),
        SignAlgorithm.ECDSA: (ECDSA_WITH[hash_algorithm], EC_PUBLIC_KEY),
    }
    return next((oid for oid in fitting[sign_algorithm] if oid in listed), None)


def declared_capabilities(able: Capabilities, listed: Sequence[str]) -> Capabilities:
    """What a key can do and its provider lists; of several schemes, with the hash algorithms that all of them have.

    Args:
        able: What the key can do.
        listed: ``key/algo``.

    Raises:
        AlgorithmNotAllowed: Nothing is left.
    """
    schemes = tuple(
        one for one in able.sign_algorithms if any(sign_algo(listed, one, hashed) for hashed in able.hash_algorithms)
    )
    hash_algorithms = tuple(hashed for hashed in able.hash_algorithms if all(sign_algo(listed, one, hashed) for one in schemes))
    return able.restricted(Capabilities(schemes, hash_algorithms))


def sign_algo_params(sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> bytes | None:
    """DER of the parameters that a signature algorithm needs: of RSASSA-PSS, which alone does."""
    if sign_algorithm is not SignAlgorithm.RSASSA_PSS:
        return None
    hashed = {"algorithm": hash_algorithm.hashlib_name, "parameters": core.Null()}
    parameters = algos.RSASSAPSSParams(
        {
            "hash_algorithm": hashed,
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": hashed},
            "salt_length": hash_algorithm.digest_size,
        }
    )
    der: bytes = parameters.dump()
    return der


def ecdsa_value(value: bytes) -> bytes:
    """An ECDSA value in DER, whether it came so or as r‖s, two integers of one length. What is neither will not verify."""
    try:
        decode_dss_signature(value)
    except ValueError:
        half = len(value) // 2
        if len(value) % 2 or not value:
            return value
        return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    return value
