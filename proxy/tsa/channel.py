"""How an authority is asked: by HTTP (RFC 3161, 3.4), unless another way is given.

All that an authority is sent is an imprint, a nonce, a policy and whether certificates are wanted.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from proxy.call import Call
from proxy.errors import DependencyError, SettingsError, TSAError, TSAUnavailable
from proxy.outbound import Answer, Link, LinkError, LinkGarbled, LinkRefused, Links, LinkUntrue, origin
from proxy.settings import TSASettings
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import LARGEST_REPLY

_QUERY_TYPE = "application/timestamp-query"
_REPLY_TYPES = frozenset({"application/timestamp-reply", "application/timestamp-response"})
_BUSY = frozenset({408, 425, 429})

_T = TypeVar("_T")

Read = Callable[[bytes], Awaitable[_T]]
"""Makes of DER of a ``TimeStampResp`` what is wanted, or raises TSAError: an authority whose answers are none is left alone."""


class Channel(Protocol):
    """A way to one authority."""

    name: str
    """What the authority is called in logs and health."""

    @property
    def doubtful(self) -> bool:
        """Whether it failed a moment ago, so that another one is the better choice."""
        ...

    async def ask(self, call: Call, query: TimeStampReq, read: Read[_T], *, once: bool) -> _T:
        """Ask, and read the answer. A token costs: no other one is asked for in doubt.

        Args:
            call: Deadline and ledger.
            query: What is asked.
            read: Reads the answer, and checks it.
            once: Another authority is next in line.

        Raises:
            TSAError: It refuses, or does not answer with a reply, or as ``read`` says.
            TSAUnavailable: It cannot be reached.
            DeadlineExceeded: The call's time is over.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class HTTPChannel:
    """An authority's URL.

    Args:
        settings: Its section.
        connections: How many at a time.
        links: Where its breaker is.

    Raises:
        SettingsError: URL or TLS files cannot be used.
    """

    def __init__(self, settings: TSASettings, connections: int, links: Links) -> None:
        self._url = settings.url or ""
        try:
            scheme, host, port = origin(self._url)
        except ValueError as error:
            raise SettingsError(f"tsa.url {self._url!r}: {error}") from error
        self.name = f"{host}:{port}"
        destination = f"tsa:{self.name}"
        self._dependency = links.dependency(destination)
        tls = None
        if scheme == "https":
            tls = links.tls(destination, settings.ca, settings.client_certificate, settings.client_key)
        self._link = Link(
            destination,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=LARGEST_REPLY,
            connections=connections,
            tls=tls,
        )

    @property
    def doubtful(self) -> bool:
        """See :attr:`Channel.doubtful`."""
        return self._dependency.doubtful

    async def ask(self, call: Call, query: TimeStampReq, read: Read[_T], *, once: bool) -> _T:
        """See :meth:`Channel.ask`. The one place where a transport failure gets its code."""

        async def attempt() -> _T:
            answer = await self._link.exchange(
                call, "POST", self._url, body=query.dump(), content_type=_QUERY_TYPE, accept="application/timestamp-reply"
            )
            if answer.content_type not in _REPLY_TYPES:
                raise LinkGarbled(f"it is {answer.content_type or 'of no media type'}")
            return await checked(read, answer.body)

        try:
            return await self._dependency.ask(call, attempt, repeatable=False, once=once)
        except LinkRefused as error:
            raise _refusal(error.answer) from error
        except LinkUntrue as error:
            raise error.reason from error
        except LinkGarbled as error:
            raise TSAError("the time-stamping authority's answer is no timestamp reply") from error
        except LinkError as error:
            raise TSAUnavailable("the time-stamping authority cannot be reached", retry_after=error.retry_after) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


async def checked(read: Read[_T], response: bytes) -> _T:
    """What ``read`` makes of an answer. Raises LinkUntrue where it is none."""
    try:
        return await read(response)
    except TSAError as error:
        raise LinkUntrue(error) from error


def _refusal(answer: Answer) -> DependencyError:
    if answer.status >= 500 or answer.status in _BUSY:
        return TSAUnavailable(
            f"the time-stamping authority is not available (HTTP {answer.status})", retry_after=answer.retry_after
        )
    return TSAError(f"the time-stamping authority refused the request (HTTP {answer.status})")
