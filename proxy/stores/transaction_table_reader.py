"""The searching side of the transaction log in DynamoDB. Every read is consistent: what was appended is found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from proxy.errors import InternalError, InvalidParameter
from proxy.model import TransactionPage, TransactionQuery, TransactionRecord
from proxy.ports import Clock, Sealer
from proxy.stores.dynamodb_connection import DynamoDBConnection
from proxy.stores.dynamodb_values import decoded, encoded, names
from proxy.stores.transaction_codec import decode_record, encode_time
from proxy.stores.transaction_cursor import no_cursor, read_cursor, written_cursor
from proxy.stores.transaction_items import (
    TIMES,
    client_partition,
    document_tag,
    record_context,
    record_key,
    time_bounds,
    transaction_key,
    transaction_of,
    writer_key,
)
from proxy.stores.transaction_reader import PAGE_RECORDS, UNKNOWN
from proxy.stores.transaction_table_writer import ALIVE

_KEYS_AT_ONCE = 100
"""Items of one ``BatchGetItem`` at most."""

_IN_PROGRESS = "IN_PROGRESS"


class TransactionTableReader:
    """Finds a client's own transactions, each in its latest state.

    Args:
        connection: To DynamoDB.
        table: Its name.
        sealer: Opens records.
        clock: Tells which writers live.
    """

    def __init__(self, connection: DynamoDBConnection, table: str, sealer: Sealer, clock: Clock) -> None:
        self._connection = connection
        self._table = table
        self._sealer = sealer
        self._clock = clock
        self._gone: dict[int, float] = {}

    async def get(self, client: str, transaction_id: str) -> TransactionRecord | None:
        """The latest record of a client's own transaction. Raises InternalError."""
        while True:
            gone = self._known_as_gone()
            way = await self._get(transaction_key(client, transaction_id))
            if not way:
                return None
            writer = way["writer"]
            (record,) = await self._records([way])
            if (record.client, record.transaction_id) != (client, transaction_id):
                raise InternalError("the way to a transaction leads to another's record")
            if record.state != _IN_PROGRESS:
                return record
            if writer in gone:
                return replace(record, state=UNKNOWN)
            if not await self._look_for_the_gone({writer}):
                return record
            # It ended since: perhaps it said before how the transaction did.

    async def find(self, query: TransactionQuery) -> TransactionPage:
        """One page of a client's own transactions, newest start first.

        Raises:
            InvalidParameter: The cursor is not one that this client was given, or ``limit`` is below 1.
            InternalError: The table cannot be read.
        """
        if query.limit < 1:
            raise InvalidParameter("limit must be at least 1", fields={"limit": "below 1"})
        limit = min(query.limit, PAGE_RECORDS)
        place = None if query.cursor is None else await self._checked_place(query.client, query.cursor)
        question = self._question(query)
        found: list[tuple[Mapping[str, Any], str]] = []
        while len(found) <= limit:
            items, place = await self._search(question, query.client, place)
            found += [
                (item, shown)
                for item, shown in items
                if query.result is None or query.result in {shown, item.get("result_code")}
            ]
            if place is None:
                break
        page = found[:limit]
        records = await self._records([item for item, _ in page])
        for record, (item, _) in zip(records, page, strict=True):
            if (record.client, record.transaction_id) != (query.client, transaction_of(item["place"])):
                raise InternalError("the way to a transaction leads to another's record")
        return TransactionPage(
            tuple(replace(record, state=shown) for record, (_, shown) in zip(records, page, strict=True)),
            written_cursor(page[-1][0]["place"].removeprefix(TIMES)) if len(found) > limit else None,
        )

    async def _search(
        self, question: Mapping[str, object], client: str, place: str | None
    ) -> tuple[list[tuple[Mapping[str, Any], str]], str | None]:
        """What one query finds after ``place``, with the state that each is shown in, and where the next query begins."""
        after = {} if place is None else {"ExclusiveStartKey": encoded({"partition": client_partition(client), "place": place})}
        while True:
            gone = self._known_as_gone()
            answer = await self._ask("Query", **question, **after)
            items = [decoded(item) for item in answer["Items"]]
            # Whose writer ended while the query was made may have been said to have ended before.
            suspects = {item["writer"] for item in items if item["state"] == _IN_PROGRESS} - gone
            if not suspects or not await self._look_for_the_gone(suspects):
                break
        shown = [UNKNOWN if item["state"] == _IN_PROGRESS and item["writer"] in gone else str(item["state"]) for item in items]
        last = decoded(answer.get("LastEvaluatedKey", {}))
        return list(zip(items, shown, strict=True)), last.get("place")

    def _question(self, query: TransactionQuery) -> dict[str, object]:
        """A query as DynamoDB takes it, without where it begins."""
        first, last = time_bounds(
            None if query.start is None else encode_time(query.start), None if query.end is None else encode_time(query.end)
        )
        values: dict[str, object] = {":client": client_partition(query.client), ":first": first, ":last": last}
        filters = []
        for attribute in ("certificate_id", "idempotency", "operation"):
            if (wanted := getattr(query, attribute)) is not None:
                filters.append(f"#{attribute} = :{attribute}")
                values[f":{attribute}"] = wanted
        if query.document_sha256 is not None:
            filters.append("(#document = :document OR #result = :document)")
            values[":document"] = document_tag(self._sealer, query.document_sha256)
        if query.result is not None:
            filters.append("(#state = :outcome OR #result_code = :outcome)")
            values[":outcome"] = _IN_PROGRESS if query.result == UNKNOWN else query.result
        keys, wanted = "#partition = :client AND #place BETWEEN :first AND :last", " AND ".join(filters)
        return {
            "KeyConditionExpression": keys,
            "ExpressionAttributeNames": names(keys, wanted),
            "ExpressionAttributeValues": encoded(values),
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": PAGE_RECORDS if filters else min(query.limit, PAGE_RECORDS) + 1,
            **({"FilterExpression": wanted} if filters else {}),
        }

    async def _checked_place(self, client: str, cursor: str) -> str:
        """Where the page begins: after the transaction that the cursor names."""
        place = TIMES + read_cursor(cursor)
        # Longer than any key may be is none that was given.
        if len(place.encode()) > 1024 or not await self._get({"partition": client_partition(client), "place": place}):
            raise no_cursor()
        return place

    def _known_as_gone(self) -> frozenset[int]:
        now = self._clock.now().timestamp()
        return frozenset(number for number, until in self._gone.items() if until > now)

    async def _look_for_the_gone(self, numbers: set[int]) -> bool:
        """Find out which of these writers live no more; whether there are any. One that was only silent may come back."""
        now = self._clock.now().timestamp()
        found = False
        for item in await self._batch([writer_key(number) for number in sorted(numbers)]):
            if item["ended"] or item["alive"] <= now:
                number = int(item["partition"].split(" ")[1])
                self._gone[number] = float("inf") if item["ended"] else now + ALIVE.total_seconds()
                found = True
        return found

    async def _records(self, ways: Sequence[Mapping[str, Any]]) -> list[TransactionRecord]:
        """The records that items lead to, in their order."""
        keys = [record_key(way["writer"], way["position"]) for way in ways]
        items = {(item["partition"], item["place"]): item for item in await self._batch(keys)}
        records = []
        for way, key in zip(ways, keys, strict=True):
            try:
                sealed = items[key["partition"], key["place"]]["sealed"]
            except KeyError as error:
                raise InternalError("a record is not in its place") from error
            body = await self._sealer.unseal(sealed, record_context(way["writer"], way["position"]))
            records.append(decode_record(body.decode("ascii")))
        return records

    async def _batch(self, keys: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """Items by key, in whatever order; what is not there is left out."""
        found: list[dict[str, Any]] = []
        for begin in range(0, len(keys), _KEYS_AT_ONCE):
            wanted: Mapping[str, Any] = {
                self._table: {"Keys": [encoded(key) for key in keys[begin : begin + _KEYS_AT_ONCE]], "ConsistentRead": True}
            }
            while wanted:
                answer = await self._connection.ask("BatchGetItem", {"RequestItems": wanted})
                found += [decoded(item) for item in answer["Responses"].get(self._table, [])]
                wanted = answer.get("UnprocessedKeys", {})
        return found

    async def _get(self, key: Mapping[str, str]) -> dict[str, Any]:
        answer = await self._ask("GetItem", Key=encoded(key), ConsistentRead=True)
        return decoded(answer.get("Item", {}))

    async def _ask(self, action: str, **body: object) -> dict[str, Any]:
        return await self._connection.ask(action, {"TableName": self._table, **body})
