"""A document timestamp over all there is (EN 319 142-1, 5.4.3), with the validation data that it is to preserve."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.call import Call
from proxy.errors import InternalError
from proxy.model import TimestampToken, ValidationData
from proxy.operations.authorities import FLOOR, MARGIN, Authorities
from proxy.operations.steps import Steps
from proxy.operations.updates import Made, update_once
from proxy.pades.engine import PAdESEngine
from proxy.pades.values import ExpectedSignature, PrepareTimestamp, SignatureKind
from proxy.spool import SpooledDocument
from proxy.tsa.profiles import TSAProfile

GROWTHS = 3
"""How often a placeholder may be made larger in one call."""


@dataclass(frozen=True, slots=True)
class AppendedTimestamp:
    """The token, and what the finished file must hold because of it."""

    token: TimestampToken
    expected: ExpectedSignature
    validation_data: ValidationData | None


class Archiving:
    """Appends document timestamps."""

    def __init__(self, engine: PAdESEngine, authorities: Authorities) -> None:
        self._engine = engine
        self._authorities = authorities

    async def prepare_only(self, call: Call, document: SpooledDocument, password: str | None) -> None:
        """Check that a timestamp could be appended, and leave the document as it is. Raises as :meth:`append`."""
        end = document.total_size
        with call.stage("prepare"):
            await self._engine.prepare_timestamp(call, document, PrepareTimestamp(FLOOR, password=password))
        document.truncate(end)

    async def append(
        self,
        call: Call,
        document: SpooledDocument,
        profile: TSAProfile,
        collect: Callable[[], Awaitable[ValidationData | None]],
        password: str | None,
        steps: Steps,
    ) -> AppendedTimestamp:
        """Append a revision with validation data and a timestamp over the document up to it.

        Args:
            call: Deadline, ledger, facts.
            document: What is appended to.
            profile: Who is asked for the token.
            collect: Gives the validation data; ``None`` for a timestamp alone. Asked unless the revision was kept.
            password: Opens an encrypted document.
            steps: Keeps the revision and the token, where they must not be made twice.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: It cannot or may not be appended.
            TSAError, TSAUnavailable, DeadlineExceeded: No token.
        """
        end = document.total_size
        room = max(FLOOR, self._authorities.token_size(profile))
        for attempt in range(GROWTHS):

            async def append(room: int = room) -> Made:
                validation_data = await collect()
                with call.stage("prepare"):
                    task = PrepareTimestamp(room, validation_data, password)
                    return await self._engine.prepare_timestamp(call, document, task), None, validation_data

            update = await update_once(steps, document, f"timestamp-update-{attempt}", append)
            prepared = update.prepared
            with call.stage("digest"):
                digest = await self._engine.digest(document, prepared, profile.hash_algorithm)
            token = await self._authorities.timestamp_once(call, profile, digest, steps)
            if len(token.token) <= prepared.room:
                with call.stage("embed"):
                    self._engine.embed(document, prepared, token.token)
                return AppendedTimestamp(
                    token,
                    ExpectedSignature(
                        prepared=prepared,
                        digest=digest.value,
                        digest_algorithm=digest.algorithm.hashlib_name,
                        contents=token.token,
                        kind=SignatureKind.DOCUMENT_TIMESTAMP,
                    ),
                    update.validation_data,
                )
            document.truncate(end)
            room = len(token.token) + MARGIN
        raise InternalError("the timestamp does not fit its placeholder")
