"""Document timestamps (contract, operation 7): one that stands for itself, or one that prolongs what is there.

inspect → validation data for everything signed so far → a revision with it that ends with a timestamp over all → check.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial

from proxy.call import Call
from proxy.errors import AlreadyTimestamped, NotExtendable, RevocationUnavailable
from proxy.model import (
    BaselineLevel,
    OnAlreadyTimestamped,
    TimestampPurpose,
    TimestampRequest,
    ValidationData,
)
from proxy.operations.archiving import AppendedTimestamp, Archiving
from proxy.operations.authorities import Authorities
from proxy.operations.idempotency import Idempotency
from proxy.operations.proofs import Proofs
from proxy.operations.steps import Kept, Steps
from proxy.pades.engine import PAdESEngine
from proxy.pades.values import CheckDocument, InspectedDocument, SignatureKind
from proxy.spool import SpooledDocument
from proxy.tsa.profiles import TSAProfile, TSAProfiles


@dataclass(frozen=True, slots=True)
class TimestampFacts:
    """What a timestamping operation did.

    Attributes:
        form: The purpose.
        level: B-LTA for an extension; ``None`` for a timestamp that stands for itself.
        field_name: Of the timestamp; ``None`` where none was added.
        timestamp_time: Its genTime.
        valid_until: End of the authority's certificate.
        skipped: The document holds a timestamp already, and the caller wants it left alone then.
        result_sha256: Hex, over the whole result; ``None`` for a dry run.
    """

    form: TimestampPurpose
    level: BaselineLevel | None
    field_name: str | None
    timestamp_time: datetime | None
    valid_until: datetime | None
    skipped: bool
    result_sha256: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class TimestampedDocument(TimestampFacts):
    """What a timestamping operation gives back. The document is the one it was given, time-stamped in place.

    Attributes:
        document: Bytes up to ``document.size`` are as received; the rest is the increment. A dry run, and a document that was
            skipped, have none.
    """

    document: SpooledDocument


_ASKED = Kept(TimestampRequest)
_KEPT = Kept(TimestampFacts)


class DocumentTimestamping:
    """Time-stamps documents, and prolongs what was signed in them by whomever."""

    def __init__(
        self, *, engine: PAdESEngine, tsa: TSAProfiles, authorities: Authorities, proofs: Proofs, idempotency: Idempotency
    ) -> None:
        self._engine = engine
        self._tsa = tsa
        self._authorities = authorities
        self._archiving = Archiving(engine, authorities)
        self._proofs = proofs
        self._idempotency = idempotency

    async def timestamp(self, call: Call, document: SpooledDocument, request: TimestampRequest) -> TimestampedDocument:
        """Time-stamp ``document`` in place, as asked or not at all.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: It cannot or may not be.
            AlreadyTimestamped: It is, and the caller does not want it again.
            NotExtendable: Nothing in it can be prolonged, or what is there cannot be proven.
            IdempotencyConflict, InProgress: The call has an Idempotency-Key that stands for another request, or is worked on.
            TSAProfileNotFound, TSAError, TSAUnavailable, RevocationUnavailable, DeadlineExceeded: As named.
        """
        facts = call.facts
        facts.form, facts.dry_run = request.purpose, request.dry_run
        async with call.deadline.enforce():
            perform = partial(self._timestamp, call, document, request)
            done = await self._idempotency.run(call, _ASKED.dump(request), _KEPT, perform, document)
        facts.level, facts.valid_until, facts.timestamp_time = done.level, done.valid_until, done.timestamp_time
        facts.result_sha256 = done.result_sha256
        return TimestampedDocument(**{field.name: getattr(done, field.name) for field in fields(done)}, document=document)

    async def _timestamp(
        self, call: Call, document: SpooledDocument, request: TimestampRequest, steps: Steps
    ) -> TimestampFacts:
        profile = self._tsa.profile(request.tsa_profile)
        with call.stage("inspect"):
            inspected = await self._engine.inspect(call, document, request.document_password)
        if any(entry.kind is SignatureKind.DOCUMENT_TIMESTAMP for entry in inspected.signatures):
            if request.on_already_timestamped is OnAlreadyTimestamped.REJECT:
                raise AlreadyTimestamped("the document holds a document timestamp already")
            if request.on_already_timestamped is OnAlreadyTimestamped.SKIP:
                return self._released(document, request, skipped=True)
        collect = partial(self._proof, call, document, request, profile, inspected)
        if request.dry_run:
            await collect()
            await self._archiving.prepare_only(call, document, request.document_password)
            return self._released(document, request)
        appended = await self._archiving.append(call, document, profile, collect, request.document_password, steps)
        with call.stage("check"):
            held = CheckDocument(
                document.total_size,
                (appended.expected,),
                appended.validation_data or ValidationData(),
                request.document_password,
            )
            await self._engine.check(call, document, held)
        return self._released(document, request, appended)

    async def _proof(
        self,
        call: Call,
        document: SpooledDocument,
        request: TimestampRequest,
        profile: TSAProfile,
        inspected: InspectedDocument,
    ) -> ValidationData | None:
        """What the timestamp is to preserve: the proof of everyone who signed, and of the authority that is about to."""
        if request.purpose is TimestampPurpose.DOC_TIME_STAMP:
            return None
        if not inspected.signatures:
            raise NotExtendable("the document holds no signature or timestamp that could be prolonged")
        if any(not entry.signers for entry in inspected.signatures):
            raise NotExtendable("a signature in the document cannot be read")
        with call.stage("validationData"):
            proof = await self._proof_of_others(call, inspected)
        if not request.dry_run:
            if not self._authorities.knows(profile):
                # Who signs tokens is learnt by spending one: not for a document that may not be time-stamped.
                await self._archiving.prepare_only(call, document, request.document_password)
            with call.stage("validationData"):
                proof |= await self._authorities.proof(call, profile, partial(self._proofs.of_authority, call))
        return proof

    async def _proof_of_others(self, call: Call, inspected: InspectedDocument) -> ValidationData:
        """The proof of everyone who signed, as far as it can be had today.

        What a document timestamp preserves already needs none: a signing certificate that has expired since, or whose
        authority is gone, is proven by the data in the document, which that timestamp covers (EN 319 102-1, 5.6.2).
        """
        held = inspected.validation_data
        kinds = [entry.kind for entry in inspected.signatures]
        proof = ValidationData()
        for index, entry in enumerate(inspected.signatures):
            stamped_later = SignatureKind.DOCUMENT_TIMESTAMP in kinds[index + 1 :]
            for signer in entry.signers:
                preserved = stamped_later and signer.signer in held.certificates and (held.ocsp_responses or held.crls)
                try:
                    proof |= await self._proofs.of_others(call, [signer.with_others(held.certificates)])
                except (NotExtendable, RevocationUnavailable):
                    if not preserved:
                        raise
        return proof

    @staticmethod
    def _released(
        document: SpooledDocument,
        request: TimestampRequest,
        appended: AppendedTimestamp | None = None,
        *,
        skipped: bool = False,
    ) -> TimestampFacts:
        return TimestampFacts(
            form=request.purpose,
            level=BaselineLevel.B_LTA if request.purpose is TimestampPurpose.ES_A and not skipped else None,
            field_name=None if appended is None else appended.expected.prepared.field_name,
            timestamp_time=None if appended is None else appended.token.gen_time,
            valid_until=None if appended is None else appended.token.tsa_not_after,
            skipped=skipped,
            result_sha256=None if request.dry_run else document.result_digest.value.hex(),
            dry_run=request.dry_run,
        )
