"""The sandbox's provider of remote signatures in this process: a real TLS server that asks for the client's certificate."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from proxy.sandbox.csc_credentials import HeldCredential
from proxy.sandbox.csc_deviations import Deviation
from proxy.sandbox.csc_grants import Grants
from proxy.sandbox.csc_methods import Provider
from proxy.sandbox.csc_server import make_csc_app
from tests.support.pki import FixedClock, Hierarchy, Holder
from tests.support.tls_files import TLSFiles

PIN = "PIN-4711-of-the-seal"
CLIENT_ID = "client/1"
CLIENT_SECRET = "s3cret & all: +?"

SETTINGS: Mapping[Deviation, dict[str, Any]] = {
    Deviation.TLS_ALONE: {"client_id": None, "client_secret": None},
    Deviation.BASE64URL_HASHES: {"hash_encoding": "base64url"},
    Deviation.CREDENTIAL_SCOPE: {"authorization": "token", "scope": "credential"},
    Deviation.SAD_IN_HEADER: {"sad_in": "authorization"},
    Deviation.PAGED: {"page_size": 2},
}
"""What has to be set for a deviation; the others are found out."""


@dataclass
class CSCServer:
    """A provider that runs.

    Attributes:
        provider: Its state; a test switches deviations and faults there.
        clock: Its time.
        asked: Method, parameters and authorization of each request.
        instead: Answers of a test's own, by method.
    """

    provider: Provider
    tls: TLSFiles
    folder: Path
    issuers: Path
    clock: FixedClock
    url: str = ""
    asked: list[tuple[str, Any, str | None]] = field(default_factory=list)
    instead: dict[str, Callable[[], web.StreamResponse]] = field(default_factory=dict)

    def settings(self, *deviations: Deviation, **changes: Any) -> dict[str, Any]:
        """A section ``csc`` that fits these deviations."""
        values: dict[str, Any] = {
            "url": f"{self.url}/csc/v2",
            "ca": self.tls.ca,
            "client_certificate": self.tls.client,
            "client_key": self.tls.client_key,
            "client_id": CLIENT_ID,
            "client_secret": f"file:{self.folder / 'client-secret'}",
            "auth_data": {"PIN": f"file:{self.folder / 'pin'}"},
            "issuers": [self.issuers],
            "poll_seconds": 0.005,
        }
        for deviation in deviations:
            values |= SETTINGS.get(deviation, {})
        return values | changes

    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [method for method, _, _ in self.asked]

    def parameters(self, method: str) -> list[Any]:
        """What was asked of one method."""
        return [members for asked, members, _ in self.asked if asked == method]


def gives(members: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Callable[[], web.StreamResponse]:
    """An answer of a test's own, in JSON."""
    return lambda: web.json_response(members, status=status, headers=headers)


def says(body: bytes, status: int = 200, content_type: str = "application/json") -> Callable[[], web.StreamResponse]:
    """An answer of a test's own, byte for byte."""
    return lambda: web.Response(body=body, status=status, content_type=content_type)


def held(holders: Mapping[str, Holder], pki: Hierarchy, **values: Any) -> list[HeldCredential]:
    """Credentials of these names."""
    chain = (pki.issuing.certificate, pki.root.certificate)
    return [HeldCredential(name, holder.key, (holder.certificate, *chain), PIN, **values) for name, holder in holders.items()]


@asynccontextmanager
async def csc_server(
    folder: Path,
    tls: TLSFiles,
    pki: Hierarchy,
    credentials: list[HeldCredential],
    *deviations: Deviation,
    time_stamping: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> AsyncIterator[CSCServer]:
    """Serve until the end of the block; secrets and issuers are in files in ``folder``."""
    for name, content in (("client-secret", CLIENT_SECRET), ("pin", PIN)):
        (folder / name).write_text(content + "\n")
    issuers = folder / "issuers.pem"
    issuers.write_bytes(pki.issuing.pem + pki.root.pem)
    clock = FixedClock()
    provider = Provider(credentials, Grants(clock), CLIENT_ID, CLIENT_SECRET, time_stamping, set(deviations))
    state = CSCServer(provider, tls, folder, issuers, clock)

    @web.middleware
    async def recording(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        is_json = request.content_type == "application/json"
        method = request.path.removeprefix("/csc/v2/").removeprefix("/")
        state.asked.append((method, json.loads(body) if is_json else body.decode(), request.headers.get("Authorization")))
        return state.instead[method]() if method in state.instead else await handler(request)

    application = make_csc_app(provider)
    application.middlewares.insert(0, recording)
    context = tls.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    server = TestServer(application, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=context)
    state.url = f"https://127.0.0.1:{server.port}"
    try:
        yield state
    finally:
        await server.close()
