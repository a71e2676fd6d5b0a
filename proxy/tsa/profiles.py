"""Profiles: a name, and the authorities behind it in the order they are tried.

One that fails is followed by the next within the call's deadline; one that could not be reached rests for a while, which is to
say it is tried last, so that not every signature waits for its timeout.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from proxy.call import Call
from proxy.errors import SettingsError, TSAError, TSAProfileNotFound, TSAUnavailable
from proxy.model import Digest, HashAlgorithm, TimestampToken
from proxy.ports import Clock, TimestampQuery
from proxy.settings import TSASettings
from proxy.tsa.client import RFC3161Authority

DEFAULT_PROFILE = "default"
REST = timedelta(seconds=30)
"""For how long an authority that could not be reached is tried last."""

_T = TypeVar("_T")

_log = structlog.get_logger("proxy.tsa")


class TSAProfile:
    """One profile; to its users the same as one authority.

    Args:
        name: Its name.
        authorities: In the order they are tried, one at least.
        clock: For how long an authority rests.

    Raises:
        SettingsError: The authorities want different hash algorithms.
    """

    def __init__(self, name: str, authorities: Sequence[RFC3161Authority], clock: Clock) -> None:
        self.name = name
        self.authorities = tuple(authorities)
        self.hash_algorithm: HashAlgorithm = self.authorities[0].hash_algorithm
        self._clock = clock
        self._rests_until: dict[RFC3161Authority, datetime] = {}
        if any(authority.hash_algorithm is not self.hash_algorithm for authority in self.authorities):
            raise SettingsError(f"tsa: the authorities of profile {name} must have one hash_algorithm")

    async def timestamp(self, call: Call, imprint: Digest) -> TimestampToken:
        """A checked token from the first authority that gives one.

        Args:
            call: Deadline and ledger.
            imprint: By :attr:`hash_algorithm`.

        Raises:
            TSAError: None gave one, and one of them answered.
            TSAUnavailable: None can be reached.
            DeadlineExceeded: The call's time is over.
        """
        return await self._in_order(call, lambda authority: authority.timestamp(call, imprint))

    async def relay(self, call: Call, query: TimestampQuery) -> bytes:
        """The reply (DER) of the first authority that answers a caller's query; a rejection is an answer.

        Raises:
            TSAError, TSAUnavailable, DeadlineExceeded: As :meth:`timestamp`.
        """
        return await self._in_order(call, lambda authority: authority.relay(call, query))

    async def _in_order(self, call: Call, ask: Callable[[RFC3161Authority], Awaitable[_T]]) -> _T:
        answered: TSAError | None = None
        unavailable: TSAUnavailable | None = None
        for authority in sorted(self.authorities, key=self._is_resting):
            try:
                result = await ask(authority)
            except TSAUnavailable as error:
                unavailable = unavailable or error
                self._rests_until[authority] = self._clock.now() + REST
                _log_failure(call, authority, error)
            except TSAError as error:
                answered = answered or error
                _log_failure(call, authority, error)
            else:
                self._rests_until.pop(authority, None)
                return result
        raise answered or unavailable or TSAUnavailable("no time-stamping authority is set up")

    def _is_resting(self, authority: RFC3161Authority) -> bool:
        until = self._rests_until.get(authority)
        return until is not None and self._clock.now() < until


class TSAProfiles:
    """All profiles of the settings.

    Args:
        settings: The ``tsa`` sections, in order.
        clock: What genTime is compared with, and for how long an authority rests.
        connections: How many at a time to one authority.

    Raises:
        SettingsError: A section cannot be used.
    """

    def __init__(self, settings: Sequence[TSASettings], clock: Clock, connections: int) -> None:
        by_name: dict[str, list[RFC3161Authority]] = {}
        for section in settings:
            by_name.setdefault(section.profile, []).append(RFC3161Authority(section, clock, connections))
        self._profiles = {name: TSAProfile(name, authorities, clock) for name, authorities in by_name.items()}

    @property
    def profiles(self) -> tuple[TSAProfile, ...]:
        """All of them, in the order of the settings."""
        return tuple(self._profiles.values())

    def profile(self, name: str | None) -> TSAProfile:
        """The profile of this name; for ``None`` the one called ``default``, or the first.

        Raises:
            TSAProfileNotFound: There is none of this name, or none at all.
        """
        if name is None and self._profiles:
            return self._profiles.get(DEFAULT_PROFILE, self.profiles[0])
        if name is None or name not in self._profiles:
            raise TSAProfileNotFound("there is no time-stamping profile of this name")
        return self._profiles[name]

    async def close(self) -> None:
        """Close all connections."""
        for profile in self.profiles:
            for authority in profile.authorities:
                await authority.close()


def _log_failure(call: Call, authority: RFC3161Authority, error: TSAError | TSAUnavailable) -> None:
    _log.warning(
        "tsa.failed", transactionId=call.transaction_id, authority=authority.name, code=error.code, detail=error.detail
    )
