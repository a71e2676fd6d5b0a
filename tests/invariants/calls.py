"""One document signature over HTTP, in every way in that the contract has."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

CERTIFICATE = "legal-person-rsa"
FORMS = {"ES": "/v1/signatures/es", "ES-T": "/v1/signatures/es-t"}

"""What is signed in every way."""

LONG_TERM: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ES-T with ltv": ("/v1/signatures/es-t", {"ltv": True}),
    "MDP": ("/v1/signatures/mdp", {}),
    "ES-A": ("/v1/signatures/es-a", {"gracePolicy": "fresh"}),
    "DocTimeStamp": ("/v1/timestamps", {"purpose": "DocTimeStamp"}),
    "ES_A": ("/v1/timestamps", {"purpose": "ES_A"}),
}
"""What leaves proof in the document: paths and parameters."""


class Way(StrEnum):
    """How the document goes in, and what comes out."""

    RAW = "raw"
    RAW_INCREMENT = "raw, increment out"
    RAW_DRY = "raw, dry run"
    MULTIPART = "multipart"
    JSON = "JSON"


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of a problem."""
        found: str = self.problem["code"]
        return found

    @property
    def problem(self) -> dict[str, Any]:
        """A problem's members."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body[:200])
        members: dict[str, Any] = json.loads(self.body)
        return members

    @property
    def transaction_id(self) -> str:
        """Of the call."""
        return self.headers["Transaction-Id"]

    def document(self, way: Way, original: bytes) -> bytes:
        """The signed document, whichever way it came, its digest checked; of a dry run the original."""
        assert self.status == 200, (self.status, self.body[:500])
        match way:
            case Way.RAW_DRY:
                return original
            case Way.RAW_INCREMENT:
                signed = original + self.body
            case Way.JSON:
                signed = base64.b64decode(json.loads(self.body)["document"])
            case _:
                signed = self.body
        assert hashlib.sha256(signed).hexdigest() == self.headers["Result-SHA256"]
        assert signed.startswith(original)
        return signed


async def sign(
    session: aiohttp.ClientSession,
    form: str,
    document: bytes,
    way: Way = Way.RAW,
    *,
    certificate: str = CERTIFICATE,
    reason: str | None = None,
    file_name: str | None = None,
) -> Answer:
    """Sign, and read the answer to its end. Only a raw body has no place for a reason: free text is never in the URL."""
    parameters = {"certificateId": certificate, **({} if reason is None else {"reason": reason})}
    headers: dict[str, str] = {}
    query = {}
    data: io.BytesIO | aiohttp.FormData
    match way:
        case Way.MULTIPART:
            data = aiohttp.FormData(quote_fields=False)
            data.add_field("params", json.dumps(parameters), content_type="application/json")
            data.add_field(
                "document", io.BytesIO(document), content_type="application/pdf", filename=file_name or "document.pdf"
            )
        case Way.JSON:
            headers["Content-Type"] = "application/json"
            data = io.BytesIO(json.dumps({**parameters, "document": base64.b64encode(document).decode()}).encode())
        case _:
            query = {"certificateId": certificate}
            if way is Way.RAW_INCREMENT:
                query["return"] = "increment"
            if way is Way.RAW_DRY:
                query["dryRun"] = "true"
            headers["Content-Type"] = "application/pdf"
            if file_name is not None:
                headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file_name)}"
            data = io.BytesIO(document)
    async with session.post(FORMS[form], params=query, data=data, headers=headers) as response:
        return await whole(response)


async def sign_visibly(
    session: aiohttp.ClientSession, form: str, document: bytes, *, reason: str, text: str, seal: bytes, file_name: str
) -> Answer:
    """One of :data:`LONG_TERM` in parts, with all that a caller can send along; a timestamp takes none of it."""
    path, parameters = LONG_TERM[form]
    data = aiohttp.FormData(quote_fields=False)
    if path != "/v1/timestamps":
        box = {"page": 1, "x": 20, "y": 20, "width": 80, "height": 30, "text": text}
        parameters = {**parameters, "certificateId": CERTIFICATE, "reason": reason, "appearance": box}
        data.add_field("sealImage", seal, content_type="image/png", filename="seal.png")
    data.add_field("params", json.dumps(parameters), content_type="application/json")
    data.add_field("document", io.BytesIO(document), content_type="application/pdf", filename=file_name)
    async with session.post(path, data=data) as response:
        return await whole(response)


async def sign_digests(session: aiohttp.ClientSession, digests: list[bytes], *, certificate: str = CERTIFICATE) -> Answer:
    """Sign SHA-256 digests."""
    body = {
        "certificateId": certificate,
        "hashAlgorithm": "SHA-256",
        "hashes": [base64.b64encode(digest).decode() for digest in digests],
    }
    async with session.post("/v1/signatures/hash", json=body) as response:
        return await whole(response)


async def transaction(session: aiohttp.ClientSession, transaction_id: str) -> dict[str, Any]:
    """The record of a call."""
    async with session.get(f"/v1/operations/{transaction_id}") as response:
        assert response.status == 200
        record: dict[str, Any] = await response.json()
        return record


async def whole(response: aiohttp.ClientResponse) -> Answer:
    """Read an answer to its end."""
    return Answer(response.status, dict(response.headers), await response.read())


def write(path: Path, data: bytes) -> Path:
    """A file for a judge."""
    path.write_bytes(data)
    return path
