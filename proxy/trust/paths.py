"""Certification paths: search for one to an anchor, bounded, and its validation by RFC 5280, clause 6.

The search is :mod:`proxy.trust.path_search`'s. Validation proper (names, constraints, policies, algorithms) is
pyhanko-certvalidator's. Revocation is not looked at here.

:meth:`PathFinder.find` answers for a moment; :meth:`PathFinder.prospective` gives the paths there are, whenever they were
valid, for a validation that has to look into the past.

Everything here computes; in the event loop call it by ``asyncio.to_thread``.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms, AlgorithmUsagePolicy, DisallowWeakAlgorithmsPolicy
from pyhanko_certvalidator.validate import async_validate_path

from proxy.trust.anchors import TrustAnchors
from proxy.trust.certificates import public_key_info, read_certificate, subject
from proxy.trust.failures import PathExpired, PathFailure, PathNotYetValid, PathUntrusted
from proxy.trust.path_search import MOST_OTHERS, BySubject, by_subject, candidates, possible_issuers

_MOST_PATHS = 4
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

    Args:
        anchors: Where paths end.
        any_algorithm: Whether signatures on a path may be by algorithms that are weak today: for who judges them himself.
    """

    def __init__(self, anchors: TrustAnchors, *, any_algorithm: bool = False) -> None:
        self.anchors = anchors
        self._algorithms = AcceptAllAlgorithms() if any_algorithm else DisallowWeakAlgorithmsPolicy()
        self._lock = threading.Lock()
        self._paths: OrderedDict[bytes, CertificationPath] = OrderedDict()
        self._prospective: OrderedDict[bytes, tuple[CertificationPath, ...]] = OrderedDict()
        self._issuers: OrderedDict[bytes, None] = OrderedDict()

    @cached_property
    def _anchors(self) -> BySubject:
        return by_subject(self.anchors.certificates)

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
        path = self._search(certificate, tuple(dict.fromkeys((*others[:MOST_OTHERS], *learnt))), at)
        with self._lock:
            _remember(self._paths, key, path)
            for issuer in path.certificates[1:-1]:
                _remember(self._issuers, issuer, None)
        return path

    def prospective(self, certificate: bytes, others: Sequence[bytes]) -> tuple[CertificationPath, ...]:
        """The paths of ``certificate`` that were valid at some time, each at the last moment that all of it was.

        Args:
            certificate: DER.
            others: DER of certificates that may be on the path, in any order; what is no certificate is passed over.

        Returns:
            Those that end last come first; none where there is none.
        """
        issuers = possible_issuers(certificate, others)
        key = sha256(b"".join(sha256(der).digest() for der in (certificate, *issuers))).digest()
        with self._lock:
            known = self._prospective.get(key)
        if known is None:
            known = self._prospect(certificate, issuers)
            with self._lock:
                _remember(self._prospective, key, known)
        return known

    def _prospect(self, certificate: bytes, issuers: tuple[bytes, ...]) -> tuple[CertificationPath, ...]:
        try:
            ends = read_certificate(certificate).not_valid_after_utc
        except ValueError:
            return ()
        found = []
        for candidate in candidates(certificate, issuers, self._anchors, ends):
            path = _path(candidate)
            if path.not_before > path.not_after:
                continue
            try:
                _validate(candidate, path.not_after, self._algorithms)
            except PathFailure:
                continue
            found.append(path)
            if len(found) == _MOST_PATHS:
                break
        return tuple(sorted(found, key=lambda path: path.not_after, reverse=True))

    def _search(self, certificate: bytes, others: tuple[bytes, ...], at: datetime) -> CertificationPath:
        failure: PathFailure | None = None
        for candidate in candidates(certificate, others, self._anchors, at):
            try:
                _validate(candidate, at, self._algorithms)
            except PathFailure as error:
                failure = failure or error
            else:
                return _path(candidate)
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


def _path(candidate: tuple[bytes, ...]) -> CertificationPath:
    own = [read_certificate(der) for der in candidate[:-1] or candidate]
    return CertificationPath(
        candidate,
        max(entry.not_valid_before_utc for entry in own),
        min(entry.not_valid_after_utc for entry in own),
    )


def _validate(candidate: tuple[bytes, ...], at: datetime, algorithms: AlgorithmUsagePolicy) -> None:
    """RFC 5280, 6.1, over one path."""
    if len(candidate) == 1:
        return
    try:
        leaf, *intermediates, anchor = (asn1_x509.Certificate.load(der) for der in candidate)
        path = ValidationPath(CertTrustAnchor(anchor), list(reversed(intermediates)), leaf)
        context = ValidationContext(
            trust_roots=[anchor],
            moment=at,
            allow_fetching=False,
            time_tolerance=timedelta(0),
            other_certs=intermediates,
            algorithm_usage_policy=algorithms,
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
