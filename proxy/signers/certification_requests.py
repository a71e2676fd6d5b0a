"""Certification requests (PKCS #10, RFC 2986) for keys that sign nothing but digests.

The request's info is built from the public key and what is asked for; its digest is signed through the same port as everything
else; and the whole is read back and verified before anybody gets it.
"""

from collections.abc import Callable

from asn1crypto import core, csr, keys
from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.errors import InvalidParameter, SignatureInvalid
from proxy.model import AlternativeNameKind, HashAlgorithm, KeyUsage, RequestedCertificate, SignAlgorithm

_GENERAL_NAMES: dict[AlternativeNameKind, Callable[[str], x509.GeneralName]] = {
    AlternativeNameKind.EMAIL: x509.RFC822Name,
    AlternativeNameKind.DNS: x509.DNSName,
    AlternativeNameKind.URI: x509.UniformResourceIdentifier,
}


def request_info(public_key: bytes, wanted: RequestedCertificate) -> bytes:
    """DER of the CertificationRequestInfo (RFC 2986, 4.1).

    Args:
        public_key: DER of the SubjectPublicKeyInfo.
        wanted: Subject and extensions; the latter as an extensionRequest (RFC 2985, 5.4.2).

    Raises:
        InvalidParameter: An alternative name is not of its kind.
    """
    extensions = []
    if wanted.alternative_names:
        try:
            names = [_GENERAL_NAMES[one.kind](one.value) for one in wanted.alternative_names]
        except ValueError as error:
            raise InvalidParameter("an alternative name is not of its kind", fields={"subjectAltName": str(error)}) from error
        extensions.append(_extension(x509.SubjectAlternativeName(names), critical=False))
    if wanted.key_usages:
        extensions.append(_extension(_key_usage(wanted.key_usages), critical=True))
    attributes = [csr.CRIAttribute({"type": "extension_request", "values": [extensions]})] if extensions else []
    info = {
        "version": "v1",
        "subject": asn1_x509.Name.load(wanted.subject),
        "subject_pk_info": keys.PublicKeyInfo.load(public_key),
        "attributes": attributes,
    }
    return bytes(csr.CertificationRequestInfo(info).dump())


def _extension(value: x509.ExtensionType, *, critical: bool) -> asn1_x509.Extension:
    parsed = core.ParsableOctetString(value.public_bytes())
    return asn1_x509.Extension({"extn_id": value.oid.dotted_string, "critical": critical, "extn_value": parsed})


def _key_usage(usages: tuple[KeyUsage, ...]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=KeyUsage.DIGITAL_SIGNATURE in usages,
        content_commitment=KeyUsage.NON_REPUDIATION in usages,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def request(info: bytes, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm, value: bytes) -> bytes:
    """DER of the CertificationRequest (RFC 2986, 4.2).

    Args:
        info: Of :func:`request_info`.
        sign_algorithm: How its digest was signed.
        hash_algorithm: And hashed.
        value: The signature value.

    Raises:
        SignatureInvalid: The value is not the key's own over the info.
    """
    made = csr.CertificationRequest(
        {
            "certification_request_info": csr.CertificationRequestInfo.load(info),
            "signature_algorithm": _signature_algorithm(sign_algorithm, hash_algorithm),
            "signature": value,
        }
    )
    der = bytes(made.dump())
    read_request(der)
    return der


def read_request(der: bytes) -> x509.CertificateSigningRequest:
    """Read a request and verify that its own key signed it.

    Raises:
        SignatureInvalid: It is none, or its signature is not its key's.
    """
    try:
        found = x509.load_der_x509_csr(der)
        genuine = found.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise SignatureInvalid("the certification request cannot be verified") from error
    if not genuine:
        raise SignatureInvalid("the certification request's signature is not its key's")
    return found


def public_key_of(found: x509.CertificateSigningRequest) -> bytes:
    """DER of the SubjectPublicKeyInfo in a request."""
    return found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _signature_algorithm(sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm) -> SignedDigestAlgorithm:
    """RFC 4055, 3.1 and 5; RFC 5758, 3.2: parameters of PSS, NULL for PKCS #1, none for ECDSA."""
    name = hash_algorithm.hashlib_name
    match sign_algorithm:
        case SignAlgorithm.ECDSA:
            return SignedDigestAlgorithm({"algorithm": f"{name}_ecdsa"})
        case SignAlgorithm.RSASSA_PKCS1_V1_5:
            return SignedDigestAlgorithm({"algorithm": f"{name}_rsa", "parameters": core.Null()})
        case SignAlgorithm.RSASSA_PSS:
            hashed = {"algorithm": name, "parameters": core.Null()}
            parameters = {
                "hash_algorithm": hashed,
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": hashed},
                "salt_length": hash_algorithm.digest_size,
            }
            return SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})
