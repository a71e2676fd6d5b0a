"""Document timestamps (contract, operation 7): one that stands for itself, or one that prolongs what is there.

inspect → validation data for everything signed so far → a revision with it that ends with a timestamp over all → check.
"""

from dataclasses import dataclass
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
from proxy.operations.archiving import Archiving
from proxy.operations.authorities import Authorities
from proxy.operations.proofs import Proofs
from proxy.pades.engine import PAdESEngine
from proxy.pades.values import CheckDocument, InspectedDocument, SignatureKind
from proxy.spool import SpooledDocument
from proxy.tsa.profiles import TSAProfile, TSAProfiles


@dataclass(frozen=True, slots=True)
class TimestampedDocument:
    """What a timestamping operation gives back. The document is the one it was given, time-stamped in place.

    Attributes:
        document: Bytes up to ``document.size`` are as received; the rest is the increment. A dry run, and a document that was
            skipped, have none.
        form: The purpose.
        level: B-LTA for an extension; ``None`` for a timestamp that stands for itself.
        field_name: Of the timestamp; ``None`` where none was added.
        timestamp_time: Its genTime.
        valid_until: End of the authority's certificate.
        skipped: The document holds a timestamp already, and the caller wants it left alone then.
        result_sha256: Hex, over the whole result; ``None`` for a dry run.
    """

    document: SpooledDocument
    form: TimestampPurpose
    level: BaselineLevel | None
    field_name: str | None
    timestamp_time: datetime | None
    valid_until: datetime | None
    skipped: bool
    result_sha256: str | None
    dry_run: bool


class DocumentTimestamping:
    """Time-stamps documents, and prolongs what was signed in them by whomever."""

    def __init__(self, *, engine: PAdESEngine, tsa: TSAProfiles, authorities: Authorities, proofs: Proofs) -> None:
        self._engine = engine
        self._tsa = tsa
        self._authorities = authorities
        self._archiving = Archiving(engine, authorities)
        self._proofs = proofs

    async def timestamp(self, call: Call, document: SpooledDocument, request: TimestampRequest) -> TimestampedDocument:
        """Time-stamp ``document`` in place, as asked or not at all.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted, MDPLocked, NotSupported: It cannot or may not be.
            AlreadyTimestamped: It is, and the caller does not want it again.
            NotExtendable: Nothing in it can be prolonged, or what is there cannot be proven.
            TSAProfileNotFound, TSAError, TSAUnavailable, RevocationUnavailable, DeadlineExceeded: As named.
        """
        async with call.deadline.enforce():
            return await self._timestamp(call, document, request)

    async def _timestamp(self, call: Call, document: SpooledDocument, request: TimestampRequest) -> TimestampedDocument:
        call.facts.form, call.facts.dry_run = request.purpose, request.dry_run
        profile = self._tsa.profile(request.tsa_profile)
        with call.stage("inspect"):
            inspected = await self._engine.inspect(call, document, request.document_password)
        if any(entry.kind is SignatureKind.DOCUMENT_TIMESTAMP for entry in inspected.signatures):
            if request.on_already_timestamped is OnAlreadyTimestamped.REJECT:
                raise AlreadyTimestamped("the document holds a document timestamp already")
            if request.on_already_timestamped is OnAlreadyTimestamped.SKIP:
                return self._released(call, document, request, skipped=True)
        proof = await self._proof(call, document, request, profile, inspected)
        if request.dry_run:
            await self._archiving.prepare_only(call, document, request.document_password)
            return self._released(call, document, request)
        appended = await self._archiving.append(call, document, profile, proof, request.document_password)
        with call.stage("check"):
            held = CheckDocument(
                document.total_size, (appended.expected,), proof or ValidationData(), request.document_password
            )
            await self._engine.check(call, document, held)
        call.facts.timestamp_time = appended.token.gen_time
        call.facts.valid_until = appended.token.tsa_not_after
        return self._released(call, document, request, field_name=appended.expected.prepared.field_name)

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
        call: Call,
        document: SpooledDocument,
        request: TimestampRequest,
        *,
        field_name: str | None = None,
        skipped: bool = False,
    ) -> TimestampedDocument:
        facts = call.facts
        level = BaselineLevel.B_LTA if request.purpose is TimestampPurpose.ES_A and not skipped else None
        facts.level = level
        facts.result_sha256 = None if request.dry_run else document.result_digest.value.hex()
        return TimestampedDocument(
            document=document,
            form=request.purpose,
            level=level,
            field_name=field_name,
            timestamp_time=facts.timestamp_time,
            valid_until=facts.valid_until,
            skipped=skipped,
            result_sha256=facts.result_sha256,
            dry_run=request.dry_run,
        )
