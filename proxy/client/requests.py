"""What a call with a document says, and where: identifiers in the URL, all that is nobody else's business in the body.

URLs end up in access logs. Free text, passwords, the appearance and its seal travel in ``multipart/form-data``.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.payload import Payload

from proxy.client.transfer import DocumentUpload
from proxy.model import Appearance, SignatureForm, SignatureRequest, TimestampRequest, VerificationRequest

_SIGNATURES: Mapping[SignatureForm, str] = {
    SignatureForm.ES: "/v1/signatures/es",
    SignatureForm.ES_T: "/v1/signatures/es-t",
    SignatureForm.MDP: "/v1/signatures/mdp",
    SignatureForm.ES_A: "/v1/signatures/es-a",
}

_TIMESTAMPS = "/v1/timestamps"
_VERIFICATIONS = "/v1/verifications"


@dataclass(frozen=True, slots=True)
class DocumentCall:
    """One call with a document, but for the document.

    Attributes:
        path: Of the operation.
        query: What may stand in the URL.
        params: What may not; the JSON of the part ``params``.
        seal_image: The part ``sealImage``.
        dry_run: Whether there is no result to download.
    """

    path: str
    query: Mapping[str, str]
    params: Mapping[str, Any]
    seal_image: bytes | None
    dry_run: bool

    def body(self, upload: DocumentUpload) -> Payload:
        """The request's body: the document alone where nothing goes with it."""
        if not self.params and self.seal_image is None:
            return upload
        parts = aiohttp.MultipartWriter("form-data")
        if self.params:
            params = parts.append(json.dumps(self.params), {"Content-Type": "application/json"})
            params.set_content_disposition("form-data", name="params")
        if self.seal_image is not None:
            seal = parts.append(io.BytesIO(self.seal_image), {"Content-Type": "application/octet-stream"})
            seal.set_content_disposition("form-data", name="sealImage")
        # Last, so that the service can refuse before it is sent. No file name: where it comes from is nobody's business.
        upload.set_content_disposition("form-data", name="document")
        parts.append_payload(upload)
        return parts


def signing_call(request: SignatureRequest) -> DocumentCall:
    """Operations 3 to 6 of the contract."""
    query: dict[str, object] = {
        "certificateId": request.certificate_id,
        "fieldName": request.field_name,
        "existingFieldOnly": request.existing_field_only or None,
        "hashAlgorithm": request.hash_algorithm,
        "signAlgorithm": request.sign_algorithm,
        "tsaProfile": request.tsa_profile,
        "dryRun": request.dry_run or None,
    }
    match request.form:
        case SignatureForm.ES_T:
            query["ltv"] = request.ltv or None
        case SignatureForm.MDP:
            # Said in any case: left out it would be true.
            query |= {"docMdp": request.doc_mdp, "ltv": request.ltv}
        case SignatureForm.ES_A:
            query["gracePolicy"] = request.grace_policy
        case SignatureForm.ES:
            pass
    params = {
        "reason": request.reason,
        "location": request.location,
        "contactInfo": request.contact_info,
        "documentPassword": request.document_password,
        "appearance": None if request.appearance is None else _appearance(request.appearance),
    }
    seal_image = None if request.appearance is None else request.appearance.seal_image
    return DocumentCall(_SIGNATURES[request.form], _query(query), _given(params), seal_image, request.dry_run)


def timestamping_call(request: TimestampRequest) -> DocumentCall:
    """Operation 7 of the contract."""
    query = {
        "purpose": request.purpose,
        "tsaProfile": request.tsa_profile,
        "onAlreadyTimestamped": request.on_already_timestamped,
        "dryRun": request.dry_run or None,
    }
    params = {"documentPassword": request.document_password}
    return DocumentCall(_TIMESTAMPS, _query(query), _given(params), None, request.dry_run)


def verification_call(request: VerificationRequest) -> DocumentCall:
    """Operation 9 of the contract."""
    query = {
        "validationTime": None if request.validation_time is None else request.validation_time.isoformat(),
        "report": request.report,
        "getScanInfo": request.scan_info or None,
    }
    params = {"documentPassword": request.document_password}
    return DocumentCall(_VERIFICATIONS, _query(query), _given(params), None, dry_run=True)


def _appearance(appearance: Appearance) -> Mapping[str, object]:
    return _given(
        {
            "page": appearance.page,
            "origin": appearance.origin,
            "x": appearance.x,
            "y": appearance.y,
            "width": appearance.width,
            "height": appearance.height,
            "unit": appearance.unit,
            "text": appearance.text,
            "rotation": appearance.rotation,
        }
    )


def _given(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def _query(members: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in _given(members).items()}
