"""Judging signed objects (EN 319 102-1) with all evidence that can be had: what the document brought, then what is asked for.

judge → ask for what would help → judge again. The judging itself computes, and runs in an engine process; the asking is as the
settings allow, about certificates that chain to an anchor alone.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from proxy.call import Call
from proxy.errors import DeadlineExceeded, DependencyError, InternalError, InvalidDocument
from proxy.model import (
    Coverage,
    EvidenceOrigin,
    Indication,
    Judgement,
    RevocationInfo,
    SignedObject,
    SubIndication,
    SuppliedEvidence,
    ValidationData,
    ValidationInputs,
    ValidationPolicy,
    Verdict,
    VerificationResult,
    WantedRevocation,
)
from proxy.ports import Clock, RevocationSource
from proxy.validation.engine import ValidationEngine
from proxy.validation.reasons import Code, reason

ROUNDS = 3
"""How often is judged: an answer may show the next certificate that one is wanted about."""

MOST_WANTED = 64
"""Answers that one document may make the proxy ask for."""

SHARE_OF_TIME = 0.5
"""Of the time that is left, what the asking may take: a verdict without an answer is better than none."""

_log = structlog.get_logger("proxy.operations")


class EvidenceValidation:
    """Validates by a policy.

    Args:
        engine: Where is judged.
        policy: What is demanded and trusted.
        revocation: Who is asked; ``None``: nobody.
        origin: What that is called in a report.
        clock: For what is current.
    """

    def __init__(
        self,
        *,
        engine: ValidationEngine,
        policy: ValidationPolicy,
        revocation: RevocationSource | None,
        origin: EvidenceOrigin,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._revocation = revocation
        self._origin = origin
        self._clock = clock

    async def judge(
        self,
        call: Call,
        objects: tuple[SignedObject, ...],
        coverage: tuple[Coverage, ...],
        evidence: ValidationData,
        at: datetime,
    ) -> tuple[Verdict, ...]:
        """See :class:`proxy.operations.verification.Validation`.

        Raises:
            DeadlineExceeded: The request's time is over.
            ShuttingDown: The service is stopping.
        """
        if not objects:
            return ()
        supplied = [SuppliedEvidence(EvidenceOrigin.DOCUMENT, evidence)]
        asked: set[WantedRevocation] = set()
        verdicts: tuple[Verdict, ...] = ()
        for _ in range(ROUNDS):
            inputs = ValidationInputs(objects, coverage, tuple(supplied), self._policy, at)
            try:
                judgement = await self._engine.judge(call, inputs)
            except InvalidDocument:
                # Judging took more than it may: with what was asked for, that is, or with the document's own.
                judgement = _without_judging(verdicts, objects, Code.NOT_JUDGED)
            except InternalError as error:
                _log.error("verification.stage_lost", transactionId=call.transaction_id, stage="validate", cause=str(error))
                judgement = _without_judging(verdicts, objects, Code.JUDGING_FAILED)
            verdicts = judgement.verdicts
            wanted = [entry for entry in judgement.wanted if entry not in asked][: MOST_WANTED - len(asked)]
            if not wanted or self._revocation is None:
                break
            asked.update(wanted)
            found = await self._asked(call, self._revocation, wanted)
            if not found.ocsp_responses and not found.crls:
                break
            supplied.append(SuppliedEvidence(self._origin, found))
        return verdicts

    async def _asked(self, call: Call, source: RevocationSource, wanted: Sequence[WantedRevocation]) -> ValidationData:
        """What could be had of what is wanted, in its share of the time."""

        async def ask(entry: WantedRevocation) -> RevocationInfo | None:
            try:
                async with asyncio.timeout(SHARE_OF_TIME * call.deadline.remaining):
                    return await source.revocation(call, entry.certificate, entry.issuer, at=self._clock.now())
            except (DependencyError, TimeoutError) as error:
                if isinstance(error, DeadlineExceeded) and not call.deadline.remaining:
                    raise
                _log.info("verification.revocation_unavailable", transactionId=call.transaction_id, cause=str(error))
                return None

        with call.stage("revocation"):
            answers = await asyncio.gather(*(ask(entry) for entry in wanted))
        return _data(answer for answer in answers if answer is not None)


def _without_judging(verdicts: tuple[Verdict, ...], objects: tuple[SignedObject, ...], why: Code) -> Judgement:
    """The verdicts of the round before, or that there are none."""
    return Judgement(verdicts or tuple(_not_judged(signed, why) for signed in objects), ())


def _not_judged(signed: SignedObject, why: Code) -> Verdict:
    return Verdict(
        identifier=signed.identifier,
        kind=signed.kind,
        result=VerificationResult.INDETERMINATE,
        indication=Indication.INDETERMINATE,
        sub_indication=SubIndication.CUSTOM,
        reasons=(*(finding.reason for finding in signed.findings), reason(why)),
        claimed_time=signed.claimed_time,
    )


def _data(answers: Iterable[RevocationInfo]) -> ValidationData:
    found = list(answers)
    return ValidationData(
        ocsp_responses=tuple(dict.fromkeys(answer.ocsp_response for answer in found if answer.ocsp_response is not None)),
        crls=tuple(dict.fromkeys(answer.crl for answer in found if answer.crl is not None)),
    )
