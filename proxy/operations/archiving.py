"""A document timestamp over all there is (EN 319 142-1, 5.4.3), with the validation data that it is to preserve."""

from dataclasses import dataclass

from proxy.call import Call
from proxy.errors import InternalError
from proxy.model import TimestampToken, ValidationData
from proxy.operations.authorities import FLOOR, MARGIN, Authorities
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
        validation_data: ValidationData | None,
        password: str | None,
    ) -> AppendedTimestamp:
        """Append a revision with ``validation_data`` and a timestamp over the document up to it.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: It cannot or may not be appended.
            TSAError, TSAUnavailable, DeadlineExceeded: No token.
        """
        end = document.total_size
        room = max(FLOOR, self._authorities.token_size(profile))
        for _ in range(GROWTHS):
            with call.stage("prepare"):
                prepared = await self._engine.prepare_timestamp(
                    call, document, PrepareTimestamp(room, validation_data, password)
                )
            with call.stage("digest"):
                digest = await self._engine.digest(document, prepared, profile.hash_algorithm)
            token = await self._authorities.timestamp(call, profile, digest)
            if len(token.token) <= room:
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
                )
            document.truncate(end)
            room = len(token.token) + MARGIN
        raise InternalError("the timestamp does not fit its placeholder")
