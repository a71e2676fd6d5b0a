"""An OCSP responder and CRL distribution point on loopback that answers what a test gives it, and counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.pki import Extension, crl_at, ocsp_at


@dataclass
class RevocationServer:
    """What it answers, and what it was asked.

    Attributes:
        ocsp: DER by request body; ``None`` is HTTP 500.
        default_ocsp: DER for any other request.
        crls: DER by path.
        asked: ``(method, path)`` in order.
    """

    url: str = ""
    default_ocsp: bytes | None = None
    ocsp: dict[bytes, bytes] = field(default_factory=dict)
    crls: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def allow(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def ocsp_url(self) -> Extension:
        return ocsp_at(f"{self.url}/ocsp")

    def crl_url(self, path: str = "/crl") -> Extension:
        return crl_at("ldap://ldap.example/cn=x", self.url + path)


@asynccontextmanager
async def revocation_server() -> AsyncIterator[RevocationServer]:
    state = RevocationServer()

    async def ocsp(request: web.Request) -> web.Response:
        state.asked.append(("POST", request.path))
        assert request.content_type == "application/ocsp-request"
        body = state.ocsp.get(await request.read(), state.default_ocsp)
        return web.Response(body=body, content_type="application/ocsp-response") if body else web.Response(status=500)

    async def crl(request: web.Request) -> web.Response:
        state.asked.append(("GET", request.path))
        if request.path not in state.crls:
            raise web.HTTPNotFound
        return web.Response(body=state.crls[request.path], content_type="application/pkix-crl")

    application = web.Application()
    application.add_routes([web.post("/ocsp", ocsp), web.get("/{path:.*}", crl)])
    async with TestServer(application) as server:
        state.url = str(server.make_url("")).rstrip("/")
        yield state
