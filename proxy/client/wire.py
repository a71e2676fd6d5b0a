"""Requests to one service over one pool of connections.

Nothing is repeated here: a signature that was asked for may have been made although its answer was lost. Every call
carries a transaction id of its own, and each error names it, so that the service can be asked what became of it.
"""

import ssl
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.payload import Payload

from proxy.client.answers import Members
from proxy.client.connection import Connection
from proxy.client.problems import AnswerInvalid, ServiceUnreachable, error_from
from proxy.client.transfer import CHUNK
from proxy.errors import DeadlineExceeded, ProxyError

_ANSWER_LIMIT = 16_000_000
"""Bytes of a JSON or DER answer that are read at most."""

_PROBLEM_LIMIT = 65_536
"""Bytes of a failure's body that are read at most."""

_CONNECT_SECONDS = 10.0


class Wire:
    """The connections to one service.

    Args:
        connection: Where it is, and the client certificate.
        limit: Connections at a time.

    Raises:
        SettingsError: The connection's files cannot be used.
    """

    def __init__(self, connection: Connection, *, limit: int) -> None:
        self._base = connection.base
        self._timeout = aiohttp.ClientTimeout(total=connection.timeout_seconds, sock_connect=_CONNECT_SECONDS)
        self._ssl: ssl.SSLContext | bool = connection.ssl_context() if self._base.startswith("https:") else True
        self._limit = limit

    async def open(self) -> None:
        """Make the pool; nothing is connected yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._ssl,
                limit=self._limit,
                # Before that version a TLS connection given up while it closes may stay open until it is collected.
                enable_cleanup_closed=sys.version_info < (3, 12, 8),
            ),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def json(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Payload | None = None
    ) -> Members:
        """A question whose answer is a small JSON object. Raises as :meth:`exchange`."""
        headers = {"Accept": "application/json"}
        async with self.exchange(method, path, query=query or {}, headers=headers, body=body) as response:
            return Members.parse(await read_answer(response))

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Payload | bytes | None,
        ask_first: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; the context's body runs with its answer if that is a success.

        Args:
            method: HTTP's.
            path: Below the base URL.
            query: Parameters in the URL.
            headers: Beside the transaction id.
            body: What is sent.
            ask_first: Whether the service is asked to let the body in before it is sent (RFC 9110, 10.1.1).

        Raises:
            ProxyError: Every failure, as an error of the tree, with the transaction id.
        """
        transaction_id = str(uuid.uuid4())
        try:
            async with self._session.request(
                method,
                self._base + path,
                params=query,
                headers={**headers, "Transaction-Id": transaction_id},
                data=body,
                expect100=ask_first,
                allow_redirects=False,
            ) as response:
                transaction_id = response.headers.get("Transaction-Id", transaction_id)
                if response.status not in {200, 201}:
                    raise error_from(
                        response.status,
                        await _read(response, _PROBLEM_LIMIT, cut=True),
                        transaction_id=transaction_id,
                        retry_after=response.headers.get("Retry-After"),
                    )
                yield response
        except ProxyError as error:
            error.transaction_id = error.transaction_id or transaction_id
            raise
        except TimeoutError as error:
            raise _told(DeadlineExceeded("the service did not answer in time"), transaction_id) from error
        except aiohttp.ClientError as error:
            unreachable = ServiceUnreachable(f"{self._base}: {str(error) or type(error).__name__}")
            raise _told(unreachable, transaction_id) from error


def _told(error: ProxyError, transaction_id: str) -> ProxyError:
    error.transaction_id = transaction_id
    return error


async def read_answer(response: aiohttp.ClientResponse) -> bytes:
    """The body of a small answer. Raises AnswerInvalid when it is not small."""
    return await _read(response, _ANSWER_LIMIT)


async def _read(response: aiohttp.ClientResponse, limit: int, *, cut: bool = False) -> bytes:
    """A small body. Raises AnswerInvalid above ``limit`` bytes, unless it may be cut there."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > limit:
            if cut:
                return bytes(body[:limit])
            raise AnswerInvalid(f"the service's answer is larger than {limit} bytes")
    return bytes(body)
