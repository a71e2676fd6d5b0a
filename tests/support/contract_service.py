"""A service that keeps the REST contract's promises to a client without signing anything: a real TLS server on loopback.

It appends a recognisable increment where the proxy appends a signature. How it misbehaves is set by a test.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from proxy.client import Connection
from tests.support.tls_files import TLSFiles

INCREMENT = b"\n% appended by the service\n" * 40

VERDICT: dict[str, Any] = {
    "fieldName": "承認",
    "type": "signature",
    "result": "VALID",
    "indication": "TOTAL-PASSED",
    "subIndication": None,
    "reasons": [{"code": "CHANGED_AS_PERMITTED", "text": "変更があります。"}],
    "level": "B-LTA",
    "coverage": "wholeRevision",
    "modificationLevel": "formFilling",
    "signerSubject": "CN=株式会社例",
    "issuer": "CN=CA",
    "serialNumber": "0a",
    "claimedSigningTime": "2026-01-02T03:04:05Z",
    "timestampTime": "2026-01-02T03:04:06Z",
    "validFrom": "2025-01-01T00:00:00Z",
    "validTo": "2036-01-01T00:00:00Z",
    "ltv": True,
    "tsaSubject": "CN=TSA",
    "micAccredited": True,
}


@dataclass(slots=True)
class Seen:
    """One request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    params: dict[str, Any]
    document: bytes
    part_headers: list[dict[str, str]]
    peer: str | None
    seal_image: bytes | None = None


@dataclass(slots=True)
class ContractService:
    """What it saw, and what it is told to do.

    Attributes:
        headers: Overrides of response headers; ``None`` leaves one out.
        problem: ``(status, members)`` answered instead of a signature.
        spoil: Whether to damage what is sent back after its digest was stated.
        lose: Whether to break the connection instead of answering.
        lose_first: How many answers to lose so.
        hang: Whether to answer never; ``on_hang`` is called when a request has come that is not answered.
        hang_for: Documents that are taken in and never answered, by what is in them; likewise.
        swap: Bytes of the document that are replaced before it is sent back whole.
        count_only: Whether to keep nothing of the document, and state a digest of its own making.
        refuse_unread: Whether to answer ``problem`` without reading the body.
        fail_for: Documents that are refused as damaged; ``fail_verification``: a verification of them too.
        stamped: Whether every document holds a timestamp already, so that those to be skipped are.
        results: Verdicts on documents by what is in them; all others are VALID.
        verification: Overrides of the answer to a verification; ``verifications`` the same by what is in the document.
    """

    tls: TLSFiles
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    headers: dict[str, str | None] = field(default_factory=dict)
    problem: tuple[int, dict[str, Any]] | None = None
    refuse_unread: bool = False
    spoil: bool = False
    lose: bool = False
    lose_first: int = 0
    hang: bool = False
    hang_for: bytes | None = None
    on_hang: Callable[[], None] = lambda: None
    swap: tuple[bytes, bytes] | None = None
    count_only: bool = False
    fail_for: bytes | None = None
    fail_verification: bool = True
    stamped: bool = False
    results: dict[bytes, str] = field(default_factory=dict)
    verification: dict[str, Any] = field(default_factory=dict)
    verifications: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 2

    def connection(self, **overrides: Any) -> Connection:
        values: dict[str, Any] = {
            "url": self.url,
            "ca": self.tls.ca,
            "client_certificate": self.tls.client,
            "client_key": self.tls.client_key,
            "timeout_seconds": 20.0,
        }
        return Connection(**{**values, **overrides})

    def options(self) -> list[str]:
        """The command line's connection options."""
        pairs = {
            "--proxy": self.url,
            "--ca": self.tls.ca,
            "--client-cert": self.tls.client,
            "--client-key": self.tls.client_key,
        }
        return [str(word) for pair in pairs.items() for word in pair]

    async def expected(self, request: web.Request) -> web.StreamResponse | None:
        """Let a body in, or answer at once."""
        if self.refuse_unread:
            return await self.sign(request)
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
        return None

    # -- handlers ---------------------------------------------------------------------------------------------------

    async def sign(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_unread:
            assert self.problem is not None
            return self._problem(request, *self.problem)
        if self.hang:
            self.on_hang()
            await asyncio.Event().wait()
        if self.count_only:
            return await self._echo(request)
        document = await self._see(request)
        query = dict(request.query)
        if self.lose or len(self.seen) <= self.lose_first:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.problem is not None:
            return self._problem(request, *self.problem)
        if self.fail_for is not None and self.fail_for in document:
            return self._problem(request, 400, {"code": "INVALID_DOCUMENT", "detail": "the document is damaged"})
        dry_run = request.query.get("dryRun") == "true"
        increment = request.query.get("return") == "increment"
        form, level = _promised(request.path, query)
        skipped = self.stamped and query.get("onAlreadyTimestamped") == "skip"
        added = b"" if skipped else INCREMENT
        result = (document.replace(*self.swap) if self.swap else document) + added
        facts = json.dumps({"skipped": True} if skipped else {}).encode()
        body = facts if dry_run else added if increment else result
        answer: dict[str, str | None] = {
            "Transaction-Id": request.headers["Transaction-Id"],
            "Signature-Form": form,
            "Signature-Level": None if skipped else level,
            "Valid-Until": None if skipped else "2031-04-05T06:07:08+00:00",
            "Result-SHA256": None if dry_run else hashlib.sha256(result).hexdigest(),
            "Upstream-Bytes": "sent=412;received=733",
            **self.headers,
        }
        if self.spoil:
            body = body[:-1] + b"!"
        return web.Response(body=body, headers={name: value for name, value in answer.items() if value is not None})

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        """Sign a document of any size in constant memory: it is zeros, so what is sent back need not be kept."""
        running, size = hashlib.sha256(), 0
        async for chunk in request.content.iter_chunked(1 << 18):
            running.update(chunk)
            size += len(chunk)
        running.update(INCREMENT)
        whole = "return" not in request.query
        response = web.StreamResponse(
            headers={
                "Transaction-Id": request.headers["Transaction-Id"],
                "Signature-Form": "ES",
                "Signature-Level": "B-B",
                "Result-SHA256": running.hexdigest(),
            }
        )
        await response.prepare(request)
        while whole and size:
            piece = bytes(min(size, 1 << 18))
            await response.write(piece)
            size -= len(piece)
        await response.write(INCREMENT)
        return response

    async def verify(self, request: web.Request) -> web.StreamResponse:
        document = await self._see(request)
        if self.problem is not None:
            return self._problem(request, *self.problem)
        if self.fail_verification and self.fail_for is not None and self.fail_for in document:
            return self._problem(request, 422, {"code": "PDF_ENCRYPTED", "detail": "a password is needed"})
        result = next((result for part, result in self.results.items() if part in document), "VALID")
        answer = {
            "transactionId": request.headers["Transaction-Id"],
            "result": result,
            "document": {"docMdp": None, "modifiedAfterSigning": False, "pages": 1},
            "signatures": [] if result == "NOT_APPLICABLE" else [{**VERDICT, "result": result}],
            "scanInfo": None,
            **self.verification,
            **next((own for part, own in self.verifications.items() if part in document), {}),
        }
        return web.json_response(answer)

    async def _see(self, request: web.Request) -> bytes:
        """Take a document in."""
        params, document, seal_image, part_headers = await self._body(request)
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        name = dict(item[0] for item in peer["subject"])["commonName"] if peer else None
        query, headers = dict(request.query), dict(request.headers)
        self.seen.append(Seen(request.path, query, headers, params, document, part_headers, name, seal_image))
        if self.hang_for is not None and self.hang_for in document:
            self.on_hang()
            await asyncio.Event().wait()
        return document

    async def _body(self, request: web.Request) -> tuple[dict[str, Any], bytes, bytes | None, list[dict[str, str]]]:
        if not request.content_type.startswith("multipart/"):
            return {}, await request.read(), None, []
        params: dict[str, Any] = {}
        document, seal_image = b"", None
        part_headers = []
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            part_headers.append(dict(part.headers))
            if part.name == "params":
                params = json.loads(await part.read())
            elif part.name == "sealImage":
                seal_image = bytes(await part.read())
            else:
                document = bytes(await part.read())
        return params, document, seal_image, part_headers

    def _problem(self, request: web.Request, status: int, members: dict[str, Any]) -> web.Response:
        transaction_id = request.headers["Transaction-Id"]
        return web.json_response(
            {"type": "about:blank", "status": status, "transactionId": transaction_id, **members},
            status=status,
            content_type="application/problem+json",
            headers={"Transaction-Id": transaction_id, "Retry-After": "7"},
        )

    async def hash(self, request: web.Request) -> web.Response:
        members = await request.json()
        self.seen.append(Seen(request.path, {}, dict(request.headers), members, b"", [], None))
        return web.json_response({"signatures": members["hashes"][: -1 if self.spoil else None]})

    async def timestamp(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen.append(Seen(request.path, dict(request.query), dict(request.headers), {}, body, [], None))
        return web.Response(body=b"reply to " + body, content_type="application/timestamp-reply")

    async def list_certificates(self, request: web.Request) -> web.Response:
        start = int(request.query.get("cursor", "0"))
        page: dict[str, Any] = {"certificates": self.certificates[start : start + self.page_size]}
        if start + self.page_size < len(self.certificates):
            page["nextCursor"] = str(start + self.page_size)
        return web.json_response(page)

    async def one_certificate(self, request: web.Request) -> web.Response:
        for entry in self.certificates:
            if entry["certificateId"] == request.match_info["id"]:
                return web.json_response(entry)
        return self._problem(request, 404, {"code": "CERTIFICATE_NOT_FOUND", "detail": "no certificate has this id"})

    async def chain(self, request: web.Request) -> web.Response:
        assert request.match_info["id"] == "seal/1"
        return web.json_response(
            {"certificates": ["AQID", "BAUG"], "signAlgorithms": ["ECDSA"], "hashAlgorithms": ["SHA-256", "SHA-384"]}
        )

    async def list_keys(self, request: web.Request) -> web.Response:
        start = int(request.query.get("cursor", "0"))
        page: dict[str, Any] = {"keys": [key_entry(f"kms:{start}")]}
        return web.json_response(page if start else {**page, "nextCursor": "1"})

    async def ask_keys(self, request: web.Request) -> web.Response:
        members = await request.json()
        self.seen.append(Seen(request.path, {}, dict(request.headers), members, b"", [], None))
        if self.problem is not None:
            return self._problem(request, *self.problem)
        if request.path.endswith("/csr"):
            return web.json_response({"keyId": request.match_info["id"], "subject": "CN=Seal", "csr": "MIIB" * 40})
        return web.json_response(key_entry("kms:new"), status=201)

    async def register(self, request: web.Request) -> web.Response:
        members = await request.json()
        self.seen.append(Seen(request.path, {}, dict(request.headers), members, b"", [], None))
        warnings = [{"code": "EXPIRES_SOON", "detail": "it expires on 2030-01-01"}]
        return web.json_response({**certificate_entry("0f1e"), "warnings": warnings}, status=201)

    async def maintenance(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"inMaintenance": True, "from": "2030-01-02T03:04:05+09:00", "to": "2030-01-02T05:04:05+09:00", "message": "disks"}
        )

    async def operation(self, request: web.Request) -> web.Response:
        if self.problem is not None:
            return self._problem(request, *self.problem)
        return web.json_response(_operation(request.match_info["id"]))

    async def operations(self, request: web.Request) -> web.Response:
        self.seen.append(Seen(request.path, dict(request.query), dict(request.headers), {}, b"", [], None))
        return web.json_response({"operations": [_operation("newer"), _operation("older")], "nextCursor": "more"})


def _promised(path: str, query: dict[str, str]) -> tuple[str, str | None]:
    """The form and level of an answer that keeps the contract."""
    if path.endswith("/timestamps"):
        purpose = query.get("purpose", "DocTimeStamp")
        return purpose, "B-LTA" if purpose == "ES_A" else None
    form = path.rpartition("/")[2].upper()
    ltv = query.get("ltv", "true" if form == "MDP" else "false") == "true"
    return form, {"ES": "B-B", "ES-A": "B-LTA"}.get(form, "B-LT" if ltv else "B-T")


def _operation(transaction_id: str) -> dict[str, Any]:
    return {
        "transactionId": transaction_id,
        "operation": "es",
        "state": "FAILED",
        "startedAt": "2030-01-02T03:04:05Z",
        "endedAt": "2030-01-02T03:04:06Z",
        "resultCode": "TSA_ERROR",
        "documentBytes": 12,
    }


def certificate_entry(certificate_id: str) -> dict[str, Any]:
    return {
        "certificateId": certificate_id,
        "subject": "CN=Example Seal,O=Example",
        "issuer": "CN=Example CA",
        "serialNumber": "0a1b",
        "notBefore": "2025-01-01T00:00:00+00:00",
        "notAfter": "2030-01-01T00:00:00Z",
        "keyAlgorithm": "RSA-3072",
        "signAlgorithms": ["RSASSA-PKCS1-v1_5", "RSASSA-PSS"],
        "hashAlgorithms": ["SHA-256"],
        "backend": "central",
        "certificateSha256": "ab" * 32,
    }


def key_entry(key_id: str) -> dict[str, Any]:
    return {
        "keyId": key_id,
        "algorithm": "P-256",
        "publicKey": "AQID",
        "signAlgorithms": ["ECDSA"],
        "hashAlgorithms": ["SHA-256"],
        "backend": "kms",
        "certificateIds": ["seal"] if key_id == "kms:0" else [],
    }


@asynccontextmanager
async def running_service(tls: TLSFiles) -> AsyncIterator[ContractService]:
    """Serve until the end of the block."""
    service = ContractService(tls)
    app = web.Application(client_max_size=300_000_000)
    for path in (*(f"signatures/{form}" for form in ("es", "es-t", "mdp", "es-a")), "timestamps"):
        app.router.add_post(f"/v1/{path}", service.sign, expect_handler=service.expected)
    app.router.add_post("/v1/verifications", service.verify, expect_handler=service.expected)
    app.router.add_post("/v1/signatures/hash", service.hash)
    app.router.add_post("/v1/timestamps/hash", service.timestamp)
    app.router.add_get("/v1/certificates", service.list_certificates)
    app.router.add_post("/v1/certificates", service.register)
    app.router.add_get("/v1/keys", service.list_keys)
    app.router.add_post("/v1/keys", service.ask_keys)
    app.router.add_post("/v1/keys/{id}/csr", service.ask_keys)
    app.router.add_get("/v1/certificates/{id}", service.one_certificate)
    app.router.add_get("/v1/certificates/{id}/chain", service.chain)
    app.router.add_get("/v1/maintenance", service.maintenance)
    app.router.add_get("/v1/operations/{id}", service.operation)
    app.router.add_get("/v1/operations", service.operations)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=tls.server_context())
    service.url = f"https://127.0.0.1:{server.port}"
    try:
        yield service
    finally:
        await server.close()


def pdf(folder: Path, name: str = "contract.pdf", size: int = 1_000) -> Path:
    """A file with bytes of its own; nobody parses it."""
    path = folder / name
    path.write_bytes(b"%PDF-1.7\n" + hashlib.shake_256(name.encode()).digest(size))
    return path
