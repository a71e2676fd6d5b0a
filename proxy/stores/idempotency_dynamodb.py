"""What is done under idempotency keys, in a DynamoDB table that all tasks share (``proxy.ports.IdempotencyStore``).

One item a request, so that every change is one conditional write: of two tasks that want the same, one finds the condition not
met and looks again. The item holds keyed digests, sealed values and times; a value that is too large for it is an object in S3,
put there before the item names it. DynamoDB removes items days after their ``ttl``: whether one is over is asked on every read.
"""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from proxy.errors import InternalError
from proxy.model import Claim, ClaimState
from proxy.ports import Clock
from proxy.stores.dynamodb_connection import ConditionFailed, DynamoDBConnection
from proxy.stores.dynamodb_values import decoded, encoded, names
from proxy.stores.kept_objects import KeptObjects

KEPT = timedelta(hours=24)
"""How long a result, or what there is of it, is kept (contract)."""

STEP_BYTES = 60_000
RESULT_BYTES = 300_000
"""The longest sealed values that lie in the item, which has room for 400 KB: four steps (update, signature values, tokens), or
the result in their place."""

_MOST_RACES = 20
"""How often a claim is lost to another before something else must be wrong."""

_OWNED = "#owner = :owner"
_CLAIM = "#fingerprint, #execution, #transaction_id, #owner, #lease, #done"


class DynamoDBIdempotencyStore:
    """A table opened for reading and writing.

    Args:
        connection: To DynamoDB; closed with the store.
        objects: For large values; closed with the store.
        table: Its name; the partition key is ``scope``, a string.
        clock: By which leases and results end.
        lease_seconds: How long a claim is held without being renewed.
    """

    def __init__(
        self, connection: DynamoDBConnection, objects: KeptObjects, table: str, clock: Clock, lease_seconds: float
    ) -> None:
        self._connection = connection
        self._objects = objects
        self._table = table
        self._clock = clock
        self.lease_seconds = lease_seconds
        self._closed = False

    async def begin(self, scope: bytes, fingerprint: bytes, owner: str, transaction_id: str) -> Claim:
        """See :meth:`proxy.ports.IdempotencyStore.begin`."""
        claimed = Claim(ClaimState.CLAIMED, secrets.token_hex(16), transaction_id)
        for _ in range(_MOST_RACES):
            try:
                await self._put(scope, fingerprint, owner, claimed)
            except ConditionFailed:
                if (claim := await self._judge(scope, fingerprint, owner)) is not None:
                    return claim
            else:
                return claimed
        raise InternalError("the store gives and takes a claim again and again")

    async def _put(self, scope: bytes, fingerprint: bytes, owner: str, claim: Claim) -> None:
        """Enter a new request. Raises ConditionFailed where there is one that is not over."""
        now = self._now()
        condition = "attribute_not_exists(#scope) OR #expires <= :now"
        item: dict[str, object] = {
            "scope": scope.hex(),
            "fingerprint": fingerprint,
            "execution": claim.execution,
            "transaction_id": claim.transaction_id,
            "owner": owner,
            "lease": now + self.lease_seconds,
            "done": False,
            "steps": {},
            **_over_after(now),
        }
        await self._ask(
            "PutItem",
            Item=encoded(item),
            ConditionExpression=condition,
            ExpressionAttributeNames=names(condition),
            ExpressionAttributeValues=encoded({":now": now}),
        )

    async def _judge(self, scope: bytes, fingerprint: bytes, owner: str) -> Claim | None:
        """How a request that is there answers a claim; ``None`` where it changed meanwhile."""
        item, now = await self._get(scope, _CLAIM), self._now()
        if not item:
            return None
        execution, first, holder = item["execution"], item["transaction_id"], item.get("owner")
        if item["fingerprint"] != fingerprint:
            return Claim(ClaimState.CONFLICT, execution, first)
        if item["done"]:
            return Claim(ClaimState.DONE, execution, first)
        if holder is not None and holder != owner and item["lease"] > now:
            return Claim(ClaimState.HELD, execution, first, item["lease"] - now)
        try:
            await self._update(
                scope,
                "SET #owner = :owner, #lease = :lease, #expires = :expires, #ttl = :ttl",
                "#done = :done AND "
                + ("attribute_not_exists(#owner)" if holder is None else "#owner = :holder AND #lease = :held"),
                {":done": False, ":owner": owner, ":lease": now + self.lease_seconds, **_prefixed(_over_after(now))}
                | ({} if holder is None else {":holder": holder, ":held": item["lease"]}),
            )
        except ConditionFailed:
            return None
        return Claim(ClaimState.CLAIMED, execution, first)

    async def replay(self, scope: bytes) -> Mapping[str, bytes]:
        """See :meth:`proxy.ports.IdempotencyStore.replay`."""
        item = await self._get(scope, "#steps, #expires")
        if not item or item["expires"] <= self._now():
            return {}
        steps: Mapping[str, Any] = item["steps"]
        values = await asyncio.gather(*(self._value(value) for value in steps.values()))
        return dict(zip(steps, values, strict=True))

    async def _get(self, scope: bytes, attributes: str) -> Mapping[str, Any]:
        """A request's item as it is now, some of it; empty where there is none."""
        answer = await self._ask(
            "GetItem",
            Key=encoded({"scope": scope.hex()}),
            ConsistentRead=True,
            ProjectionExpression=attributes,
            ExpressionAttributeNames=names(attributes),
        )
        return decoded(answer.get("Item", {}))

    async def _value(self, value: bytes | Mapping[str, str]) -> bytes:
        return value if isinstance(value, bytes) else await self._objects.get(value["object"])

    async def prepared(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.prepared`."""
        value = await self._laid_down(scope, sealed, STEP_BYTES)
        kept = {":owner": owner, ":value": value, ":lease": self._now() + self.lease_seconds}
        try:
            await self._update(scope, "SET #steps.#step = :value, #lease = :lease", _OWNED, kept, step=name)
        except ConditionFailed:
            await self._removed([value])
            return False
        return True

    async def done(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.done`."""
        value = await self._laid_down(scope, sealed, RESULT_BYTES)
        kept = {":owner": owner, ":steps": {name: value}, ":done": True, **_prefixed(_over_after(self._now()))}
        change = (
            "SET #steps = :steps, #done = :done, #finisher = :owner, #expires = :expires, #ttl = :ttl REMOVE #owner, #lease"
        )
        try:
            former = await self._update(scope, change, _OWNED, kept)
        except ConditionFailed:
            # The answer to this very write may have been lost.
            if (await self._get(scope, "#finisher")).get("finisher") == owner:
                return True
            await self._removed([value])
            return False
        await self._removed(former["steps"].values())
        return True

    async def renew(self, scope: bytes, owner: str) -> bool:
        """See :meth:`proxy.ports.IdempotencyStore.renew`."""
        try:
            lease = self._now() + self.lease_seconds
            await self._update(scope, "SET #lease = :lease", _OWNED, {":owner": owner, ":lease": lease})
        except ConditionFailed:
            return False
        return True

    async def release(self, scope: bytes, owner: str, *, forget: bool) -> None:
        """See :meth:`proxy.ports.IdempotencyStore.release`."""
        try:
            if forget:
                answer = await self._ask(
                    "DeleteItem",
                    Key=encoded({"scope": scope.hex()}),
                    ConditionExpression=_OWNED,
                    ExpressionAttributeNames=names(_OWNED),
                    ExpressionAttributeValues=encoded({":owner": owner}),
                    ReturnValues="ALL_OLD",
                )
                await self._removed(decoded(answer.get("Attributes", {})).get("steps", {}).values())
            else:
                await self._update(scope, "REMOVE #owner", _OWNED, {":owner": owner})
        except ConditionFailed:
            return  # another has gone on with it

    async def _laid_down(self, scope: bytes, sealed: bytes, most: int) -> bytes | dict[str, str]:
        """How the item holds a value: itself, or the name of an object that does."""
        self._check_open()
        return sealed if len(sealed) <= most else {"object": await self._objects.put(scope.hex(), sealed)}

    async def _removed(self, values: Any) -> None:
        """Remove the objects of values that no item names any more."""
        objects = [value["object"] for value in values if isinstance(value, Mapping)]
        await asyncio.gather(*(self._objects.remove(name) for name in objects))

    async def _update(
        self, scope: bytes, change: str, condition: str, values: Mapping[str, Any], **more: str
    ) -> Mapping[str, Any]:
        """Change a request's item. Gives it as it was. Raises ConditionFailed."""
        answer = await self._ask(
            "UpdateItem",
            Key=encoded({"scope": scope.hex()}),
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames=names(change, condition, **more),
            ExpressionAttributeValues=encoded(values),
            ReturnValues="ALL_OLD",
        )
        return decoded(answer.get("Attributes", {}))

    async def _ask(self, action: str, **body: object) -> dict[str, Any]:
        self._check_open()
        return await self._connection.ask(action, {"TableName": self._table, **body})

    def _check_open(self) -> None:
        if self._closed:
            raise InternalError("the store is closed")

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def close(self) -> None:
        """Close the connections. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            await self._objects.close()
            await self._connection.close()


def _over_after(now: float) -> dict[str, float | int]:
    """Until when a request counts, and the whole second after which DynamoDB may remove it."""
    expires = now + KEPT.total_seconds()
    return {"expires": expires, "ttl": int(expires) + 1}


def _prefixed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f":{name}": value for name, value in values.items()}
