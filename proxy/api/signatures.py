"""``/v1/signatures/es`` and ``/es-t``: a document in, signed, out (contract, operations 3 and 4)."""

from typing import Any

from aiohttp import web

from proxy.api.context import Context
from proxy.api.documents_in import BodyKind, Members, body_kind, open_body, receive_document
from proxy.api.documents_out import document_response, offers
from proxy.api.negotiation import acceptable
from proxy.api.queries import query_members
from proxy.api.schemas import ESParameters, ESTParameters, parse
from proxy.model import HashAlgorithm, SignatureForm, SignatureRequest
from proxy.spool import SpooledDocument


async def sign_es(context: Context) -> web.StreamResponse:
    """ES: PAdES-B-B."""
    return await _sign(context, SignatureForm.ES, ESParameters)


async def sign_es_t(context: Context) -> web.StreamResponse:
    """ES-T: PAdES-B-T."""
    return await _sign(context, SignatureForm.ES_T, ESTParameters)


async def _sign(context: Context, form: SignatureForm, schema: type[ESParameters]) -> web.StreamResponse:
    request, call, settings = context.request, context.call, context.edge.settings
    limits = settings.limits
    kind = body_kind(request)
    query = query_members(request)
    if kind.is_raw:
        _judge(context, kind, schema, query)
    else:
        _early(context, query)
    body = open_body(request, kind, limits)
    await context.admit()

    def open_document(members: Members) -> SpooledDocument:
        also = _early(context, members)
        document = SpooledDocument(settings.spool.directory, limit=limits.document_bytes, also=also)
        context.held.callback(document.close)
        return document

    with call.stage("upload"):
        async with call.deadline.enforce():
            document, members = await receive_document(request, body, kind, query, limits, open_document)
    call.facts.document_bytes = document.size
    call.facts.document_sha256 = document.received_digest.value.hex()
    parameters, media_type = _judge(context, kind, schema, members)
    signed = await context.operations.signing.sign(call, document, _request(form, parameters))
    return document_response(call, signed, parameters.return_, media_type, stall_seconds=limits.upload_stall_seconds)


def _judge(context: Context, kind: BodyKind, schema: type[ESParameters], members: Members) -> tuple[ESParameters, str]:
    """The parameters and the answer's media type, once all members are known.

    Raises:
        InvalidParameter, CertificateNotPermitted, NotAcceptable: What is asked cannot be, or not for this client.
    """
    parameters = parse(schema, members)
    context.require_certificate(parameters.certificate_id)
    offered = offers(parameters.return_, dry_run=parameters.dry_run, json_first=kind is BodyKind.JSON)
    return parameters, acceptable(context.request.headers.get("Accept"), offered)


def _early(context: Context, members: Members) -> tuple[HashAlgorithm, ...]:
    """Judge what is known so far, and say which digest should run along.

    What is missing or malformed by then is judged with the rest, at the end.
    """
    certificate_id: Any = members.get("certificateId")
    if isinstance(certificate_id, str):
        context.require_certificate(certificate_id)
    return tuple(algorithm for algorithm in HashAlgorithm if algorithm == members.get("hashAlgorithm"))


def _request(form: SignatureForm, parameters: ESParameters) -> SignatureRequest:
    return SignatureRequest(
        form=form,
        certificate_id=parameters.certificate_id,
        field_name=parameters.field_name,
        existing_field_only=parameters.existing_field_only,
        reason=parameters.reason,
        location=parameters.location,
        contact_info=parameters.contact_info,
        hash_algorithm=parameters.hash_algorithm,
        sign_algorithm=parameters.sign_algorithm,
        tsa_profile=parameters.tsa_profile if isinstance(parameters, ESTParameters) else None,
        dry_run=parameters.dry_run,
    )
