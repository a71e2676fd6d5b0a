"""``/v1/certificates``: what a client may sign with, and registration (contract, operations 1, 1a and 2)."""

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.pages import page_of
from proxy.api.representations import Certificate, CertificateChain, CertificatePage
from proxy.api.schemas import ListQuery, NoParameters, RegistrationRequest


async def list_certificates(context: Context) -> web.StreamResponse:
    """A page of the certificates granted to the client, by id."""
    query = context.query(ListQuery)
    found = await context.operations.certificates.list(context.call, context.grants.permits_certificate)
    page, following = page_of(found, lambda facts: facts.certificate_id, query.limit, query.cursor)
    return json_response(CertificatePage(certificates=tuple(Certificate.of(facts) for facts in page), next_cursor=following))


async def get_certificate(context: Context) -> web.StreamResponse:
    """One certificate."""
    certificate_id = _granted_id(context)
    return json_response(Certificate.of(await context.operations.certificates.get(context.call, certificate_id)))


async def get_chain(context: Context) -> web.StreamResponse:
    """One certificate's chain and algorithms."""
    certificate_id = _granted_id(context)
    return json_response(CertificateChain.of(await context.operations.certificates.chain(context.call, certificate_id)))


async def register_certificate(context: Context) -> web.StreamResponse:
    """Bind an issued certificate to its key."""
    context.query(NoParameters)
    asked = await context.json(context.small_body("application/json"), RegistrationRequest)
    made = await context.operations.certificates.register(
        context.call, context.grants.permits_certificate, asked.key_id, asked.certificate, asked.chain
    )
    response = json_response(Certificate.of(made), status=201)
    response.headers["Location"] = str(context.request.rel_url.with_query(None) / made.certificate_id)
    return response


def _granted_id(context: Context) -> str:
    context.query(NoParameters)
    certificate_id = context.request.match_info["certificateId"]
    context.require_certificate(certificate_id)
    return certificate_id
