"""Profiles: a name, and the authorities behind it in the order they are tried.

One that fails is followed by the next within the call's deadline, and for a moment it is tried last, so that not every
signature waits for its timeout. One whose rate budget is used up is passed over; where no other gives a token, its turn is
waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from proxy.call import Call
from proxy.errors import SettingsError, TSAError, TSAProfileNotFound, TSAUnavailable
from proxy.model import Digest, HashAlgorithm, TimestampToken
from proxy.outbound import Links
from proxy.ports import Clock, TimestampQuery
from proxy.settings import TSASettings
from proxy.tsa.client import RFC3161Authority
from proxy.tsa.csc import CSCChannel, TokenSource

DEFAULT_PROFILE = "default"
_T = TypeVar("_T")

_log = structlog.get_logger("proxy.tsa")


class TSAProfile:
    """One profile; to its users the same as one authority.

    Args:
        name: Its name.
        authorities: In the order they are tried, one at least.
        sleep: Waits for some seconds.

    Raises:
        SettingsError: The authorities want different hash algorithms.
    """

    def __init__(self, name: str, authorities: Sequence[RFC3161Authority], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.name = name
        self.authorities = tuple(authorities)
        self._sleep = sleep
        self.hash_algorithm: HashAlgorithm = self.authorities[0].hash_algorithm
        if any(authority.hash_algorithm is not self.hash_algorithm for authority in self.authorities):
            raise SettingsError(f"tsa: the authorities of profile {name} must have one hash_algorithm")

    async def timestamp(self, call: Call, imprint: Digest) -> TimestampToken:
        """A checked token from the first authority that gives one.

        Args:
            call: Deadline and ledger.
            imprint: By :attr:`hash_algorithm`.

        Raises:
            TSAError: None gave one, and one of them answered.
            TSAUnavailable: None can be reached, or may be asked in time.
            DeadlineExceeded: The call's time is over.
        """
        return await self._in_order(call, lambda authority, once: authority.timestamp(call, imprint, once=once))

    async def relay(self, call: Call, query: TimestampQuery) -> bytes:
        """The reply (DER) of the first authority that answers a caller's query; a rejection is an answer.

        Raises:
            TSAError, TSAUnavailable, DeadlineExceeded: As :meth:`timestamp`.
        """
        return await self._in_order(call, lambda authority, once: authority.relay(call, query, once=once))

    async def _in_order(self, call: Call, ask: Callable[[RFC3161Authority, bool], Awaitable[_T]]) -> _T:
        failures: list[TSAError | TSAUnavailable] = []
        passed_over = []
        waiting = sorted(self.authorities, key=lambda authority: authority.doubtful)
        while waiting:
            authority = waiting.pop(0)
            if authority.budget is not None and authority.budget.take() > 0:
                passed_over.append(authority)
                continue
            try:
                return await ask(authority, bool(waiting or passed_over))
            except (TSAError, TSAUnavailable) as error:
                failures.append(error)
                _log_failure(call, authority, error)
        if passed_over:
            return await self._in_its_turn(call, passed_over, failures, ask)
        raise _first_answer(failures)

    async def _in_its_turn(
        self,
        call: Call,
        authorities: Sequence[RFC3161Authority],
        failures: list[TSAError | TSAUnavailable],
        ask: Callable[[RFC3161Authority, bool], Awaitable[_T]],
    ) -> _T:
        """Wait for the budget of the authority that has one again first."""
        budgets = [(authority, authority.budget) for authority in authorities if authority.budget is not None]
        authority, budget = min(budgets, key=lambda pair: pair[1].wait)
        if budget.wait >= call.deadline.remaining:
            failures.append(TSAUnavailable("no time-stamping authority may be asked in time", retry_after=budget.wait))
            raise _first_answer(failures)
        try:
            await self._sleep(budget.reserve())
        except asyncio.CancelledError:
            budget.give_back()
            raise
        try:
            return await ask(authority, False)
        except (TSAError, TSAUnavailable) as error:
            _log_failure(call, authority, error)
            raise _first_answer([*failures, error]) from error


class TSAProfiles:
    """All profiles of the settings.

    Args:
        settings: The ``tsa`` sections, in order.
        clock: What genTime is compared with.
        connections: How many at a time to one authority.
        links: Where their breakers are; their own alone, if none are given.
        csc: The provider of remote signatures, if there is one, for sections of its kind.

    Raises:
        SettingsError: A section cannot be used.
    """

    def __init__(
        self,
        settings: Sequence[TSASettings],
        clock: Clock,
        connections: int,
        links: Links | None = None,
        csc: TokenSource | None = None,
    ) -> None:
        links = links or Links()
        by_name: dict[str, list[RFC3161Authority]] = {}
        for section in settings:
            channel = _csc_channel(csc, links) if section.kind == "csc" else None
            authority = RFC3161Authority(section, clock, connections, links, channel)
            by_name.setdefault(section.profile, []).append(authority)
        self._profiles = {name: TSAProfile(name, authorities, links.sleep) for name, authorities in by_name.items()}

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


def _csc_channel(csc: TokenSource | None, links: Links) -> CSCChannel:
    if csc is None:
        raise SettingsError('tsa.kind = "csc" needs the section csc')
    return CSCChannel(csc, links)


def _first_answer(failures: Sequence[TSAError | TSAUnavailable]) -> TSAError | TSAUnavailable:
    """What the caller hears: an authority that answered says more than one that could not be reached."""
    return next((error for error in failures if isinstance(error, TSAError)), failures[0])


def _log_failure(call: Call, authority: RFC3161Authority, error: TSAError | TSAUnavailable) -> None:
    _log.warning(
        "tsa.failed", transactionId=call.transaction_id, authority=authority.name, code=error.code, detail=error.detail
    )
