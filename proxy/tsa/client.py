"""One time-stamping authority over HTTP (RFC 3161, 3.4).

All that an authority is sent is an imprint, a nonce, a policy and whether certificates are wanted.
"""

import asyncio
from collections import OrderedDict

from proxy.call import Call
from proxy.errors import DependencyError, SettingsError, TSAError, TSAUnavailable
from proxy.model import Digest, TimestampToken
from proxy.outbound import Answer, Link, LinkError, LinkGarbled, LinkRefused, Links, client_tls, origin
from proxy.ports import Clock, TimestampQuery
from proxy.rates import RateBudget
from proxy.settings import TSASettings
from proxy.trust.anchors import load_anchors
from proxy.trust.paths import PathFinder
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import LARGEST_REPLY, rejection_of, token_of
from proxy.tsa.token import CertificateMissing, check_token, parse_token

_QUERY_TYPE = "application/timestamp-query"
_REPLY_TYPES = frozenset({"application/timestamp-reply", "application/timestamp-response"})
_MOST_LEARNT = 32
_BUSY = frozenset({408, 425, 429})


class RFC3161Authority:
    """An authority and the anchors its tokens must chain to (:class:`proxy.ports.TimestampAuthority`).

    Args:
        settings: Its section.
        clock: What genTime is compared with.
        connections: How many at a time.
        links: Where its breaker is; its own alone, if none are given.

    Raises:
        SettingsError: URL, anchors or TLS files cannot be used.

    Attributes:
        budget: How often it may be asked; ``None`` for as often as it likes.
    """

    def __init__(self, settings: TSASettings, clock: Clock, connections: int, links: Links | None = None) -> None:
        try:
            scheme, host, port = origin(settings.url)
        except ValueError as error:
            raise SettingsError(f"tsa.url {settings.url!r}: {error}") from error
        self.name = f"{host}:{port}"
        self.hash_algorithm = settings.hash_algorithm
        self.finder = PathFinder(load_anchors(settings.trust_anchors))
        self._url = settings.url
        self._policy_oid = settings.policy_oid
        self._clock = clock
        self._learnt: OrderedDict[bytes, None] = OrderedDict()
        links = links or Links()
        rate = settings.rate_per_second
        self.budget = None if rate is None else RateBudget(rate, settings.burst, links.now)
        destination = f"tsa:{self.name}"
        self._dependency = links.dependency(destination)
        self._link = Link(
            destination,
            timeout_seconds=settings.timeout_seconds,
            max_response_bytes=LARGEST_REPLY,
            connections=connections,
            tls=client_tls(settings.ca, settings.client_certificate, settings.client_key) if scheme == "https" else None,
        )

    @property
    def doubtful(self) -> bool:
        """Whether it failed a moment ago, so that another one is the better choice."""
        return self._dependency.doubtful

    async def timestamp(self, call: Call, imprint: Digest, *, once: bool = False) -> TimestampToken:
        """See :meth:`proxy.ports.TimestampAuthority.timestamp`; ``once``: another authority is next in line."""
        query = TimeStampReq.fresh(imprint, self._policy_oid)
        response = await self._ask(call, query, once=once)
        token = token_of(response)
        if token is None:
            raise TSAError(rejection_of(response))
        return await self._check(token, response, query)

    async def relay(self, call: Call, query: TimestampQuery, *, once: bool = False) -> bytes:
        """See :meth:`proxy.ports.TimestampAuthority.relay`; ``once``: another authority is next in line.

        A token without certificates is checked by those this authority's earlier tokens held; where there was none yet, one
        more token over the same imprint, with certificates, is asked for.
        """
        request = TimeStampReq(query.imprint, query.nonce, query.policy_oid, query.cert_req)
        response = await self._ask(call, request, once=once)
        token = token_of(response)
        if token is None:
            return response
        try:
            await self._check(token, response, request)
        except CertificateMissing:
            if request.cert_req:
                raise
            await self.timestamp(call, request.imprint)
            await self._check(token, response, request)
        return response

    async def _check(self, token: bytes, response: bytes, query: TimeStampReq) -> TimestampToken:
        known = (*self.finder.anchors.certificates, *self._learnt)
        checked = await asyncio.to_thread(check_token, token, response, query, self.finder, self._clock.now(), known)
        if checked.tsa_certificate not in known:
            self._learnt.update(dict.fromkeys(parse_token(token).certificates))
            while len(self._learnt) > _MOST_LEARNT:
                self._learnt.popitem(last=False)
        return checked

    async def _ask(self, call: Call, query: TimeStampReq, *, once: bool) -> bytes:
        """The one place where a transport failure gets its code. A token costs: no other one is asked for in doubt."""

        async def attempt() -> bytes:
            answer = await self._link.exchange(
                call, "POST", self._url, body=query.dump(), content_type=_QUERY_TYPE, accept="application/timestamp-reply"
            )
            if answer.content_type not in _REPLY_TYPES:
                raise LinkGarbled(f"it is {answer.content_type or 'of no media type'}")
            return answer.body

        try:
            return await self._dependency.ask(call, attempt, repeatable=False, once=once)
        except LinkRefused as error:
            raise _refusal(error.answer) from error
        except LinkGarbled as error:
            raise TSAError("the time-stamping authority's answer is no timestamp reply") from error
        except LinkError as error:
            raise TSAUnavailable("the time-stamping authority cannot be reached", retry_after=error.retry_after) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


def _refusal(answer: Answer) -> DependencyError:
    if answer.status >= 500 or answer.status in _BUSY:
        return TSAUnavailable(
            f"the time-stamping authority is not available (HTTP {answer.status})", retry_after=answer.retry_after
        )
    return TSAError(f"the time-stamping authority refused the request (HTTP {answer.status})")
