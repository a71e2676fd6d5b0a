"""One call from its authentication to its answer, and its record in between.

The order is the contract's: who calls, whether it may, whether the service serves now, and only then the request itself. The
record is durable before the answer leaves; slot and spool are given back after it.
"""

import re
import uuid
from contextlib import AsyncExitStack

import structlog
from aiohttp import web

from proxy.api.context import CALL, EDGE, TRANSACTION_ID, Context, Edge
from proxy.api.documents_out import send
from proxy.api.grants import Grants
from proxy.api.route import CallRoute
from proxy.call import Call, Deadline
from proxy.errors import InvalidParameter, NotSupported

HEADER = "Transaction-Id"
IDEMPOTENCY_KEY = "Idempotency-Key"
ORIGINAL = "Original-Transaction-Id"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, 3.2.2: version, trace id, parent id, flags. Anything else is as if it had not come (3.3)."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
"""What a caller may choose: visible ASCII; quotation marks are part of it."""

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def new_transaction_id() -> str:
    """An id that nobody has used."""
    return str(uuid.uuid4())


def chosen_transaction_id(request: web.BaseRequest) -> str | None:
    """The id the caller chose, in lower case; ``None`` when it chose none, or one that is no UUID (RFC 9562, 4)."""
    text = request.headers.get(HEADER)
    return text.lower() if text is not None and _UUID.fullmatch(text) else None


async def serve(route: CallRoute, request: web.Request) -> web.StreamResponse:
    """Answer one call.

    Raises:
        ProxyError: The call failed; its record says so.
    """
    edge = request.app[EDGE]
    trace = request.headers.get("traceparent", "")
    traceparent, parent_span = edge.operations.telemetry.begin(trace if _TRACEPARENT.fullmatch(trace) else None)
    if traceparent is not None:
        structlog.contextvars.bind_contextvars(traceId=traceparent.split("-")[1])
    call = request[CALL] = Call(
        transaction_id=request[TRANSACTION_ID],
        client="",
        operation=route.operation,
        started=edge.clock.now(),
        deadline=Deadline.after(edge.settings.limits.request_seconds),
        traceparent=traceparent,
        parent_span=parent_span,
    )
    async with AsyncExitStack() as held:
        with edge.gate.passage():
            async with AsyncExitStack() as until_recorded, edge.operations.journal.transaction(call):
                with edge.gate.cut_off_as_error():
                    edge.gate.check()
                    grants = await edge.authentication.authenticate(request)
                    call.client = grants.name
                    await _adopt_transaction_id(edge, request, call, until_recorded)
                    _judge(edge, request, call, grants, route)
                    response = await route.handler(Context(edge, request, call, grants, held))
                    if call.facts.original_transaction_id is not None:
                        response.headers[ORIGINAL] = call.facts.original_transaction_id
            await send(request, response)
    return response


async def _adopt_transaction_id(edge: Edge, request: web.Request, call: Call, until_recorded: AsyncExitStack) -> None:
    """Have the id the caller chose stand for this call alone.

    Raises:
        InvalidParameter: It is no UUID, or this client used it before; the answer and the record have an id of their own then.
    """
    if HEADER not in request.headers:
        return
    if chosen_transaction_id(request) is None:
        raise InvalidParameter("Transaction-Id is not a UUID", fields={HEADER: "expected a UUID"})
    key = (call.client, call.transaction_id)
    used = key in edge.in_progress
    if not used:
        # Taken before the log is asked: another call with the same id may come while it is.
        edge.in_progress.add(key)
        until_recorded.callback(edge.in_progress.discard, key)
        used = await edge.operations.journal.known(*key)
    if used:
        call.transaction_id = request[TRANSACTION_ID] = new_transaction_id()
        raise InvalidParameter("you have used this Transaction-Id before", fields={HEADER: "used before"})


def _judge(edge: Edge, request: web.Request, call: Call, grants: Grants, route: CallRoute) -> None:
    """Everything that can be said before the handler looks at the request."""
    if grants.client.rate_per_second is not None:
        edge.rates.take(grants.name, grants.client.rate_per_second)
    if route.grant is not None:
        grants.require_operation(route.grant)
    if IDEMPOTENCY_KEY in request.headers:
        _adopt_idempotency_key(edge, request, call, route)
    if route.in_maintenance_refused:
        edge.operations.maintenance.refuse_if_own()


def _adopt_idempotency_key(edge: Edge, request: web.Request, call: Call, route: CallRoute) -> None:
    """Have the call done once under the key that came with it. Refused where it would be ignored.

    Raises:
        NotSupported: The operation takes none, or this deployment.
        InvalidParameter: It is no key, or there are several.
    """
    if not route.takes_idempotency_key:
        raise NotSupported("this operation takes no Idempotency-Key")
    keys = request.headers.getall(IDEMPOTENCY_KEY)
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise InvalidParameter(
            "Idempotency-Key is not 1 to 255 visible ASCII characters", fields={IDEMPOTENCY_KEY: "expected visible ASCII"}
        )
    call.facts.idempotency = edge.operations.idempotency.tag(call.client, keys[0])
    call.idempotency_key = keys[0]
