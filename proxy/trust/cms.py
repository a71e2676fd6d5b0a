"""CMS ``SignedData`` of one signer (RFC 5652, clause 5): taken apart, unchecked, for signatures and timestamp tokens alike.

Everything is read by object identifiers of this module, never by names that another library may have registered, and the parts
that were signed or hashed are kept as the bytes that came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import algos, cms, core, crl, ocsp, tsp
from asn1crypto import x509 as asn1_x509

from proxy.model import ValidationData
from proxy.trust.certificates import LARGEST
from proxy.trust.der import definite

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What asn1crypto raises for malformed input; it parses lazily, so reading any field can."""

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_SIGNATURE_POLICY = "1.2.840.113549.1.9.16.2.15"
_CONTENT_TIME_STAMP = "1.2.840.113549.1.9.16.2.20"
_CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"

_BASIC_OCSP_RESPONSE = "1.3.6.1.5.5.7.48.1.1"
_OCSP_IN_SIGNED_DATA = "1.3.6.1.5.5.7.16.2"
_MOST_VALUES = 64
"""Certificates, tokens and pieces of revocation data that are taken from one place; real signatures hold a few."""


class MalformedCMS(ValueError):
    """The bytes are no SignedData of one signer. The text is an English phrase."""


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """``ESSCertID`` or ``ESSCertIDv2`` (RFC 5035): hash of the signer's certificate; issuer (DER) and serial where given."""

    hash_name: str
    value: bytes
    issuer: bytes | None
    serial_number: int | None


@dataclass(frozen=True, slots=True)
class SignerIdentifier:
    """Issuer (DER) and serial number, or a subject key identifier (RFC 5652, 5.3)."""

    issuer: bytes | None
    serial_number: int | None
    key_identifier: bytes | None


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """What was signed beside the content (RFC 5652, 5.4 and 11; EN 319 122-1, 5.1 and 5.2).

    Attributes:
        der: DER of the SET OF that was signed, in the order that came.
        canonical: The same in the order of DER, where that is another one; there are signers that hash this.
        content_type: OID; ``None`` where the attribute is missing.
        message_digest: ``None`` where it is missing.
        references: The first identifier of each signing-certificate attribute: the signer's own.
        signing_time: As claimed.
        algorithms: The two AlgorithmIdentifiers of CMS algorithm protection (RFC 6211), digest and signature.
        content_timestamps: DER of the tokens.
        has_policy: Whether a signature policy is named.
        revocation: What Adobe's archival attribute holds.
    """

    der: bytes
    canonical: bytes | None
    content_type: str | None
    message_digest: bytes | None
    references: tuple[CertificateReference, ...]
    signing_time: datetime | None
    algorithms: tuple[algos.DigestAlgorithm, algos.SignedDigestAlgorithm | None] | None
    content_timestamps: tuple[bytes, ...]
    has_policy: bool
    revocation: ValidationData


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A SignedData of one signer.

    Attributes:
        content_type: OID of what is signed.
        content: The encapsulated octets; ``None`` where the content is detached.
        identifier: Names the signer's certificate.
        digest_algorithm: Name as in ``hashlib``, or an OID.
        digest_identifier: The AlgorithmIdentifier of the digest.
        signed: ``None`` where the value is over the content itself.
        signature_algorithm: As it came.
        signature: The value.
        signature_timestamps: DER of the tokens over the value.
        data: Certificates and revocation data, wherever in the message they lie.
    """

    content_type: str
    content: bytes | None
    identifier: SignerIdentifier
    digest_algorithm: str
    digest_identifier: algos.DigestAlgorithm
    signed: SignedAttributes | None
    signature_algorithm: algos.SignedDigestAlgorithm
    signature: bytes
    signature_timestamps: tuple[bytes, ...]
    data: ValidationData


def read_signed_data(der: bytes) -> SignedMessage:
    """Take a ``ContentInfo`` apart. Zero bytes behind it are passed over: they pad ``/Contents``.

    Raises:
        MalformedCMS: It is no SignedData of one signer.
    """
    try:
        content_info, rest = definite(der)
        if rest.strip(b"\x00"):
            raise MalformedCMS("bytes follow the CMS structure")
        info = cms.ContentInfo.load(content_info, strict=True)
        if info["content_type"].dotted != _SIGNED_DATA:
            raise MalformedCMS("the CMS structure is no SignedData")
        signed_data = info["content"]
        if len(signed_data["signer_infos"]) != 1:
            raise MalformedCMS("the SignedData does not hold one signer")
        return _message(signed_data, signed_data["signer_infos"][0])
    except MalformedCMS:
        raise
    except UNREADABLE as error:
        raise MalformedCMS("the CMS structure cannot be read") from error


def _message(signed_data: cms.SignedData, signer: cms.SignerInfo) -> SignedMessage:
    encapsulated = signed_data["encap_content_info"]
    content = encapsulated["content"]
    # Taken before anything in it is read, because asn1crypto writes anew what it has parsed.
    signed_der = signer["signed_attrs"].dump()
    signed = _signed_attributes(signed_der) if signed_der else None
    unsigned = _attributes(signer["unsigned_attrs"].dump())
    return SignedMessage(
        content_type=encapsulated["content_type"].dotted,
        content=None if isinstance(content, core.Void) else _octets(content),
        identifier=_identifier(signer["sid"]),
        digest_algorithm=signer["digest_algorithm"]["algorithm"].native,
        digest_identifier=signer["digest_algorithm"],
        signed=signed,
        signature_algorithm=signer["signature_algorithm"],
        signature=signer["signature"].native,
        signature_timestamps=unsigned.get(_SIGNATURE_TIME_STAMP, ()),
        data=_supplied(signed_data) | _archived(unsigned) | (signed.revocation if signed is not None else ValidationData()),
    )


def _octets(content: core.Asn1Value) -> bytes:
    """PKCS #7 (RFC 2315, 9.3) knows content that is no OCTET STRING; of that, too, the contents octets are digested."""
    octets = isinstance(content, core.OctetString | core.ParsableOctetString)
    return bytes(content) if octets else bytes(content.contents)


def _identifier(sid: cms.SignerIdentifier) -> SignerIdentifier:
    if sid.name == "issuer_and_serial_number":
        return SignerIdentifier(sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native, None)
    return SignerIdentifier(None, None, sid.chosen.native)


# -- attributes -----------------------------------------------------------------------------------------------------


class _RawSet(core.SetOf):  # type: ignore[misc]  # asn1crypto has no type information
    _child_spec = core.Any


class _RawAttribute(core.Sequence):  # type: ignore[misc]  # the same
    _fields = [("type", core.ObjectIdentifier), ("values", _RawSet)]  # noqa: RUF012 - the form asn1crypto wants


class _RawAttributes(core.SetOf):  # type: ignore[misc]  # the same
    _child_spec = _RawAttribute


def _as_set(tagged: bytes) -> bytes:
    """[0] or [1] IMPLICIT in the structure, SET OF in what was signed (RFC 5652, 5.4)."""
    if tagged[1:2] == b"\x80":
        raise MalformedCMS("the attributes are not DER")
    return b"\x31" + tagged[1:]


def _attributes(tagged: bytes) -> dict[str, tuple[bytes, ...]]:
    """The values of each attribute, as DER. One may be there several times, where its own definition does not forbid it."""
    found: dict[str, tuple[bytes, ...]] = {}
    for attribute in _RawAttributes.load(_as_set(tagged), strict=True) if tagged else ():
        name = attribute["type"].dotted
        found[name] = (*found.get(name, ()), *(value.dump() for value in attribute["values"]))[:_MOST_VALUES]
    return found


def _signed_attributes(tagged: bytes) -> SignedAttributes:
    der = _as_set(tagged)
    children = [child.dump() for child in _RawAttributes.load(der, strict=True)]
    canonical = der[: len(der) - sum(map(len, children))] + b"".join(sorted(children))
    found = _attributes(tagged)
    content_type = _single(found, _CONTENT_TYPE, core.ObjectIdentifier)
    message_digest = _single(found, _MESSAGE_DIGEST, core.OctetString)
    signing_time = _single(found, _SIGNING_TIME, cms.Time)
    protection = _single(found, _ALGORITHM_PROTECTION, cms.CMSAlgorithmProtection)
    return SignedAttributes(
        der=der,
        canonical=None if canonical == der else canonical,
        content_type=None if content_type is None else content_type.dotted,
        message_digest=None if message_digest is None else message_digest.native,
        references=tuple(_references(found)),
        signing_time=None if signing_time is None else signing_time.native,
        algorithms=None if protection is None else _protected(protection),
        content_timestamps=found.get(_CONTENT_TIME_STAMP, ()),
        has_policy=_SIGNATURE_POLICY in found,
        revocation=_adobe_revocation(found),
    )


def _single(found: Mapping[str, tuple[bytes, ...]], oid: str, kind: type[core.Asn1Value]) -> core.Asn1Value | None:
    if oid not in found:
        return None
    if len(found[oid]) != 1:
        raise MalformedCMS("a signed attribute has not one value")
    return kind.load(found[oid][0], strict=True)


def _protected(
    protection: cms.CMSAlgorithmProtection,
) -> tuple[algos.DigestAlgorithm, algos.SignedDigestAlgorithm | None]:
    signature = protection["signature_algorithm"]
    return protection["digest_algorithm"], None if isinstance(signature, core.Void) else signature


def _references(found: Mapping[str, tuple[bytes, ...]]) -> list[CertificateReference]:
    """RFC 2634, 5.4 and RFC 5035, clause 3 and 4."""
    references = []
    for oid, kind in ((_SIGNING_CERTIFICATE, tsp.SigningCertificate), (_SIGNING_CERTIFICATE_V2, tsp.SigningCertificateV2)):
        attribute = _single(found, oid, kind)
        if attribute is None:
            continue
        entry = attribute["certs"][0]
        issuer_serial = entry["issuer_serial"]
        issuer, serial_number = None, None
        if not isinstance(issuer_serial, core.Void):
            serial_number = issuer_serial["serial_number"].native
            names = [name.chosen.chosen.dump() for name in issuer_serial["issuer"] if name.name == "directory_name"]
            if not names:
                raise ValueError("a reference to the signing certificate names no issuer")
            issuer = names[0]
        hash_name = "sha1" if oid == _SIGNING_CERTIFICATE else entry["hash_algorithm"]["algorithm"].native
        references.append(CertificateReference(hash_name, entry["cert_hash"].native, issuer, serial_number))
    return references


# -- certificates and revocation data -------------------------------------------------------------------------------


class _Certificates(core.SequenceOf):  # type: ignore[misc]  # the same
    _child_spec = asn1_x509.Certificate


class _Lists(core.SequenceOf):  # type: ignore[misc]  # the same
    _child_spec = crl.CertificateList


class _BasicResponses(core.SequenceOf):  # type: ignore[misc]  # the same
    _child_spec = ocsp.BasicOCSPResponse


class _Responses(core.SequenceOf):  # type: ignore[misc]  # the same
    _child_spec = ocsp.OCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc]  # the same
    """EN 319 122-1, A.2.2 (RFC 5126, 6.3.4)."""

    _fields = [  # noqa: RUF012 - the form asn1crypto wants
        ("crls", _Lists, {"explicit": 0, "optional": True}),
        ("responses", _BasicResponses, {"explicit": 1, "optional": True}),
        ("other", core.Any, {"explicit": 2, "optional": True}),
    ]


class _AdobeRevocation(core.Sequence):  # type: ignore[misc]  # the same
    """ISO 32000-2, 12.8.3.3.2: ``RevocationInfoArchival``."""

    _fields = [  # noqa: RUF012 - the form asn1crypto wants
        ("crls", _Lists, {"explicit": 0, "optional": True}),
        ("responses", _Responses, {"explicit": 1, "optional": True}),
        ("other", core.Any, {"explicit": 2, "optional": True}),
    ]


def _supplied(signed_data: cms.SignedData) -> ValidationData:
    responses, lists = [], []
    choices = list(signed_data["certificates"] or ())[:_MOST_VALUES]
    certificates = [choice.chosen.dump() for choice in choices if choice.name == "certificate"]
    for choice in list(signed_data["crls"] or ())[:_MOST_VALUES]:
        if choice.name == "crl":
            lists.append(choice.chosen.dump())
        elif choice.chosen["other_rev_info_format"].dotted == _OCSP_IN_SIGNED_DATA:
            responses.append(choice.chosen["other_rev_info"].dump())  # RFC 5940
    return ValidationData(_small(certificates), tuple(responses), tuple(lists))


def _archived(unsigned: Mapping[str, tuple[bytes, ...]]) -> ValidationData:
    """The unsigned attributes certificate-values and revocation-values."""
    data = ValidationData()
    for value in unsigned.get(_CERTIFICATE_VALUES, ()):
        data |= ValidationData(_small(_each(_Certificates.load(value))))
    for value in unsigned.get(_REVOCATION_VALUES, ()):
        values = _RevocationValues.load(value)
        basic = [_successful(response) for response in _each(values["responses"])]
        data |= ValidationData((), tuple(basic), _each(values["crls"]))
    return data


def _adobe_revocation(found: Mapping[str, tuple[bytes, ...]]) -> ValidationData:
    archival = _single(found, _ADOBE_REVOCATION, _AdobeRevocation)
    if archival is None:
        return ValidationData()
    return ValidationData((), _each(archival["responses"]), _each(archival["crls"]))


def _each(values: core.SequenceOf | core.Void) -> tuple[bytes, ...]:
    return () if isinstance(values, core.Void) else tuple(value.dump() for value in list(values)[:_MOST_VALUES])


def _small(certificates: list[bytes] | tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(der for der in certificates if len(der) <= LARGEST)


def _successful(basic: bytes) -> bytes:
    """The ``OCSPResponse`` around a ``BasicOCSPResponse``, as a responder would have sent it."""
    response: bytes = ocsp.OCSPResponse(
        {
            "response_status": "successful",
            "response_bytes": {"response_type": _BASIC_OCSP_RESPONSE, "response": core.ParsableOctetString(basic)},
        }
    ).dump()
    return response
