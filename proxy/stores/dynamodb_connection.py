"""The connection to DynamoDB: its JSON API over the proxy's own link, and the one place where its failures are read.

Every write that goes through here is one that can be made twice: a transaction carries a token, and every other write is by its
condition the writer's own, who finds it there. So a write whose answer was lost is made again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.aws.failures import (
    ASKED_WITH_OTHER_CREDENTIALS,
    MOST_WHEN_THROTTLED,
    OVER,
    THROTTLED,
    TRANSIENT,
    error_code,
)
from proxy.aws.json_api import JSONAPI, Service
from proxy.call import Call, Deadline
from proxy.errors import DeadlineExceeded, InternalError
from proxy.outbound import Answer, Judgement, LinkError, LinkRefused, Links, judged
from proxy.ports import Clock
from proxy.settings import DynamoDBSettings
from proxy.stores.dynamodb_values import decoded

DESTINATION = "dynamodb"

_SERVICE = Service(DESTINATION, "DynamoDB_20120810", "1.0", "stores.dynamodb.endpoint_url", 24_000_000)
"""16 MB of items come at most, binary values in base64."""

_PATIENCE = 3
"""How many exchanges' time all attempts together have."""

_CONDITION = "ConditionalCheckFailed"
_CROSSED = frozenset({"TransactionConflictException", "TransactionInProgressException"})
"""Another transaction was at work on an item at that moment."""

_CROSSED_REASONS = frozenset({"None", "ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""Why a transaction is cancelled that may well be made the next moment."""

_log = structlog.get_logger("proxy.stores")


class ConditionFailed(Exception):
    """The item is not as the condition of a write wants it; nothing was written."""


class TransactionCancelled(Exception):
    """Items are not as the conditions of a transaction want them; nothing of it was written.

    Attributes:
        failed: By the place of the write in the transaction, the item as it is.
    """

    def __init__(self, failed: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__("conditions are not met")
        self.failed = failed


class _Reason(BaseModel):
    """Why one write of a transaction was not made."""

    model_config = ConfigDict(extra="ignore")

    code: str = Field("None", alias="Code")
    item: dict[str, dict[str, Any]] = Field({}, alias="Item")


class _Refusal(BaseModel):
    """What stands in the body of a failure beside its name."""

    model_config = ConfigDict(extra="ignore")

    reasons: list[_Reason] = Field([], alias="CancellationReasons")


class DynamoDBConnection:
    """Requests to the tables of one region.

    Args:
        settings: Region, endpoint and timeout.
        in_flight: How many requests at a time.
        clock: Tells when each was made.
        links: Where its breaker is.

    Raises:
        SettingsError: The endpoint is neither ``https`` nor on loopback, the region is unknown, or a file cannot be used.
    """

    def __init__(self, settings: DynamoDBSettings, in_flight: int, clock: Clock, links: Links) -> None:
        self._clock = clock
        self._seconds = settings.timeout_seconds * _PATIENCE
        self._api = JSONAPI(
            _SERVICE,
            settings.region,
            endpoint_url=settings.endpoint_url,
            ca=settings.ca,
            timeout_seconds=settings.timeout_seconds,
            in_flight=in_flight,
            links=links,
        )

    async def ask(self, action: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask for one action, again where the service says that it could not, or does not say whether it did.

        Args:
            action: ``PutItem``, ``Query`` …
            body: Its parameters.

        Raises:
            ConditionFailed: Of a write of one item.
            TransactionCancelled: Of a transaction.
            InternalError: The tables cannot be used.
        """
        call = Call("", "", "stores", self._clock.now(), Deadline.after(self._seconds))
        data = json.dumps(body, separators=(",", ":")).encode()

        async def attempt() -> bytes:
            return await self._api.exchange(call, action, data)

        try:
            answer: dict[str, Any] = json.loads(await self._api.dependency.ask(call, attempt, repeatable=True, judge=_judged))
        except LinkRefused as error:
            code = error_code(error.answer)
            if code == f"{_CONDITION}Exception":
                raise ConditionFailed from error
            if failed := _failed_conditions(_refusal(error.answer).reasons):
                raise TransactionCancelled(failed) from error
            _log.error("dynamodb.refused", action=action, status=error.answer.status, errorCode=code[:64])
            raise InternalError("the store refuses what it was asked for") from error
        except (LinkError, DeadlineExceeded, ValueError) as error:
            _log.error("dynamodb.failed", action=action, failure=type(error).__name__)
            raise InternalError("the store cannot be reached") from error
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()


def _judged(error: LinkError) -> Judgement:
    """What a failure says, by the service's codes."""
    if not isinstance(error, LinkRefused):
        return judged(error)
    code = error_code(error.answer)
    if code in OVER:
        return ASKED_WITH_OTHER_CREDENTIALS
    reasons = {reason.code for reason in _refusal(error.answer).reasons}
    if code in THROTTLED or code in _CROSSED or (reasons and reasons <= _CROSSED_REASONS):
        return Judgement(works=True, passing=True, undone=True, attempts=MOST_WHEN_THROTTLED)
    fails = code in TRANSIENT or error.answer.status >= 500
    return Judgement(works=not fails, passing=fails, undone=not fails)


def _refusal(answer: Answer) -> _Refusal:
    try:
        return _Refusal.model_validate_json(answer.body)
    except ValidationError:
        return _Refusal()


def _failed_conditions(reasons: Sequence[_Reason]) -> dict[int, Mapping[str, Any]]:
    return {place: decoded(reason.item) for place, reason in enumerate(reasons) if reason.code == _CONDITION}
