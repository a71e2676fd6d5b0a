"""What is given to a validation (EN 319 102-1, 5.1.4): signed objects, evidence, proofs of existence, policy, a moment.

Whoever reads a document (``proxy.pades``, ``proxy.xades``) makes these values of it; ``proxy.validation`` judges them without
ever seeing the document. All of them cross into an engine process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from proxy.model.evidence import ValidationData
from proxy.model.indications import SubIndication


class SignedObjectKind(StrEnum):
    """What a signed object is to the document; values are the contract's ``type``."""

    SIGNATURE = "signature"
    CERTIFICATION = "certification"
    DOC_TIMESTAMP = "docTimestamp"
    SIGNATURE_TIMESTAMP = "signatureTimestamp"
    CONTENT_TIMESTAMP = "contentTimestamp"
    ARCHIVE_TIMESTAMP = "archiveTimestamp"
    USAGE_RIGHTS = "usageRights"

    @property
    def is_timestamp(self) -> bool:
        """Whether it is an RFC 3161 token and not somebody's signature."""
        return self not in {SignedObjectKind.SIGNATURE, SignedObjectKind.CERTIFICATION, SignedObjectKind.USAGE_RIGHTS}


class SignatureFormat(StrEnum):
    """How a signed object is written; for PDF the values are those of ``/SubFilter`` (ISO 32000-2, 12.8.3; EN 319 142-1)."""

    CADES_DETACHED = "ETSI.CAdES.detached"
    PKCS7_DETACHED = "adbe.pkcs7.detached"
    PKCS7_SHA1 = "adbe.pkcs7.sha1"
    X509_RSA_SHA1 = "adbe.x509.rsa_sha1"
    RFC3161 = "ETSI.RFC3161"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is. The texts, in English and Japanese, belong to the code.

    Attributes:
        code: ``UPPER_CASE``, stable.
        fields: What the text names: subjects, times (RFC 3339), algorithms.
    """

    code: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the reader of a document found about one signed object.

    Attributes:
        reason: What it is.
        sub_indication: What follows from it: ``FORMAT_FAILURE`` (the signature cannot be one), ``HASH_FAILURE`` or
            ``SIGNED_DATA_NOT_FOUND`` (what it should cover is something else, or missing), ``SIG_CONSTRAINTS_FAILURE`` (it is
            intact, and not acceptable), ``CUSTOM`` (it was not looked at); ``None`` where it is worth telling and nothing
            follows.
    """

    reason: Reason
    sub_indication: SubIndication | None = None


@dataclass(frozen=True, slots=True)
class SignedObject:
    """One signature, certification or document timestamp of a document.

    Attributes:
        identifier: Unique in the document; the field's name, say.
        kind: Signature, certification or document timestamp. Timestamps inside a CMS are found by the validation.
        format: How ``contents`` is to be read.
        contents: The CMS ``ContentInfo``, or for ``adbe.x509.rsa_sha1`` the ``OCTET STRING``, as it lies in ``/Contents``,
            without the padding behind it. Empty where there is none.
        digests: Digest of the signed bytes by algorithm (``hashlib`` names), at least those that
            :func:`proxy.validation.digests.wanted_digests` names for the contents.
        certificates: DER of certificates that came beside the contents (``/Cert``).
        claimed_time: The signing time that the document claims (``/M``), or ``None``.
        findings: What is wrong about it as the document has it.
    """

    identifier: str
    kind: SignedObjectKind
    format: SignatureFormat
    contents: bytes
    digests: Mapping[str, bytes]
    certificates: tuple[bytes, ...] = ()
    claimed_time: datetime | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one document or archive timestamp covers besides itself: all that existed at its time (5.6.2.3).

    Attributes:
        timestamp: Identifier of the signed object that is the timestamp.
        objects: Identifiers of the signed objects that it covers whole; with each, all that its contents hold.
        validation_data: SHA-256 of the DER of every certificate, OCSP response and CRL of the document's security store that
            it covers.
    """

    timestamp: str
    objects: frozenset[str]
    validation_data: frozenset[bytes] = frozenset()


class EvidenceOrigin(StrEnum):
    """Where certificates and revocation data come from."""

    DOCUMENT = "document"
    CACHE = "cache"
    NETWORK = "network"
    RELAY = "relay"


@dataclass(frozen=True, slots=True)
class SuppliedEvidence:
    """Certificates, OCSP responses and CRLs, unchecked, of one origin. From a document: those of its security store."""

    origin: EvidenceOrigin
    data: ValidationData


class TrustUse(StrEnum):
    """What an anchor is trusted for."""

    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A certificate that is trusted by itself.

    Attributes:
        certificate: DER.
        uses: For signatures, timestamps or both.
        trusted_from: Since when; ``None`` where it always was. A trusted list names it.
        trusted_to: Until when; ``None`` where it still is.
    """

    certificate: bytes
    uses: frozenset[TrustUse]
    trusted_from: datetime | None = None
    trusted_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrustStore:
    """All anchors.

    Attributes:
        anchors: Each certificate may be there more than once, with different uses and times.
        fingerprint: SHA-256 over all of it, so that whoever has seen the store need not look through it again.
    """

    anchors: tuple[TrustAnchor, ...]
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class AlgorithmPolicy:
    """Until when cryptographic algorithms are accepted (EN 319 102-1, 5.1.4.4). ``None`` is without end.

    Attributes:
        hashes: By ``hashlib`` name; what is missing never is.
        rsa: By modulus length in bits: a key is good until the end of the longest length that it reaches; shorter ones never.
        curves: By the name of the curve, as in SEC 2.
    """

    hashes: Mapping[str, datetime | None]
    rsa: Mapping[int, datetime | None]
    curves: Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True)
class Accreditation:
    """An entry of the registry of accredited time-stamping authorities (総務大臣認定).

    Attributes:
        authority: SHA-256 of the DER of the TSA's certificate, or of its issuer's.
        is_issuer: Whether it is the issuer's.
        policy_oid: The policy that is accredited; ``None`` where the certificate alone decides.
        accredited_from: First moment.
        accredited_to: Moment at which it ended; ``None`` where it lasts.
    """

    authority: bytes
    is_issuer: bool
    policy_oid: str | None
    accredited_from: datetime
    accredited_to: datetime | None


@dataclass(frozen=True, slots=True)
class AccreditationRegistry:
    """Accredited time-stamping authorities. Where it is ``complete``, an authority that is not in it is not accredited."""

    entries: tuple[Accreditation, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ValidationPolicy:
    """What a deployment demands of signatures.

    Attributes:
        trust: The anchors.
        algorithms: Until when algorithms are accepted.
        accreditations: The registry; ``None`` where there is none, so that nothing is known.
        expired_without_poe: The result for a signature whose certificate has expired without proof that it existed before is
            ``INVALID`` instead of ``INDETERMINATE``.
        require_fresh_timestamps: Whether revocation data about a TSA's certificate must be as fresh as that about a
            signer's. If not, what the document brought is enough where nothing newer can be had.
    """

    trust: TrustStore
    algorithms: AlgorithmPolicy
    accreditations: AccreditationRegistry | None = None
    expired_without_poe: bool = False
    require_fresh_timestamps: bool = False


@dataclass(frozen=True, slots=True)
class ValidationInputs:
    """All that a validation looks at.

    Attributes:
        objects: The document's signed objects, oldest first.
        coverage: One entry for each of them that is a timestamp.
        evidence: From the document, and what was fetched since.
        policy: The deployment's.
        at: The validation time, timezone-aware.
    """

    objects: tuple[SignedObject, ...]
    coverage: tuple[Coverage, ...]
    evidence: tuple[SuppliedEvidence, ...]
    policy: ValidationPolicy
    at: datetime
