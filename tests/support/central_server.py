"""A central signer for tests: the contract's routes over mutual TLS on loopback, with keys in memory, and faults to order."""

import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from tests.support.keys import PrivateKey, sign_digest
from tests.support.pki import Holder
from tests.support.tls_files import TLSFiles

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Entry:
    """A certificate as the server has it, and what it declares."""

    holder: Holder
    chain: tuple[bytes, ...]
    sign_algorithms: tuple[str, ...]
    hash_algorithms: tuple[str, ...]


@dataclass
class CentralServer:
    """What it has, what it was asked, and how it is to misbehave.

    Attributes:
        page: Certificates on one page of the list.
        fault: Answers instead of the routes while it is set.
        other_subject: What certification requests are made for instead of what is asked for.
        maintenance: The body of ``GET /v1/maintenance``.
        revocation: The body of ``POST /v1/revocation``.
        asked: ``(method, path with query, body)`` in order.
        in_flight_most: The most requests that were in progress at a time.
        signed: How many digests were signed.
    """

    tls: TLSFiles
    url: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    page: int = 2
    fault: Handler | None = None
    other_subject: str | None = None
    maintenance: dict[str, Any] = field(default_factory=lambda: {"inMaintenance": False})
    revocation: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    traceparents: list[str | None] = field(default_factory=list)
    idempotency_keys: list[str | None] = field(default_factory=list)
    in_flight: int = 0
    in_flight_most: int = 0
    signed: int = 0
    kept: dict[str, tuple[Any, list[str]]] = field(default_factory=dict)

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    @property
    def settings(self) -> dict[str, Any]:
        """The section ``central`` of a proxy's settings."""
        return {
            "url": self.url,
            "ca": self.tls.ca,
            "client_certificate": self.tls.client,
            "client_key": self.tls.client_key,
        }


def problem(status: int, code: str, *, retry_after: str | None = None) -> Handler:
    """Answers with a problem (RFC 9457)."""

    async def handler(_: web.Request) -> web.Response:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        body = {"type": "about:blank", "status": status, "code": code, "detail": "internal: db7.prod"}
        return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")

    return handler


def says(body: bytes | str, *, status: int = 200, content_type: str = "application/json") -> Handler:
    """Answers with this, whatever was asked."""

    async def handler(_: web.Request) -> web.Response:
        data = body.encode() if isinstance(body, str) else body
        return web.Response(body=data, status=status, content_type=content_type)

    return handler


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"code": code}, status=status, content_type="application/problem+json")


class _Routes:
    def __init__(self, state: CentralServer) -> None:
        self.state = state

    async def certificates(self, request: web.Request) -> web.Response:
        start = int(request.query.get("cursor", "0"))
        ids = sorted(self.state.entries)
        page: dict[str, Any] = {"certificates": [{"certificateId": found} for found in ids[start : start + self.state.page]]}
        if start + self.state.page < len(ids):
            page["nextCursor"] = str(start + self.state.page)
        return web.json_response(page)

    async def chain(self, request: web.Request) -> web.Response:
        entry = self.state.entries.get(request.match_info["id"])
        if entry is None:
            return _error(404, "CERTIFICATE_NOT_FOUND")
        return web.json_response(
            {
                "certificates": [base64.b64encode(der).decode() for der in (entry.holder.der, *entry.chain)],
                "signAlgorithms": entry.sign_algorithms,
                "hashAlgorithms": entry.hash_algorithms,
            }
        )

    async def sign(self, request: web.Request) -> web.Response:
        body = await request.json()
        entry = self.state.entries.get(body["certificateId"])
        if entry is None:
            return _error(404, "CERTIFICATE_NOT_FOUND")
        key = request.headers.get("Idempotency-Key", "")
        if key in self.state.kept:
            asked, values = self.state.kept[key]
            return web.json_response({"signatures": values}) if asked == body else _error(409, "IDEMPOTENCY_CONFLICT")
        values = []
        for text in body["hashes"]:
            digest = Digest(HashAlgorithm(body["hashAlgorithm"]), base64.b64decode(text, validate=True))
            value = sign_digest(entry.holder.key, SignAlgorithm(body["signAlgorithm"]), digest)
            values.append(base64.b64encode(value).decode())
            self.state.signed += 1
        if key:
            self.state.kept[key] = (body, values)
        return web.json_response({"signatures": values})

    async def register(self, request: web.Request) -> web.Response:
        body = await request.json()
        key = self.state.keys.get(body["keyId"])
        if key is None:
            return _error(404, "KEY_NOT_FOUND")
        der = base64.b64decode(body["certificate"])
        chain = tuple(base64.b64decode(text) for text in body["chain"])
        return self.admit(key, der, chain)

    def admit(self, key: PrivateKey, der: bytes, chain: tuple[bytes, ...]) -> web.Response:
        certificate = x509.load_der_x509_certificate(der)
        if certificate.public_key() != key.public_key():
            return _error(422, "CERTIFICATE_KEY_MISMATCH")
        issuers = [x509.load_der_x509_certificate(one) for one in chain]
        for one, issuer in zip([certificate, *issuers], issuers, strict=False):
            if one.issuer != issuer.subject:
                return _error(400, "INVALID_PARAMETER")
        certificate_id = f"registered-{certificate.serial_number}"
        known = ("RSASSA-PKCS1-v1_5", "RSASSA-PSS") if isinstance(key, rsa.RSAPrivateKey) else ("ECDSA",)
        self.state.entries[certificate_id] = Entry(Holder(certificate, key), chain, known, ("SHA-256", "SHA-384", "SHA-512"))
        return web.json_response({"certificateId": certificate_id, "subject": certificate.subject.rfc4514_string()}, status=201)

    def entry(self, key_id: str) -> dict[str, Any]:
        key = self.state.keys[key_id]
        made = ["RSASSA-PKCS1-v1_5", "RSASSA-PSS"] if isinstance(key, rsa.RSAPrivateKey) else ["ECDSA"]
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        hashed = ["SHA-256", "SHA-384", "SHA-512", "SHA3-512"]
        told = base64.b64encode(public).decode()
        return {"keyId": key_id, "publicKey": told, "signAlgorithms": made, "hashAlgorithms": hashed, "algorithm": "any"}

    async def list_keys(self, request: web.Request) -> web.Response:
        start, ids = int(request.query.get("cursor", "0")), sorted(self.state.keys)
        page: dict[str, Any] = {"keys": [self.entry(key_id) for key_id in ids[start : start + self.state.page]]}
        if start + self.state.page < len(ids):
            page["nextCursor"] = str(start + self.state.page)
        return web.json_response(page)

    async def create_key(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.state.keys[body["label"]] = ec.generate_private_key(ec.SECP256R1())
        return web.json_response(self.entry(body["label"]), status=201)

    async def certification_request(self, request: web.Request) -> web.Response:
        key, body = self.state.keys.get(request.match_info["id"]), await request.json()
        if key is None:
            return _error(404, "KEY_NOT_FOUND")
        subject = x509.Name.from_rfc4514_string(self.state.other_subject or body["subject"])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256()).public_bytes(Encoding.DER)
        return web.json_response({"csr": base64.b64encode(made).decode()})

    async def maintenance(self, _: web.Request) -> web.Response:
        return web.json_response(self.state.maintenance)

    async def revocation(self, _: web.Request) -> web.Response:
        return web.json_response(self.state.revocation)


def _recording(state: CentralServer) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request.transport is not None
        assert request.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        state.in_flight += 1
        state.in_flight_most = max(state.in_flight_most, state.in_flight)
        try:
            state.asked.append((request.method, request.path_qs, await request.read()))
            state.traceparents.append(request.headers.get("traceparent"))
            state.idempotency_keys.append(request.headers.get("Idempotency-Key"))
            return await (state.fault or handler)(request)
        finally:
            state.in_flight -= 1

    return middleware


@asynccontextmanager
async def central_server(tls: TLSFiles) -> AsyncIterator[CentralServer]:
    state = CentralServer(tls)
    routes = _Routes(state)
    application = web.Application(middlewares=[_recording(state)])
    application.add_routes(
        [
            web.get("/v1/certificates", routes.certificates),
            web.get("/v1/certificates/{id}/chain", routes.chain),
            web.post("/v1/certificates", routes.register),
            web.post("/v1/signatures/hash", routes.sign),
            web.get("/v1/keys", routes.list_keys),
            web.post("/v1/keys", routes.create_key),
            web.post("/v1/keys/{id}/csr", routes.certification_request),
            web.get("/v1/maintenance", routes.maintenance),
            web.post("/v1/revocation", routes.revocation),
        ]
    )
    context = tls.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    state.url = f"https://127.0.0.1:{server.port}"
    try:
        yield state
    finally:
        await server.close()
