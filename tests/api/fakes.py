"""Operations without keys: what they were asked is kept, what they answer is recognisable, how they fail is set by a test."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from proxy.call import Call
from proxy.errors import CertificateNotFound
from proxy.following import FollowedFiles
from proxy.model import (
    BaselineLevel,
    Credential,
    Digest,
    HashAlgorithm,
    KeyAlgorithm,
    MaintenanceState,
    RequestedCertificate,
    SignAlgorithm,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
    ValidationData,
    VerificationRequest,
)
from proxy.operations.certificates import CertificateFacts, Certificates
from proxy.operations.hashes import HashSignatures, HashSigning
from proxy.operations.health import Health
from proxy.operations.idempotency import Idempotency
from proxy.operations.journal import Journal
from proxy.operations.keys import KeyFacts, Keys
from proxy.operations.maintenance import MaintenanceCheck
from proxy.operations.service import Operations
from proxy.operations.signed import SignedDocument
from proxy.operations.signing import DocumentSigning
from proxy.operations.timestamping import DocumentTimestamping, TimestampedDocument
from proxy.operations.timestamps import TimestampRelay
from proxy.operations.verification import DocumentVerification
from proxy.operations.verified import VerifiedDocument
from proxy.operations.warm_up import WarmUp
from proxy.outbound import Links
from proxy.ports import Clock, TransactionLog
from proxy.settings import MaintenanceSettings
from proxy.signers.registry import SignerRegistry
from proxy.spool import SpooledDocument
from proxy.telemetry.recorder import Telemetry
from proxy.trust.certificate_warnings import CertificateWarning, WarningCode
from tests.api.verified import SCANS, VERIFIED

INCREMENT = b"\n% appended by the signing operation\n" * 30
VALID_UNTIL = datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)
CERTIFICATE = b"der of the signing certificate"


@dataclass(slots=True)
class Work:
    """What the fakes were asked, and what they are told to do.

    Attributes:
        failure: Raised instead of an answer.
        hold: Waited for before an answer; set when a test wants calls to stay inside.
        inside: Calls that are in an operation now, and the most there were.
    """

    failure: BaseException | None = None
    hold: asyncio.Event | None = None
    requests: list[SignatureRequest] = field(default_factory=list)
    timestamp_requests: list[TimestampRequest] = field(default_factory=list)
    verification_requests: list[VerificationRequest] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    documents: list[SpooledDocument] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    running: list[set[HashAlgorithm]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    digests: list[tuple[Digest, ...]] = field(default_factory=list)
    queries: list[tuple[bytes, str | None]] = field(default_factory=list)
    certificates: list[tuple[bytes, ...]] = field(default_factory=list)
    keys: list[tuple[KeyAlgorithm, str | None, str | None]] = field(default_factory=list)
    wanted: list[tuple[str, RequestedCertificate]] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0

    async def do(self, call: Call) -> None:
        self.calls.append(call)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            call.ledger.record("central", b"0123456789", 42)
            if self.hold is not None:
                await self.hold.wait()
            await asyncio.sleep(0)
            if self.failure is not None:
                raise self.failure
        finally:
            self.inside -= 1


class Signing:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def sign(self, call: Call, document: SpooledDocument, request: SignatureRequest) -> SignedDocument:
        work = self._work
        work.requests.append(request)
        work.documents.append(document)
        work.received.append(document.received_digest.value.hex())
        work.running.append(set(document._running))
        await work.do(call)
        if not request.dry_run:
            document.overwrite(document.size, INCREMENT)
        result = None if request.dry_run else document.result_digest.value.hex()
        call.facts.form, call.facts.result_sha256 = request.form, result
        return SignedDocument(
            document=document,
            form=request.form,
            level=BaselineLevel.B_B if request.form is SignatureForm.ES else BaselineLevel.B_T,
            certificate_id=request.certificate_id,
            certificate=CERTIFICATE,
            field_name=request.field_name or "Signature1",
            hash_algorithm=request.hash_algorithm or HashAlgorithm.SHA256,
            sign_algorithm=request.sign_algorithm or SignAlgorithm.RSASSA_PKCS1_V1_5,
            signing_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            timestamp_time=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC) if request.form is SignatureForm.ES_T else None,
            valid_until=VALID_UNTIL,
            grace_policy_used=None,
            result_sha256=result,
            dry_run=request.dry_run,
        )


class Timestamping:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def timestamp(self, call: Call, document: SpooledDocument, request: TimestampRequest) -> TimestampedDocument:
        self._work.timestamp_requests.append(request)
        await self._work.do(call)
        if not request.dry_run:
            document.overwrite(document.size, INCREMENT)
        result = None if request.dry_run else document.result_digest.value.hex()
        return TimestampedDocument(
            document=document,
            form=request.purpose,
            level=BaselineLevel.B_LTA if request.purpose is TimestampPurpose.ES_A else None,
            field_name="Timestamp1",
            timestamp_time=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
            valid_until=VALID_UNTIL,
            skipped=False,
            result_sha256=result,
            dry_run=request.dry_run,
        )


class Verification:
    """One valid signature with a timestamp in it, and one that was changed."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def verify(self, call: Call, document: SpooledDocument, request: VerificationRequest) -> VerifiedDocument:
        self._work.verification_requests.append(request)
        self._work.documents.append(document)
        self._work.received.append(document.received_digest.value.hex())
        await self._work.do(call)
        call.facts.verification_result = VERIFIED.result
        return replace(VERIFIED, scan_info=SCANS if request.scan_info else None)


class Hashes:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def sign(
        self, call: Call, certificate_id: str, sign_algorithm: SignAlgorithm | None, digests: tuple[Digest, ...]
    ) -> HashSignatures:
        self._work.digests.append(digests)
        await self._work.do(call)
        values = tuple(hashlib.shake_256(digest.value).digest(512) for digest in digests)
        return HashSignatures(values, sign_algorithm or SignAlgorithm.RSASSA_PKCS1_V1_5, digests[0].algorithm)


class Timestamps:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def relay(self, call: Call, query: bytes, profile: str | None) -> bytes:
        self._work.queries.append((query, profile))
        await self._work.do(call)
        return b"reply to " + query


def facts(certificate_id: str) -> CertificateFacts:
    return CertificateFacts(
        certificate_id=certificate_id,
        subject=f"CN={certificate_id},O=株式会社例",
        issuer="CN=Example CA",
        serial_number="0a1b",
        not_before=datetime(2025, 1, 1, tzinfo=UTC),
        not_after=VALID_UNTIL,
        key_algorithm="RSA-3072",
        sign_algorithms=(SignAlgorithm.RSASSA_PKCS1_V1_5, SignAlgorithm.RSASSA_PSS),
        hash_algorithms=tuple(HashAlgorithm),
        backend="central",
        certificate_sha256="ab" * 32,
        warnings=(CertificateWarning(WarningCode.EXPIRES_SOON, "it expires soon"),),
    )


class CertificateStore:
    def __init__(self, work: Work) -> None:
        self._work = work
        self.ids = ["seal-1", "seal-2", "seal-3", "secret"]

    async def list(self, call: Call, allowed: Callable[[str], bool]) -> tuple[CertificateFacts, ...]:
        await self._work.do(call)
        return tuple(facts(certificate_id) for certificate_id in self.ids if allowed(certificate_id))

    async def get(self, call: Call, certificate_id: str) -> CertificateFacts:
        await self._work.do(call)
        if certificate_id not in self.ids:
            raise CertificateNotFound("no certificate has this id")
        return facts(certificate_id)

    async def chain(self, call: Call, certificate_id: str) -> Credential:
        await self._work.do(call)
        return Credential(
            certificate_id, CERTIFICATE, (b"issuer", b"root"), (SignAlgorithm.ECDSA,), (HashAlgorithm.SHA384,), "central"
        )

    async def register(
        self, call: Call, allowed: Callable[[str], bool], key_id: str, certificate: bytes, chain: tuple[bytes, ...]
    ) -> CertificateFacts:
        self._work.certificates.append((certificate, *chain))
        await self._work.do(call)
        return facts(f"of {key_id}")

    async def revocation_of(self, call: Call, certificate_id: str, *, fresh: bool = False) -> ValidationData:
        self._work.fresh.append(fresh)
        await self._work.do(call)
        return ValidationData((), (b"ocsp of " + certificate_id.encode(),), (b"crl",))

    async def relay_revocation(self, call: Call, certificates: tuple[bytes, ...], *, fresh: bool = False) -> ValidationData:
        self._work.fresh.append(fresh)
        self._work.certificates.append(certificates)
        await self._work.do(call)
        return ValidationData((), (), tuple(b"crl for " + der for der in certificates))


class Backend:
    """All of a signer backend that maintenance and health look at."""

    name = "central"

    def __init__(self) -> None:
        self.state = MaintenanceState(in_maintenance=False)
        self.failure: BaseException | None = None

    async def maintenance(self, call: Call) -> MaintenanceState:
        del call
        if self.failure is not None:
            raise self.failure
        return self.state


class KeyStore:
    def __init__(self, work: Work) -> None:
        self._work = work

    async def list(self, call: Call, allowed: Callable[[str], bool]) -> tuple[KeyFacts, ...]:
        await self._work.do(call)
        ids = tuple(one for one in ("seal-1", "secret") if allowed(one))
        return (_key("kms:1", KeyAlgorithm.P_256, ids), _key("kms:2", KeyAlgorithm.P_256, ()))

    async def create(self, call: Call, algorithm: KeyAlgorithm, label: str | None, backend: str | None) -> KeyFacts:
        self._work.keys.append((algorithm, label, backend))
        await self._work.do(call)
        return _key("kms:new", algorithm, ())

    async def certification_request(
        self, call: Call, allowed: Callable[[str], bool], key_id: str, wanted: RequestedCertificate
    ) -> bytes:
        self._work.wanted.append((key_id, wanted))
        await self._work.do(call)
        return b"request of " + key_id.encode()


def _key(key_id: str, algorithm: KeyAlgorithm, certificate_ids: tuple[str, ...]) -> KeyFacts:
    signs = ((SignAlgorithm.ECDSA,), (HashAlgorithm.SHA256,))
    return KeyFacts(key_id, algorithm, b"public", *signs, key_id.partition(":")[0], certificate_ids)


@dataclass(frozen=True, slots=True)
class Registry:
    backends: tuple[Backend, ...]


def make_operations(
    work: Work, backend: Backend, log: TransactionLog, clock: Clock, own: MaintenanceSettings, files: FollowedFiles
) -> Operations:
    """The interface the edge sees: fakes where a key or a network would be, the real thing elsewhere."""
    registry, telemetry = cast(SignerRegistry, Registry((backend,))), Telemetry(None)
    operations = Operations(
        signing=cast(DocumentSigning, Signing(work)),
        timestamping=cast(DocumentTimestamping, Timestamping(work)),
        verification=cast(DocumentVerification, Verification(work)),
        hashes=cast(HashSigning, Hashes(work)),
        timestamps=cast(TimestampRelay, Timestamps(work)),
        certificates=cast(Certificates, CertificateStore(work)),
        keys=cast(Keys, KeyStore(work)),
        maintenance=MaintenanceCheck(registry=registry, own=own, clock=clock, files=files),
        idempotency=Idempotency(None, None),
        journal=Journal(log, clock, telemetry),
        health=Health(registry=registry, links=Links()),
        telemetry=telemetry,
        warm_up=cast(WarmUp, None),
    )
    operations.health.ready = True
    return replace(operations)
