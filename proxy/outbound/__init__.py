"""What the proxy stands on is asked from here: the central signer, AWS KMS, time-stamping authorities, OCSP and CRL hosts.

The one place that opens outbound HTTP connections (:class:`Link`), and the one way in which what fails is left alone or asked
again (:class:`Dependency`), whatever an adapter's exchanges travel over.
"""

from proxy.outbound.addresses import AddressPolicy, address_of, origin
from proxy.outbound.dependency import Dependency, Judgement, judged
from proxy.outbound.failures import (
    Answer,
    LinkBroken,
    LinkError,
    LinkForbidden,
    LinkGarbled,
    LinkRefused,
    LinkSuspended,
    LinkTimeout,
    LinkUnreachable,
    LinkUntrue,
)
from proxy.outbound.link import Link
from proxy.outbound.links import Links
from proxy.outbound.tls import client_tls

__all__ = [
    "AddressPolicy",
    "Answer",
    "Dependency",
    "Judgement",
    "Link",
    "LinkBroken",
    "LinkError",
    "LinkForbidden",
    "LinkGarbled",
    "LinkRefused",
    "LinkSuspended",
    "LinkTimeout",
    "LinkUnreachable",
    "LinkUntrue",
    "Links",
    "address_of",
    "client_tls",
    "judged",
    "origin",
]
