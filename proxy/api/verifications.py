"""``/v1/verifications``: a document in, the verdict out (contract, operation 9)."""

from aiohttp import web

from proxy.api.context import Context
from proxy.api.document_calls import take_in
from proxy.api.documents_in import BodyKind
from proxy.api.documents_out import JSON
from proxy.api.negotiation import acceptable
from proxy.api.problems import language_of
from proxy.api.schemas import VerificationParameters
from proxy.api.verification_answers import VerificationAnswer
from proxy.model import ReportKind, VerificationRequest


async def verify_document(context: Context) -> web.StreamResponse:
    """Verify a PDF."""
    request = context.request

    def media_type(_parameters: VerificationParameters, _kind: BodyKind) -> str:
        return acceptable(request.headers.get("Accept"), (JSON,))

    document, parameters, _ = await take_in(context, VerificationParameters, media_type)
    wanted = VerificationRequest(
        validation_time=parameters.validation_time,
        report=parameters.report,
        scan_info=parameters.get_scan_info,
        document_password=parameters.document_password,
    )
    verified = await context.operations.verification.verify(context.call, document, wanted)
    language = language_of(request.headers.get("Accept-Language"))
    answer = VerificationAnswer.of(context.call, verified, language, detailed=parameters.report is ReportKind.DETAILED)
    response = web.Response(body=answer.model_dump_json(by_alias=True).encode(), content_type=JSON)
    response.headers["Content-Language"] = language
    return response
