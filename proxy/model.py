"""The values that travel between layers: frozen, slotted, without behaviour that needs the outside.

``Digest`` is the boundary of the whole product: it is the only thing a signer backend or a time-stamping authority can be
given, so a document cannot leave through them.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class HashAlgorithm(StrEnum):
    """Hash algorithms of the contract; values are its names."""

    SHA256 = "SHA-256"
    SHA384 = "SHA-384"
    SHA512 = "SHA-512"

    @property
    def digest_size(self) -> int:
        """Length of a digest in bytes."""
        return int(self.value[-3:]) // 8

    @property
    def hashlib_name(self) -> str:
        """The name ``hashlib``, asn1crypto and pyHanko use (``sha256``)."""
        return self.value.replace("-", "").lower()


class SignAlgorithm(StrEnum):
    """Signature algorithms of the contract.

    ``RSASSA-PSS`` is always with MGF1 on the same hash and a salt as long as the digest; an ``ECDSA`` value is the DER
    ``Ecdsa-Sig-Value`` of RFC 3279.
    """

    RSASSA_PKCS1_V1_5 = "RSASSA-PKCS1-v1_5"
    RSASSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"


@dataclass(frozen=True, slots=True)
class Digest:
    """A finished hash value. Raises ``ValueError`` when its length does not fit its algorithm."""

    algorithm: HashAlgorithm
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != self.algorithm.digest_size:
            raise ValueError(f"a {self.algorithm} digest has {self.algorithm.digest_size} bytes, not {len(self.value)}")

    @classmethod
    def of(cls, data: bytes, algorithm: HashAlgorithm) -> "Digest":
        """Hash a small value that is in memory already (signed attributes, a signature value)."""
        return cls(algorithm, hashlib.new(algorithm.hashlib_name, data).digest())


class SignatureForm(StrEnum):
    """Forms of the contract that this version makes."""

    ES = "ES"
    ES_T = "ES-T"
    MDP = "MDP"
    ES_A = "ES-A"


class GracePolicy(StrEnum):
    """Which revocation data an ES-A signature takes (EN 319 102-1, 4.2.6: the grace period)."""

    NOW = "now"
    FRESH = "fresh"


class TimestampPurpose(StrEnum):
    """What a document timestamp is to do: stand for itself, or prolong what is there (EN 319 142-1, 5.5)."""

    DOC_TIME_STAMP = "DocTimeStamp"
    ES_A = "ES_A"


class OnAlreadyTimestamped(StrEnum):
    """What to do with a document that holds a document timestamp already."""

    ADD = "add"
    REJECT = "reject"
    SKIP = "skip"


class BaselineLevel(StrEnum):
    """Baseline levels of EN 319 142-1, in rising order."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


class Origin(StrEnum):
    """The corner of the page, as it is seen, that a position counts from."""

    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"
    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"


class LengthUnit(StrEnum):
    """Units of lengths on a page. A point is 1/72 inch."""

    MILLIMETRE = "mm"
    POINT = "pt"


@dataclass(frozen=True, slots=True)
class Appearance:
    """A visible signature.

    Attributes:
        page: Counted from 1.
        origin: Corner that ``x`` and ``y`` count from, on the page as a viewer shows it (rotated, cropped).
        x: Distance of the box's nearest vertical edge from the origin's.
        y: Distance of the box's nearest horizontal edge from the origin's.
        width: Of the box.
        height: Of the box.
        unit: Of all four.
        text: To set into the box; lines may be broken.
        rotation: Of the content within the box, counterclockwise, 0, 90, 180 or 270 degrees.
        seal_image: The image file as it came, if one came.
    """

    page: int
    origin: Origin
    x: float
    y: float
    width: float
    height: float
    unit: LengthUnit
    text: str | None = None
    rotation: int = 0
    seal_image: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """What a caller asks of one document signature; text is already bounded by the edge.

    ``hash_algorithm`` and ``sign_algorithm`` are ``None`` where the credential's first choice applies. ``ltv`` is for ES-T and
    MDP, ``doc_mdp`` (the DocMDP permission level) for MDP, ``grace_policy`` for ES-A.
    """

    form: SignatureForm
    certificate_id: str
    field_name: str | None = None
    existing_field_only: bool = False
    reason: str | None = None
    location: str | None = None
    contact_info: str | None = None
    hash_algorithm: HashAlgorithm | None = None
    sign_algorithm: SignAlgorithm | None = None
    tsa_profile: str | None = None
    ltv: bool = False
    doc_mdp: int = 1
    grace_policy: GracePolicy = GracePolicy.NOW
    appearance: Appearance | None = None
    document_password: str | None = None
    dry_run: bool = False

    @property
    def level(self) -> BaselineLevel:
        """The level that is asked for; less is a failure."""
        match self.form:
            case SignatureForm.ES:
                return BaselineLevel.B_B
            case SignatureForm.ES_T | SignatureForm.MDP:
                return BaselineLevel.B_LT if self.ltv else BaselineLevel.B_T
            case SignatureForm.ES_A:
                return BaselineLevel.B_LTA


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What a caller asks of one document timestamp."""

    purpose: TimestampPurpose = TimestampPurpose.DOC_TIME_STAMP
    tsa_profile: str | None = None
    on_already_timestamped: OnAlreadyTimestamped = OnAlreadyTimestamped.ADD
    document_password: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """A signing certificate and what its backend declares it can do.

    Attributes:
        certificate_id: Opaque id, unique in this proxy.
        certificate: DER of the signing certificate.
        chain: DER of the issuers, issuer of the leaf first, the root last where it is known.
        sign_algorithms: What the backend makes with this key, preferred first.
        hash_algorithms: Digests it takes, preferred first.
        backend: Name of the backend that holds the key.
    """

    certificate_id: str
    certificate: bytes
    chain: tuple[bytes, ...]
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str


class KeyAlgorithm(StrEnum):
    """Keys that the contract signs with: RSA by modulus length in bits, and the curves of FIPS 186-5."""

    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"
    P_256 = "P-256"
    P_384 = "P-384"
    P_521 = "P-521"


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key pair that a backend holds, with a certificate or without.

    Attributes:
        key_id: Opaque id, unique in its backend and the same after a restart.
        public_key: DER of the SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
        sign_algorithms: What the backend makes with this key, preferred first.
        hash_algorithms: Digests it takes, preferred first.
        backend: Name of the backend that holds it.
    """

    key_id: str
    public_key: bytes
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str


class RevocationState(StrEnum):
    """What revocation data says of a certificate at a moment."""

    GOOD = "good"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RevocationInfo:
    """One checked answer about one certificate: an OCSP response (RFC 6960) or a CRL (RFC 5280).

    Exactly one of ``ocsp_response`` (DER of ``OCSPResponse``) and ``crl`` (DER of ``CertificateList``) is set.
    """

    state: RevocationState
    this_update: datetime
    next_update: datetime | None
    ocsp_response: bytes | None = None
    crl: bytes | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ValidationData:
    """What proves that certificates were good: DER of certificates, ``OCSPResponse`` and ``CertificateList`` values."""

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    @property
    def parts(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        """The three lists, in the order of their names."""
        return self.certificates, self.ocsp_responses, self.crls

    def __or__(self, other: "ValidationData") -> "ValidationData":
        """Both, each value once."""
        merged = (tuple(dict.fromkeys(one + two)) for one, two in zip(self.parts, other.parts, strict=True))
        return ValidationData(*merged)


@dataclass(frozen=True, slots=True)
class SignerCertificates:
    """The certificate of one signer, and those that may be on its path, in any order. DER."""

    signer: bytes
    others: tuple[bytes, ...]

    def with_others(self, more: tuple[bytes, ...]) -> "SignerCertificates":
        """The same signer, with further certificates that may be on its path."""
        return SignerCertificates(self.signer, tuple(dict.fromkeys(self.others + more)))


@dataclass(frozen=True, slots=True)
class TimestampToken:
    """A checked RFC 3161 token.

    Attributes:
        token: DER of the ``ContentInfo`` (``TimeStampToken``).
        gen_time: When the authority says the imprint existed.
        policy_oid: The TSA policy it was issued under.
        tsa_certificate: DER of the signing certificate that was verified.
        tsa_not_after: Its end of validity.
        response: DER of the whole ``TimeStampResp`` it came in.
    """

    token: bytes
    gen_time: datetime
    policy_oid: str
    tsa_certificate: bytes
    tsa_not_after: datetime
    response: bytes


@dataclass(frozen=True, slots=True)
class MaintenanceState:
    """Whether a service is in maintenance; ``starts`` and ``ends`` where it is announced."""

    in_maintenance: bool
    starts: datetime | None = None
    ends: datetime | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the ledger: what went to and came from one destination, bodies only.

    ``sent_sha256`` is the hex SHA-256 of the request body, so that what left can be proven afterwards.
    """

    destination: str
    sent: int
    received: int
    sent_sha256: str


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage of an operation took, in microseconds."""

    stage: str
    microseconds: int


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """What the transaction log keeps of one call. No document, no text of the caller, no signature state.

    ``state`` is ``IN_PROGRESS`` when the record was written before the first byte left, ``SUCCEEDED`` or ``FAILED`` at the end.
    """

    transaction_id: str
    client: str
    operation: str
    state: str
    started: datetime
    ended: datetime | None = None
    result_code: str | None = None
    certificate_id: str | None = None
    form: str | None = None
    level: str | None = None
    dry_run: bool = False
    document_bytes: int | None = None
    document_sha256: str | None = None
    result_sha256: str | None = None
    digests: tuple[str, ...] = ()
    timestamp_time: datetime | None = None
    valid_until: datetime | None = None
    idempotency: str | None = None
    original_transaction_id: str | None = None
    stages: tuple[StageTime, ...] = ()
    exchanges: tuple[Exchange, ...] = field(default=())


class ClaimState(StrEnum):
    """What became of the claim to a request that is to be done once."""

    CLAIMED = "claimed"
    HELD = "held"
    DONE = "done"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Claim:
    """How an idempotency store answers a claim.

    Attributes:
        state: ``CLAIMED``: the caller's to do, or to go on with; ``HELD``: another's, who lives; ``DONE``: there is a result;
            ``CONFLICT``: the key stands for another request.
        execution: Random id of what is done under the key, the same for all who go on with it.
        transaction_id: Of the call that came first.
        held_seconds: Until the claim of one who does not live any more is free.
    """

    state: ClaimState
    execution: str
    transaction_id: str
    held_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TransactionQuery:
    """A client's search in its own transactions; newest first. ``cursor`` is what the former page returned."""

    client: str
    start: datetime | None = None
    end: datetime | None = None
    result: str | None = None
    certificate_id: str | None = None
    idempotency: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """One page of found transactions, each in its latest state."""

    records: tuple[TransactionRecord, ...]
    next_cursor: str | None
