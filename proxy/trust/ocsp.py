"""OCSP (RFC 6960, and RFC 5019 for the request's shape): one request, and what makes a response believable.

A response is believed when it is about this certificate, signed by the certificate's own issuer or by a responder that this
issuer certified for it (RFC 6960, 4.2.2.2), and current. A delegated responder's own revocation is not asked for, whether its
certificate has ``id-pkix-ocsp-nocheck`` or not: its certificate's short life is the protection (4.2.2.2.1 leaves it to policy).

:func:`check_response` wants a response for now. A validation of what was signed long ago reads it (:func:`read_response`) and
judges algorithms and times itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.model import RevocationInfo, RevocationState
from proxy.trust import signatures
from proxy.trust.certificates import issued_by, key_usage, read_certificate
from proxy.trust.cms import UNREADABLE
from proxy.trust.failures import EvidenceRejected, NothingToSay
from proxy.trust.signatures import SignatureMethod, issued_by_any, method_of, verify_value

SKEW = timedelta(seconds=60)
"""How far another's clock may be off."""

LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
"""There are certificates and answers without a last moment of their own, which end with the year 9999 (RFC 5280, 4.1.2.5)."""

OLDEST_WITHOUT_NEXT_UPDATE = timedelta(days=1)
"""Age up to which a response that names no nextUpdate is current."""

_FAILING = frozenset({ocsp.OCSPResponseStatus.INTERNAL_ERROR, ocsp.OCSPResponseStatus.TRY_LATER})
"""Statuses of a responder that does not work (RFC 6960, 2.3); the others are about the question."""


def build_request(certificate: bytes, issuer: bytes) -> bytes:
    """DER of an ``OCSPRequest`` for one certificate, without nonce, so that a responder may answer from its cache.

    The CertID is by SHA-1, the one algorithm every responder knows (RFC 5019, 2.1.1); it identifies, it secures nothing.
    """
    request = ocsp.OCSPRequestBuilder().add_certificate(
        read_certificate(certificate),
        read_certificate(issuer),
        hashes.SHA1(),  # noqa: S303 - names a certificate, see above
    )
    return request.build().public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class OCSPAnswer:
    """An authentic answer about one certificate, of whatever time.

    Attributes:
        info: What it says.
        responder: DER of the certificate whose key signed: the issuer's, or a delegated responder's.
        method: How.
        archive_cutoff: Since when the responder keeps the status of expired certificates (RFC 6960, 4.4.4), if it does.
    """

    info: RevocationInfo
    responder: bytes
    method: SignatureMethod
    archive_cutoff: datetime | None


def check_response(response: bytes, certificate: bytes, issuer: bytes, at: datetime) -> RevocationInfo:
    """What a response says of ``certificate`` at the moment ``at``.

    Args:
        response: DER of the ``OCSPResponse``.
        certificate: DER of the certificate it should be about.
        issuer: DER of its issuer, trusted already.
        at: The moment at which it must be current.

    Raises:
        EvidenceRejected: It is no successful response, about another certificate, not authentic by algorithms of today, not
            current, or says unknown.
    """
    answer = read_response(response, certificate, issuer)
    check_current(answer, issuer, at)
    return answer.info


def check_current(answer: OCSPAnswer, issuer: bytes, at: datetime) -> None:
    """Whether an authentic answer can be relied on at the moment ``at``.

    Args:
        answer: By :func:`read_response`.
        issuer: DER of the certificate's issuer.
        at: The moment.

    Raises:
        EvidenceRejected: It is not current, or its algorithm or its responder is not accepted any more.
    """
    if answer.method.hash_name not in signatures.ACCEPTED:
        raise EvidenceRejected("the OCSP response is not authentic: its algorithm is not accepted")
    if answer.responder != issuer and not _is_relied_on(read_certificate(answer.responder), read_certificate(issuer), at):
        raise EvidenceRejected("the OCSP response is signed by nobody whom the issuer authorised")
    _check_times(answer.info, at)


def read_response(response: bytes, certificate: bytes, issuer: bytes) -> OCSPAnswer:
    """What an authentic response says of ``certificate``, whenever it was made.

    Args:
        response: DER of the ``OCSPResponse``.
        certificate: DER of the certificate it should be about.
        issuer: DER of its issuer.

    Raises:
        EvidenceRejected: It is no successful response, about another certificate, not authentic, or says unknown; as
            ``NothingToSay`` where the responder works.
    """
    try:
        parsed = ocsp.load_der_ocsp_response(response)
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            failing = parsed.response_status in _FAILING
            raise (EvidenceRejected if failing else NothingToSay)(f"the OCSP responder answered {parsed.response_status.name}")
        unknown = [extension.oid.dotted_string for extension in parsed.extensions if extension.critical]
        singles = list(parsed.responses)
        basic = asn1_ocsp.OCSPResponse.load(response)["response_bytes"]["response"].parsed
        cutoffs = [_archive_cutoff(single) for single in basic["tbs_response_data"]["responses"]]
        method = method_of(basic["signature_algorithm"])
    except (*UNREADABLE, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise EvidenceRejected(f"the OCSP response cannot be read: {error}") from error
    if unknown:
        raise EvidenceRejected(f"the OCSP response has critical extensions: {', '.join(unknown)}")
    number = _matching(singles, certificate, issuer)
    try:
        responder = _responder(parsed, read_certificate(issuer), singles[number].this_update_utc)
        verify_value(responder, method, parsed.signature, parsed.tbs_response_bytes)
        info = _info(singles[number], response)
    except ValueError as error:
        raise EvidenceRejected(f"the OCSP response is not authentic: {error}") from error
    return OCSPAnswer(info, responder.public_bytes(Encoding.DER), method, cutoffs[number])


def _archive_cutoff(single: asn1_ocsp.SingleResponse) -> datetime | None:
    """Also the one place where a single response's extensions are looked at: an unknown critical one spoils the whole."""
    found = None
    for extension in single["single_extensions"] or ():
        if extension["extn_id"].native == "archive_cutoff":
            try:
                found = extension["extn_value"].parsed.native.astimezone(UTC)
            except UNREADABLE:
                found = None  # responders reckon it from certificates' ends, and arrive before the year 0
        elif extension["critical"].native:
            raise ValueError("a critical extension of a single response")
    return found


def _matching(singles: list[ocsp.OCSPSingleResponse], certificate: bytes, issuer: bytes) -> int:
    """Which one's CertID (RFC 6960, 4.1.1) is the certificate's, by the response's own hash algorithm."""
    subject, authority = read_certificate(certificate), read_certificate(issuer)
    for number, single in enumerate(singles):
        try:
            wanted = ocsp.OCSPRequestBuilder().add_certificate(subject, authority, single.hash_algorithm).build()
        except (ValueError, UnsupportedAlgorithm):
            continue  # a hash algorithm that no CertID of ours can have
        if (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) == (
            wanted.serial_number,
            wanted.issuer_name_hash,
            wanted.issuer_key_hash,
        ):
            return number
    raise EvidenceRejected("the OCSP response is about another certificate")


def _responder(parsed: ocsp.OCSPResponse, issuer: x509.Certificate, at: datetime) -> x509.Certificate:
    """The certificate whose key must have signed: the issuer's, or a delegated responder's."""
    if _is_named(parsed, issuer):
        return issuer
    for included in parsed.certificates:
        try:
            candidate = read_certificate(included.public_bytes(Encoding.DER))
        except ValueError:
            continue  # a certificate that cannot be read is no responder's
        if _is_named(parsed, candidate) and _is_delegated(candidate, issuer, at):
            return candidate
    raise EvidenceRejected("the OCSP response is signed by nobody whom the issuer authorised")


def _is_named(parsed: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if parsed.responder_name is not None:
        return parsed.responder_name == certificate.subject
    return parsed.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _is_delegated(candidate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """RFC 6960, 4.2.2.2: issued directly by the same CA, with the OCSP-signing key purpose, and valid."""
    try:
        purposes = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    usage = key_usage(candidate)
    return (
        ExtendedKeyUsageOID.OCSP_SIGNING in purposes
        and (usage is None or usage.digital_signature or usage.content_commitment)
        and _is_valid(candidate, at)
        and issued_by_any(candidate, issuer)
    )


def _is_valid(candidate: x509.Certificate, at: datetime) -> bool:
    return candidate.not_valid_before_utc - SKEW <= at and at - SKEW <= candidate.not_valid_after_utc


def _is_relied_on(responder: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """Whether a delegated responder's certificate is valid, and signed by an algorithm of today."""
    return _is_valid(responder, at) and issued_by(responder, issuer)


def _info(single: ocsp.OCSPSingleResponse, response: bytes) -> RevocationInfo:
    status = single.certificate_status
    if status is ocsp.OCSPCertStatus.UNKNOWN:
        raise NothingToSay("the OCSP responder does not know the certificate")
    return RevocationInfo(
        state=RevocationState.GOOD if status is ocsp.OCSPCertStatus.GOOD else RevocationState.REVOKED,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
        ocsp_response=response,
        revoked_at=single.revocation_time_utc,
        reason=None if single.revocation_reason is None else single.revocation_reason.value,
    )


def current_until(info: RevocationInfo) -> datetime:
    """Until when an answer, of a responder or by a list, stands for the present."""
    return info.next_update or info.this_update + OLDEST_WITHOUT_NEXT_UPDATE


def _check_times(info: RevocationInfo, at: datetime) -> None:
    """RFC 6960, 4.2.2.1."""
    if info.this_update > at + SKEW:
        raise EvidenceRejected("the OCSP response is from the future")
    if at - SKEW > current_until(info):
        raise EvidenceRejected(f"the OCSP response was good until {current_until(info).isoformat()} only")
