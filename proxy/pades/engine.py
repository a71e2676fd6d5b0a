"""The stages of a PDF signature as the request's process sees them: ``prepare`` → digest → ``embed`` → ``check``.

Parsing happens in an engine process that gets the spool's descriptor; the digest is continued here, where its state is.
"""

import asyncio
from typing import TypeVar

import structlog

from proxy.call import Call
from proxy.engine.pool import EnginePool, TaskFailed
from proxy.errors import InternalError, ProxyError
from proxy.model import Digest, HashAlgorithm, ValidationData
from proxy.pades.values import (
    APPEND_VALIDATION_DATA,
    CHECK,
    INSPECT,
    PREPARE,
    PREPARE_TIMESTAMP,
    AppendValidationData,
    CheckDocument,
    InspectDocument,
    InspectedDocument,
    PreparedSignature,
    PrepareSignature,
    PrepareTimestamp,
)
from proxy.pades.verification.values import (
    DESCRIBE_SCANS,
    EXAMINE,
    SURVEY,
    DescribeScans,
    ExaminedDocument,
    ExamineDocument,
    PageImage,
    SurveyDocument,
)
from proxy.spool import SpooledDocument

TASKS = "proxy.pades.tasks"
"""The module whose tasks the engine processes run."""

CHECK_ALLOWANCE = 3.0
"""How many times as long as the reading before a signature the one after it may take. It reads the same once more: a document
that was just quick enough before must not fail, for a busier machine, when a signature is spent on it."""

_Value = TypeVar("_Value")

_log = structlog.get_logger("proxy.pades")


class PAdESEngine:
    """Works on one spooled document at a time per call; keeps nothing between calls."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool

    async def inspect(self, call: Call, document: SpooledDocument, password: str | None) -> InspectedDocument:
        """What is signed in the document. Raises InvalidDocument, PDFVersionUnsupported, PDFEncrypted, InternalError."""
        return self._expect(await self._run(call, INSPECT, document, InspectDocument(password)), InspectedDocument)

    async def prepare(self, call: Call, document: SpooledDocument, request: PrepareSignature) -> PreparedSignature:
        """Append a signature's update with its placeholder.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted, FieldExists, FieldNotFound, SeedValueConflict,
            AppearanceInvalid, SealImageInvalid, MDPNotFirst, MDPLocked, FieldLocked, NotSupported: As the document is.
            InternalError: The engine process was lost.
        """
        return await self._prepared(call, PREPARE, document, request)

    async def prepare_timestamp(self, call: Call, document: SpooledDocument, request: PrepareTimestamp) -> PreparedSignature:
        """Append a document timestamp's update with its placeholder. Raises as :meth:`prepare`."""
        return await self._prepared(call, PREPARE_TIMESTAMP, document, request)

    async def _prepared(
        self, call: Call, task: str, document: SpooledDocument, request: PrepareSignature | PrepareTimestamp
    ) -> PreparedSignature:
        before = document.total_size
        prepared = self._expect(await self._run(call, task, document, request), PreparedSignature)
        if not before <= prepared.contents_start < prepared.contents_end <= prepared.end == document.total_size:
            raise InternalError("the engine gave offsets that are not of its update")
        return prepared

    async def append_validation_data(
        self, call: Call, document: SpooledDocument, data: ValidationData, password: str | None
    ) -> None:
        """Append a revision with the validation data the document does not hold yet. Raises as :meth:`prepare`."""
        size = await self._run(call, APPEND_VALIDATION_DATA, document, AppendValidationData(data, password))
        if size != document.total_size:
            raise InternalError("the engine gave a size that is not the document's")

    async def digest(self, document: SpooledDocument, prepared: PreparedSignature, algorithm: HashAlgorithm) -> Digest:
        """The digest over the byte range (ISO 32000-2, 12.8.1): the document as received, the update around ``/Contents``."""
        ranges = [(document.size, prepared.contents_start), (prepared.contents_end, prepared.end)]
        if document.hashes(algorithm):
            return document.digest_ranges(algorithm, ranges)
        return await asyncio.to_thread(document.digest_ranges, algorithm, ranges)

    def embed(self, document: SpooledDocument, prepared: PreparedSignature, contents: bytes) -> None:
        """Put the CMS (DER) into ``/Contents``. Raises ``ValueError`` when it does not fit."""
        if 2 * len(contents) > prepared.contents_end - prepared.contents_start - 2:
            raise ValueError("the signature is larger than its placeholder")
        document.overwrite(prepared.contents_start + 1, contents.hex().encode("ascii"))

    async def check(self, call: Call, document: SpooledDocument, expected: CheckDocument) -> None:
        """Read the finished file back in an engine process. Raises InternalError when it is not what it has to be."""
        await self._run(call, CHECK, document, expected, CHECK_ALLOWANCE)

    async def examine(self, call: Call, document: SpooledDocument, request: ExamineDocument) -> ExaminedDocument:
        """Find and read every signature of the document; what is wrong about it is among what was found.

        Raises:
            PDFEncrypted: It needs a password or a recipient's key.
            InvalidDocument: Reading it takes more time or memory than is allowed.
            InternalError: The engine process was lost.
        """
        return self._expect(await self._run(call, EXAMINE, document, request), ExaminedDocument)

    async def survey(self, call: Call, document: SpooledDocument, request: SurveyDocument) -> ExaminedDocument:
        """What can be said of a document that :meth:`examine` could not be done with: whether it looks signed.

        Raises:
            InvalidDocument, InternalError: As :meth:`examine`.
        """
        return self._expect(await self._run(call, SURVEY, document, request), ExaminedDocument)

    async def describe_scans(self, call: Call, document: SpooledDocument, password: str | None) -> tuple[PageImage, ...]:
        """The image of each page that has one. Raises as :meth:`examine`."""
        found = await self._run(call, DESCRIBE_SCANS, document, DescribeScans(password))
        return tuple(self._expect(item, PageImage) for item in self._expect(found, tuple))

    @staticmethod
    def _expect(value: object, kind: type[_Value]) -> _Value:
        if not isinstance(value, kind):
            raise InternalError("the engine gave something else than it was asked for")
        return value

    async def _run(self, call: Call, task: str, document: SpooledDocument, argument: object, allowance: float = 1.0) -> object:
        try:
            return await self._pool.run(task, document.descriptor, argument, deadline=call.deadline, allowance=allowance)
        except TaskFailed as error:
            _log.error("engine.failed", transactionId=call.transaction_id, task=task, error=str(error), trace=error.trace)
            raise InternalError("the document engine failed") from error
        except ProxyError as error:
            if isinstance(error.__cause__, TaskFailed):
                # Engine processes do not log; what lies under a damaged document's code is told here.
                _log.info("engine.refused", transactionId=call.transaction_id, code=error.code, cause=str(error.__cause__))
            raise
