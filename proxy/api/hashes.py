"""``/v1/signatures/hash``: signature values over digests the caller computed (contract, operation 8)."""

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.negotiation import acceptable
from proxy.api.representations import HashAnswer
from proxy.api.schemas import HashRequest, NoParameters
from proxy.errors import InvalidParameter
from proxy.model import Digest


async def sign_hashes(context: Context) -> web.StreamResponse:
    """Sign one to a hundred digests, all or nothing."""
    context.query(NoParameters)
    acceptable(context.request.headers.get("Accept"), ("application/json",))
    body = context.small_body("application/json")
    await context.admit()
    asked = await context.json(body, HashRequest)
    context.require_certificate(asked.certificate_id)
    made = await context.operations.hashes.sign(context.call, asked.certificate_id, asked.sign_algorithm, _digests(asked))
    return json_response(HashAnswer.of(context.call, made))


def _digests(asked: HashRequest) -> tuple[Digest, ...]:
    size = asked.hash_algorithm.digest_size
    wrong = {
        f"hashes.{index}": f"a {asked.hash_algorithm} digest has {size} bytes, not {len(value)}"
        for index, value in enumerate(asked.hashes)
        if len(value) != size
    }
    if wrong:
        raise InvalidParameter("a digest has another length than hashAlgorithm makes", fields=wrong)
    return tuple(Digest(asked.hash_algorithm, value) for value in asked.hashes)
