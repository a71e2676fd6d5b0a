"""What an exchange with a destination gives: an answer, or one of the ``Link…`` exceptions.

An adapter maps those to the error tree in one place. Nothing of the HTTP client crosses this package.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from proxy.errors import DeadlineExceeded

FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError)
"""All that the HTTP client and the sockets under it raise; TLS errors and ``TimeoutError`` are ``OSError``."""

_LARGEST_PAUSE = 3600.0


class LinkError(Exception):
    """An exchange did not end with a 2xx answer. The text is for the log and for operators, not for callers.

    Attributes:
        retry_after: Seconds after which asking again makes sense, where somebody said so.
    """

    retry_after: float | None = None


class LinkSuspended(LinkError):
    """The destination has failed so often that it is left alone for a while. Nothing was sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("not asked: it failed again and again")
        self.retry_after = retry_after


class LinkUnreachable(LinkError):
    """No connection came about: refused, unresolved, or the TLS handshake failed. Nothing was sent."""


class LinkForbidden(LinkUnreachable):
    """No connection was tried: the URL is none, or leads where none may be opened."""


class LinkTimeout(LinkError):
    """The destination took longer than it is given. Whether it worked is unknown."""


class LinkBroken(LinkError):
    """The connection ended before the answer did. Whether it worked is unknown."""


class LinkGarbled(LinkError):
    """What came back is not HTTP, is encoded, or is larger than the destination may send."""


class LinkUntrue(LinkError):
    """What came back is well formed, and is no answer to what was asked: about something else, or by somebody else.

    Attributes:
        reason: In words of whoever checked it.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class LinkRefused(LinkError):
    """The destination answered with another status than 2xx."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer
        self.retry_after = answer.retry_after


class OutOfPatience(DeadlineExceeded):
    """The call's time is over, and the destination had most of what it is given: it is slow."""


class AddressForbidden(OSError):
    """A host resolves to an address that may not be contacted."""


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


def link_error(error: Exception) -> LinkError:
    """The link error that a failure of the HTTP client means. Order matters: a connector's failure is an ``OSError`` too."""
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=AddressForbidden()) | aiohttp.InvalidURL():
            kind: type[LinkError] = LinkForbidden
        case aiohttp.NonHttpUrlClientError():
            kind = LinkForbidden
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            kind = LinkUnreachable
        case TimeoutError():
            kind = LinkTimeout
        case aiohttp.ClientResponseError() | HttpProcessingError() | aiohttp.RedirectClientError():
            kind = LinkGarbled
        case _:
            kind = LinkBroken
    return kind(f"{type(error).__name__}: {error!s}")
