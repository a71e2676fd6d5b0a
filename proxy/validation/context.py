"""What all building blocks of one validation look at (EN 319 102-1, 5.2.4): policy, moment, evidence, proofs, anchors."""

import threading
from collections import OrderedDict
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from proxy.model import TrustAnchor, TrustStore, TrustUse, ValidationPolicy
from proxy.trust.anchors import TrustAnchors
from proxy.trust.certificates import read_certificate, subject
from proxy.trust.paths import CertificationPath, PathFinder
from proxy.validation.evidence import EvidenceBook
from proxy.validation.proofs import Proofs

_MOST_STORES = 8

_finders: OrderedDict[tuple[bytes, TrustUse], PathFinder] = OrderedDict()
_finders_lock = threading.Lock()


class Context:
    """The state of one validation.

    Attributes:
        policy: The deployment's.
        at: The validation time.
        book: Certificates and revocation data.
        proofs: Grows with every timestamp that is found good.
    """

    def __init__(self, policy: ValidationPolicy, at: datetime, book: EvidenceBook) -> None:
        self.policy = policy
        self.at = at
        self.book = book
        self.proofs = Proofs(at)

    def paths(self, certificate: bytes, use: TrustUse) -> tuple[CertificationPath, ...]:
        """The prospective chains of a certificate (DER), the one that ends last first."""
        return _finder(self.policy.trust, use).prospective(certificate, self.book.certificates)

    def is_anchor_trusted(self, anchor: bytes, use: TrustUse, moment: datetime) -> bool:
        """Whether an anchor (DER) is trusted for that use at a moment."""
        return any(
            (entry.trusted_from is None or entry.trusted_from <= moment)
            and (entry.trusted_to is None or moment < entry.trusted_to)
            for entry in self._entries(anchor, use)
        )

    def anchor_trusted_to(self, anchor: bytes, use: TrustUse) -> datetime | None:
        """When the trust in an anchor ended for the last time; ``None`` where it has not."""
        ends = [entry.trusted_to for entry in self._entries(anchor, use)]
        return None if None in ends else max((end for end in ends if end is not None), default=None)

    def _entries(self, anchor: bytes, use: TrustUse) -> list[TrustAnchor]:
        return [entry for entry in self.policy.trust.anchors if entry.certificate == anchor and use in entry.uses]


def digest(der: bytes) -> bytes:
    """The key of a certificate, response or list among the proofs of existence."""
    return sha256(der).digest()


@lru_cache(maxsize=1024)
def name_of(certificate: bytes) -> str:
    """The subject of a certificate (DER) as RFC 4514 text, for reasons."""
    return subject(read_certificate(certificate))


def _finder(trust: TrustStore, use: TrustUse) -> PathFinder:
    """One finder a store and use in this process, so that what it remembers serves every document."""
    key = (trust.fingerprint, use)
    with _finders_lock:
        finder = _finders.get(key)
        if finder is None:
            anchors = dict.fromkeys(anchor.certificate for anchor in trust.anchors if use in anchor.uses)
            finder = _finders[key] = PathFinder(TrustAnchors(tuple(anchors)), any_algorithm=True)
            while len(_finders) > _MOST_STORES:
                _finders.popitem(last=False)
        return finder
