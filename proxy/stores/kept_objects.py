"""Sealed values that are too large for an item, as objects in S3, each under a name that nothing had before."""

import secrets

import structlog

from proxy.call import Call, Deadline
from proxy.errors import DeadlineExceeded, InternalError
from proxy.outbound import LinkError
from proxy.ports import Clock
from proxy.settings import DynamoDBSettings
from proxy.stores.s3_connection import S3Connection

_SECONDS = 60.0
"""How long one value may take."""

_MOST_BYTES = 256_000_000
"""Of one value: the settings bound what is kept far below."""

_log = structlog.get_logger("proxy.stores")


class KeptObjects:
    """Objects in one bucket. What nobody removes its lifecycle rule does.

    Args:
        connection: To S3.
        settings: Names the bucket.
        clock: Tells when each request was made.
    """

    def __init__(self, connection: S3Connection, settings: DynamoDBSettings, clock: Clock) -> None:
        assert settings.bucket is not None, "the settings have looked"
        self._connection = connection
        self._bucket = settings.bucket
        self._clock = clock

    async def put(self, folder: str, value: bytes) -> str:
        """Keep a value; durable when this returns. Gives its name. Raises InternalError where it cannot be kept."""
        name = f"kept/{folder}/{secrets.token_hex(16)}"
        try:
            await self._connection.ask(self._call(), "PUT", self._bucket, name, body=value)
        except (LinkError, DeadlineExceeded) as error:
            _log.error("s3.not_kept", failure=f"{type(error).__name__}: {error}")
            raise InternalError("the store cannot be used") from error
        return name

    async def get(self, name: str) -> bytes:
        """A value. Raises InternalError where it is not there or cannot be had."""
        try:
            return (await self._connection.ask(self._call(), "GET", self._bucket, name, most_bytes=_MOST_BYTES)).body
        except (LinkError, DeadlineExceeded) as error:
            _log.error("s3.not_read", failure=f"{type(error).__name__}: {error}")
            raise InternalError("the store cannot be used") from error

    async def remove(self, name: str) -> None:
        """Remove a value, or leave it to the bucket's lifecycle."""
        try:
            await self._connection.ask(self._call(), "DELETE", self._bucket, name)
        except (LinkError, DeadlineExceeded) as error:
            _log.warning("s3.not_removed", failure=f"{type(error).__name__}: {error}")

    def _call(self) -> Call:
        return Call("", "", "stores", self._clock.now(), Deadline.after(_SECONDS))

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()
