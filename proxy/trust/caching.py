"""Revocation answers, kept: a busy signing certificate is asked about once every few minutes, not once a signature."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from proxy.call import Call
from proxy.errors import RevocationUnavailable
from proxy.model import RevocationInfo
from proxy.ports import Clock, RevocationSource
from proxy.trust.memory import FAILURE_SECONDS, Memory
from proxy.trust.ocsp import current_until

_REMEMBERED = 1024

_log = structlog.get_logger("proxy.revocation")


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer, and until when nobody is asked for another."""

    info: RevocationInfo
    until: datetime


class CachedRevocationSource:
    """A revocation source that asks another one, once a certificate at a time (:class:`proxy.ports.RevocationSource`).

    An answer is kept until its nextUpdate, ``cache_seconds`` at most; that there is none is kept for a few seconds.

    Args:
        source: Is asked.
        clock: Decides when.
        cache_seconds: How old an answer may be.
        stale_seconds: How much older, while nobody gives a newer one. An answer past its nextUpdate is never used: it would
            prove nothing in a document.
    """

    def __init__(self, source: RevocationSource, clock: Clock, cache_seconds: float, stale_seconds: float = 0.0) -> None:
        self._source = source
        self._clock = clock
        self._cache_time = timedelta(seconds=cache_seconds)
        self._stale_time = timedelta(seconds=stale_seconds)
        self._answers: Memory[bytes, _Answer] = Memory(
            clock, _REMEMBERED, lingers=self._stale_time, failures=(RevocationUnavailable,)
        )

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """See :meth:`proxy.ports.RevocationSource.revocation`."""
        key = sha256(sha256(certificate).digest() + issuer).digest()

        async def load() -> tuple[_Answer, datetime]:
            try:
                info = await self._source.revocation(call, certificate, issuer, at=at, issued_after=issued_after)
            except RevocationUnavailable:
                stale = None if issued_after is not None else self._answers.last(key)
                if stale is None or (still := self._still(stale)) <= self._clock.now():
                    raise
                _log.warning("revocation.stale_answer", transactionId=call.transaction_id, since=stale.until.isoformat())
                return stale, min(still, self._clock.now() + timedelta(seconds=FAILURE_SECONDS))
            until = min((info.heard or self._clock.now()) + self._cache_time, current_until(info))
            return _Answer(info, until), until

        info = (await self._answers.recall(call, key, load)).info
        if issued_after is not None and info.this_update < issued_after:
            self._answers.forget(key)
            info = (await self._answers.recall(call, key, load)).info
        return info

    def _still(self, stale: _Answer) -> datetime:
        """Until when an answer may be used that nobody renews."""
        return min(stale.until + self._stale_time, current_until(stale.info))

    async def close(self) -> None:
        """Close the source behind."""
        await self._source.close()
