"""``/v1/timestamps``: a document in, time-stamped or prolonged, out (contract, operation 7)."""

from aiohttp import web

from proxy.api.context import Context
from proxy.api.document_calls import document_call
from proxy.api.schemas import DocumentTimestampParameters
from proxy.model import TimestampRequest
from proxy.operations.timestamping import TimestampedDocument
from proxy.spool import SpooledDocument


async def timestamp_document(context: Context) -> web.StreamResponse:
    """A document timestamp, or archive extension of what is there."""

    async def perform(document: SpooledDocument, parameters: DocumentTimestampParameters) -> TimestampedDocument:
        request = TimestampRequest(
            purpose=parameters.purpose,
            tsa_profile=parameters.tsa_profile,
            on_already_timestamped=parameters.on_already_timestamped,
            document_password=parameters.document_password,
            dry_run=parameters.dry_run,
        )
        return await context.operations.timestamping.timestamp(context.call, document, request)

    return await document_call(context, DocumentTimestampParameters, perform)
