"""The CMS of a PDF signature (RFC 5652) with the attributes of a CAdES baseline signature (EN 319 122-1, clause 6).

``signed_attributes`` gives what is hashed and sent to the signer; ``signed_data`` puts the value that came back, and a
timestamp token, around it. There is no ``signing-time`` attribute: EN 319 142-1, 6.3 wants ``/M`` instead.
"""

from dataclasses import dataclass
from functools import lru_cache

from asn1crypto import x509

from proxy.model import Credential, Digest, HashAlgorithm, SignAlgorithm
from proxy.pades.der import NULL, explicit, integer, octet_string, oid, sequence, set_of

_DATA = oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = oid("1.2.840.113549.1.9.16.2.47")
_ALGORITHM_PROTECTION = oid("1.2.840.113549.1.9.52")
_SIGNATURE_TIME_STAMP = oid("1.2.840.113549.1.9.16.2.14")
_MGF1 = oid("1.2.840.113549.1.1.8")
_RSASSA_PSS = oid("1.2.840.113549.1.1.10")

_HASHES = {
    HashAlgorithm.SHA256: oid("2.16.840.1.101.3.4.2.1"),
    HashAlgorithm.SHA384: oid("2.16.840.1.101.3.4.2.2"),
    HashAlgorithm.SHA512: oid("2.16.840.1.101.3.4.2.3"),
}
_RSA = {
    HashAlgorithm.SHA256: oid("1.2.840.113549.1.1.11"),
    HashAlgorithm.SHA384: oid("1.2.840.113549.1.1.12"),
    HashAlgorithm.SHA512: oid("1.2.840.113549.1.1.13"),
}
_ECDSA = {
    HashAlgorithm.SHA256: oid("1.2.840.10045.4.3.2"),
    HashAlgorithm.SHA384: oid("1.2.840.10045.4.3.3"),
    HashAlgorithm.SHA512: oid("1.2.840.10045.4.3.4"),
}


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """What a SignerInfo says of the signer, taken once from its certificate.

    Attributes:
        issuer_and_serial: DER of ``IssuerAndSerialNumber``.
        certificates: DER of the certificates that travel in the CMS: the path without its root.
        value_size: The longest signature value the key makes, in bytes.
    """

    certificate: bytes
    issuer_and_serial: bytes
    certificates: tuple[bytes, ...]
    value_size: int


@lru_cache(maxsize=256)
def signer_identity(certificate: bytes, chain: tuple[bytes, ...]) -> SignerIdentity:
    """The identity of a credential's certificate; parsed once a certificate, not once a document."""
    parsed = x509.Certificate.load(certificate)
    key = parsed.public_key
    size = key.byte_size if key.algorithm == "rsa" else 2 * ((key.bit_size + 7) // 8) + 16
    issuers = tuple(der for der in chain if x509.Certificate.load(der).self_issued is False)
    return SignerIdentity(
        certificate=certificate,
        issuer_and_serial=sequence(parsed.issuer.dump(), parsed["tbs_certificate"]["serial_number"].dump()),
        certificates=(certificate, *issuers),
        value_size=size,
    )


def identity_of(credential: Credential) -> SignerIdentity:
    """The cached identity of a credential."""
    return signer_identity(credential.certificate, credential.chain)


def signature_algorithm(sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> bytes:
    """The AlgorithmIdentifier of a signature (RFC 4055, RFC 5754, RFC 5758)."""
    if sign_algorithm is SignAlgorithm.ECDSA:
        return sequence(_ECDSA[hash_algorithm])
    if sign_algorithm is SignAlgorithm.RSASSA_PKCS1_V1_5:
        return sequence(_RSA[hash_algorithm], NULL)
    hash_identifier = sequence(_HASHES[hash_algorithm], NULL)
    parameters = sequence(
        explicit(0, hash_identifier),
        explicit(1, sequence(_MGF1, hash_identifier)),
        explicit(2, integer(hash_algorithm.digest_size)),
    )
    return sequence(_RSASSA_PSS, parameters)


def digest_algorithm(hash_algorithm: HashAlgorithm) -> bytes:
    """The AlgorithmIdentifier of a digest, parameters absent (RFC 5754, 2)."""
    return sequence(_HASHES[hash_algorithm])


def _attribute(attribute_type: bytes, value: bytes) -> bytes:
    return sequence(attribute_type, set_of([value]))


def signed_attributes(document: Digest, identity: SignerIdentity, sign_algorithm: SignAlgorithm) -> bytes:
    """The signed attributes, as the DER ``SET OF Attribute`` that is hashed (RFC 5652, 5.4).

    content-type, message-digest, signing-certificate-v2 (RFC 5035, the certificate hashed with the document's algorithm) and
    CMS algorithm protection (RFC 6211).
    """
    hash_algorithm = document.algorithm
    certificate_hash = octet_string(Digest.of(identity.certificate, hash_algorithm).value)
    # SHA-256 is the default of ESSCertIDv2 and DER leaves defaults out.
    named = b"" if hash_algorithm is HashAlgorithm.SHA256 else digest_algorithm(hash_algorithm)
    certificate_id = sequence(sequence(sequence(named + certificate_hash)))
    return set_of(
        (
            _attribute(_CONTENT_TYPE, _DATA),
            _attribute(_MESSAGE_DIGEST, octet_string(document.value)),
            _attribute(_SIGNING_CERTIFICATE_V2, certificate_id),
            _attribute(
                _ALGORITHM_PROTECTION,
                sequence(
                    digest_algorithm(hash_algorithm),
                    # [1] IMPLICIT replaces the SEQUENCE tag of the signature's AlgorithmIdentifier.
                    b"\xa1" + signature_algorithm(sign_algorithm, hash_algorithm)[1:],
                ),
            ),
        )
    )


def signed_data(
    attributes: bytes,
    value: bytes,
    identity: SignerIdentity,
    sign_algorithm: SignAlgorithm,
    hash_algorithm: HashAlgorithm,
    timestamp_token: bytes | None = None,
) -> bytes:
    """The ContentInfo that goes into ``/Contents``.

    Args:
        attributes: What :func:`signed_attributes` gave.
        value: The verified signature value over its digest.
        identity: Whose signature it is.
        sign_algorithm: How it was made.
        hash_algorithm: Of document and attributes alike.
        timestamp_token: DER of a token over ``value``; it makes B-T out of B-B (EN 319 122-1, 5.3).

    Returns:
        DER.
    """
    unsigned = b""
    if timestamp_token is not None:
        unsigned = set_of([_attribute(_SIGNATURE_TIME_STAMP, timestamp_token)], tag=0xA1)
    signer_info = sequence(
        integer(1),
        identity.issuer_and_serial,
        digest_algorithm(hash_algorithm),
        # [0] IMPLICIT replaces the SET tag the attributes were hashed with.
        b"\xa0" + attributes[1:],
        signature_algorithm(sign_algorithm, hash_algorithm),
        octet_string(value),
        unsigned,
    )
    content = sequence(
        integer(1),
        set_of([digest_algorithm(hash_algorithm)]),
        sequence(_DATA),
        set_of(identity.certificates, tag=0xA0),
        set_of([signer_info]),
    )
    return sequence(_SIGNED_DATA, explicit(0, content))


def signed_data_size(
    identity: SignerIdentity, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm, token_size: int | None
) -> int:
    """An upper bound of the CMS's size in bytes, for a token of ``token_size`` bytes or none."""
    attributes = signed_attributes(Digest(hash_algorithm, bytes(hash_algorithm.digest_size)), identity, sign_algorithm)
    token = None if token_size is None else bytes(token_size)
    return len(signed_data(attributes, bytes(identity.value_size), identity, sign_algorithm, hash_algorithm, token))
