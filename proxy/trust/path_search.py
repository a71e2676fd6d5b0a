"""Search for chains of certificates that may be certification paths: bounded, because others supply the certificates.

It follows signatures, not names alone, and gives up after a fixed number of steps: time-stamping authorities, callers of the
revocation relay and documents supply certificates, and cross-certificates can make the number of paths explode.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from proxy.trust.certificates import is_ca, read_certificate
from proxy.trust.signatures import issued_by_any

MOST_OTHERS = 32
"""Certificates supplied that are considered for one path."""

_LONGEST_PATH = 8
_MOST_STEPS = 200

BySubject = Mapping[bytes, tuple[bytes, ...]]
"""DER of certificates by DER of their subject."""


def by_subject(certificates: Iterable[bytes]) -> BySubject:
    """Sort certificates by their subjects; what is no certificate is left out."""
    found: dict[bytes, tuple[bytes, ...]] = {}
    for der in dict.fromkeys(certificates):
        names = _names(der)
        if names is not None:
            found[names[0]] = (*found.get(names[0], ()), der)
    return found


def possible_issuers(certificate: bytes, others: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the others that by their names may be above the certificate, at whatever distance."""
    waiting, found = [certificate], {certificate: None}
    known = by_subject(others)
    while waiting and len(found) <= MOST_OTHERS:
        names = _names(waiting.pop())
        for der in known.get(names[1], ()) if names is not None else ():
            if der not in found:
                found[der] = None
                waiting.append(der)
    return tuple(found)[1 : MOST_OTHERS + 1]


def candidates(certificate: bytes, others: Iterable[bytes], anchors: BySubject, at: datetime) -> Iterator[tuple[bytes, ...]]:
    """Chains of signatures from ``certificate`` to an anchor, depth first, issuers valid at ``at`` before others."""
    names = _names(certificate)
    if names is None:
        return
    if certificate in anchors.get(names[0], ()):
        yield (certificate,)
        return
    issuers = _authorities(others, anchors, at)
    steps = 0
    stack: list[tuple[bytes, ...]] = [(certificate,)]
    while stack:
        chain = stack.pop()
        last = read_certificate(chain[-1])
        for anchor in anchors.get(last.issuer.public_bytes(), ()):
            if issued_by_any(last, read_certificate(anchor)):
                yield (*chain, anchor)
        if len(chain) >= _LONGEST_PATH - 1:
            continue
        for der in reversed(issuers):
            steps += 1
            if steps > _MOST_STEPS:
                return
            if der not in chain and issued_by_any(last, read_certificate(der)):
                stack.append((*chain, der))


def _authorities(others: Iterable[bytes], anchors: BySubject, at: datetime) -> list[bytes]:
    """CA certificates that are no anchors; a broken one cannot be on a path and need not spoil one."""
    found = []
    for der in others:
        names = _names(der)
        if names is not None and is_ca(read_certificate(der)) and der not in anchors.get(names[0], ()):
            found.append(der)
    return sorted(found, key=lambda der: not _is_valid(der, at))


def _is_valid(der: bytes, at: datetime) -> bool:
    certificate = read_certificate(der)
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


@lru_cache(maxsize=4096)
def _names(der: bytes) -> tuple[bytes, bytes] | None:
    """Subject and issuer; ``None`` for what is no certificate."""
    try:
        certificate = read_certificate(der)
        return certificate.subject.public_bytes(), certificate.issuer.public_bytes()
    except ValueError:
        return None
