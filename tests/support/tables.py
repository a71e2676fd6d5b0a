"""Tables in moto's DynamoDB and a bucket in LocalStack's S3, for the suites of the stores; each test has its own."""

import base64
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from proxy.outbound import Links
from proxy.ports import Clock
from proxy.secrets import SecretReference
from proxy.settings import DynamoDBSettings
from proxy.stores.dynamodb_connection import DynamoDBConnection
from proxy.stores.idempotency_dynamodb import DynamoDBIdempotencyStore
from proxy.stores.kept_objects import KeptObjects
from proxy.stores.s3_connection import S3Connection
from proxy.stores.sealing import MessageSealer
from proxy.stores.transactions_dynamodb import DynamoDBTransactionLog
from tests.support.emulators import REGION
from tests.support.localstack import LocalStack
from tests.support.moto_server import Moto


@dataclass(frozen=True)
class Tables:
    """What there is, and where.

    Attributes:
        settings: As an operator would have them.
    """

    settings: DynamoDBSettings
    folder: Path
    moto: Moto
    localstack: LocalStack

    @classmethod
    def made(cls, moto: Moto, localstack: LocalStack, folder: Path) -> "Tables":
        """New ones, empty."""
        name = f"test-{secrets.token_hex(6)}"
        moto.create_table(f"{name}-transactions", "partition", "place")
        moto.create_table(f"{name}-idempotency", "scope")
        localstack.client(service="s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        settings = DynamoDBSettings(
            region=REGION,
            transactions=f"{name}-transactions",
            idempotency=f"{name}-idempotency",
            bucket=name,
            endpoint_url=moto.url,
            s3_endpoint_url=localstack.url,
            timeout_seconds=20.0,
        )
        return cls(settings, folder, moto, localstack)

    def objects(self) -> list[str]:
        """Names of the objects in the bucket."""
        listed = self.localstack.client(service="s3").list_objects_v2(Bucket=self.settings.bucket)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def behind(self, url: str) -> "Tables":
        """The same tables, asked for at another address."""
        return replace(self, settings=self.settings.model_copy(update={"endpoint_url": url}))

    def connection(self, clock: Clock, links: Links | None = None) -> DynamoDBConnection:
        """To DynamoDB, one a task."""
        return DynamoDBConnection(self.settings, 8, clock, links or Links())

    def sealer(self) -> MessageSealer:
        """Of all who share them."""
        (self.folder / "sealing-key").write_bytes(base64.b64encode(bytes(range(32))))
        return MessageSealer(SecretReference(f"file:{self.folder / 'sealing-key'}"))

    async def transactions(self, clock: Clock, links: Links | None = None) -> DynamoDBTransactionLog:
        """The transaction log as one task opens it."""
        connection = self.connection(clock, links)
        return await DynamoDBTransactionLog.open(connection, self.settings.transactions, sealer=self.sealer(), clock=clock)

    def idempotency(self, clock: Clock, lease_seconds: float, links: Links | None = None) -> DynamoDBIdempotencyStore:
        """The idempotency store as one task opens it."""
        settings, links = self.settings, links or Links()
        s3 = S3Connection(
            settings.region,
            setting="stores.dynamodb.s3_endpoint_url",
            endpoint_url=settings.s3_endpoint_url,
            ca=settings.ca,
            timeout_seconds=settings.timeout_seconds,
            in_flight=8,
            links=links,
        )
        assert settings.idempotency is not None
        return DynamoDBIdempotencyStore(
            self.connection(clock, links), KeptObjects(s3, settings, clock), settings.idempotency, clock, lease_seconds
        )
