"""A central signer that is wrong in one chosen way: over mutual TLS with the sandbox's certificates, as the real one.

The certificate id of a request chooses the way. Every id stands for the sandbox's ``eseal-p256`` or, where an RSA key is the
point, ``eseal-rsa``: certificate, chain and, where it signs, the key.
"""

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.sandbox.authority import load_chain
from proxy.sandbox.keys import load_key
from tests.end_to_end.odd_authorities import threaded
from tests.support.keys import sign_digest
from tests.support.sandbox import Sandbox

JSON = "application/json"
PROBLEM = "application/problem+json"
SECRET = "Traceback (most recent call last): /srv/central/keys.py, line 7, in sign: PIN 4711"
"""What a service that is worse than this one might say. No caller of the proxy may see it."""


POISON = hashlib.sha256(b"poison").digest()
"""The digest for which ``poisoned`` gives a value of another key."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """An answer; ``body`` is ``None`` for a connection that is reset."""

    body: bytes | None
    media_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def problem(cls, status: int, code: str) -> "Faulty":
        """A problem as the contract has it, with a detail that is nobody's business."""
        body = {"type": "about:blank", "title": SECRET, "status": status, "detail": SECRET, "code": code}
        return cls(json.dumps(body).encode(), PROBLEM, status)

    @classmethod
    def signatures(cls, *values: bytes) -> "Faulty":
        """Signature values as the contract has them."""
        return cls(json.dumps({"signatures": [base64.b64encode(value).decode() for value in values]}).encode())


@dataclass(slots=True)
class FaultyCentral:
    """The signer.

    Attributes:
        url: Its base URL.
        asked: How often it was asked for signatures, by certificate id.
    """

    sandbox: Sandbox
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)
    second_came: threading.Event = field(default_factory=threading.Event)

    def chain(self, certificate_id: str) -> Faulty:
        """``GET /v1/certificates/{id}/chain``."""
        if certificate_id == "no-certificate":
            return Faulty(json.dumps({"certificates": ["AQID"], "signAlgorithms": [], "hashAlgorithms": []}).encode())
        if certificate_id == "chain-breaks":
            return Faulty.problem(500, "INTERNAL")
        if certificate_id == "unknown":
            return Faulty.problem(404, "CERTIFICATE_NOT_FOUND")
        chain = load_chain(self.sandbox.folder.signing(_model(certificate_id)).certificate)
        members = {
            "certificates": [base64.b64encode(item.public_bytes(Encoding.DER)).decode() for item in chain],
            "signAlgorithms": ["RSASSA-PKCS1-v1_5"] if _model(certificate_id) == "eseal-rsa" else ["ECDSA"],
            "hashAlgorithms": ["SHA-256"],
        }
        return Faulty(json.dumps(members).encode())

    def sign(self, members: dict[str, Any]) -> Faulty:
        """``POST /v1/signatures/hash``."""
        certificate_id = members["certificateId"]
        self.asked[certificate_id] += 1
        return _FAULTS[certificate_id](self, certificate_id, [base64.b64decode(item) for item in members["hashes"]])

    def _value(self, certificate_id: str, digest: bytes) -> bytes:
        key = load_key(self.sandbox.folder.signing(_model(certificate_id)).key)
        algorithm = SignAlgorithm.ECDSA if isinstance(key, ec.EllipticCurvePrivateKey) else SignAlgorithm.RSASSA_PKCS1_V1_5
        return sign_digest(key, algorithm, Digest(HashAlgorithm.SHA256, digest))

    def _right(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest) for digest in digests))

    def _other_key(self, _certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value("-other", digest) for digest in digests))

    def _other_digest(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest[::-1]) for digest in digests))

    def _swapped(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest) for digest in reversed(digests)))

    def _poisoned(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        """One digest has a value that is none. The first question has its answer when the second one is there."""
        if self.asked[certificate_id] > 1:
            self.second_came.set()
        self.second_came.wait(5)
        return Faulty.signatures(*(self._value("-other" if digest == POISON else certificate_id, digest) for digest in digests))

    def _raw(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        """ECDSA as r‖s, as some signers give it."""
        return Faulty.signatures(*(bytes(64) for _ in digests))

    def _short(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest)[:-1] for digest in digests))

    def _one_too_few(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest) for digest in digests[1:]))

    def _one_too_many(self, certificate_id: str, digests: list[bytes]) -> Faulty:
        return Faulty.signatures(*(self._value(certificate_id, digest) for digest in [*digests, digests[0]]))

    def _resets(self, _certificate_id: str, _digests: list[bytes]) -> Faulty:
        return Faulty(None)

    def _hangs(self, _certificate_id: str, _digests: list[bytes]) -> Faulty:
        self.stopping.wait(60)
        return Faulty(None)


def _answers(faulty: Faulty) -> Callable[[FaultyCentral, str, list[bytes]], Faulty]:
    return lambda _central, _certificate_id, _digests: faulty


_FAULTS: dict[str, Callable[[FaultyCentral, str, list[bytes]], Faulty]] = {
    "right": FaultyCentral._right,
    "other-key": FaultyCentral._other_key,
    "other-digest": FaultyCentral._other_digest,
    "swapped": FaultyCentral._swapped,
    "poisoned": FaultyCentral._poisoned,
    "raw-ecdsa": FaultyCentral._raw,
    "short-rsa": FaultyCentral._short,
    "one-too-few": FaultyCentral._one_too_few,
    "one-too-many": FaultyCentral._one_too_many,
    "resets": FaultyCentral._resets,
    "hangs": FaultyCentral._hangs,
    "no-base64": _answers(Faulty(b'{"signatures": ["not base64!"]}')),
    "no-json": _answers(Faulty(SECRET.encode())),
    "other-json": _answers(Faulty(b'{"values": []}')),
    "html": _answers(Faulty(b"<html>", "text/html")),
    "breaks": _answers(Faulty(SECRET.encode(), "text/plain", 500)),
    "internal": _answers(Faulty.problem(500, "INTERNAL")),
    "unheard-of": _answers(Faulty.problem(418, "TEAPOT")),
    "redirects": _answers(Faulty(b"", "text/plain", 307, (("Location", "https://127.0.0.1:1/v1/signatures/hash"),))),
    "forbids": _answers(Faulty.problem(403, "OPERATION_NOT_PERMITTED")),
    "misunderstands": _answers(Faulty.problem(400, "INVALID_PARAMETER")),
    "busy": _answers(Faulty.problem(429, "CONCURRENCY_LIMIT")),
    "maintained": _answers(Faulty.problem(503, "MAINTENANCE")),
    "revoked-since": _answers(Faulty.problem(422, "CERTIFICATE_REVOKED")),
    "expired-since": _answers(Faulty.problem(422, "CERTIFICATE_EXPIRED")),
    "gone-since": _answers(Faulty.problem(404, "CERTIFICATE_NOT_FOUND")),
    "refuses-algorithm": _answers(Faulty.problem(422, "ALGORITHM_NOT_ALLOWED")),
}


def _model(certificate_id: str) -> str:
    """The sandbox's certificate that an id stands for."""
    return {"short-rsa": "eseal-rsa", "-other": "legal-person-p256"}.get(certificate_id, "eseal-p256")


@contextmanager
def faulty_central(sandbox: Sandbox) -> Iterator[FaultyCentral]:
    """Serve it until the end of the block."""
    central = FaultyCentral(sandbox)
    files = sandbox.folder.tls("central")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=sandbox.folder.anchor("client-ca"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            *_, certificate_id, _route = self.path.split("/")
            self._answer(central.chain(unquote(certificate_id)))

        def do_POST(self) -> None:
            self._answer(central.sign(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def _answer(self, faulty: Faulty) -> None:
            if faulty.body is None:
                # A reset instead of an orderly end: RST on close.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            self.send_response(faulty.status)
            for name, value in (
                *faulty.headers,
                ("Content-Type", faulty.media_type),
                ("Content-Length", str(len(faulty.body))),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(faulty.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with threaded(Handler, wrap) as server:
        central.url = f"https://127.0.0.1:{server.server_port}"
        try:
            yield central
        finally:
            central.stopping.set()
