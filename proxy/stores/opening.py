"""Opens what outlives a request where the settings say it is: SQLite files, or tables in DynamoDB and a bucket in S3."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from proxy.errors import InternalError, SettingsError
from proxy.outbound import Links
from proxy.ports import Clock, IdempotencyStore, Sealer, TransactionLog
from proxy.settings import DynamoDBSettings, Settings
from proxy.stores.dynamodb_connection import DynamoDBConnection
from proxy.stores.idempotency_dynamodb import DynamoDBIdempotencyStore
from proxy.stores.idempotency_sqlite import SQLiteIdempotencyStore
from proxy.stores.kept_objects import KeptObjects
from proxy.stores.s3_connection import S3Connection
from proxy.stores.sealing import MessageSealer
from proxy.stores.transactions_dynamodb import DynamoDBTransactionLog
from proxy.stores.transactions_sqlite import SQLiteTransactionLog


@dataclass(frozen=True, slots=True)
class Stores:
    """What outlives a request. Without a sealing key there is neither sealer nor idempotency store."""

    log: TransactionLog
    idempotency: IdempotencyStore | None
    sealer: Sealer | None


@asynccontextmanager
async def opened_stores(settings: Settings, clock: Clock, links: Links) -> AsyncIterator[Stores]:
    """Open the stores of the settings for a service, and close them at the end of the body.

    Raises:
        SettingsError: A file, a table or a key that they name cannot be used.
    """
    async with AsyncExitStack() as stack:
        stores = settings.stores
        sealer = None
        if stores.sealing_key is not None:
            sealer = MessageSealer(stores.sealing_key, stores.sealing_kms)
            stack.push_async_callback(sealer.close)
        log: TransactionLog
        idempotency: IdempotencyStore | None = None
        if stores.dynamodb is not None:
            assert sealer is not None, "the settings have looked"
            log = await _log_in_dynamodb(stores.dynamodb, settings, sealer, clock, links)
            stack.push_async_callback(log.close)
            idempotency = _idempotency_in_dynamodb(stores.dynamodb, settings, clock, links)
        else:
            assert stores.transaction_log is not None, "the settings have looked"
            log = await SQLiteTransactionLog.open(stores.transaction_log, clock=clock)
            stack.push_async_callback(log.close)
            if stores.idempotency is not None:
                lease_seconds = settings.idempotency.lease_seconds
                idempotency = await SQLiteIdempotencyStore.open(stores.idempotency, clock=clock, lease_seconds=lease_seconds)
        if idempotency is not None:
            stack.push_async_callback(idempotency.close)
        yield Stores(log, idempotency, sealer)


async def _log_in_dynamodb(
    tables: DynamoDBSettings, settings: Settings, sealer: Sealer, clock: Clock, links: Links
) -> TransactionLog:
    connection = DynamoDBConnection(tables, settings.limits.requests_in_flight, clock, links)
    try:
        # What is sealed with a key that cannot be used would be found out by the first signature.
        await sealer.seal(b"", {"purpose": "start"})
        return await DynamoDBTransactionLog.open(connection, tables.transactions, sealer=sealer, clock=clock)
    except InternalError as error:
        raise SettingsError(f"stores.dynamodb: {error.detail}") from error


def _idempotency_in_dynamodb(
    tables: DynamoDBSettings, settings: Settings, clock: Clock, links: Links
) -> IdempotencyStore | None:
    if tables.idempotency is None:
        return None
    connections = settings.limits.requests_in_flight
    s3 = S3Connection(
        tables.region,
        setting="stores.dynamodb.s3_endpoint_url",
        endpoint_url=tables.s3_endpoint_url,
        ca=tables.ca,
        timeout_seconds=max(tables.timeout_seconds, 30.0),
        in_flight=connections,
        links=links,
    )
    return DynamoDBIdempotencyStore(
        DynamoDBConnection(tables, connections, clock, links),
        KeptObjects(s3, tables, clock),
        tables.idempotency,
        clock,
        settings.idempotency.lease_seconds,
    )
