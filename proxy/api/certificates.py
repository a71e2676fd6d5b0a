"""``/v1/certificates``: what a client may sign with, and registration (contract, operations 1, 1a and 2)."""

import base64
import binascii

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.representations import Certificate, CertificateChain, CertificatePage
from proxy.api.schemas import CertificatesQuery, NoParameters, RegistrationRequest
from proxy.errors import InvalidParameter


async def list_certificates(context: Context) -> web.StreamResponse:
    """A page of the certificates granted to the client, by id."""
    query = context.query(CertificatesQuery)
    after = "" if query.cursor is None else _id_of(query.cursor)
    found = await context.operations.certificates.list(context.call, context.grants.permits_certificate)
    ahead = sorted((facts for facts in found if facts.certificate_id > after), key=lambda facts: facts.certificate_id)
    page = ahead[: query.limit]
    more = len(ahead) > len(page)
    return json_response(
        CertificatePage(
            certificates=tuple(Certificate.of(facts) for facts in page),
            next_cursor=_cursor_of(page[-1].certificate_id) if more else None,
        )
    )


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


def _cursor_of(certificate_id: str) -> str:
    return base64.urlsafe_b64encode(certificate_id.encode()).decode("ascii")


def _id_of(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter("the cursor is none of ours", fields={"cursor": "not a nextCursor"}) from error
