"""Which addresses a URL found in a certificate may lead to.

Whoever issues a certificate chooses its URLs, so they must not be a way into the network the proxy stands in: only public
addresses, or what the operator lists by host and port.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_network

from proxy.errors import SettingsError
from proxy.outbound import AddressPolicy

_PORTS = frozenset({80, 443})
"""Those of HTTP: other ports of the public internet are other protocols, to which a request might mean something."""

_UNICAST = ip_network("2000::/3")
"""All of IPv6 that IANA gives out for the public internet (RFC 3513, 4); what embeds IPv4 elsewhere is looked at before."""

_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The upper half of an interface identifier whose lower half is an IPv4 address (RFC 5214, 6.1)."""

_NOT_PUBLIC = (
    ip_network("168.63.129.16/32"),  # instance service of a cloud, at an address that is formally public
    ip_network("192.88.99.0/24"),  # 6to4 relays, wherever the nearest is (RFC 7526)
    ip_network("3fff::/20"),  # documentation (RFC 9637), which Python's tables do not know in every version
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public internet: global by the IANA registries, unicast, and no instance service of a cloud.

    IPv6 addresses that embed an IPv4 address (mapped, 6to4, Teredo, NAT64, ISATAP) are judged by that one too.
    """
    if isinstance(address, IPv6Address):
        if not all(is_public(inner) for inner in _embedded(address)):
            return False
        if address.ipv4_mapped is not None or address in _NAT64:
            return True
        if address not in _UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_link_local
        and not address.is_unspecified
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that may be meant."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [inner for inner in found if inner is not None]


def address_policy(allow: Iterable[str]) -> AddressPolicy:
    """A policy that permits the ports of HTTP at public addresses, and any address of the hosts and ports listed.

    Args:
        allow: ``host:port`` entries, host by name or address (IPv6 in brackets).

    Raises:
        SettingsError: An entry is not ``host:port``.
    """
    listed = {_host_and_port(entry) for entry in allow}

    def policy(host: str, port: int, address: IPv4Address | IPv6Address) -> bool:
        return (host.lower(), port) in listed or (port in _PORTS and is_public(address))

    return policy


def _host_and_port(entry: str) -> tuple[str, int]:
    host, separator, port = entry.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsError(f"revocation.allow: {entry!r} is not host:port")
    return host.removeprefix("[").removesuffix("]").lower(), int(port)
