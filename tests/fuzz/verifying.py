"""A whole verification in this process: what the service does with a document, without its processes and its sockets.

So an exception comes with its traceback, and a thousand documents take seconds. What bounds an engine process are its limits
of time and memory; here a document that takes longer than it may ends the test.
"""

import asyncio
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509

from proxy.api.problems import Language
from proxy.api.verification_answers import VerificationAnswer
from proxy.call import Call, Deadline
from proxy.engine.pool import EnginePool
from proxy.engine.wire import Answered, Reply
from proxy.errors import InvalidDocument, RevocationUnavailable
from proxy.model import (
    EvidenceOrigin,
    ReportKind,
    RevocationInfo,
    RevocationState,
    TrustAnchor,
    ValidationPolicy,
    VerificationRequest,
)
from proxy.operations.validating import EvidenceValidation
from proxy.operations.verification import DocumentVerification
from proxy.operations.verified import VerifiedDocument
from proxy.pades.engine import PAdESEngine
from proxy.pades.tasks import TASKS
from proxy.processes.messages import encode
from proxy.settings import EngineSettings
from proxy.spool import SpooledDocument
from proxy.validation.engine import ValidationEngine
from proxy.validation.policy import ALGORITHMS
from tests.fuzz.seeds import surroundings
from tests.support.pki import FixedClock, new_call
from tests.support.scenes import BOTH, trust

LANGUAGES: Sequence[Language] = ("en", "ja")
MOST_SIGNATURES = 50
"""Of one document."""


class EngineInThisProcess(EnginePool):
    """Runs tasks here and now, and answers as the pool does; what a task raises beside the error tree is let through."""

    def __init__(self) -> None:
        super().__init__(EngineSettings(processes=1), tasks="proxy.pades.tasks")

    async def run(
        self, task: str, descriptor: int | None, argument: object, *, deadline: Deadline, allowance: float = 1.0
    ) -> Any:
        try:
            # Off the loop, as in the service: tasks run loops of their own.
            value = await asyncio.to_thread(_done, task, descriptor, argument)
            # What comes back has to be of the kinds that an engine process may send.
            encode(Reply(Answered(value), 0))
        except (MemoryError, RecursionError) as error:
            raise InvalidDocument("reading the document takes more than is allowed") from error
        return value


def _done(task: str, descriptor: int | None, argument: object) -> Any:
    with _document(descriptor) as stream:
        return TASKS[task](stream, argument)


@contextmanager
def _document(descriptor: int | None) -> Iterator[BinaryIO]:
    if descriptor is None:
        yield io.BytesIO()
        return
    with Path(f"/proc/self/fd/{descriptor}").open("r+b", buffering=1 << 16) as stream:
        yield stream


class KeptLists:
    """A source that answers with the CRL of the certificate's issuer, as it was kept with the seeds."""

    def __init__(self, crls: tuple[bytes, ...]) -> None:
        read = {der: asn1_crl.CertificateList.load(der)["tbs_cert_list"] for der in crls}
        self._lists = {to_be_signed["issuer"].dump(): (der, to_be_signed) for der, to_be_signed in read.items()}

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        found = self._lists.get(asn1_x509.Certificate.load(issuer).subject.dump())
        if found is None:
            raise RevocationUnavailable("nothing is kept of that issuer")
        der, to_be_signed = found
        begins, ends = to_be_signed["this_update"].native, to_be_signed["next_update"].native
        return RevocationInfo(RevocationState.GOOD, begins, ends, crl=der)

    async def close(self) -> None:
        """Nothing is open."""


@cache
def policy() -> ValidationPolicy:
    """That of a deployment that trusts the seeds' roots for everything, and sets nothing else."""
    return ValidationPolicy(trust(*(TrustAnchor(anchor, BOTH) for anchor in surroundings().anchors)), ALGORITHMS)


@cache
def verification() -> DocumentVerification:
    """The operation, put together as the service has it."""
    pool = EngineInThisProcess()
    clock = FixedClock(surroundings().at)
    validation = EvidenceValidation(
        engine=ValidationEngine(pool),
        policy=policy(),
        revocation=KeptLists(surroundings().crls),
        origin=EvidenceOrigin.NETWORK,
        clock=clock,
    )
    return DocumentVerification(engine=PAdESEngine(pool), validation=validation, clock=clock, most_signatures=MOST_SIGNATURES)


def verified(document: bytes, *, report: ReportKind = ReportKind.SIMPLE, scan_info: bool = False) -> VerifiedDocument:
    """The verdict on a document, which can be told to people in both languages.

    Raises:
        PDFEncrypted: It says that it needs a password.
    """
    request = VerificationRequest(report=report, scan_info=scan_info)
    call = new_call(600)
    with SpooledDocument(limit=max(len(document), 1)) as spool:
        spool.write(document)
        found = asyncio.run(verification().verify(call, spool, request))
    for language in LANGUAGES:
        VerificationAnswer.of(call, found, language, detailed=report is ReportKind.DETAILED).model_dump_json()
    return found
