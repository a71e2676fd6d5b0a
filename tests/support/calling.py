"""A caller of the REST contract that shares nothing with the proxy: Python's own HTTP client over mutual TLS.

Every request has a connection of its own, as a command in a script would.
"""

import base64
import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

SECONDS = 60.0
"""How long an answer may take."""

BOUNDARY = "----------------------------3f7c1b2a9d"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get_content_type()

    @property
    def members(self) -> dict[str, Any]:
        """The body as a JSON object."""
        members = json.loads(self.body)
        assert isinstance(members, dict)
        return members

    @property
    def transaction_id(self) -> str:
        return str(self.headers["Transaction-Id"])

    @property
    def code(self) -> str | None:
        """The problem's code; ``None`` for an answer that is no problem."""
        return str(self.members["code"]) if self.media_type == "application/problem+json" else None

    @property
    def upstream_bytes(self) -> tuple[int, int]:
        """Body bytes sent to and received from the central signer."""
        pairs = dict(part.split("=") for part in self.headers["Upstream-Bytes"].split(";"))
        return int(pairs["sent"]), int(pairs["received"])


@dataclass(frozen=True, slots=True)
class Caller:
    """One client of one service.

    Attributes:
        url: Base URL of the service.
        ca: What its certificate must chain to.
        certificate: The client's own, with its chain; ``None`` to come without.
        key: Its key.
    """

    url: str
    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    def connect(self) -> http.client.HTTPSConnection:
        """A connection of its own, for requests that are not sent in one go."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=SECONDS, context=context)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; an iterable body goes out in chunks."""
        connection = self.connect()
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            try:
                connection.request(method, target, body or None, dict(headers or {}))
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    # It was refused before anything could go out: there is no answer.
                    raise
                # A refusal may come before all of the body went out. It is there to be read.
                assert body, "a request without a body has nothing to break off"
            return read_answer(connection)
        finally:
            connection.close()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, query=query, headers=headers)

    def post_json(self, path: str, members: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Answer:
        body = json.dumps(members).encode()
        return self.ask("POST", path, body, headers={"Content-Type": "application/json", **(headers or {})})

    def sign(
        self,
        document: bytes,
        certificate_id: str = "eseal-p256",
        *,
        form: str = "es",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        """Sign a document sent raw, the parameters in the query; ``form`` is the route's last segment.

        ``query`` is for parameters whose name is no name in Python.
        """
        return self.ask(
            "POST",
            f"/v1/signatures/{form}",
            document,
            query={"certificateId": certificate_id, **parameters, **(query or {})},
            headers={"Content-Type": "application/pdf", **(headers or {})},
        )

    def timestamp(
        self,
        document: bytes,
        purpose: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        """Time-stamp a document sent raw, the parameters in the query."""
        chosen = {} if purpose is None else {"purpose": purpose}
        return self.ask(
            "POST",
            "/v1/timestamps",
            document,
            query={**chosen, **parameters, **(query or {})},
            headers={"Content-Type": "application/pdf", **(headers or {})},
        )

    def send_parts(
        self,
        path: str,
        document: bytes,
        params: Mapping[str, Any],
        *,
        seal_image: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a document, parameters that may not be in a URL, and a seal image as ``multipart/form-data``."""
        parts = [("params", json.dumps(params).encode()), ("document", document)]
        if seal_image is not None:
            parts.append(("sealImage", seal_image))
        body, head = multipart(parts)
        return self.ask("POST", path, body, headers={**head, **(headers or {})})

    def sign_hashes(
        self, digests: Iterable[bytes], certificate_id: str = "eseal-p256", hash_algorithm: str = "SHA-256", **members: str
    ) -> Answer:
        hashes = [base64.b64encode(digest).decode() for digest in digests]
        return self.post_json(
            "/v1/signatures/hash",
            {"certificateId": certificate_id, "hashAlgorithm": hash_algorithm, "hashes": hashes, **members},
        )


def read_answer(connection: http.client.HTTPConnection) -> Answer:
    """The answer to what was sent on a connection."""
    response = connection.getresponse()
    return Answer(response.status, response.msg, response.read())


def multipart(parts: Iterable[tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    """A ``multipart/form-data`` body with these parts in this order, and its header."""
    body = bytearray()
    for name, content in parts:
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    return bytes(body), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
