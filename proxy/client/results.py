"""What is held against the answer to a call with a document before its result is kept (contract, response headers)."""

from collections.abc import Mapping
from typing import Any, TypeVar

from proxy.client.answers import Members, SignedDocument, TimestampedDocument, converted, moment, upstream_bytes
from proxy.client.problems import AnswerInvalid
from proxy.client.transfer import DocumentUpload, ResultDownload
from proxy.model import (
    BaselineLevel,
    OnAlreadyTimestamped,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
)

FormT = TypeVar("FormT", SignatureForm, TimestampPurpose)

_LEVELS = tuple(BaselineLevel)


def expected_media_type(*, dry_run: bool, increment: bool) -> str:
    """The ``Accept`` of a call with a document."""
    if dry_run:
        return "application/json"
    return "application/octet-stream" if increment else "application/pdf"


def check_signed(
    request: SignatureRequest, upload: DocumentUpload, download: ResultDownload | None, headers: Mapping[str, str]
) -> SignedDocument:
    """The facts of the answer to a signing call.

    Args:
        request: What was asked for.
        upload: The document as sent.
        download: What came back, digested to its end; ``None`` for a dry run.
        headers: The answer's.

    Raises:
        AnswerInvalid: Another form, a lower level, another digest than the result has, or a document that does not begin with
            the one that was sent.
    """
    form = _form(request.form, headers)
    level = _level(request.form, request.level, headers)
    if download is not None:
        _check_digest(download, headers)
        _check_extends(upload, download)
    return SignedDocument(form=form, level=level, **_facts(upload, download, headers))


def check_timestamped(
    request: TimestampRequest,
    upload: DocumentUpload,
    download: ResultDownload | None,
    headers: Mapping[str, str],
    dry_run_facts: Members | None,
) -> TimestampedDocument:
    """The facts of the answer to a timestamping call; the result is the document as it was where that may be skipped.

    Args:
        request: What was asked for.
        upload: The document as sent.
        download: What came back, digested to its end; ``None`` for a dry run.
        headers: The answer's.
        dry_run_facts: The body of the answer to a dry run.

    Raises:
        AnswerInvalid: As :func:`check_signed`.
    """
    form = _form(request.purpose, headers)
    if dry_run_facts is not None:
        skipped = dry_run_facts.values.get("skipped") is True
    else:
        skipped = download is not None and download.received == (upload.sent if download.whole else 0)
    skipped = skipped and request.on_already_timestamped is OnAlreadyTimestamped.SKIP
    level = None
    if request.purpose is TimestampPurpose.ES_A and not skipped:
        level = _level(request.purpose, BaselineLevel.B_LTA, headers)
    if download is not None:
        _check_digest(download, headers)
        if not skipped:
            _check_extends(upload, download)
        elif download.running.hexdigest() != upload.running.hexdigest():
            raise AnswerInvalid("the service gave back another document than was sent")
    return TimestampedDocument(form=form, level=level, skipped=skipped, **_facts(upload, download, headers))


def _form(asked: FormT, headers: Mapping[str, str]) -> FormT:
    form = converted("Signature-Form", _header(headers, "Signature-Form"), type(asked))
    if form is not asked:
        raise AnswerInvalid(f"the service made {form} where {asked} was asked for")
    return form


def _level(asked: SignatureForm | TimestampPurpose, least: BaselineLevel, headers: Mapping[str, str]) -> BaselineLevel:
    level = converted("Signature-Level", _header(headers, "Signature-Level"), BaselineLevel)
    if _LEVELS.index(level) < _LEVELS.index(least):
        raise AnswerInvalid(f"the service reached {level}, which is less than the {least} that was asked for with {asked}")
    return level


def _check_digest(download: ResultDownload, headers: Mapping[str, str]) -> None:
    if download.running.hexdigest() != _header(headers, "Result-SHA256").lower():
        raise AnswerInvalid("the result has another digest than the service states: it was damaged on its way")


def _check_extends(upload: DocumentUpload, download: ResultDownload) -> None:
    if download.whole:
        if download.received <= upload.sent or download.prefix_sha256 != upload.running.hexdigest():
            raise AnswerInvalid("the result does not begin with the document that was sent, or adds nothing to it")
    elif not download.received:
        raise AnswerInvalid("the service added nothing to the document")


def _facts(upload: DocumentUpload, download: ResultDownload | None, headers: Mapping[str, str]) -> dict[str, Any]:
    """The members of :class:`~proxy.client.answers.ResultDocument`."""
    upstream_sent, upstream_received = upstream_bytes(headers.get("Upstream-Bytes"))
    valid_until = headers.get("Valid-Until")
    size = upload.sent
    if download is not None:
        size = download.received if download.whole else upload.sent + download.received
    return {
        "transaction_id": _header(headers, "Transaction-Id"),
        "valid_until": None if valid_until is None else converted("Valid-Until", valid_until, moment),
        "result_sha256": None if download is None else download.running.hexdigest(),
        "size": size,
        "sent": upload.sent,
        "received": 0 if download is None else download.received,
        "upstream_sent": upstream_sent,
        "upstream_received": upstream_received,
    }


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise AnswerInvalid(f"the service's answer has no {name}")
    return value
