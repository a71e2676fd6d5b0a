"""The one place that opens outbound HTTP connections: to the central signer, the time-stamping authorities, OCSP and CRL.

Every exchange is bounded (time, size, connections) and is put on the ledger of the call that caused it, bodies only. Nothing is
followed, remembered or negotiated: no redirects, no cookies, no proxies from the environment, no compression. What goes wrong
comes out as one of the ``Link…`` exceptions here, which an adapter maps to the error tree in one place; nothing of aiohttp
crosses this module.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from socket import AddressFamily
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from proxy.call import Call
from proxy.errors import DeadlineExceeded, SettingsError

AddressPolicy = Callable[[str, int, IPv4Address | IPv6Address], bool]
"""Whether ``host:port`` may be contacted at the address it resolved to."""

FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError)
"""All that the HTTP client and the sockets under it raise; TLS errors and ``TimeoutError`` are ``OSError``."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_LARGEST_PAUSE = 3600.0
_IDLE = 15.0
"""Seconds an idle connection is kept: well below what servers and load balancers allow, so that the proxy closes first."""


class LinkError(Exception):
    """An exchange did not end with a 2xx answer. The text is for the log, not for callers."""


class LinkUnreachable(LinkError):
    """No connection came about: refused, unresolved, not permitted, or the TLS handshake failed. Nothing was sent."""


class LinkTimeout(LinkError):
    """The destination took longer than it is given. Whether it worked is unknown."""


class LinkBroken(LinkError):
    """The connection ended before the answer did. Whether it worked is unknown."""


class LinkGarbled(LinkError):
    """What came back is not HTTP, is encoded, or is larger than the destination may send."""


class LinkRefused(LinkError):
    """The destination answered with another status than 2xx."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer read to its end. Names of ``headers`` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds of ``Retry-After`` (RFC 9110, 10.2.3), an hour at most; ``None`` without one or where it is a date."""
        value = self.headers.get("retry-after", "").strip()
        return min(float(value), _LARGEST_PAUSE) if re.fullmatch(r"[0-9]{1,9}", value) else None


def client_tls(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A client's TLS context, version 1.2 at least, that verifies the server's certificate and name.

    Args:
        ca: PEM of the anchors of the server's certificate; the system's where ``None``.
        certificate: PEM of the client certificate, with its chain.
        key: PEM of its private key.

    Raises:
        SettingsError: A file cannot be read, or key and certificate do not belong together.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            context.load_cert_chain(str(certificate), None if key is None else str(key), password=_no_password)
    except OSError as error:
        raise SettingsError(f"TLS of {ca or 'the system'}, {certificate or 'no client certificate'}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


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


class Link:
    """Connections to one destination, or to one kind of destination.

    The session is opened by the first exchange, in the event loop that runs it.

    Args:
        destination: Its name on the ledger, unless an exchange names another.
        timeout_seconds: The longest one exchange may take, from connecting to the last byte.
        max_response_bytes: The longest answer body.
        connections: How many at a time.
        tls: From :func:`client_tls`; needed for ``https``.
        address_policy: Asked for every address before it is connected to; one refusal refuses the host.
        hand_on_trace: Send the call's ``traceparent``.
    """

    def __init__(
        self,
        destination: str,
        *,
        timeout_seconds: float,
        max_response_bytes: int,
        connections: int,
        tls: ssl.SSLContext | None = None,
        address_policy: AddressPolicy | None = None,
        hand_on_trace: bool = False,
    ) -> None:
        self.destination = destination
        self._timeout = timeout_seconds
        self._max_response_bytes = max_response_bytes
        self._connections = connections
        self._tls = tls
        self._address_policy = address_policy
        self._hand_on_trace = hand_on_trace
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        call: Call,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        content_type: str | None = None,
        accept: str = "*/*",
        destination: str | None = None,
        max_response_bytes: int | None = None,
        fresh: bool = False,
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer.

        Args:
            call: Its deadline bounds the exchange, its ledger records it, on failure too once anything was sent.
            method: HTTP method.
            url: Absolute, percent-encoded where it must be.
            body: The request body.
            content_type: Its media type.
            accept: Value of ``Accept``.
            destination: Name on the ledger, instead of the link's.
            max_response_bytes: Bound of the answer's body, instead of the link's.
            fresh: No cache on the way may answer (``Cache-Control: no-cache``, RFC 9111, 5.2.1.4).
            more_headers: Sent too: what the destination authenticates the request by, or knows a repeat by. They are not on
                the ledger.

        Returns:
            A 2xx answer.

        Raises:
            DeadlineExceeded: The call's time was over first.
            LinkError: One of its leaves.
        """
        allowed = min(self._timeout, call.deadline.remaining)
        if allowed <= 0:
            raise DeadlineExceeded("the request's time is over")
        progress = SimpleNamespace(sent=False, received=0, limit=max_response_bytes or self._max_response_bytes)
        headers = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "hash-signing-proxy"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if fresh:
            headers["Cache-Control"] = "no-cache"
        if self._hand_on_trace and call.traceparent is not None and _TRACEPARENT.fullmatch(call.traceparent):
            headers["traceparent"] = call.traceparent
        headers.update(more_headers or {})
        with call.exchange(destination or self.destination):
            scope = asyncio.timeout(allowed)
            try:
                async with scope:
                    answer = await self._perform(method, url, headers, body, progress)
            except FAILURES as error:
                if scope.expired():
                    if allowed < self._timeout:
                        raise DeadlineExceeded("the request's time is over") from error
                    raise LinkTimeout(f"no answer within {self._timeout:g} s") from error
                raise link_error(error) from error
            finally:
                if progress.sent:
                    call.ledger.record(destination or self.destination, body, progress.received)
            if not 200 <= answer.status <= 299:
                raise LinkRefused(answer)
            return answer

    async def _perform(self, method: str, url: str, headers: dict[str, str], body: bytes, progress: SimpleNamespace) -> Answer:
        self._check_literal(url)
        async with self._opened().request(
            method,
            URL(url, encoded=True),
            data=body if body or method != "GET" else None,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise LinkGarbled("the answer is encoded although identity was asked for")
            if (response.content_length or 0) > progress.limit:
                raise LinkGarbled(f"the answer has more than {progress.limit} bytes")
            parts = []
            async for part in response.content.iter_any():
                progress.received += len(part)
                if progress.received > progress.limit:
                    response.close()
                    raise LinkGarbled(f"the answer has more than {progress.limit} bytes")
                parts.append(part)
            return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, b"".join(parts))

    def _check_literal(self, url: str) -> None:
        """An address in the URL does not pass the resolver, so the policy is asked here."""
        try:
            _, host, port = origin(url)
        except ValueError as error:
            raise LinkUnreachable(str(error)) from error
        if self._address_policy is None:
            return
        try:
            address = ip_address(host)
        except ValueError:
            return
        if not self._address_policy(host, port, address):
            raise LinkUnreachable(f"{address} may not be contacted")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            policy = self._address_policy
            connector = aiohttp.TCPConnector(
                limit=self._connections,
                ssl=self._tls or True,
                resolver=None if policy is None else _PolicyResolver(policy),
                use_dns_cache=policy is None,
                keepalive_timeout=_IDLE,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_sent_marker()],
            )
        return self._session

    async def close(self) -> None:
        """Close the connections. A later exchange opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def link_error(error: Exception) -> LinkError:
    """The link error that a failure of the HTTP client means. Order matters: a connector's failure is an ``OSError`` too."""
    match error:
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() | aiohttp.InvalidURL():
            kind: type[LinkError] = LinkUnreachable
        case aiohttp.NonHttpUrlClientError():
            kind = LinkUnreachable
        case TimeoutError():
            kind = LinkTimeout
        case aiohttp.ClientResponseError() | HttpProcessingError() | aiohttp.RedirectClientError():
            kind = LinkGarbled
        case _:
            kind = LinkBroken
    return kind(f"{type(error).__name__}: {error!s}")


class _PolicyResolver(AbstractResolver):
    """Resolves a name once and refuses it if the policy refuses any of its addresses.

    The addresses it returns are the ones connected to, so a name that resolves differently the next moment gains nothing.
    """

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            address = ip_address(result["host"].partition("%")[0])
            if not self._policy(host, port, address):
                raise OSError(f"{host} resolves to {address}, which may not be contacted")
        return results

    async def close(self) -> None:
        await self._resolver.close()


def _sent_marker() -> aiohttp.TraceConfig:
    async def mark(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        context.trace_request_ctx.sent = True

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(mark)
    return config


def _no_password() -> str:
    raise OSError("the client key is encrypted; give it unencrypted, readable by this user alone")
