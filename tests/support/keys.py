"""Throwaway keys and certificates, made once a test process."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from proxy.model import Digest, SignAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    curves: dict[str, ec.EllipticCurve] = {
        "secp256r1": ec.SECP256R1(),
        "secp384r1": ec.SECP384R1(),
        "secp521r1": ec.SECP521R1(),
    }
    return ec.generate_private_key(curves[name])


def self_signed(key: PrivateKey, common_name: str = "Throwaway Signer") -> bytes:
    """DER of a self-signed certificate with the key usages of a document signer."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def sign_digest(key: PrivateKey, algorithm: SignAlgorithm, digest: Digest) -> bytes:
    """What a signer backend would answer."""
    names = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    hashed = names[digest.algorithm.hashlib_name]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest.value, ec.ECDSA(Prehashed(hashed)))
    if algorithm is SignAlgorithm.RSASSA_PSS:
        pss = padding.PSS(padding.MGF1(hashed), salt_length=hashed.digest_size)
        return key.sign(digest.value, pss, Prehashed(hashed))
    return key.sign(digest.value, padding.PKCS1v15(), Prehashed(hashed))
