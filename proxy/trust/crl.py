"""Certificate revocation lists (RFC 5280, clause 5 and 6.3): parsed and verified once, asked often.

Full lists by the certificate's own issuer are believed. Indirect lists, deltas and lists for some reasons only are not: none
can alone say that a certificate is good. Parsing a large list takes time: call this by ``asyncio.to_thread``.

A validation of what was signed long ago takes lists by any algorithm and judges that itself (``any_algorithm``).
"""

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core
from asn1crypto import crl as asn1_crl
from cryptography import x509

from proxy.model import RevocationInfo, RevocationState
from proxy.trust import signatures
from proxy.trust.certificates import is_ca, key_usage, read_certificate
from proxy.trust.cms import UNREADABLE
from proxy.trust.failures import EvidenceRejected
from proxy.trust.ocsp import SKEW
from proxy.trust.signatures import SignatureMethod

_EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")
_UNDERSTOOD = {x509.IssuingDistributionPoint.oid, x509.AuthorityKeyIdentifier.oid, x509.CRLNumber.oid}


@dataclass(frozen=True, slots=True)
class VerifiedCRL:
    """A list whose issuer's signature was verified.

    Attributes:
        der: DER of the ``CertificateList``.
        this_update: When it was issued.
        next_update: When the next one will be there at the latest.
        method: How it was signed.
        keeps_expired_since: Since when certificates that have expired stay on the list (``expiredCertsOnCRL``, X.509, 9.5.2.8),
            if they do.
    """

    der: bytes
    this_update: datetime
    next_update: datetime
    method: SignatureMethod
    keeps_expired_since: datetime | None
    _parsed: x509.CertificateRevocationList

    def check_current(self, at: datetime) -> None:
        """That the list is current at ``at``.

        Raises:
            EvidenceRejected: It is from the future or outdated.
        """
        if self.this_update > at + SKEW:
            raise EvidenceRejected("the CRL is from the future")
        if at - SKEW > self.next_update:
            raise EvidenceRejected(f"the CRL was good until {self.next_update.isoformat()} only")

    def lookup(self, certificate: bytes) -> RevocationInfo:
        """What the list says of a certificate (DER) of its issuer.

        Raises:
            EvidenceRejected: The certificate is outside of the list's scope, or its entry cannot be understood.
        """
        subject = read_certificate(certificate)
        self._check_scope(subject)
        try:
            entry = None
            if self._may_have(subject.serial_number):
                entry = self._parsed.get_revoked_certificate_by_serial_number(subject.serial_number)
            if entry is not None and any(extension.critical for extension in entry.extensions):
                raise EvidenceRejected("the CRL's entry has a critical extension")
            revoked_at = None if entry is None else entry.revocation_date_utc
            reason, invalid_since = (None, None) if entry is None else _circumstances(entry)
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            raise EvidenceRejected(f"the CRL's entry cannot be read: {error}") from error
        return RevocationInfo(
            state=RevocationState.GOOD if entry is None else RevocationState.REVOKED,
            this_update=self.this_update,
            next_update=self.next_update,
            crl=self.der,
            revoked_at=revoked_at,
            reason=reason,
            invalid_since=invalid_since,
        )

    def _may_have(self, serial_number: int) -> bool:
        """Whether the bytes of a serial number are in the list: an entry holds them as they are (X.690, 8.3 and 10).

        They are not there for nearly every certificate that is asked about, and to find that out takes a twentieth of a search
        through the entries, during which nothing else runs.
        """
        return core.Integer(serial_number).dump() in self.der

    def _check_scope(self, subject: x509.Certificate) -> None:
        """RFC 5280, 6.3.3 b: the issuing distribution point must cover the certificate."""
        scope = _issuing_distribution_point(self._parsed)
        if scope is None:
            return
        authority = is_ca(subject)
        if (scope.only_contains_user_certs and authority) or (scope.only_contains_ca_certs and not authority):
            raise EvidenceRejected("the CRL is for another kind of certificates")
        if scope.full_name is None and scope.relative_name is None:
            return
        if not set(scope.full_name or ()) & set(_distribution_point_names(subject)):
            raise EvidenceRejected("the CRL is for another distribution point")


def weight_of(revocation_list: VerifiedCRL) -> int:
    """Bytes that a list takes in memory: what is parsed of it points into its DER."""
    return len(revocation_list.der)


def _circumstances(entry: x509.RevokedCertificate) -> tuple[str | None, datetime | None]:
    """Reason code and invalidity date of an entry (RFC 5280, 5.3.1 and 5.3.2)."""
    reason, invalid_since = None, None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = str(extension.value.reason.value)
        elif isinstance(extension.value, x509.InvalidityDate):
            invalid_since = extension.value.invalidity_date_utc
    return reason, invalid_since


def read_crl(der: bytes, issuer: bytes, *, any_algorithm: bool = False) -> VerifiedCRL:
    """Parse a list and verify that ``issuer`` made it.

    Args:
        der: DER of the ``CertificateList``.
        issuer: DER of the issuer's certificate, trusted already.
        any_algorithm: Whether algorithms that are weak today are accepted too.

    Raises:
        EvidenceRejected: It is malformed, another's, of a kind not believed, or the signature does not verify.
    """
    authority = read_certificate(issuer)
    try:
        parsed = x509.load_der_x509_crl(der)
        critical = {extension.oid for extension in parsed.extensions if extension.critical}
        scope = _issuing_distribution_point(parsed)
        next_update = parsed.next_update_utc
        issuer_name = parsed.issuer
        keeps_expired_since = _keeps_expired_since(parsed)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise EvidenceRejected(f"the CRL cannot be read: {error}") from error
    if next_update is None:
        raise EvidenceRejected("the CRL names no nextUpdate")
    if critical - _UNDERSTOOD:
        raise EvidenceRejected("the CRL has a critical extension that is not understood, or is a delta")
    if scope is not None and (scope.indirect_crl or scope.only_some_reasons or scope.only_contains_attribute_certs):
        raise EvidenceRejected("the CRL is indirect, for some reasons only, or for attribute certificates")
    if issuer_name != authority.subject:
        raise EvidenceRejected("the CRL is another issuer's")
    usage = key_usage(authority)
    if usage is not None and not usage.crl_sign:
        raise EvidenceRejected("the issuer's key may not sign CRLs")
    method = _verified_method(der, issuer, any_algorithm=any_algorithm)
    return VerifiedCRL(der, parsed.last_update_utc, next_update, method, keeps_expired_since, parsed)


def _verified_method(der: bytes, issuer: bytes, *, any_algorithm: bool) -> SignatureMethod:
    """Over the bytes as they came: cryptography writes them anew to verify, which holds all threads for long at a large list.

    Raises:
        EvidenceRejected: It does not verify, or its algorithm is not accepted.
    """
    try:
        parts = asn1_crl.CertificateList.load(der)
        algorithm = parts["signature_algorithm"]
        to_be_signed = parts["tbs_cert_list"]
        if algorithm.dump() != to_be_signed["signature"].dump():
            raise ValueError("it is not the algorithm that is signed with the list")
        verify = signatures.verify_any if any_algorithm else signatures.verify
        return verify(issuer, algorithm, to_be_signed.dump(), parts["signature"].native)
    except UNREADABLE as error:
        raise EvidenceRejected(f"the CRL's signature is not accepted: {error}") from error


def _keeps_expired_since(parsed: x509.CertificateRevocationList) -> datetime | None:
    for extension in parsed.extensions:
        if extension.oid == _EXPIRED_CERTS_ON_CRL and isinstance(extension.value, x509.UnrecognizedExtension):
            since: datetime = core.GeneralizedTime.load(extension.value.value, strict=True).native
            return since
    return None


def _issuing_distribution_point(parsed: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    try:
        return parsed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def _distribution_point_names(subject: x509.Certificate) -> list[x509.GeneralName]:
    try:
        points = subject.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [name for point in points for name in point.full_name or ()]
