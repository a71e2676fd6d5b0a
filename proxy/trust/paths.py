"""Certification paths: search for one to an anchor, bounded, and its validation by RFC 5280, clause 6.

The search follows signatures, not names alone, and gives up after a fixed number of steps, because others than the operator
supply certificates (time-stamping authorities, callers of the revocation relay) and cross-certificates can make the number of
paths explode. Validation proper (names, constraints, policies, algorithms) is pyhanko-certvalidator's. Revocation is not looked
at here.

Everything here computes; in the event loop call it by ``asyncio.to_thread``.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.validate import async_validate_path

from proxy.trust.anchors import TrustAnchors
from proxy.trust.certificates import is_ca, issued_by, public_key_info, read_certificate, subject
from proxy.trust.failures import PathExpired, PathFailure, PathNotYetValid, PathUntrusted

_LONGEST_PATH = 8
_MOST_OTHERS = 32
_MOST_STEPS = 200
_REMEMBERED = 256

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class CertificationPath:
    """A validated path.

    Attributes:
        certificates: DER, the certificate asked about first, the anchor last (the same one if it is an anchor itself).
        not_before: From when all but the anchor are valid.
        not_after: Until when they are.
    """

    certificates: tuple[bytes, ...]
    not_before: datetime
    not_after: datetime


class PathFinder:
    """Finds paths to its anchors; remembers those it found, and the issuers on them for later searches.

    Safe to use from several threads.
    """

    def __init__(self, anchors: TrustAnchors) -> None:
        self.anchors = anchors
        self._lock = threading.Lock()
        self._paths: OrderedDict[bytes, CertificationPath] = OrderedDict()
        self._issuers: OrderedDict[bytes, None] = OrderedDict()

    def find(self, certificate: bytes, others: Sequence[bytes], at: datetime) -> CertificationPath:
        """A valid path for ``certificate`` at the moment ``at``.

        Args:
            certificate: DER.
            others: DER of certificates that may be on the path, in any order; what is no certificate is passed over.
            at: The moment, timezone-aware.

        Raises:
            PathExpired, PathNotYetValid, PathUntrusted: As named.
        """
        leaf = _read(certificate)
        check_validity(leaf, at)
        key = sha256(certificate).digest()
        with self._lock:
            known = self._paths.get(key)
            learnt = tuple(self._issuers)
        if known is not None and known.not_before <= at <= known.not_after:
            return known
        path = self._search(certificate, tuple(dict.fromkeys((*others[:_MOST_OTHERS], *learnt))), at)
        with self._lock:
            _remember(self._paths, key, path)
            for issuer in path.certificates[1:-1]:
                _remember(self._issuers, issuer, None)
        return path

    def _search(self, certificate: bytes, others: tuple[bytes, ...], at: datetime) -> CertificationPath:
        failure: PathFailure | None = None
        for candidate in _candidates(certificate, others, self.anchors.certificates, at):
            try:
                _validate(candidate, at)
            except PathFailure as error:
                failure = failure or error
            else:
                own = [read_certificate(der) for der in candidate[:-1] or candidate]
                return CertificationPath(
                    candidate,
                    max(entry.not_valid_before_utc for entry in own),
                    min(entry.not_valid_after_utc for entry in own),
                )
        raise failure or PathUntrusted(f"{subject(read_certificate(certificate))} does not chain to a trust anchor")


def check_validity(certificate: x509.Certificate, at: datetime) -> None:
    """That ``at`` is within the certificate's validity, both ends included (RFC 5280, 4.1.2.5).

    Raises:
        PathExpired, PathNotYetValid: It is not.
    """
    if at > certificate.not_valid_after_utc:
        raise PathExpired(f"{subject(certificate)} expired at {certificate.not_valid_after_utc.isoformat()}")
    if at < certificate.not_valid_before_utc:
        raise PathNotYetValid(f"{subject(certificate)} is valid from {certificate.not_valid_before_utc.isoformat()} only")


def _read(der: bytes) -> x509.Certificate:
    try:
        return read_certificate(der)
    except ValueError as error:
        raise PathUntrusted(str(error)) from error


def _candidates(
    certificate: bytes, others: Iterable[bytes], anchors: tuple[bytes, ...], at: datetime
) -> Iterator[tuple[bytes, ...]]:
    """Chains of signatures from ``certificate`` to an anchor, depth first, issuers valid at ``at`` before others."""
    if certificate in anchors:
        yield (certificate,)
        return
    issuers = []
    for der in others:
        try:
            other = read_certificate(der)
        except ValueError:
            continue  # a broken certificate among those supplied cannot be on a path and need not spoil one
        if is_ca(other) and der not in anchors:
            issuers.append((not other.not_valid_before_utc <= at <= other.not_valid_after_utc, der))
    ordered = [der for _, der in sorted(issuers, key=lambda entry: entry[0])]
    steps = 0
    stack: list[tuple[bytes, ...]] = [(certificate,)]
    while stack:
        chain = stack.pop()
        last = read_certificate(chain[-1])
        for anchor in anchors:
            if issued_by(last, read_certificate(anchor)):
                yield (*chain, anchor)
        if len(chain) >= _LONGEST_PATH - 1:
            continue
        for der in reversed(ordered):
            steps += 1
            if steps > _MOST_STEPS:
                return
            if der not in chain and issued_by(last, read_certificate(der)):
                stack.append((*chain, der))


def _validate(candidate: tuple[bytes, ...], at: datetime) -> None:
    """RFC 5280, 6.1, over one path."""
    if len(candidate) == 1:
        return
    try:
        leaf, *intermediates, anchor = (asn1_x509.Certificate.load(der) for der in candidate)
        path = ValidationPath(CertTrustAnchor(anchor), list(reversed(intermediates)), leaf)
        context = ValidationContext(
            trust_roots=[anchor], moment=at, allow_fetching=False, time_tolerance=timedelta(0), other_certs=intermediates
        )
        asyncio.run(async_validate_path(context, path))
    except ExpiredError as error:
        raise PathExpired(str(error)) from error
    except NotYetValidError as error:
        raise PathNotYetValid(str(error)) from error
    except (PathError, ValidationError) as error:
        raise PathUntrusted(str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # asn1crypto parses lazily: an extension that cryptography passes over can still be malformed for it.
        raise PathUntrusted(f"a certificate on the path cannot be read: {error}") from error


def same_authority(one: bytes, other: bytes) -> bool:
    """Whether two certificates (DER) are of the same name and key, as cross-certificates are."""
    try:
        names_match = read_certificate(one).subject == read_certificate(other).subject
        return names_match and public_key_info(one) == public_key_info(other)
    except ValueError:
        return False


def _remember(memory: OrderedDict[bytes, _V], key: bytes, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
