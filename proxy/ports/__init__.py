"""What the operations need from the outside, as roles. Adapters carry vendor names; operations know only these.

Every failure of an adapter is one of ``proxy.errors``; nothing of an SDK crosses a port.
"""

from proxy.ports.clock import Clock, SystemClock
from proxy.ports.keys import CertificateStore, KeyBackend, KeySource
from proxy.ports.links import LinkObserver
from proxy.ports.signers import CertificateSource, DigestSigner, SignerBackend
from proxy.ports.stores import IdempotencyStore, Sealer, TransactionLog
from proxy.ports.trust import RevocationSource, TimestampAuthority, TimestampQuery

__all__ = [
    "CertificateSource",
    "CertificateStore",
    "Clock",
    "DigestSigner",
    "IdempotencyStore",
    "KeyBackend",
    "KeySource",
    "LinkObserver",
    "RevocationSource",
    "Sealer",
    "SignerBackend",
    "SystemClock",
    "TimestampAuthority",
    "TimestampQuery",
    "TransactionLog",
]
