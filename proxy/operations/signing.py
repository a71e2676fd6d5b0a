"""Sign one PDF in every form of the contract (EN 319 142-1).

credential → prepare (the engine appends the update with its placeholder) → digest → signed attributes → signer → verify what
came back → timestamp on the signature value → CMS → embed → validation data → document timestamp → check → release.

======  ==========  =====================================================================================================
form    level       beyond ES
======  ==========  =====================================================================================================
ES      B-B
ES-T    B-T, B-LT   a signature timestamp; with ``ltv`` a revision with validation data
MDP     B-T, B-LT   a certification; with ``ltv`` the validation data in the signature's own revision, since a reader may
                    take any later one for a change (ISO 32000-2, 12.8.2.2.2 permits it, not every reader does)
ES-A    B-LTA       the validation data in a revision that ends with a document timestamp over everything
======  ==========  =====================================================================================================
"""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial

from proxy.call import Call
from proxy.errors import InternalError, TSAError
from proxy.model import (
    BaselineLevel,
    Digest,
    GracePolicy,
    SignatureForm,
    SignatureRequest,
    SignerCertificates,
    TimestampToken,
    ValidationData,
)
from proxy.operations.archiving import GROWTHS, Archiving
from proxy.operations.authorities import FLOOR, MARGIN, Authorities, signer_of
from proxy.operations.credentials import Credentials, ReadyCredential
from proxy.operations.idempotency import Idempotency
from proxy.operations.journal import Journal
from proxy.operations.proofs import Proofs
from proxy.operations.signed import SignatureFacts, SignedDocument
from proxy.operations.steps import Kept, Steps
from proxy.operations.updates import Made, update_once
from proxy.operations.values import signature_values
from proxy.pades.cms import SignerIdentity, identity_of, signed_attributes, signed_data, signed_data_size
from proxy.pades.engine import PAdESEngine
from proxy.pades.values import CheckDocument, ExpectedSignature, PreparedSignature, PrepareSignature, SignatureKind
from proxy.ports import Clock
from proxy.spool import SpooledDocument
from proxy.trust.certificates import read_certificate
from proxy.tsa.profiles import TSAProfile, TSAProfiles

_ASKED = Kept(SignatureRequest)
_KEPT = Kept(SignatureFacts)


@dataclass(frozen=True, slots=True)
class _Signing:
    """One signature under way: what is asked, with what it is made, and the level it has to reach."""

    call: Call
    document: SpooledDocument
    request: SignatureRequest
    ready: ReadyCredential
    identity: SignerIdentity
    profile: TSAProfile | None
    level: BaselineLevel
    now: datetime
    steps: Steps

    @property
    def long_term(self) -> bool:
        """Whether validation data goes into the document."""
        return self.level in {BaselineLevel.B_LT, BaselineLevel.B_LTA}

    @property
    def certifies(self) -> bool:
        """Whether the signature is a certification."""
        return self.request.form is SignatureForm.MDP


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The signature as it lies in the document, and the validation data that was collected for it."""

    expected: ExpectedSignature
    token: TimestampToken | None
    signing_time: datetime
    proof: ValidationData


class DocumentSigning:
    """Signs documents."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        engine: PAdESEngine,
        tsa: TSAProfiles,
        authorities: Authorities,
        proofs: Proofs,
        journal: Journal,
        clock: Clock,
        idempotency: Idempotency,
    ) -> None:
        self._credentials = credentials
        self._engine = engine
        self._tsa = tsa
        self._authorities = authorities
        self._archiving = Archiving(engine, authorities)
        self._proofs = proofs
        self._journal = journal
        self._clock = clock
        self._idempotency = idempotency

    async def sign(self, call: Call, document: SpooledDocument, request: SignatureRequest) -> SignedDocument:
        """Sign ``document`` in place, as asked or not at all.

        Args:
            call: Deadline, ledger, facts.
            document: As received; on failure it holds nothing that may be released.
            request: What is asked.

        Raises:
            InvalidDocument, PDFVersionUnsupported, PDFEncrypted: The document cannot be signed.
            FieldExists, FieldNotFound, SeedValueConflict, AppearanceInvalid, SealImageInvalid, MDPNotFirst, MDPLocked,
            FieldLocked, NotSupported: Nor may it, so.
            CertificateNotFound, CertificateExpired, CertificateNotYetValid, CertificateRevoked, AlgorithmNotAllowed,
            TSAProfileNotFound, NotExtendable: Known before a digest leaves.
            SignerError, SignerUnavailable, SignatureInvalid, TSAError, TSAUnavailable, RevocationUnavailable, Maintenance:
            A dependency failed.
            IdempotencyConflict, InProgress: The call has an Idempotency-Key that stands for another request, or is worked on.
            DeadlineExceeded: The call's time is over.
        """
        facts = call.facts
        facts.form, facts.dry_run = request.form, request.dry_run
        async with call.deadline.enforce():
            perform = partial(self._sign, call, document, request)
            done = await self._idempotency.run(call, _ASKED.dump(request), _KEPT, perform, document)
        facts.level, facts.valid_until, facts.timestamp_time = done.level, done.valid_until, done.timestamp_time
        facts.result_sha256 = done.result_sha256
        return SignedDocument(**{field.name: getattr(done, field.name) for field in fields(done)}, document=document)

    async def _sign(self, call: Call, document: SpooledDocument, request: SignatureRequest, steps: Steps) -> SignatureFacts:
        signing = await self._begin(call, document, request, steps)
        if request.dry_run:
            await self._proof_beforehand(signing)
            return self._released(signing, await self._try(signing), signing.now, None, None)
        embedded = await self._embed_signature_with_its_proof(signing)
        expected, last_token, proof = [embedded.expected], embedded.token, embedded.proof
        if signing.long_term and embedded.token is not None and not signing.certifies:
            collect = partial(self._proof_afterwards, signing, embedded, embedded.token)
            if signing.level is BaselineLevel.B_LTA:
                archived = await self._archiving.append(
                    call, document, self._profile(signing), collect, request.document_password, steps
                )
                expected.append(archived.expected)
                last_token, proof = archived.token, archived.validation_data or proof
            else:
                proof = await collect()
                with call.stage("validationData"):
                    await self._engine.append_validation_data(call, document, proof, request.document_password)
        with call.stage("check"):
            held = CheckDocument(document.total_size, tuple(expected), proof, request.document_password)
            await self._engine.check(call, document, held)
        field_name = embedded.expected.prepared.field_name
        return self._released(signing, field_name, embedded.signing_time, embedded.token, last_token)

    async def _begin(self, call: Call, document: SpooledDocument, request: SignatureRequest, steps: Steps) -> _Signing:
        with call.stage("credential"):
            ready = await self._credentials.ready(call, request.certificate_id, request.sign_algorithm, request.hash_algorithm)
        level = request.level
        profile = None if level is BaselineLevel.B_B else self._tsa.profile(request.tsa_profile)
        if request.grace_policy is GracePolicy.FRESH:
            self._proofs.require_responders(ready)
        identity = identity_of(ready.credential)
        return _Signing(call, document, request, ready, identity, profile, level, self._clock.now(), steps)

    async def _proof_beforehand(self, signing: _Signing) -> ValidationData:
        """Validation data that is wanted before a digest leaves: a level that cannot be reached costs no signature."""
        if not signing.long_term:
            return ValidationData()
        with signing.call.stage("validationData"):
            proof = await self._proofs.of_credential(signing.call, signing.ready)
            if not signing.request.dry_run:
                if not self._authorities.knows(self._profile(signing)):
                    # Who signs tokens is learnt by spending one: not for a document that cannot be signed.
                    await self._try(signing)
                prove = partial(self._proofs.of_authority, signing.call)
                proof |= await self._authorities.proof(signing.call, self._profile(signing), prove)
        return proof

    async def _proof_afterwards(self, signing: _Signing, embedded: _Embedded, token: TimestampToken) -> ValidationData:
        """What can be proven once the token is there: its authority's certificate too; after a grace period all of it anew."""
        call, fresh = signing.call, signing.request.grace_policy is GracePolicy.FRESH
        issued_after = embedded.signing_time.replace(microsecond=0) if fresh else None
        with call.stage("validationData"):
            proof = await self._proofs.of_authority(call, signer_of(token), issued_after=issued_after)
            if fresh:
                proof |= await self._proofs.of_credential(call, signing.ready, issued_after=issued_after)
        # What a grace period waited for stands alone: nothing from before the signature goes into the document then.
        return proof if fresh else embedded.proof | proof

    async def _try(self, signing: _Signing) -> str:
        """Prepare, and undo it; gives the name of the field that would be signed."""
        prepared = await self._prepare(signing, self._room(signing), ValidationData())
        signing.document.truncate()
        return prepared.field_name

    async def _embed_signature_with_its_proof(self, signing: _Signing) -> _Embedded:
        """Embed the signature; a certification's revision is closed with it, so what it holds must prove the token it got.

        Raises:
            TSAError: The authority changes its certificate from token to token.
        """
        known = ValidationData()
        for attempt in range(GROWTHS):
            embedded = await self._embed_signature(signing, known, attempt)
            token, proof = embedded.token, embedded.proof
            if not (signing.certifies and signing.long_term) or token is None or token.tsa_certificate in proof.certificates:
                return embedded
            signing.document.truncate()
            # An authority may have several certificates in turn: what was proven of one of them is kept for the next token.
            known = proof
        raise TSAError("the time-stamping authority changes its certificate from token to token")

    async def _embed_signature(self, signing: _Signing, known: ValidationData, attempt: int) -> _Embedded:
        room: int | None = None
        for growth in range(GROWTHS):

            async def append(room: int | None = room, known: ValidationData = known) -> Made:
                proof = known | await self._proof_beforehand(signing)
                prepared = await self._prepare(signing, self._room(signing) if room is None else room, proof)
                return prepared, signing.now, proof

            # Of another certificate it would be another signature.
            subject = signing.ready.credential.certificate
            update = await update_once(signing.steps, signing.document, f"update-{attempt}-{growth}", append, subject)
            prepared, proof = update.prepared, update.validation_data or known
            with signing.call.stage("digest"):
                digest = await self._engine.digest(signing.document, prepared, signing.ready.hash_algorithm)
            contents, token = await self._contents(signing, digest)
            if len(contents) <= prepared.room:
                with signing.call.stage("embed"):
                    self._engine.embed(signing.document, prepared, contents)
                kind = SignatureKind.CERTIFICATION if signing.certifies else SignatureKind.SIGNATURE
                expected = ExpectedSignature(prepared, digest.value, digest.algorithm.hashlib_name, contents, kind)
                return _Embedded(expected, token, update.signing_time or signing.now, proof)
            # The token is larger than any before it. Room for it can only be made before the digest is taken.
            signing.document.truncate()
            room, known = len(contents) + MARGIN, proof
        raise InternalError("the signature does not fit its placeholder")

    def _room(self, signing: _Signing) -> int:
        """Bytes to reserve for the CMS: exact but for the token, of which the largest seen so far tells."""
        ready, profile = signing.ready, signing.profile
        token = None if profile is None else self._authorities.token_size(profile)
        size = signed_data_size(signing.identity, ready.sign_algorithm, ready.hash_algorithm, token)
        return size if profile is None else max(size, FLOOR)

    async def _prepare(self, signing: _Signing, room: int, proof: ValidationData) -> PreparedSignature:
        call, request = signing.call, signing.request
        with call.stage("prepare"):
            return await self._engine.prepare(
                call,
                signing.document,
                PrepareSignature(
                    field_name=request.field_name,
                    existing_field_only=request.existing_field_only,
                    reason=request.reason,
                    location=request.location,
                    contact_info=request.contact_info,
                    signing_time=signing.now,
                    contents_bytes=room,
                    signer=SignerCertificates(signing.ready.credential.certificate, signing.ready.credential.chain),
                    hash_algorithm=signing.ready.hash_algorithm.hashlib_name,
                    timestamped=signing.profile is not None,
                    certify=request.doc_mdp if signing.certifies else None,
                    validation_data=proof if signing.certifies and signing.long_term else None,
                    augmented_to=signing.level if signing.long_term and not signing.certifies else None,
                    appearance=request.appearance,
                    password=request.document_password,
                ),
            )

    async def _contents(self, signing: _Signing, digest: Digest) -> tuple[bytes, TimestampToken | None]:
        call, ready, identity = signing.call, signing.ready, signing.identity
        attributes = signed_attributes(digest, identity, ready.sign_algorithm)
        digests = (Digest.of(attributes, ready.hash_algorithm),)
        (value,) = await signature_values(call, self._journal, ready, digests, signing.steps)
        token = None
        if signing.profile is not None:
            imprint = Digest.of(value, signing.profile.hash_algorithm)
            token = await self._authorities.timestamp_once(call, signing.profile, imprint, signing.steps)
        contents = signed_data(
            attributes, value, identity, ready.sign_algorithm, ready.hash_algorithm, token.token if token else None
        )
        return contents, token

    @staticmethod
    def _profile(signing: _Signing) -> TSAProfile:
        assert signing.profile is not None, "every level above B-B has a profile"
        return signing.profile

    def _released(
        self,
        signing: _Signing,
        field_name: str,
        signing_time: datetime,
        token: TimestampToken | None,
        last_token: TimestampToken | None,
    ) -> SignatureFacts:
        request, ready = signing.request, signing.ready
        valid_until = read_certificate(ready.credential.certificate).not_valid_after_utc
        if signing.long_term and last_token is not None:
            valid_until = last_token.tsa_not_after
        return SignatureFacts(
            form=request.form,
            level=signing.level,
            certificate_id=request.certificate_id,
            certificate=ready.credential.certificate,
            field_name=field_name,
            hash_algorithm=ready.hash_algorithm,
            sign_algorithm=ready.sign_algorithm,
            signing_time=signing_time,
            timestamp_time=token.gen_time if token else None,
            valid_until=valid_until,
            grace_policy_used=request.grace_policy if request.form is SignatureForm.ES_A else None,
            result_sha256=None if request.dry_run else signing.document.result_digest.value.hex(),
            dry_run=request.dry_run,
        )
