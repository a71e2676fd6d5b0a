"""Idempotency keys for whoever may have to make a call again without remembering that it was made."""

import hashlib
import json

from proxy.client.requests import signing_call, timestamping_call
from proxy.model import SignatureRequest, TimestampRequest


def idempotency_key_of(request: SignatureRequest | TimestampRequest, document_sha256: str) -> str:
    """A key that is the same for the same request about the same document, and another for every other one.

    A run that was killed, and is begun again within 24 hours, so gets what was made before, and nothing is signed twice.

    Args:
        request: What is asked. The password that opens the document makes no difference.
        document_sha256: Hex, of the document as it is sent.
    """
    call = signing_call(request) if isinstance(request, SignatureRequest) else timestamping_call(request)
    params = {name: value for name, value in call.params.items() if name != "documentPassword"}
    seal = None if call.seal_image is None else hashlib.sha256(call.seal_image).hexdigest()
    told = json.dumps([call.path, dict(call.query), params, seal, document_sha256], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
