"""Format checking (EN 319 102-1, 5.2.2) of CMS and of the older formats of PDF: signed objects become subjects.

A CMS must be a SignedData of one signer, its signed attributes must be there once and about this content (RFC 5652, 5.3, 5.4
and 11), and a PDF's content lies outside it (ISO 32000-2, 12.8.3.3), but for ``adbe.pkcs7.sha1``, which holds its SHA-1.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from asn1crypto import core

from proxy.model import Reason, SignatureFormat, SignedObject, SignedObjectKind
from proxy.trust.cms import UNREADABLE, MalformedCMS, SignedAttributes, SignedMessage, read_signed_data
from proxy.trust.signatures import SignatureMethod, SignatureScheme, UnknownMethod, method_of
from proxy.trust.tokens import TST_INFO, ParsedToken, parse_token
from proxy.validation.reasons import Code, reason
from proxy.validation.subject import Comparison, Stamp, Subject

_DATA = "1.2.840.113549.1.7.1"
_MOST_TIMESTAMPS = 16
_LARGEST_CONTENTS = 8_000_000
_SHA1_SIZE = 20


class _Malformed(Exception):
    def __init__(self, code: Code, **fields: str) -> None:
        super().__init__(code)
        self.reason = reason(code, **fields)


def read_subject(signed: SignedObject) -> Subject:
    """The subject that a signed object is; one that cannot be read says why."""
    try:
        if len(signed.contents) > _LARGEST_CONTENTS:
            raise _Malformed(Code.TOO_LARGE)
        if signed.format is SignatureFormat.X509_RSA_SHA1:
            return _raw_rsa(signed)
        if signed.kind.is_timestamp:
            return _timestamp(signed.identifier, signed.kind, signed.contents, signed.digests.get, signed)
        return _signature(signed)
    except _Malformed as error:
        return _unreadable(signed.identifier, signed.kind, error.reason, signed)


def _unreadable(identifier: str, kind: SignedObjectKind, why: Reason, signed: SignedObject | None) -> Subject:
    claimed = None if signed is None else signed.claimed_time
    findings = () if signed is None else signed.findings
    return Subject(identifier, kind, findings, malformed=why, claimed_time=claimed)


# -- signatures -----------------------------------------------------------------------------------------------------


def _signature(signed: SignedObject) -> Subject:
    try:
        message = read_signed_data(signed.contents)
    except MalformedCMS as error:
        raise _Malformed(Code.MALFORMED_CMS, detail=str(error)) from error
    attributes = message.signed
    baseline = signed.format is SignatureFormat.CADES_DETACHED
    if baseline and attributes is None:
        raise _Malformed(Code.NO_SIGNED_ATTRIBUTES)
    comparisons, covered = _compared(signed, message, attributes)
    if attributes is not None:
        _check_attributes(message, attributes)
    signing_time = None if attributes is None else attributes.signing_time
    return Subject(
        identifier=signed.identifier,
        kind=signed.kind,
        findings=signed.findings,
        certificates=(*message.data.certificates, *signed.certificates),
        identifier_of_signer=message.identifier,
        references=() if attributes is None else attributes.references,
        method=_method(message),
        value=message.signature,
        signed=_octets(attributes),
        covered=covered,
        comparisons=comparisons,
        algorithms_protected=_protected(message),
        has_signature_policy=attributes is not None and attributes.has_policy,
        is_baseline=baseline and attributes is not None and bool(attributes.references),
        claimed_time=_aware(signed.claimed_time or signing_time),
        data=message.data,
        timestamps=_inner_timestamps(signed, message),
        digest=sha256(signed.contents).digest(),
    )


def _compared(
    signed: SignedObject, message: SignedMessage, attributes: SignedAttributes | None
) -> tuple[tuple[Comparison, ...], Comparison | None]:
    """What has to be compared of digests inside what is signed, and what the value is over where that is a digest alone."""
    name = message.digest_algorithm
    comparisons: list[Comparison] = []
    actual = signed.digests.get(name)
    if signed.format is SignatureFormat.PKCS7_SHA1:
        if message.content is None or len(message.content) != _SHA1_SIZE:
            raise _Malformed(Code.CONTENT_NOT_DETACHED)
        comparisons.append(Comparison("sha1", message.content, signed.digests.get("sha1")))
        actual = _hashed(name, message.content)
    elif message.content:
        raise _Malformed(Code.CONTENT_NOT_DETACHED)
    if attributes is None:
        return tuple(comparisons), Comparison(name, b"", actual)
    if attributes.message_digest is None:
        raise _Malformed(Code.NO_MESSAGE_DIGEST)
    return (*comparisons, Comparison(name, attributes.message_digest, actual)), None


def _check_attributes(message: SignedMessage, attributes: SignedAttributes) -> None:
    """RFC 5652, 11.1: the content type is signed too, and it is the content's."""
    if attributes.content_type != message.content_type:
        raise _Malformed(Code.CONTENT_TYPE_MISMATCH)


def _octets(attributes: SignedAttributes | None) -> tuple[bytes, ...]:
    if attributes is None:
        return ()
    return (attributes.der,) if attributes.canonical is None else (attributes.der, attributes.canonical)


def _method(message: SignedMessage) -> SignatureMethod | None:
    try:
        return method_of(message.signature_algorithm, message.digest_algorithm)
    except UnknownMethod:
        return None


def _protected(message: SignedMessage) -> bool | None:
    """RFC 6211, clause 3: both algorithms as they stand in the SignerInfo."""
    if message.signed is None or message.signed.algorithms is None:
        return None
    digest, signature = message.signed.algorithms
    try:
        same_digest = digest["algorithm"].dotted == message.digest_identifier["algorithm"].dotted
        return same_digest and signature is not None and bool(signature.native == message.signature_algorithm.native)
    except UNREADABLE:
        return False


def _inner_timestamps(signed: SignedObject, message: SignedMessage) -> tuple[Subject, ...]:
    attributes = message.signed
    content = () if attributes is None else attributes.content_timestamps
    tokens = [(SignedObjectKind.CONTENT_TIMESTAMP, token) for token in content]
    tokens += [(SignedObjectKind.SIGNATURE_TIMESTAMP, token) for token in message.signature_timestamps]
    found = []
    for number, (kind, token) in enumerate(tokens[:_MOST_TIMESTAMPS], start=1):
        identifier = f"{signed.identifier}#{number}"
        of_value = kind is SignedObjectKind.SIGNATURE_TIMESTAMP
        digest_of = partial(_hashed, data=message.signature) if of_value else signed.digests.get
        try:
            found.append(_timestamp(identifier, kind, token, digest_of, None))
        except _Malformed as error:
            found.append(_unreadable(identifier, kind, error.reason, None))
    return tuple(found)


# -- timestamps -----------------------------------------------------------------------------------------------------


def _hashed(name: str, data: bytes) -> bytes | None:
    try:
        return hashlib.new(name, data, usedforsecurity=False).digest()
    except (ValueError, TypeError):
        return None  # a hash algorithm that nothing here knows, or one without a fixed length


def _timestamp(
    identifier: str,
    kind: SignedObjectKind,
    token: bytes,
    digest_of: Callable[[str], bytes | None],
    signed: SignedObject | None,
) -> Subject:
    try:
        parsed = parse_token(token)
    except MalformedCMS as error:
        raise _Malformed(Code.MALFORMED_TIMESTAMP, detail=str(error)) from error
    message = parsed.message
    attributes = message.signed
    _check_token(parsed, attributes)
    assert attributes is not None
    assert attributes.message_digest is not None
    name = message.digest_algorithm
    over_content = Comparison(name, attributes.message_digest, _hashed(name, parsed.tst_info))
    imprint = Comparison(parsed.imprint_algorithm, parsed.imprint, digest_of(parsed.imprint_algorithm))
    return Subject(
        identifier=identifier,
        kind=kind,
        findings=() if signed is None else signed.findings,
        certificates=(*message.data.certificates, *(() if signed is None else signed.certificates)),
        identifier_of_signer=message.identifier,
        references=attributes.references,
        method=_method(message),
        value=message.signature,
        signed=_octets(attributes),
        comparisons=(over_content, imprint),
        algorithms_protected=_protected(message),
        claimed_time=None if signed is None else _aware(signed.claimed_time),
        data=message.data,
        stamp=Stamp(parsed.gen_time, parsed.policy_oid),
        digest=sha256(token).digest(),
    )


def _check_token(parsed: ParsedToken, attributes: SignedAttributes | None) -> None:
    if attributes is None:
        raise _Malformed(Code.NO_SIGNED_ATTRIBUTES)
    if attributes.message_digest is None:
        raise _Malformed(Code.NO_MESSAGE_DIGEST)
    if attributes.content_type != TST_INFO:
        raise _Malformed(Code.CONTENT_TYPE_MISMATCH)
    if parsed.version != "v1":
        raise _Malformed(Code.MALFORMED_TIMESTAMP, detail="the TSTInfo is not of version 1")
    if parsed.critical_extensions:
        raise _Malformed(
            Code.MALFORMED_TIMESTAMP, detail=f"unknown critical extensions {', '.join(parsed.critical_extensions)}"
        )


# -- the oldest format ----------------------------------------------------------------------------------------------


def _raw_rsa(signed: SignedObject) -> Subject:
    """``adbe.x509.rsa_sha1`` (ISO 32000-2, 12.8.3.2): an OCTET STRING with a PKCS #1 value, certificates in ``/Cert``."""
    try:
        value = core.OctetString.load(signed.contents).native
    except UNREADABLE as error:
        raise _Malformed(Code.MALFORMED_CMS, detail="the contents are no OCTET STRING") from error
    return Subject(
        identifier=signed.identifier,
        kind=signed.kind,
        findings=signed.findings,
        certificates=signed.certificates,
        method=SignatureMethod(SignatureScheme.RSASSA_PKCS1_V1_5, "sha1"),
        value=value,
        covered=Comparison("sha1", b"", signed.digests.get("sha1")),
        claimed_time=_aware(signed.claimed_time),
        digest=sha256(signed.contents).digest(),
    )


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
