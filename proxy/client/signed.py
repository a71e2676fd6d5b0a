"""What is held against the answer to a signing call before its result is kept (contract, response headers)."""

from collections.abc import Mapping

from proxy.client.answers import SignedDocument, converted, moment, upstream_bytes
from proxy.client.problems import AnswerInvalid
from proxy.client.transfer import DocumentUpload, ResultDownload
from proxy.model import BaselineLevel, SignatureForm, SignatureRequest

_LEVELS = tuple(BaselineLevel)

_LEAST: Mapping[SignatureForm, BaselineLevel] = {SignatureForm.ES: BaselineLevel.B_B, SignatureForm.ES_T: BaselineLevel.B_T}


def expected_media_type(*, dry_run: bool, increment: bool) -> str:
    """The ``Accept`` of a signing call."""
    if dry_run:
        return "application/json"
    return "application/octet-stream" if increment else "application/pdf"


def check_signed(
    request: SignatureRequest, upload: DocumentUpload, download: ResultDownload | None, headers: Mapping[str, str]
) -> SignedDocument:
    """The facts of the answer.

    Args:
        request: What was asked for.
        upload: The document as sent.
        download: What came back, digested to its end; ``None`` for a dry run.
        headers: The answer's.

    Raises:
        AnswerInvalid: Another form, a lower level, another digest than the result has, or a document that does not begin with
            the one that was sent.
    """
    form = converted("Signature-Form", _header(headers, "Signature-Form"), SignatureForm)
    level = converted("Signature-Level", _header(headers, "Signature-Level"), BaselineLevel)
    if form is not request.form:
        raise AnswerInvalid(f"the service signed as {form} where {request.form} was asked for")
    if _LEVELS.index(level) < _LEVELS.index(_LEAST[request.form]):
        raise AnswerInvalid(f"the service reached {level}, which is less than {request.form} asks for")
    if download is not None:
        _check_result(upload, download, headers)
    upstream_sent, upstream_received = upstream_bytes(headers.get("Upstream-Bytes"))
    valid_until = headers.get("Valid-Until")
    return SignedDocument(
        transaction_id=_header(headers, "Transaction-Id"),
        form=form,
        level=level,
        valid_until=None if valid_until is None else converted("Valid-Until", valid_until, moment),
        result_sha256=None if download is None else download.running.hexdigest(),
        size=upload.sent if download is None else _size(upload, download),
        sent=upload.sent,
        received=0 if download is None else download.received,
        upstream_sent=upstream_sent,
        upstream_received=upstream_received,
    )


def _check_result(upload: DocumentUpload, download: ResultDownload, headers: Mapping[str, str]) -> None:
    if download.running.hexdigest() != _header(headers, "Result-SHA256").lower():
        raise AnswerInvalid("the result has another digest than the service states: it was damaged on its way")
    if download.whole:
        if download.received <= upload.sent or download.prefix_sha256 != upload.running.hexdigest():
            raise AnswerInvalid("the signed document does not begin with the document that was sent")
    elif not download.received:
        raise AnswerInvalid("the service added no signature")


def _size(upload: DocumentUpload, download: ResultDownload) -> int:
    return download.received if download.whole else upload.sent + download.received


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise AnswerInvalid(f"the service's answer has no {name}")
    return value
