"""Secrets on their way to a provider: read when they are needed, and left out of what is kept of a request."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from proxy.call import Call
from proxy.errors import SettingsError, SignerError
from proxy.ports import Clock
from proxy.secrets import SecretReference
from proxy.trust.memory import Memory

_KEPT = timedelta(seconds=2)
"""For so long a secret is not read again: a thread for every signature is half of what the signature costs here."""

_MOST = 256

_log = structlog.get_logger("proxy.signers")


class Secrets:
    """The secrets that the settings refer to. One that is replaced is used a moment later.

    Args:
        clock: When a secret is read again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: Memory[SecretReference, str] = Memory(clock, _MOST)

    async def value(self, call: Call, reference: SecretReference) -> str:
        """A secret as it is now.

        Raises:
            SignerError: It cannot be read; why is in the log.
            DeadlineExceeded: The call's time is over.
        """

        async def load() -> tuple[str, datetime]:
            try:
                return await asyncio.to_thread(reference.read), self._clock.now() + _KEPT
            except SettingsError as error:
                _log.error("csc.secret_missing", detail=error.detail)
                raise SignerError("a secret for the provider cannot be read") from error

        return await self._values.recall(call, reference, load)


def without_secrets(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """A body of the same length with asterisks in place of secrets.

    Args:
        body: As it is sent.
        secrets: As they stand in it, encoded, with what tells them from the same characters elsewhere: quotes, a name.
    """
    for secret in secrets:
        body = body.replace(secret, b"*" * len(secret))
    return body
