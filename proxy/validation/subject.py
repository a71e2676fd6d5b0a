"""A signature or timestamp as the building blocks see it: what it claims, what it holds, and what that has to be compared with.

Made of CMS by :mod:`proxy.validation.cms_subject`; another format makes the same value of its own parts.
"""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.model import Finding, Reason, SignedObjectKind, ValidationData
from proxy.trust.cms import CertificateReference, SignerIdentifier
from proxy.trust.signatures import SignatureMethod


@dataclass(frozen=True, slots=True)
class Comparison:
    """A digest that the signature names, and what it has to be.

    Attributes:
        hash_name: Name as in ``hashlib``, or what the signature calls it.
        claimed: As the signature has it.
        actual: As computed; ``None`` where it was not or could not be.
    """

    hash_name: str
    claimed: bytes
    actual: bytes | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a timestamp says: its time and the policy it was made under (RFC 3161, 2.4.2)."""

    gen_time: datetime
    policy_oid: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One signature or timestamp.

    Attributes:
        identifier: Unique in the document.
        kind: What it is.
        findings: What the document's reader found.
        malformed: Why it is none (5.2.2); all that follows is empty then.
        certificates: DER, as they came with it.
        identifier_of_signer: Names the signing certificate by issuer and serial number, or by key.
        references: Names it by hash, inside what is signed.
        method: ``None`` where the algorithm is unknown.
        value: The signature value.
        signed: What the value may be over, the more usual reading first. Empty where it is over the digest of ``covered``.
        covered: Where the value is over a digest alone.
        comparisons: Digests inside what is signed.
        algorithms_protected: Whether the algorithms are those that are signed too (RFC 6211); ``None`` where none are.
        has_signature_policy: Whether it names a signature policy.
        is_baseline: Whether its format and attributes are those of a baseline signature (EN 319 142-1, 6.3).
        claimed_time: By the signature or the document.
        data: Validation data inside it.
        stamp: For a timestamp.
        timestamps: Those inside it, over its content or its value.
        digest: SHA-256 of all of it.
    """

    identifier: str
    kind: SignedObjectKind
    findings: tuple[Finding, ...] = ()
    malformed: Reason | None = None
    certificates: tuple[bytes, ...] = ()
    identifier_of_signer: SignerIdentifier | None = None
    references: tuple[CertificateReference, ...] = ()
    method: SignatureMethod | None = None
    value: bytes = b""
    signed: tuple[bytes, ...] = ()
    covered: Comparison | None = None
    comparisons: tuple[Comparison, ...] = ()
    algorithms_protected: bool | None = None
    has_signature_policy: bool = False
    is_baseline: bool = False
    claimed_time: datetime | None = None
    data: ValidationData = field(default_factory=ValidationData)
    stamp: Stamp | None = None
    timestamps: tuple["Subject", ...] = ()
    digest: bytes = b""
