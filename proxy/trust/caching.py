"""Revocation answers, kept: a busy signing certificate is asked about once every few minutes, not once a signature."""

from datetime import datetime, timedelta
from hashlib import sha256

from proxy.call import Call
from proxy.errors import RevocationUnavailable
from proxy.model import RevocationInfo
from proxy.ports import Clock, RevocationSource
from proxy.trust.memory import Memory

_REMEMBERED = 1024


class CachedRevocationSource:
    """A revocation source that asks another one, once a certificate at a time (:class:`proxy.ports.RevocationSource`).

    An answer is kept until its nextUpdate, ``cache_seconds`` at most; that there is none is kept for a few seconds.
    """

    def __init__(self, source: RevocationSource, clock: Clock, cache_seconds: float) -> None:
        self._source = source
        self._clock = clock
        self._cache_time = timedelta(seconds=cache_seconds)
        self._answers: Memory[bytes, RevocationInfo] = Memory(clock, _REMEMBERED, failures=(RevocationUnavailable,))

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """See :meth:`proxy.ports.RevocationSource.revocation`."""

        async def load() -> tuple[RevocationInfo, datetime]:
            info = await self._source.revocation(call, certificate, issuer, at=at, issued_after=issued_after)
            until = self._clock.now() + self._cache_time
            return info, until if info.next_update is None else min(until, info.next_update)

        key = sha256(sha256(certificate).digest() + issuer).digest()
        info = await self._answers.recall(call, key, load)
        if issued_after is not None and info.this_update < issued_after:
            self._answers.forget(key)
            info = await self._answers.recall(call, key, load)
        return info

    async def close(self) -> None:
        """Close the source behind."""
        await self._source.close()
