"""What outlives a request."""

import re

from pydantic import Field, field_validator, model_validator

from proxy.secrets import SecretReference
from proxy.settings.base import FilePath, PositiveSeconds, Section

REGION = "^[a-z]{2}(-[a-z]+)+-[0-9]+$"
_KEY_ARN = re.compile("arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/[a-z0-9-]+")


class SealingKMSSettings(Section):
    """The symmetric key in AWS KMS that wraps the data keys of what is sealed: its ARN, and none of an alias, which may move.

    ``endpoint_url`` is for VPC and FIPS endpoints; ``ca`` names the anchors of its certificate where they are not the system's.
    """

    key: str
    endpoint_url: str | None = None
    ca: FilePath | None = None

    @field_validator("key")
    @classmethod
    def _is_an_arn(cls, key: str) -> str:
        if not _KEY_ARN.fullmatch(key):
            raise ValueError("name the key by its ARN: arn:aws:kms:REGION:ACCOUNT:key/ID")
        return key

    @property
    def region(self) -> str:
        """The key's region."""
        return self.key.split(":")[3]


class DynamoDBSettings(Section):
    """Tables in DynamoDB, in one region, for a proxy that runs on several hosts.

    ``idempotency`` names the table of what was done under idempotency keys; without it requests with one are refused. What of
    it is larger than an item may be lies in the S3 ``bucket``. ``endpoint_url`` and ``s3_endpoint_url`` are for VPC and FIPS
    endpoints. Credentials come from AWS's own chain: on ECS, the task's role.
    """

    region: str = Field(pattern=REGION)
    transactions: str = Field(pattern="^[A-Za-z0-9_.-]{3,255}$")
    idempotency: str | None = Field(None, pattern="^[A-Za-z0-9_.-]{3,255}$")
    bucket: str | None = Field(None, pattern="^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")
    endpoint_url: str | None = None
    s3_endpoint_url: str | None = None
    ca: FilePath | None = None
    timeout_seconds: PositiveSeconds = 5.0

    @model_validator(mode="after")
    def _complete(self) -> "DynamoDBSettings":
        if (self.idempotency is None) != (self.bucket is None):
            raise ValueError("idempotency and bucket go together")
        if self.idempotency == self.transactions:
            raise ValueError("transactions and idempotency are tables of their own")
        return self


class StoreSettings(Section):
    """Where the transaction log is kept, registered certificates, and what was done under idempotency keys.

    In SQLite files, of processes of one host; or the log and what was done in ``dynamodb``. Without ``certificates`` none is
    registered to keys of key backends. ``sealing_key`` (32 bytes in base64) seals what is kept for idempotency keys, and all
    that is in DynamoDB; with ``sealing_kms`` data keys are wrapped by that key, and ``sealing_key`` makes keyed digests alone.
    Without a sealing key requests with an Idempotency-Key are refused.
    """

    transaction_log: FilePath | None = None
    certificates: FilePath | None = None
    idempotency: FilePath | None = None
    dynamodb: DynamoDBSettings | None = None
    sealing_key: SecretReference | None = None
    sealing_kms: SealingKMSSettings | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "StoreSettings":
        if (self.transaction_log is None) == (self.dynamodb is None):
            raise ValueError("name a file, transaction_log, or the tables, dynamodb; not both")
        if self.dynamodb is not None and self.idempotency is not None:
            raise ValueError("idempotency is a table of dynamodb where the log is one")
        return self

    @model_validator(mode="after")
    def _sealed(self) -> "StoreSettings":
        if self.dynamodb is not None and self.sealing_key is None:
            raise ValueError("dynamodb needs sealing_key")
        if self.dynamodb is None and (self.idempotency is None) != (self.sealing_key is None):
            raise ValueError("idempotency and sealing_key go together")
        if self.sealing_kms is not None and self.sealing_key is None:
            raise ValueError("sealing_kms needs sealing_key too, for keyed digests")
        return self


class IdempotencySettings(Section):
    """Requests with an Idempotency-Key.

    ``lease_seconds``: how long a request stays with a task that died. ``wait_seconds``: how long a repeat waits for the first
    to end. ``value_bytes``: the largest update or result that is kept.
    """

    lease_seconds: float = Field(20.0, gt=0, le=600)
    wait_seconds: float = Field(10.0, ge=0, le=600)
    value_bytes: int = Field(50_000_000, ge=100_000)
