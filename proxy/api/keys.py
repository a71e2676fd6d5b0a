"""``/v1/keys``: keys to have certificates issued to, new ones, and certification requests for them (contract, operation 1a)."""

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.key_schemas import CertificationRequest, CertificationRequestParameters, Key, KeyPage, KeyRequest
from proxy.api.pages import page_of
from proxy.api.schemas import ListQuery, NoParameters


async def list_keys(context: Context) -> web.StreamResponse:
    """A page of the keys that the client may have certificates issued to, by id."""
    query = context.query(ListQuery)
    found = await context.operations.keys.list(context.call, context.grants.permits_certificate)
    page, following = page_of(found, lambda facts: facts.key_id, query.limit, query.cursor)
    return json_response(KeyPage(keys=tuple(Key.of(facts) for facts in page), next_cursor=following))


async def create_key(context: Context) -> web.StreamResponse:
    """Make a key."""
    context.query(NoParameters)
    body = context.small_body("application/json")
    await context.admit()
    asked = await context.json(body, KeyRequest)
    made = await context.operations.keys.create(context.call, asked.algorithm, asked.label, asked.backend)
    return json_response(Key.of(made), status=201)


async def create_certification_request(context: Context) -> web.StreamResponse:
    """Have a key sign a PKCS #10 request for a certificate of its own."""
    context.query(NoParameters)
    body = context.small_body("application/json")
    await context.admit()
    asked = await context.json(body, CertificationRequestParameters)
    key_id = context.request.match_info["keyId"]
    wanted = asked.requested()
    made = await context.operations.keys.certification_request(context.call, context.grants.permits_certificate, key_id, wanted)
    return json_response(CertificationRequest.of(key_id, made, wanted))
