"""What the first request would have to find out, found out before it comes.

Every signer backend is asked, which opens its connections; the certificates that the settings name are found and checked, which
fills the caches of chains and revocation data; and of the authorities whose tokens cost nothing one token is had, by whose size
and certificates documents are prepared. Nothing of it fails the start: what is missing is had by the request that needs it, or
fails there with its name.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Iterable

import structlog

from proxy.call import Call, Deadline
from proxy.errors import ProxyError
from proxy.operations.authorities import Authorities
from proxy.operations.credentials import Credentials
from proxy.operations.health import Health
from proxy.operations.journal import Journal
from proxy.ports import Clock
from proxy.settings import Settings
from proxy.tsa.profiles import TSAProfile, TSAProfiles

_ANYBODY = "*"

_log = structlog.get_logger("proxy.service")


class WarmUp:
    """Warms one task up.

    Args:
        settings: What is named, and how long it may take.
        credentials: Find and check certificates.
        tsa: The authorities.
        authorities: Remember what their tokens are like.
        journal: Records the tokens that are had.
        health: Asks the backends, and is told what is missing.
        clock: What the calls are dated by.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        credentials: Credentials,
        tsa: TSAProfiles,
        authorities: Authorities,
        journal: Journal,
        health: Health,
        clock: Clock,
    ) -> None:
        self._settings = settings.warm_up
        self._certificates = _named_certificates(settings)
        self._credentials = credentials
        self._profiles = [profile for profile in tsa.profiles if all(one.tokens_are_free for one in profile.authorities)]
        self._authorities = authorities
        self._journal = journal
        self._health = health
        self._clock = clock

    async def complete(self) -> None:
        """Try again every now and then until nothing is missing."""
        while self._health.missing:
            await asyncio.sleep(self._settings.again_seconds)
            await self.round()

    async def round(self) -> None:
        """Try everything, within the time of the settings. What is missing then is known to health."""
        tried = await asyncio.gather(
            self._ask_backends(),
            *(self._missing(f"certificate {name}", self._find(name)) for name in self._certificates),
            *(self._missing(f"tsa {profile.name}", self._have_token(profile)) for profile in self._profiles),
        )
        self._health.missing = tuple(found for part in tried for found in part)
        if self._health.missing:
            _log.warning("warm_up.incomplete", missing=list(self._health.missing))
        else:
            _log.info("warm_up.complete")

    def _call(self) -> Call:
        return Call(str(uuid.uuid4()), "", "warm-up", self._clock.now(), Deadline.after(self._settings.seconds))

    async def _ask_backends(self) -> list[str]:
        found = await self._health.dependencies(self._call())
        return [f"{one.name}: {one.detail}" for one in found if not one.ok]

    async def _missing(self, what: str, trying: Awaitable[None]) -> list[str]:
        try:
            await trying
        except ProxyError as error:
            return [f"{what}: {error.code}"]
        return []

    async def _find(self, certificate_id: str) -> None:
        call = self._call()
        async with call.deadline.enforce():
            await self._credentials.ready(call, certificate_id, None, None)

    async def _have_token(self, profile: TSAProfile) -> None:
        call = self._call()
        async with self._journal.transaction(call), call.deadline.enforce():
            await self._authorities.signer(call, profile)


def _named_certificates(settings: Settings) -> tuple[str, ...]:
    granted: Iterable[str] = (name for client in settings.clients for name in client.certificates if name != _ANYBODY)
    configured = (credential.id for credential in settings.credentials)
    return tuple(dict.fromkeys((*configured, *granted, *settings.warm_up.certificates)))
