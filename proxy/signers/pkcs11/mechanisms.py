"""What the token is handed for a digest, and what comes back: no mechanism here hashes, so a token sees a digest and no more.

RSASSA-PKCS1-v1_5 by ``CKM_RSA_PKCS`` over a DigestInfo that is made here (RFC 8017, 9.2), RSASSA-PSS by ``CKM_RSA_PKCS_PSS``
with MGF1 on the same hash and a salt as long as it, ECDSA by ``CKM_ECDSA``, whose r‖s becomes the DER of RFC 3279, 2.2.3.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proxy.errors import SignerError
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.algorithms import Capabilities
from proxy.signers.pkcs11.messages import KeyPlace, Mechanism, Sign

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

MECHANISMS: dict[SignAlgorithm, Mechanism] = {
    SignAlgorithm.RSASSA_PKCS1_V1_5: Mechanism.RSA_PKCS,
    SignAlgorithm.RSASSA_PSS: Mechanism.RSA_PKCS_PSS,
    SignAlgorithm.ECDSA: Mechanism.ECDSA,
}

_DIGEST_INFO: dict[HashAlgorithm, bytes] = {
    HashAlgorithm.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    HashAlgorithm.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    HashAlgorithm.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""DER of a DigestInfo up to its digest (RFC 8017, 9.2, note 1)."""


def declared(able: Capabilities, mechanisms: tuple[Mechanism, ...]) -> Capabilities:
    """What a key can do on a token with these mechanisms.

    Raises:
        AlgorithmNotAllowed: Nothing.
    """
    made = tuple(algorithm for algorithm in able.sign_algorithms if MECHANISMS[algorithm] in mechanisms)
    return able.restricted(Capabilities(made, able.hash_algorithms))


def signing_request(place: KeyPlace, key: PublicKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]) -> Sign:
    """What the token is asked for a signature over each digest; all are by one hash algorithm."""
    hash_algorithm, prefix, length = None, b"", None
    match sign_algorithm:
        case SignAlgorithm.RSASSA_PKCS1_V1_5:
            prefix = _DIGEST_INFO[digests[0].algorithm]
        case SignAlgorithm.RSASSA_PSS:
            hash_algorithm = digests[0].algorithm.value
        case SignAlgorithm.ECDSA:
            # The leftmost bits count, as many as the group order has (FIPS 186-5, 6.4.1). Tokens differ in whether they cut, or
            # refuse what is longer.
            length = (key.key_size + 7) // 8
    data = tuple(prefix + digest.value[:length] for digest in digests)
    return Sign(place.object_id, place.label, place.key_id, MECHANISMS[sign_algorithm].value, hash_algorithm, data)


def signature_value(key: PublicKey, value: bytes) -> bytes:
    """The port's form of what a token returned.

    Raises:
        SignerError: It has another length than the key's signatures.
    """
    size = (key.key_size + 7) // 8
    if isinstance(key, rsa.RSAPublicKey):
        if len(value) != size:
            raise SignerError("the token returned a value of another length than the key's")
        return value
    if len(value) != 2 * size:
        raise SignerError("the token returned a value of another length than the key's")
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))
