"""The one place that opens outbound HTTP connections: to the central signer, the time-stamping authorities, OCSP and CRL."""

from proxy.outbound.addresses import AddressPolicy, origin
from proxy.outbound.failures import (
    Answer,
    LinkBroken,
    LinkError,
    LinkGarbled,
    LinkRefused,
    LinkTimeout,
    LinkUnreachable,
)
from proxy.outbound.link import Link
from proxy.outbound.tls import client_tls

__all__ = [
    "AddressPolicy",
    "Answer",
    "Link",
    "LinkBroken",
    "LinkError",
    "LinkGarbled",
    "LinkRefused",
    "LinkTimeout",
    "LinkUnreachable",
    "client_tls",
    "origin",
]
