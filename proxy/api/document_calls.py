"""What all calls with a document share: parameters judged as early as they are known, admission, upload, answer."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from proxy.api.context import Context
from proxy.api.documents_in import BodyKind, Members, body_kind, open_body, receive_document
from proxy.api.documents_out import document_response, offers
from proxy.api.negotiation import acceptable
from proxy.api.queries import query_members
from proxy.api.schemas import DocumentParameters, Schema, parse
from proxy.model import HashAlgorithm
from proxy.operations.signed import SignedDocument
from proxy.operations.timestamping import TimestampedDocument
from proxy.spool import SpooledDocument

_ParametersT = TypeVar("_ParametersT", bound=Schema)
_DocumentParametersT = TypeVar("_DocumentParametersT", bound=DocumentParameters)


async def document_call(
    context: Context,
    schema: type[_DocumentParametersT],
    perform: Callable[[SpooledDocument, _DocumentParametersT], Awaitable[SignedDocument | TimestampedDocument]],
) -> web.StreamResponse:
    """Take a document in, have something done with it, and give it out.

    Args:
        context: The call.
        schema: Its parameters.
        perform: Does it, once document and parameters are complete.

    Raises:
        ProxyError: The call cannot be made, or ``perform`` failed.
    """

    def media_type(parameters: _DocumentParametersT, kind: BodyKind) -> str:
        offered = offers(parameters.return_, dry_run=parameters.dry_run, json_first=kind is BodyKind.JSON)
        return acceptable(context.request.headers.get("Accept"), offered)

    document, parameters, chosen = await take_in(context, schema, media_type)
    done = await perform(document, parameters)
    stall_seconds = context.edge.settings.limits.upload_stall_seconds
    return document_response(context.call, done, parameters.return_, chosen, stall_seconds=stall_seconds)


async def take_in(
    context: Context, schema: type[_ParametersT], media_type: Callable[[_ParametersT, BodyKind], str]
) -> tuple[SpooledDocument, _ParametersT, str]:
    """Take a document in, with its parameters judged as early as they are known.

    Args:
        context: The call. It holds the document until its answer is sent.
        schema: Its parameters.
        media_type: What its answer comes as; it raises NotAcceptable.

    Returns:
        The document, complete; the parameters; and the media type of the answer.

    Raises:
        ProxyError: The call cannot be made.
    """
    request, call, settings = context.request, context.call, context.edge.settings
    limits = settings.limits
    kind = body_kind(request)
    query = query_members(request)
    if kind.is_raw:
        _judge(context, kind, schema, query, media_type)
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
    return document, *_judge(context, kind, schema, members, media_type)


def _judge(
    context: Context,
    kind: BodyKind,
    schema: type[_ParametersT],
    members: Members,
    media_type: Callable[[_ParametersT, BodyKind], str],
) -> tuple[_ParametersT, str]:
    """The parameters and the answer's media type, once all members are known.

    Raises:
        InvalidParameter, CertificateNotPermitted, NotAcceptable: What is asked cannot be, or not for this client.
    """
    parameters = parse(schema, members)
    certificate_id = getattr(parameters, "certificate_id", None)
    if certificate_id is not None:
        context.require_certificate(certificate_id)
    return parameters, media_type(parameters, kind)


def _early(context: Context, members: Members) -> tuple[HashAlgorithm, ...]:
    """Judge what is known so far, and say which digest should run along.

    What is missing or malformed by then is judged with the rest, at the end.
    """
    certificate_id: Any = members.get("certificateId")
    if isinstance(certificate_id, str):
        context.require_certificate(certificate_id)
    return tuple(algorithm for algorithm in HashAlgorithm if algorithm == members.get("hashAlgorithm"))
