"""Sign one PDF: ES (PAdES-B-B) and ES-T (PAdES-B-T), EN 319 142-1.

credential → prepare (the engine appends the update with its placeholder) → digest → signed attributes → signer → verify what
came back → timestamp on the signature value → CMS → embed → check → release.
"""

from dataclasses import dataclass
from datetime import datetime

from proxy.call import Call
from proxy.errors import InternalError
from proxy.model import (
    BaselineLevel,
    Digest,
    HashAlgorithm,
    SignAlgorithm,
    SignatureForm,
    SignatureRequest,
    TimestampToken,
)
from proxy.operations.credentials import Credentials, ReadyCredential
from proxy.operations.journal import Journal
from proxy.operations.values import signature_values
from proxy.pades.cms import SignerIdentity, identity_of, signed_attributes, signed_data, signed_data_size
from proxy.pades.engine import PAdESEngine
from proxy.pades.values import PreparedSignature, PrepareSignature
from proxy.ports import Clock
from proxy.spool import SpooledDocument
from proxy.trust.certificates import read_certificate
from proxy.tsa.profiles import TSAProfile, TSAProfiles

TIMESTAMPED_FLOOR = 16_384
"""Bytes reserved at least where a token goes in: tokens grow without notice when an authority renews its chain."""

GROWTH_MARGIN = 1_024
"""Bytes added to the largest token seen: serial numbers, accuracy and names differ by little."""

GROWTHS = 3
"""How often a placeholder may be made larger in one call."""


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """What a signing operation gives back. The document is the one it was given, signed in place.

    Attributes:
        document: Bytes up to ``document.size`` are as received; the rest is the increment. A dry run appends nothing.
        level: The level reached: always the one asked for.
        valid_until: End of the signing certificate (ES, ES-T).
        result_sha256: Hex, over the whole result; ``None`` for a dry run.
        certificate: DER of the signing certificate.
    """

    document: SpooledDocument
    form: SignatureForm
    level: BaselineLevel
    certificate_id: str
    certificate: bytes
    field_name: str
    hash_algorithm: HashAlgorithm
    sign_algorithm: SignAlgorithm
    signing_time: datetime
    timestamp_time: datetime | None
    valid_until: datetime
    result_sha256: str | None
    dry_run: bool


class DocumentSigning:
    """Signs documents in every form of this version."""

    def __init__(
        self, *, credentials: Credentials, engine: PAdESEngine, tsa: TSAProfiles, journal: Journal, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._engine = engine
        self._tsa = tsa
        self._journal = journal
        self._clock = clock
        self._token_sizes: dict[str, int] = {}

    async def sign(self, call: Call, document: SpooledDocument, request: SignatureRequest) -> SignedDocument:
        """Sign ``document`` in place, as asked or not at all.

        Args:
            call: Deadline, ledger, facts.
            document: As received; on failure it holds nothing that may be released.
            request: What is asked.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted: The document cannot be signed.
            FieldExists, FieldNotFound, SeedValueConflict, MDPLocked, FieldLocked, NotSupported: Nor may it, so.
            CertificateNotFound, CertificateExpired, CertificateNotYetValid, CertificateRevoked, AlgorithmNotAllowed,
            TSAProfileNotFound: Known before a digest leaves.
            SignerError, SignerUnavailable, SignatureInvalid, TSAError, TSAUnavailable, RevocationUnavailable, Maintenance:
            A dependency failed.
            DeadlineExceeded: The call's time is over.
        """
        async with call.deadline.enforce():
            return await self._sign(call, document, request)

    async def _sign(self, call: Call, document: SpooledDocument, request: SignatureRequest) -> SignedDocument:
        facts = call.facts
        facts.form, facts.dry_run = request.form, request.dry_run
        with call.stage("credential"):
            ready = await self._credentials.ready(call, request.certificate_id, request.sign_algorithm, request.hash_algorithm)
            profile = self._tsa.profile(request.tsa_profile) if request.form is SignatureForm.ES_T else None
        identity = identity_of(ready.credential)
        signing_time = self._clock.now()
        room = self._room(identity, ready, profile)
        token: TimestampToken | None = None
        for _ in range(GROWTHS):
            prepared, digest = await self._prepare(call, document, request, ready.hash_algorithm, signing_time, room)
            if request.dry_run:
                document.truncate()
                break
            contents, token = await self._contents(call, ready, identity, digest, profile)
            if len(contents) > room:
                # The token is larger than any before it. Room for it can only be made before the digest is taken.
                document.truncate()
                room = len(contents) + GROWTH_MARGIN
                continue
            with call.stage("embed"):
                self._engine.embed(document, prepared, contents)
            with call.stage("check"):
                await self._engine.check(call, document, prepared, digest, contents)
            break
        else:
            raise InternalError("the signature does not fit its placeholder")
        level = BaselineLevel.B_B if profile is None else BaselineLevel.B_T
        facts.level = level
        facts.valid_until = read_certificate(ready.credential.certificate).not_valid_after_utc
        facts.timestamp_time = token.gen_time if token else None
        facts.result_sha256 = None if request.dry_run else document.result_digest.value.hex()
        return SignedDocument(
            document=document,
            form=request.form,
            level=level,
            certificate_id=request.certificate_id,
            certificate=ready.credential.certificate,
            field_name=prepared.field_name,
            hash_algorithm=ready.hash_algorithm,
            sign_algorithm=ready.sign_algorithm,
            signing_time=signing_time,
            timestamp_time=facts.timestamp_time,
            valid_until=facts.valid_until,
            result_sha256=facts.result_sha256,
            dry_run=request.dry_run,
        )

    def _room(self, identity: SignerIdentity, ready: ReadyCredential, profile: TSAProfile | None) -> int:
        """Bytes to reserve for the CMS: exact but for the token, of which the largest seen so far tells."""
        if profile is None:
            return signed_data_size(identity, ready.sign_algorithm, ready.hash_algorithm, None)
        expected = self._token_sizes.get(profile.name, 0) + GROWTH_MARGIN
        size = signed_data_size(identity, ready.sign_algorithm, ready.hash_algorithm, expected)
        return max(size, TIMESTAMPED_FLOOR)

    async def _prepare(
        self,
        call: Call,
        document: SpooledDocument,
        request: SignatureRequest,
        hash_algorithm: HashAlgorithm,
        signing_time: datetime,
        room: int,
    ) -> tuple[PreparedSignature, Digest]:
        with call.stage("prepare"):
            prepared = await self._engine.prepare(
                call,
                document,
                PrepareSignature(
                    field_name=request.field_name,
                    existing_field_only=request.existing_field_only,
                    reason=request.reason,
                    location=request.location,
                    contact_info=request.contact_info,
                    signing_time=signing_time,
                    contents_bytes=room,
                ),
            )
        with call.stage("digest"):
            return prepared, await self._engine.digest(document, prepared, hash_algorithm)

    async def _contents(
        self, call: Call, ready: ReadyCredential, identity: SignerIdentity, digest: Digest, profile: TSAProfile | None
    ) -> tuple[bytes, TimestampToken | None]:
        attributes = signed_attributes(digest, identity, ready.sign_algorithm)
        (value,) = await signature_values(call, self._journal, ready, (Digest.of(attributes, ready.hash_algorithm),))
        token = None
        if profile is not None:
            with call.stage("timestamp"):
                token = await profile.timestamp(call, Digest.of(value, profile.hash_algorithm))
            size = self._token_sizes.get(profile.name, 0)
            self._token_sizes[profile.name] = max(size, len(token.token))
        contents = signed_data(
            attributes, value, identity, ready.sign_algorithm, ready.hash_algorithm, token.token if token else None
        )
        return contents, token
