"""What there is to reach, for tests of the rules by which the URLs of certificates are followed.

127.0.0.1 stands for the public internet, at the port that a server of ours has there, and every other address for what is
inside.
"""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from proxy.errors import RevocationUnavailable
from proxy.settings import RevocationSettings
from proxy.trust import reach
from proxy.trust.anchors import TrustAnchors
from proxy.trust.network import NetworkRevocationSource
from proxy.trust.paths import PathFinder
from tests.support.pki import NOW, Extension, FixedClock, Hierarchy, crl, new_call, ocsp_response
from tests.support.revocation_server import RevocationServer, revocation_server

REAL_ADDRESSES = socket.getaddrinfo


@dataclass
class World:
    """What there is to reach.

    Attributes:
        names: Addresses of host names, a list for each time that one is looked up; the last stays.
        looked_up: Names, in order.
    """

    pki: Hierarchy
    server: RevocationServer
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    opened: list[NetworkRevocationSource] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    def source(self, *allow: str, **changes: Any) -> NetworkRevocationSource:
        settings = RevocationSettings.model_validate({"allow": allow, **changes})
        made = NetworkRevocationSource(settings, PathFinder(TrustAnchors((self.pki.root.der,))), FixedClock(), 4)
        self.opened.append(made)
        return made

    async def asked(self, *extensions: Extension, source: NetworkRevocationSource | None = None) -> list[tuple[str, str]]:
        """What the server was asked about a certificate with these extensions, with good answers to be had there."""
        signer = self.pki.signer("Signer", *extensions)
        self.server.default_ocsp = ocsp_response(signer, self.pki.issuing)
        self.server.crls["/crl"] = crl(self.pki.issuing)
        self.server.asked.clear()
        try:
            await (source or self.source()).revocation(new_call(), signer.der, self.pki.issuing.der, at=NOW)
        except RevocationUnavailable:
            assert self.server.asked == []
        return self.server.asked

    def look_up(self, host: str, port: int, *arguments: Any, **more: Any) -> Any:
        """Stands for :func:`socket.getaddrinfo`."""
        if host not in self.names:
            return REAL_ADDRESSES(host, port, *arguments, **more)
        self.looked_up.append(host)
        answers_left = self.names[host]
        found = answers_left.pop(0) if len(answers_left) > 1 else answers_left[0]
        return [entry for address in found for entry in REAL_ADDRESSES(address, port, *arguments, **more)]


@pytest.fixture(scope="session")
def world_pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture
async def world_server() -> AsyncIterator[RevocationServer]:
    async with revocation_server() as running:
        yield running


@pytest.fixture
async def world(world_pki: Hierarchy, world_server: RevocationServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World(world_pki, world_server)
    monkeypatch.setattr(reach, "is_public", lambda address: address == ip_address("127.0.0.1"))
    monkeypatch.setattr(reach, "_PORTS", frozenset({made.port}))
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    yield made
    for source in made.opened:
        await source.close()
