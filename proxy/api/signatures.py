"""``/v1/signatures/{es,es-t,mdp,es-a}``: a document in, signed, out (contract, operations 3 to 6)."""

from aiohttp import web

from proxy.api.context import Context
from proxy.api.document_calls import document_call
from proxy.api.schemas import ESAParameters, ESParameters, ESTParameters, LTVParameters, MDPParameters
from proxy.model import GracePolicy, SignatureForm, SignatureRequest
from proxy.operations.signed import SignedDocument
from proxy.spool import SpooledDocument


async def sign_es(context: Context) -> web.StreamResponse:
    """ES: PAdES-B-B."""
    return await _sign(context, SignatureForm.ES, ESParameters)


async def sign_es_t(context: Context) -> web.StreamResponse:
    """ES-T: PAdES-B-T, with validation data B-LT."""
    return await _sign(context, SignatureForm.ES_T, LTVParameters)


async def sign_mdp(context: Context) -> web.StreamResponse:
    """MDP: a certification signature."""
    return await _sign(context, SignatureForm.MDP, MDPParameters)


async def sign_es_a(context: Context) -> web.StreamResponse:
    """ES-A: PAdES-B-LTA."""
    return await _sign(context, SignatureForm.ES_A, ESAParameters)


async def _sign(context: Context, form: SignatureForm, schema: type[ESParameters]) -> web.StreamResponse:
    async def perform(document: SpooledDocument, parameters: ESParameters) -> SignedDocument:
        return await context.operations.signing.sign(context.call, document, _request(form, parameters))

    return await document_call(context, schema, perform)


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
        ltv=parameters.ltv if isinstance(parameters, LTVParameters | MDPParameters) else False,
        doc_mdp=parameters.doc_mdp if isinstance(parameters, MDPParameters) else 1,
        grace_policy=parameters.grace_policy if isinstance(parameters, ESAParameters) else GracePolicy.NOW,
        appearance=parameters.visible(),
        document_password=parameters.document_password,
        dry_run=parameters.dry_run,
    )
