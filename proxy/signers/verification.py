"""Does a signature value fit the digest and the certificate? Asked of every value that comes back, before it is used.

RSA by RFC 8017, 8.1.2 and 8.2.2; ECDSA by FIPS 186-5 over the DER ``Ecdsa-Sig-Value`` of RFC 3279, 2.2.3.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from proxy.errors import SignatureInvalid
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.trust.certificates import read_certificate

HASHES: dict[HashAlgorithm, hashes.HashAlgorithm] = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}
"""The contract's hash algorithms as cryptography's."""


def rsa_padding(sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> padding.AsymmetricPadding:
    """The padding of an RSA algorithm; of PSS with MGF1 on the same hash and a salt as long as the digest."""
    if sign_algorithm is SignAlgorithm.RSASSA_PSS:
        return padding.PSS(padding.MGF1(HASHES[hash_algorithm]), hash_algorithm.digest_size)
    return padding.PKCS1v15()


def verify_value(certificate: bytes, sign_algorithm: SignAlgorithm, digest: Digest, value: bytes) -> None:
    """Verify one signature value.

    Args:
        certificate: DER of the signing certificate.
        sign_algorithm: What the value should be.
        digest: What was signed.
        value: The PKCS#1 integer as octets, or the DER ECDSA value.

    Raises:
        SignatureInvalid: It does not verify, has another length than the key's modulus, or is not strict DER.
    """
    prehashed = Prehashed(HASHES[digest.algorithm])
    try:
        key = read_certificate(certificate).public_key()
        if isinstance(key, rsa.RSAPublicKey) and sign_algorithm is not SignAlgorithm.ECDSA:
            if len(value) != (key.key_size + 7) // 8:
                raise SignatureInvalid("the signature value has another length than the key")
            key.verify(value, digest.value, rsa_padding(sign_algorithm, digest.algorithm), prehashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and sign_algorithm is SignAlgorithm.ECDSA:
            # OpenSSL refuses a value that is not the one DER encoding of r and s.
            key.verify(value, digest.value, ec.ECDSA(prehashed))
        else:
            raise SignatureInvalid(f"the certificate's key does not make {sign_algorithm} signatures")
    except (InvalidSignature, ValueError) as error:
        raise SignatureInvalid("the signature value does not verify against the certificate and the digest sent") from error
