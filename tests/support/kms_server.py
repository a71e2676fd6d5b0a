"""AWS KMS for tests, with faults to order: its JSON API on loopback over keys in memory.

It believes nobody: the Signature Version 4 of every request is computed anew here, from what arrived.
"""

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from tests.support.keys import PrivateKey, sign_digest

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "not a secret"
REGION = "eu-central-1"

Handler = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]

_SCHEMES = {
    "RSASSA_PKCS1_V1_5": SignAlgorithm.RSASSA_PKCS1_V1_5,
    "RSASSA_PSS": SignAlgorithm.RSASSA_PSS,
    "ECDSA": SignAlgorithm.ECDSA,
}
_CURVES = {256: ("ECC_NIST_P256", "SHA_256"), 384: ("ECC_NIST_P384", "SHA_384"), 521: ("ECC_NIST_P521", "SHA_512")}


def arn(name: str, account: str = "111122223333") -> str:
    return f"arn:aws:kms:{REGION}:{account}:{name}"


@dataclass
class Key:
    """One key as the server has it."""

    key_id: str
    private: PrivateKey
    usage: str = "SIGN_VERIFY"
    state: str = "Enabled"

    @property
    def arn(self) -> str:
        return arn(f"key/{self.key_id}")

    @property
    def spec(self) -> str:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return f"RSA_{self.private.key_size}"
        return _CURVES[self.private.key_size][0]

    @property
    def algorithms(self) -> list[str]:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return [f"{scheme}_SHA_{bits}" for scheme in ("RSASSA_PKCS1_V1_5", "RSASSA_PSS") for bits in (256, 384, 512)]
        return [f"ECDSA_{_CURVES[self.private.key_size][1]}"]

    @property
    def metadata(self) -> dict[str, Any]:
        return {
            "AWSAccountId": "111122223333",
            "KeyId": self.key_id,
            "Arn": self.arn,
            "Enabled": self.state == "Enabled",
            "KeyUsage": self.usage,
            "KeyState": self.state,
            "KeySpec": self.spec,
            "SigningAlgorithms": self.algorithms,
        }


@dataclass
class KMSServer:
    """What it has, what it was asked, and how it is to misbehave.

    Attributes:
        faults: By action, answers that are given instead, one after the other.
        always: By action, an answer that is given instead as long as it is there.
        asked: ``(action, body)`` in order.
        signed: How many signatures it made.
        tokens: The session token of each request.
    """

    url: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Handler]] = field(default_factory=lambda: defaultdict(list))
    always: dict[str, Handler] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    signed: int = 0
    in_flight: int = 0
    in_flight_most: int = 0

    def add(self, key_id: str, private: PrivateKey, **facts: str) -> Key:
        self.keys[key_id] = made = Key(key_id, private, **facts)
        return made

    def actions(self) -> list[str]:
        return [action for action, _ in self.asked]

    def find(self, reference: str) -> Key | None:
        name = reference.split(":", 5)[5] if reference.startswith("arn:") else reference
        return self.keys.get(name.removeprefix("key/")) or self.keys.get(self.aliases.get(name, ""))

    async def answer(self, action: str, body: dict[str, Any]) -> web.StreamResponse:
        if self.faults[action]:
            return await self.faults[action].pop(0)(body)
        if action in self.always:
            return await self.always[action](body)
        if action == "ListAliases":
            entries = [{"AliasName": name, "TargetKeyId": key_id} for name, key_id in self.aliases.items()]
            start = int(body.get("Marker", "0"))
            more = {"NextMarker": str(start + 2)} if start + 2 < len(entries) else {}
            return ok({"Aliases": entries[start : start + 2], "Truncated": bool(more), **more})
        key = self.find(body["KeyId"])
        if key is None:
            return error("NotFoundException")
        match action:
            case "DescribeKey":
                return ok({"KeyMetadata": key.metadata})
            case "GetPublicKey":
                public = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                return ok(
                    {
                        "KeyId": key.arn,
                        "PublicKey": base64.b64encode(public).decode(),
                        "KeyUsage": key.usage,
                        "SigningAlgorithms": key.algorithms,
                    }
                )
            case "Sign":
                return self.sign(body)
        return error("UnsupportedOperationException")

    def sign(self, body: dict[str, Any]) -> web.Response:
        key = self.find(body["KeyId"])
        assert key is not None
        if key.state != "Enabled":
            return error("DisabledException" if key.state == "Disabled" else "KMSInvalidStateException")
        assert body["MessageType"] == "DIGEST"
        assert body["SigningAlgorithm"] in key.algorithms
        scheme, _, bits = body["SigningAlgorithm"].rpartition("_SHA_")
        digest = Digest(HashAlgorithm(f"SHA-{bits}"), base64.b64decode(body["Message"], validate=True))
        self.signed += 1
        value = sign_digest(key.private, _SCHEMES[scheme], digest)
        return ok(
            {
                "KeyId": key.arn,
                "Signature": base64.b64encode(value).decode(),
                "SigningAlgorithm": body["SigningAlgorithm"],
            }
        )


def ok(members: dict[str, Any]) -> web.Response:
    return web.json_response(members, content_type="application/x-amz-json-1.1")


def error(code: str, status: int = 400) -> web.Response:
    members = {"__type": code, "message": "internal: role/app of 999988887777 in db7.prod"}
    return web.json_response(members, status=status, content_type="application/x-amz-json-1.1")


def fails(code: str, status: int = 400) -> Handler:
    """Answers with an error of KMS."""

    async def handler(_: dict[str, Any]) -> web.Response:
        return error(code, status)

    return handler


def says(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    """Answers with this."""

    async def handler(_: dict[str, Any]) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return handler


def gives(members: dict[str, Any]) -> Handler:
    """Answers with these members."""
    return says(json.dumps(members).encode())


def _check_signature(request: web.Request, body: bytes) -> None:
    """Against Signature Version 4 of what arrived (AWS, Signature Version 4 signing process)."""
    fields = dict(part.split("=", 1) for part in request.headers["Authorization"].partition(" ")[2].split(", "))
    access_key, date, region, service, ending = fields["Credential"].split("/")
    assert (access_key, region, service, ending) == (ACCESS_KEY, REGION, "kms", "aws4_request")
    names = fields["SignedHeaders"].split(";")
    assert {"host", "x-amz-date", "x-amz-target", "content-type"} <= set(names)
    canonical = "\n".join(
        [
            request.method,
            request.path,
            request.query_string,
            *(f"{name}:{request.headers[name].strip()}" for name in names),
            "",
            fields["SignedHeaders"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/{ending}"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    assert hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), fields["Signature"])


@asynccontextmanager
async def kms_server() -> AsyncIterator[KMSServer]:
    """Serve on loopback. What no client may send makes it answer 500, which no test expects."""
    state = KMSServer()

    async def serve(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        _check_signature(request, body)
        state.in_flight += 1
        state.in_flight_most = max(state.in_flight_most, state.in_flight)
        try:
            action = request.headers["X-Amz-Target"].removeprefix("TrentService.")
            state.bodies.append(body)
            state.tokens.append(request.headers.get("X-Amz-Security-Token"))
            state.asked.append((action, json.loads(body)))
            return await state.answer(action, json.loads(body))
        finally:
            state.in_flight -= 1

    application = web.Application()
    application.router.add_post("/", serve)
    server = TestServer(application)
    await server.start_server()
    state.url = f"http://127.0.0.1:{server.port}"
    try:
        yield state
    finally:
        await server.close()
