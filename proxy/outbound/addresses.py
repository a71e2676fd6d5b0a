"""Where a URL leads, and whether it may: asked about every address before it is connected to."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AddressFamily
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.outbound.failures import AddressForbidden

AddressPolicy = Callable[[str, int, IPv4Address | IPv6Address], bool]
"""Whether ``host:port`` may be contacted at the address it resolved to."""


def origin(url: str, *, schemes: frozenset[str] = frozenset({"https", "http"})) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute URL.

    Raises:
        ValueError: It is no absolute URL of these schemes, or it carries a user or password.
    """
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"not an absolute URL of {' or '.join(sorted(schemes))}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials in a URL")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


_ENDS_IN_A_NUMBER = re.compile(r"(.*\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the host of a URL is; ``None`` where it is a name.

    Raises:
        ValueError: It is written in letters that DNS does not have, or is an address in a spelling that some programs read and
            others do not: ``127.1``, ``2130706433``, ``0177.0.0.1``, ``0x7f.0.0.1`` (WHATWG URL, 3.5).
    """
    try:
        return ip_address(host)
    except ValueError:
        if not host.isascii() or _ENDS_IN_A_NUMBER.fullmatch(host):
            raise ValueError(f"{host!r} is neither a name nor an address as it is written") from None
        return None


class PolicyResolver(AbstractResolver):
    """Resolves a name once and refuses it if the policy refuses any of its addresses.

    The addresses it returns are the ones connected to, so a name that resolves differently the next moment gains nothing.
    """

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET) -> list[ResolveResult]:
        """The addresses of ``host``. Raises AddressForbidden where one may not be contacted."""
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            address = ip_address(result["host"].partition("%")[0])
            if not self._policy(host, port, address):
                raise AddressForbidden(f"{host} resolves to {address}, which may not be contacted")
        return results

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._resolver.close()
