"""Verification (contract, operation 9): every signature and timestamp of a document, and what came after them.

examine → validate → the document's result. What is wrong about a document is a verdict and no failure, but for a missing
password. So is what a document does to whoever looks at it: where an engine process fails, crashes or is ended, nothing is
known of the signatures, and that is the verdict. The pool logs and counts each such task; here the call is named that it cost.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from proxy.call import Call
from proxy.errors import InternalError, InvalidDocument
from proxy.model import Coverage, ReportKind, SignedObject, ValidationData, Verdict, VerificationRequest
from proxy.operations.verified import VerifiedDocument, VerifiedSignature
from proxy.pades.engine import PAdESEngine
from proxy.pades.verification.findings import unknown
from proxy.pades.verification.unread import unread_document
from proxy.pades.verification.values import (
    ExaminedDocument,
    ExamineDocument,
    ExaminedSignature,
    PageImage,
    SurveyDocument,
)
from proxy.ports import Clock
from proxy.spool import SpooledDocument
from proxy.validation.etsi_report import validation_report

_log = structlog.get_logger("proxy.operations")


class Validation(Protocol):
    """Judges signed objects by what is trusted here (EN 319 102-1)."""

    async def judge(
        self,
        call: Call,
        objects: tuple[SignedObject, ...],
        coverage: tuple[Coverage, ...],
        evidence: ValidationData,
        at: datetime,
    ) -> tuple[Verdict, ...]:
        """One verdict an object, in their order.

        Args:
            call: Deadline and ledger: revocation data may be asked for.
            objects: Oldest first.
            coverage: What each document timestamp covers.
            evidence: What the document's security store holds.
            at: The validation time.
        """
        ...


class DocumentVerification:
    """Verifies documents."""

    def __init__(self, *, engine: PAdESEngine, validation: Validation, clock: Clock, most_signatures: int) -> None:
        self._engine = engine
        self._validation = validation
        self._clock = clock
        self._most_signatures = most_signatures

    async def verify(self, call: Call, document: SpooledDocument, request: VerificationRequest) -> VerifiedDocument:
        """Verify ``document``.

        Raises:
            PDFEncrypted: It needs a password that was not given.
            DeadlineExceeded: The request's time is over.
            ShuttingDown: The service is stopping.
        """
        async with call.deadline.enforce():
            verified = await self._verify(call, document, request)
        call.facts.verification_result = verified.result
        return verified

    async def _verify(self, call: Call, document: SpooledDocument, request: VerificationRequest) -> VerifiedDocument:
        at = request.validation_time or self._clock.now()
        with call.stage("examine"):
            examined = await self._examined(call, document, request)
        judged = [signature for signature in examined.signatures if signature.judged]
        names = [signature.object.identifier for signature in judged]
        with call.stage("validate"):
            verdicts = await self._validation.judge(
                call,
                tuple(signature.object for signature in judged),
                tuple(entry for entry in examined.coverage if entry.timestamp in names),
                examined.security_store,
                at,
            )
        # One for each: a signature without a verdict would be none to worry about.
        by_name = dict(zip(names, verdicts, strict=True))
        return VerifiedDocument(
            signatures=tuple(
                VerifiedSignature(signature, by_name.get(signature.object.identifier)) for signature in examined.signatures
            ),
            pages=examined.pages,
            doc_mdp=examined.doc_mdp,
            modified_after_signing=examined.modified_after_signing,
            unexamined=examined.unexamined,
            scan_info=await self._scan_info(call, document, request) if request.scan_info else None,
            report=await _report(judged, verdicts, at) if request.report is ReportKind.ETSI and verdicts else None,
        )

    async def _examined(self, call: Call, document: SpooledDocument, request: VerificationRequest) -> ExaminedDocument:
        try:
            return await self._engine.examine(call, document, ExamineDocument(self._most_signatures, request.document_password))
        except InvalidDocument:
            # It took more than a document may.
            survey = SurveyDocument(failed=False)
        except InternalError as error:
            _lost(call, "examine", error)
            survey = SurveyDocument(failed=True)
        try:
            return await self._engine.survey(call, document, survey)
        except (InternalError, InvalidDocument) as error:
            _lost(call, "survey", error)
            return unread_document(unknown("NOT_EXAMINED"))

    async def _scan_info(self, call: Call, document: SpooledDocument, request: VerificationRequest) -> tuple[PageImage, ...]:
        with call.stage("scanInfo"):
            try:
                return await self._engine.describe_scans(call, document, request.document_password)
            except InvalidDocument:
                return ()
            except InternalError as error:
                _lost(call, "scanInfo", error)
                return ()


def _lost(call: Call, stage: str, error: Exception) -> None:
    """Tell that a stage gave nothing, and the verdict says so."""
    _log.error("verification.stage_lost", transactionId=call.transaction_id, stage=stage, cause=str(error))


async def _report(judged: Sequence[ExaminedSignature], verdicts: Sequence[Verdict], at: datetime) -> bytes:
    covered = {signature.object.identifier: signature.object.digests for signature in judged}
    return await asyncio.to_thread(validation_report, verdicts, covered, at)
