"""``/v1/timestamps/hash``: RFC 3161 over HTTP as it stands (3.4), for a digest the caller computed (contract, operation 8a)."""

from aiohttp import web

from proxy.api.context import Context
from proxy.api.negotiation import acceptable
from proxy.api.schemas import TimestampParameters

QUERY = "application/timestamp-query"
REPLY = "application/timestamp-reply"


async def timestamp_hash(context: Context) -> web.StreamResponse:
    """Relay one request to a time-stamping authority."""
    parameters = context.query(TimestampParameters)
    acceptable(context.request.headers.get("Accept"), (REPLY,))
    body = context.small_body(QUERY)
    await context.admit()
    async with context.call.deadline.enforce():
        query = await body.read()
    reply = await context.operations.timestamps.relay(context.call, query, parameters.tsa_profile)
    return web.Response(body=reply, content_type=REPLY)
