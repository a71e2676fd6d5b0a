"""Which addresses a URL found in a certificate may lead to.

Whoever issues a certificate chooses its URLs, so they must not be a way into the network the proxy stands in: only public
addresses, or what the operator lists by host and port.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from proxy.errors import SettingsError
from proxy.outbound import AddressPolicy

_CLOUD_SERVICES = frozenset({ip_address("168.63.129.16")})
"""Instance services of cloud providers at addresses that are formally public."""

_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public internet: global by the IANA registries, unicast, and no instance service of a cloud.

    IPv6 addresses that embed an IPv4 address (mapped, 6to4, Teredo, NAT64) are judged by that one too.
    """
    if isinstance(address, IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            embedded.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if not all(inner is None or is_public(inner) for inner in embedded):
            return False
        if address.ipv4_mapped is not None or address in _NAT64:
            return True
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_link_local
        and not address.is_unspecified
        and address not in _CLOUD_SERVICES
        and address not in _LOCAL_NAT64
    )


def address_policy(allow: Iterable[str]) -> AddressPolicy:
    """A policy that permits public addresses, and any address of the hosts listed.

    Args:
        allow: ``host:port`` entries, host by name or address (IPv6 in brackets).

    Raises:
        SettingsError: An entry is not ``host:port``.
    """
    listed = {_host_and_port(entry) for entry in allow}

    def policy(host: str, port: int, address: IPv4Address | IPv6Address) -> bool:
        return (host.lower(), port) in listed or is_public(address)

    return policy


def _host_and_port(entry: str) -> tuple[str, int]:
    host, separator, port = entry.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsError(f"revocation.allow: {entry!r} is not host:port")
    return host.removeprefix("[").removesuffix("]").lower(), int(port)
