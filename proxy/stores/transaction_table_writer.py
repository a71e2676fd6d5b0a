"""The appending side of the transaction log in DynamoDB: one task's start as a writer, and its hash chain.

A commit is one transaction of DynamoDB: the records, the ways to them, and the end of the writer's chain, all or none. Whether
one was made whose answer was lost is read from that end.
"""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from proxy.errors import InternalError
from proxy.ports import Clock, Sealer
from proxy.stores.dynamodb_connection import ConditionFailed, DynamoDBConnection, TransactionCancelled
from proxy.stores.dynamodb_values import decoded, encoded, names
from proxy.stores.transaction_chain import first_link, next_link
from proxy.stores.transaction_codec import canonical_json, encode_time
from proxy.stores.transaction_items import (
    COUNTER,
    Entry,
    latest,
    record_context,
    record_key,
    time_item,
    time_key,
    transaction_key,
    writer_key,
)

COMMIT_RECORDS = 24
"""Records of one commit at most: four writes each, of the hundred that a transaction has."""

COMMIT_BYTES = 2_000_000
"""Of the records' JSON in one commit, which may have 4 MB in all."""

ALIVE = timedelta(seconds=60)
"""How long a writer counts as living after it last said so."""

_MOST_RACES = 50


@dataclass(frozen=True, slots=True)
class _End:
    """Of a writer's chain."""

    position: int
    link: bytes


class TransactionTableWriter:
    """One task's start as a writer of the log.

    Args:
        connection: To DynamoDB.
        table: Its name.
        sealer: Seals records.
        clock: Tells when this writer began, and that it lives.
    """

    def __init__(self, connection: DynamoDBConnection, table: str, sealer: Sealer, clock: Clock) -> None:
        self._connection = connection
        self._table = table
        self._sealer = sealer
        self._clock = clock
        self._number = 0
        self._end: _End | None = None

    async def open(self) -> None:
        """Enter this writer into the log, as the next of all there have been. Raises InternalError where it cannot be."""
        began = encode_time(self._clock.now())
        identity = secrets.token_hex(16)
        description = canonical_json({"id": identity, "host": socket.gethostname(), "pid": os.getpid(), "began": began})
        end = _End(0, first_link(description))
        for _ in range(_MOST_RACES):
            answer = await self._ask("GetItem", Key=encoded(COUNTER), ConsistentRead=True)
            count = decoded(answer.get("Item", {})).get("count", 0)
            self._number = count + 1
            entry = {
                **writer_key(self._number),
                "description": description,
                "position": end.position,
                "link": end.link,
                "alive": self._alive(),
                "ended": False,
            }
            try:
                await self._transact([_new(entry), _counted(count)])
            except TransactionCancelled:
                if not await self._entered(description):
                    continue
            self._end = end
            return
        raise InternalError("other writers enter the log again and again")

    async def _entered(self, description: str) -> bool:
        """Whether the entry is there although its transaction was cancelled: the first answer to it may have been lost."""
        answer = await self._ask("GetItem", Key=encoded(writer_key(self._number)), ConsistentRead=True)
        return decoded(answer.get("Item", {})).get("description") == description

    def fit(self, waiting: Sequence[Entry]) -> int:
        """How many of the entries go into one commit, in which each transaction is once."""
        size, seen = 0, set()
        for count, entry in enumerate(waiting[:COMMIT_RECORDS]):
            size += len(entry.body)
            transaction = entry.record.client, entry.record.transaction_id
            if count and (size > COMMIT_BYTES or transaction in seen):
                return count
            seen.add(transaction)
        return min(len(waiting), COMMIT_RECORDS)

    async def append(self, entries: Sequence[Entry]) -> None:
        """Add records in one commit, all or none.

        Raises:
            InternalError: They cannot be written; whether they were is found out before the next commit.
        """
        end = self._end or await self._stored_end()
        self._end = None
        moved: dict[int, str] = {}
        for _ in range(_MOST_RACES):
            writes, new_end = await self._writes(entries, end, moved)
            try:
                await self._transact(writes)
            except TransactionCancelled as error:
                found = _starts(error.failed, len(entries))
                if found and not found.items() <= moved.items():
                    moved |= found
                    continue
                self._end = await self._stored_end()
                if self._end != new_end:
                    raise InternalError("the writer's chain is not as it was left") from error
            self._end = new_end
            return
        raise InternalError("transactions change their start again and again")

    async def _writes(self, entries: Sequence[Entry], end: _End, moved: Mapping[int, str]) -> tuple[list[dict[str, Any]], _End]:
        """The writes of one commit: three a record, then the former start of those that have another one now, then the end."""
        position, link = end.position, end.link
        writes: list[dict[str, Any]] = []
        removals: list[dict[str, Any]] = []
        for place, entry in enumerate(entries):
            position, link = position + 1, next_link(link, entry.body)
            record, started = entry.record, encode_time(entry.record.started)
            sealed = await self._sealer.seal(entry.body.encode("ascii"), record_context(self._number, position))
            key = transaction_key(record.client, record.transaction_id)
            way = {**key, "started": started, **latest(self._number, position)}
            writes += [
                _new({**record_key(self._number, position), "sealed": sealed, "hash": link}),
                _started_at(way, moved.get(place, started)),
                {"Put": {"Item": encoded(time_item(self._sealer, record, self._number, position))}},
            ]
            if place in moved:
                former = time_key(record.client, moved[place], record.transaction_id)
                removals.append({"Delete": {"Key": encoded(former)}})
        return [*writes, *removals, self._ends(end, position, link)], _End(position, link)

    def _ends(self, end: _End, position: int, link: bytes) -> dict[str, Any]:
        change, condition = "SET #position = :position, #link = :link, #alive = :alive", "#position = :former"
        return {
            "Update": {
                "Key": encoded(writer_key(self._number)),
                "UpdateExpression": change,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names(change, condition),
                "ExpressionAttributeValues": encoded(
                    {":position": position, ":link": link, ":alive": self._alive(), ":former": end.position}
                ),
            }
        }

    async def _stored_end(self) -> _End:
        answer = await self._ask("GetItem", Key=encoded(writer_key(self._number)), ConsistentRead=True)
        item = decoded(answer.get("Item", {}))
        if not item:
            raise InternalError("the writer's entry is not there")
        return _End(item["position"], item["link"])

    async def live_on(self) -> None:
        """Say that this writer lives. Raises InternalError where it cannot be said."""
        await self._say("SET #alive = :alive", {":alive": self._alive()})

    async def close(self) -> None:
        """This writer ends. What it left in progress is unknown from here on. Raises InternalError where it cannot be said."""
        if self._number:
            await self._say("SET #ended = :ended", {":ended": True})

    async def _say(self, change: str, values: Mapping[str, Any]) -> None:
        condition = "attribute_exists(#partition)"
        try:
            await self._ask(
                "UpdateItem",
                Key=encoded(writer_key(self._number)),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames=names(change, condition),
                ExpressionAttributeValues=encoded(values),
            )
        except ConditionFailed as error:
            raise InternalError("the writer's entry is not there") from error

    def _alive(self) -> float:
        return (self._clock.now() + ALIVE).timestamp()

    async def _transact(self, writes: Sequence[dict[str, Any]]) -> None:
        # One table; the token makes a repeat of this very request the same transaction.
        items = [{kind: {"TableName": self._table, **write}} for one in writes for kind, write in one.items()]
        await self._connection.ask("TransactWriteItems", {"TransactItems": items, "ClientRequestToken": secrets.token_hex(18)})

    async def _ask(self, action: str, **body: object) -> dict[str, Any]:
        return await self._connection.ask(action, {"TableName": self._table, **body})


def _new(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item that must not be there."""
    condition = "attribute_not_exists(#partition)"
    return {
        "Put": {
            "Item": encoded(item),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names(condition),
        }
    }


def _counted(count: int) -> dict[str, Any]:
    """One writer more than ``count``, if there are that many."""
    condition = "#count = :count" if count else "attribute_not_exists(#count)"
    values = {":more": count + 1} | ({":count": count} if count else {})
    change = "SET #count = :more"
    return {
        "Update": {
            "Key": encoded(COUNTER),
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names(change, condition),
            "ExpressionAttributeValues": encoded(values),
        }
    }


def _started_at(way: Mapping[str, Any], started: str) -> dict[str, Any]:
    """A way to a transaction's latest record, new or in place of one that says when it started."""
    condition = "attribute_not_exists(#partition) OR #started = :started"
    return {
        "Put": {
            "Item": encoded(way),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names(condition),
            "ExpressionAttributeValues": encoded({":started": started}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _starts(failed: Mapping[int, Mapping[str, Any]], entries: int) -> dict[int, str]:
    """By entry, the other start that its transaction has in the log."""
    return {place // 3: item["started"] for place, item in failed.items() if place < 3 * entries and place % 3 == 1 and item}
