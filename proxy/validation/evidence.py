"""Certificates and revocation data of one validation: each read once a process, indexed by what it is about.

An answer is kept when it is authentic. Whether it is current, whether its signer's certificate has run out since, and whether
its algorithms still count is for the building blocks to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp as x509_ocsp

from proxy.model import EvidenceOrigin, RevocationInfo, RevocationState, SuppliedEvidence, ValidationData
from proxy.trust.certificates import read_certificate
from proxy.trust.crl import VerifiedCRL, read_crl
from proxy.trust.failures import EvidenceRejected
from proxy.trust.ocsp import LAST_MOMENT, SKEW, current_until, read_response
from proxy.trust.signatures import SignatureMethod, SignatureScheme
from proxy.validation.read_once import ReadOnce

_MOST_ANSWERS = 16
"""OCSP responses, and CRLs, that are looked at for one certificate."""

_WITHOUT_COMPROMISE = frozenset({"affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn"})
"""Reasons for which an invalidity date says nothing about the key (RFC 5280, 5.3.2)."""

_SMALL = 128
"""What one index entry is reckoned as, in bytes."""

_responses: ReadOnce[tuple[bytes, bytes, bytes], "Answer"] = ReadOnce(8 << 20, (EvidenceRejected,))
_serial_numbers: ReadOnce[bytes, frozenset[int]] = ReadOnce(1 << 20, ())
_lists: ReadOnce[tuple[bytes, bytes], VerifiedCRL] = ReadOnce(16 << 20, (EvidenceRejected,))
_list_issuers: ReadOnce[bytes, bytes | None] = ReadOnce(1 << 20, ())


@dataclass(frozen=True, slots=True)
class Answer:
    """An authentic answer about one certificate.

    Attributes:
        info: What it says.
        key: SHA-256 of the response or list.
        signer: DER of the certificate whose key signed it.
        hash_name: Of its signature; ``None`` for EdDSA.
        keeps_expired_since: Since when its issuer keeps the status of certificates that have expired, if it does.
    """

    info: RevocationInfo
    key: bytes
    signer: bytes
    hash_name: str | None
    keeps_expired_since: datetime | None

    @property
    def revoked_since(self) -> datetime | None:
        """From when the certificate counts as revoked: the invalidity date, where the key itself came into doubt earlier."""
        info = self.info
        if info.state is RevocationState.GOOD or info.revoked_at is None:
            return None
        if info.invalid_since is not None and info.reason not in _WITHOUT_COMPROMISE:
            return min(info.invalid_since, info.revoked_at)
        return info.revoked_at

    @property
    def on_hold(self) -> bool:
        """Whether the revocation may be taken back (RFC 5280, 5.3.1: certificateHold)."""
        return self.info.reason == "certificateHold"

    @property
    def fresh_until(self) -> datetime:
        """Until when it is fresh (5.2.5): its own interval long, a day where it names none."""
        return min(current_until(self.info), LAST_MOMENT - SKEW) + SKEW

    def is_conclusive(self, certificate: x509.Certificate) -> bool:
        """Whether an answer of that time can say that the certificate was good: it existed, and was not forgotten yet."""
        if self.info.this_update < certificate.not_valid_before_utc - SKEW:
            return False
        ends = certificate.not_valid_after_utc
        return self.info.this_update <= ends or (self.keeps_expired_since is not None and self.keeps_expired_since <= ends)


class EvidenceBook:
    """What there is to validate with.

    Args:
        supplied: From outside the signatures.
        inside: From inside them.
    """

    def __init__(self, supplied: Iterable[SuppliedEvidence], inside: Iterable[ValidationData]) -> None:
        document, elsewhere = ValidationData(), ValidationData()
        for evidence in supplied:
            if evidence.origin is EvidenceOrigin.DOCUMENT:
                document |= evidence.data
            else:
                elsewhere |= evidence.data
        for data in inside:
            document |= data
        self._in_document = frozenset(sha256(der).digest() for part in document.parts for der in part)
        # What was fetched comes first: however much a document brings, it crowds nothing out.
        whole = elsewhere | document
        self.certificates = whole.certificates
        self._responses = _by_serial_number(whole.ocsp_responses)
        self._lists = _by_issuer(whole.crls)
        self._answers: dict[tuple[bytes, bytes], tuple[Answer, ...]] = {}

    def in_document(self, key: bytes) -> bool:
        """Whether the document brought the certificate, response or list with this SHA-256."""
        return key in self._in_document

    def answers(self, certificate: bytes, issuer: bytes) -> tuple[Answer, ...]:
        """The authentic answers about a certificate (DER) by its issuer (DER), the latest first."""
        pair = (certificate, issuer)
        if pair not in self._answers:
            found = [*self._by_ocsp(certificate, issuer), *self._by_crl(certificate, issuer)]
            self._answers[pair] = tuple(sorted(found, key=lambda answer: answer.info.this_update, reverse=True))
        return self._answers[pair]

    def _by_ocsp(self, certificate: bytes, issuer: bytes) -> Iterable[Answer]:
        subject, authority = sha256(certificate).digest(), sha256(issuer).digest()
        serial_number = read_certificate(certificate).serial_number
        for key, der in self._responses.get(serial_number, ())[:_MOST_ANSWERS]:
            read = partial(_read_answer, key, der, certificate, issuer)
            try:
                yield _responses.get((key, subject, authority), len(der), read)
            except EvidenceRejected:
                continue

    def _by_crl(self, certificate: bytes, issuer: bytes) -> Iterable[Answer]:
        authority = sha256(issuer).digest()
        name = read_certificate(issuer).subject.public_bytes()
        for key, der in self._lists.get(name, ())[:_MOST_ANSWERS]:
            try:
                found = _lists.get((key, authority), len(der), partial(read_crl, der, issuer, any_algorithm=True))
                info = found.lookup(certificate)
            except EvidenceRejected:
                continue
            yield Answer(info, key, issuer, _hash_name(found.method), found.keeps_expired_since)


def _read_answer(key: bytes, der: bytes, certificate: bytes, issuer: bytes) -> Answer:
    answer = read_response(der, certificate, issuer)
    return Answer(answer.info, key, answer.responder, _hash_name(answer.method), answer.archive_cutoff)


def _hash_name(method: SignatureMethod) -> str | None:
    return None if method.scheme is SignatureScheme.EDDSA else method.hash_name


def _by_serial_number(responses: Iterable[bytes]) -> dict[int, list[tuple[bytes, bytes]]]:
    """Digest and DER of OCSP responses by the serial numbers that they are about."""
    found: dict[int, list[tuple[bytes, bytes]]] = {}
    for der in responses:
        key = sha256(der).digest()
        for number in _serial_numbers.get(key, _SMALL, partial(_read_serial_numbers, der)):
            found.setdefault(number, []).append((key, der))
    return found


def _read_serial_numbers(der: bytes) -> frozenset[int]:
    try:
        return frozenset(single.serial_number for single in x509_ocsp.load_der_ocsp_response(der).responses)
    except (ValueError, UnsupportedAlgorithm):
        return frozenset()  # no response, or one that says nothing


def _by_issuer(lists: Iterable[bytes]) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Digest and DER of CRLs by the DER of their issuer's name."""
    found: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for der in lists:
        key = sha256(der).digest()
        name = _list_issuers.get(key, _SMALL, partial(_read_issuer, der))
        if name is not None:
            found.setdefault(name, []).append((key, der))
    return found


def _read_issuer(der: bytes) -> bytes | None:
    try:
        return x509.load_der_x509_crl(der).issuer.public_bytes()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
