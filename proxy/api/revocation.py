"""Revocation data for callers that cannot reach the responders themselves (contract, operation 2a)."""

import asyncio

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.representations import RevocationAnswer
from proxy.api.schemas import NoParameters, RevocationRequest
from proxy.model import ValidationData


async def revocation_of_certificate(context: Context) -> web.StreamResponse:
    """OCSP responses and CRLs about a signing certificate and its issuers."""
    context.query(NoParameters)
    certificate_id = context.request.match_info["certificateId"]
    context.require_certificate(certificate_id)
    material = await context.operations.certificates.revocation_of(context.call, certificate_id, fresh=_fresh(context))
    return await _answer(material)


async def relay_revocation(context: Context) -> web.StreamResponse:
    """The same about any certificates that chain to an anchor trusted here."""
    context.query(NoParameters)
    asked = await context.json(context.small_body("application/json"), RevocationRequest)
    material = await context.operations.certificates.relay_revocation(context.call, asked.certificates, fresh=_fresh(context))
    return await _answer(material)


async def _answer(material: ValidationData) -> web.StreamResponse:
    """Written off the event loop: a CRL can be of megabytes."""
    return await asyncio.to_thread(json_response, RevocationAnswer.of(material))


def _fresh(context: Context) -> bool:
    """Whether the caller wants no answer from our cache (RFC 9111, 5.2.1.4): who adds a grace period to its signatures does."""
    return "no-cache" in context.request.headers.get("Cache-Control", "").lower()
