"""Secrets on their way to a provider: read when they are needed, and left out of what is kept of a request."""

import asyncio
from collections.abc import Iterable

import structlog

from proxy.errors import SettingsError, SignerError
from proxy.secrets import SecretReference

_log = structlog.get_logger("proxy.signers")


async def secret_value(reference: SecretReference) -> str:
    """A secret as it is now.

    Raises:
        SignerError: It cannot be read; why is in the log.
    """
    try:
        return await asyncio.to_thread(reference.read)
    except SettingsError as error:
        _log.error("csc.secret_missing", detail=error.detail)
        raise SignerError("a secret for the provider cannot be read") from error


def without_secrets(body: bytes, secrets: Iterable[bytes]) -> bytes:
    """A body of the same length with asterisks in place of secrets.

    Args:
        body: As it is sent.
        secrets: As they stand in it, encoded, with what tells them from the same characters elsewhere: quotes, a name.
    """
    for secret in secrets:
        body = body.replace(secret, b"*" * len(secret))
    return body
