"""Connections to a destination, and one exchange over them.

Every exchange is bounded (time, size, connections) and is put on the ledger of the call that caused it, bodies only. Nothing is
followed, remembered or negotiated: no redirects, no cookies, no proxies from the environment, no compression.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial

import aiohttp
from yarl import URL

from proxy.call import Call, LedgerEntry
from proxy.errors import DeadlineExceeded
from proxy.following import Followed
from proxy.outbound.addresses import AddressPolicy, PolicyResolver, address_of, origin
from proxy.outbound.failures import (
    FAILURES,
    Answer,
    LinkForbidden,
    LinkGarbled,
    LinkRefused,
    LinkTimeout,
    OutOfPatience,
    link_error,
)

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_LAST_WORDS = 0.01
"""Seconds of a call's time in which it is still told whose fault it is that it ends."""

_CONNECTING = 5.0
"""Seconds until there is a connection, the TLS handshake included: beyond that nobody is there, and nothing was sent."""

_IDLE = 15.0
"""Seconds an idle connection is kept: well below what servers and load balancers allow, so that the proxy closes first."""

_progress: ContextVar["_Progress"] = ContextVar("progress")
"""Of the exchange that this task is about."""


class Link:
    """Connections to one destination, or to one kind of destination.

    The session is opened by the first exchange, in the event loop that runs it.

    Args:
        destination: Its name on the ledger, unless an exchange names another.
        timeout_seconds: The longest one exchange may take, from connecting to the last byte.
        max_response_bytes: The longest answer body.
        connections: How many at a time.
        tls: For ``https``, taken anew for each connection: from :meth:`proxy.outbound.Links.tls`, or a context that stays.
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
        tls: Followed[ssl.SSLContext] | ssl.SSLContext | None = None,
        address_policy: AddressPolicy | None = None,
        hand_on_trace: bool = False,
    ) -> None:
        self.destination = destination
        self._timeout = timeout_seconds
        self._max_response_bytes = max_response_bytes
        self._tls = tls
        self._address_policy = address_policy
        self._hand_on_trace = hand_on_trace
        self._places = asyncio.Semaphore(connections)
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
        recorded: bytes | None = None,
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
            recorded: Stands on the ledger for a body that holds a secret; as long as the body. The ledger has the body's
                digest, and who knows the rest of it could try short secrets until one fits.

        Returns:
            A 2xx answer.

        Raises:
            DeadlineExceeded: The call's time was over first.
            LinkError: One of its leaves.
        """
        progress = _Progress(
            partial(call.ledger.begin, destination or self.destination, recorded or body),
            max_response_bytes or self._max_response_bytes,
        )
        headers = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "hash-signing-proxy"}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if fresh:
            headers["Cache-Control"] = "no-cache"
        if self._hand_on_trace and call.traceparent is not None and _TRACEPARENT.fullmatch(call.traceparent):
            headers["traceparent"] = call.traceparent
        headers.update(more_headers or {})
        async with self._place(call):
            with call.exchange(destination or self.destination):
                allowed = min(self._timeout, call.deadline.remaining - _LAST_WORDS)
                scope = asyncio.timeout(allowed)
                try:
                    async with scope:
                        answer = await self._perform(method, url, headers, body, progress)
                except FAILURES as error:
                    if scope.expired():
                        raise self._out_of_time(allowed) from error
                    raise link_error(error) from error
                if not 200 <= answer.status <= 299:
                    raise LinkRefused(answer)
                return answer

    @asynccontextmanager
    async def _place(self, call: Call) -> AsyncIterator[None]:
        """One of the connections there may be at a time. To wait for it takes of the call's time, not of the destination's."""
        if self._places.locked():
            async with call.deadline.enforce():
                await self._places.acquire()
        else:
            await self._places.acquire()  # there is one: no waiting, and no timer for it
        try:
            if call.deadline.remaining <= _LAST_WORDS:
                raise DeadlineExceeded("the request's time is over")
            yield
        finally:
            self._places.release()

    def _out_of_time(self, allowed: float) -> Exception:
        if allowed == self._timeout:
            return LinkTimeout(f"no answer within {self._timeout:g} s")
        kind = OutOfPatience if allowed >= self._timeout / 2 else DeadlineExceeded
        return kind("the request's time is over")

    async def _perform(self, method: str, url: str, headers: dict[str, str], body: bytes, progress: "_Progress") -> Answer:
        self._check_literal(url)
        _progress.set(progress)
        async with self._opened().request(
            method,
            URL(url, encoded=True),
            data=body if body or method != "GET" else None,
            headers=headers,
            allow_redirects=False,
            ssl=self._tls.value if isinstance(self._tls, Followed) else self._tls or True,
        ) as response:
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise LinkGarbled("the answer is encoded although identity was asked for")
            if (response.content_length or 0) > progress.limit:
                raise LinkGarbled(f"the answer has more than {progress.limit} bytes")
            parts = []
            async for part in response.content.iter_any():
                if progress.came(len(part)) > progress.limit:
                    response.close()
                    raise LinkGarbled(f"the answer has more than {progress.limit} bytes")
                parts.append(part)
            return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, b"".join(parts))

    def _check_literal(self, url: str) -> None:
        """An address in the URL does not pass the resolver, so the policy is asked here."""
        try:
            _, host, port = origin(url)
            address = None if self._address_policy is None else address_of(host)
        except ValueError as error:
            raise LinkForbidden(str(error)) from error
        if self._address_policy is not None and address is not None and not self._address_policy(host, port, address):
            raise LinkForbidden(f"{address} may not be contacted")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            policy = self._address_policy
            connector = aiohttp.TCPConnector(
                limit=0,  # the places are the bound
                resolver=None if policy is None else PolicyResolver(policy),
                use_dns_cache=policy is None,
                keepalive_timeout=_IDLE,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=_CONNECTING, sock_read=None),
                auto_decompress=False,
                trust_env=False,
                request_class=_Request,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections. A later exchange opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Progress:
    """How far an exchange has come: it is on the ledger from the moment when something left.

    Args:
        begin: Puts it there.
        limit: The most bytes of the answer's body.
    """

    def __init__(self, begin: Callable[[], LedgerEntry], limit: int) -> None:
        self._begin = begin
        self._entry: LedgerEntry | None = None
        self.limit = limit

    def left(self) -> None:
        """The request is leaving."""
        if self._entry is None:
            self._entry = self._begin()

    def came(self, count: int) -> int:
        """So many bytes of the answer's body came; gives how many there are by now."""
        assert self._entry is not None, "an answer to what was never sent"
        self._entry.received += count
        return self._entry.received


class _Request(aiohttp.ClientRequest):
    """Notes that a request is about to go out. The client's tracing would tell it too, for a third of the exchange."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        _progress.get().left()
        return await super().send(conn)
