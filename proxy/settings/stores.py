"""What outlives a request."""

from pydantic import Field, model_validator

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, Section


class StoreSettings(Section):
    """Where the transaction log is kept, registered certificates, and what was done under idempotency keys: SQLite files.

    Without ``certificates`` none is registered to keys of key backends. ``sealing_key`` (32 bytes in base64) seals what is kept
    for idempotency keys; without the two, requests with an Idempotency-Key are refused.
    """

    transaction_log: FilePath
    certificates: FilePath | None = None
    idempotency: FilePath | None = None
    sealing_key: SecretReference | None = None

    @model_validator(mode="after")
    def _sealed(self) -> "StoreSettings":
        if (self.idempotency is None) != (self.sealing_key is None):
            raise ValueError("idempotency and sealing_key go together")
        return self


class IdempotencySettings(Section):
    """Requests with an Idempotency-Key.

    ``lease_seconds``: how long a request stays with a task that died. ``wait_seconds``: how long a repeat waits for the first
    to end. ``value_bytes``: the largest update or result that is kept.
    """

    lease_seconds: float = Field(20.0, gt=0, le=600)
    wait_seconds: float = Field(10.0, ge=0, le=600)
    value_bytes: int = Field(50_000_000, ge=100_000)
