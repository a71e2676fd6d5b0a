"""One time-stamping authority (RFC 3161): asked, and every token checked before it is used."""

import asyncio
from collections import OrderedDict

from proxy.call import Call
from proxy.errors import TSAError
from proxy.model import Digest, TimestampToken
from proxy.outbound import Links
from proxy.ports import Clock, TimestampQuery
from proxy.rates import RateBudget
from proxy.settings import TSASettings
from proxy.trust.anchors import load_anchors
from proxy.trust.paths import PathFinder
from proxy.trust.tokens import parse_token
from proxy.tsa.channel import Channel, HTTPChannel
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import is_out_of_order, rejection_of, token_of, without_certificates
from proxy.tsa.token import CertificateMissing, check_token

_MOST_LEARNT = 32


class RFC3161Authority:
    """An authority and the anchors its tokens must chain to (:class:`proxy.ports.TimestampAuthority`).

    Args:
        settings: Its section.
        clock: What genTime is compared with.
        connections: How many at a time.
        links: Where its breaker is; its own alone, if none are given.
        channel: How it is asked, if not by HTTP.

    Raises:
        SettingsError: URL, anchors or TLS files cannot be used.

    Attributes:
        budget: How often it may be asked; ``None`` for as often as it likes.
        tokens_are_free: Whether one may be had for nothing but to see what it is like.
    """

    def __init__(
        self,
        settings: TSASettings,
        clock: Clock,
        connections: int,
        links: Links | None = None,
        channel: Channel | None = None,
    ) -> None:
        links = links or Links()
        self._channel = channel or HTTPChannel(settings, connections, links)
        self.name = self._channel.name
        self.hash_algorithm = settings.hash_algorithm
        self.finder = PathFinder(load_anchors(settings.trust_anchors))
        self._policy_oid = settings.policy_oid
        self._clock = clock
        self._learnt: OrderedDict[bytes, None] = OrderedDict()
        rate = settings.rate_per_second
        self.tokens_are_free = settings.free_tokens
        self.budget = None if rate is None else RateBudget(rate, settings.burst, links.now)

    @property
    def doubtful(self) -> bool:
        """Whether it failed a moment ago, so that another one is the better choice."""
        return self._channel.doubtful

    async def timestamp(self, call: Call, imprint: Digest, *, once: bool = False) -> TimestampToken:
        """See :meth:`proxy.ports.TimestampAuthority.timestamp`; ``once``: another authority is next in line."""
        query = TimeStampReq.fresh(imprint, self._policy_oid)

        async def read(response: bytes) -> TimestampToken | str:
            token = token_of(response)
            if token is not None:
                return await self._check(token, response, query)
            if is_out_of_order(response):
                raise TSAError(rejection_of(response))
            return rejection_of(response)

        answer = await self._channel.ask(call, query, read, once=self._only_once(once))
        if isinstance(answer, str):
            raise TSAError(answer)
        return answer

    async def relay(self, call: Call, query: TimestampQuery, *, once: bool = False) -> bytes:
        """See :meth:`proxy.ports.TimestampAuthority.relay`; ``once``: another authority is next in line.

        A token without certificates is checked by those this authority's earlier tokens held; where there was none yet, one
        more token over the same imprint, with certificates, is asked for.
        """
        request = TimeStampReq(query.imprint, query.nonce, query.policy_oid, query.cert_req)

        async def read(response: bytes) -> tuple[bytes, bytes | None, bool]:
            """The reply, its token, and whether that was checked."""
            token = token_of(response)
            try:
                if token is not None:
                    await self._check(token, response, request)
            except CertificateMissing:
                if request.cert_req:
                    raise
                return response, token, False
            return response, token, True

        response, token, checked = await self._channel.ask(call, request, read, once=self._only_once(once))
        if token is None:
            return response
        if not checked:
            await self.timestamp(call, request.imprint)
            await self._check(token, response, request)
        return response if request.cert_req else without_certificates(response)

    def _only_once(self, once: bool) -> bool:
        """A budget counts every time that the authority is asked."""
        return once or self.budget is not None

    async def _check(self, token: bytes, response: bytes, query: TimeStampReq) -> TimestampToken:
        known = (*self.finder.anchors.certificates, *self._learnt)
        checked = await asyncio.to_thread(check_token, token, response, query, self.finder, self._clock.now(), known)
        if checked.tsa_certificate not in known:
            self._learnt.update(dict.fromkeys(parse_token(token).message.data.certificates))
            while len(self._learnt) > _MOST_LEARNT:
                self._learnt.popitem(last=False)
        return checked

    async def close(self) -> None:
        """Close the connections."""
        await self._channel.close()
