"""The values that travel between layers: frozen, slotted, without behaviour that needs the outside.

``Digest`` is the boundary of the whole product: it is the only thing a signer backend or a time-stamping authority can be
given, so a document cannot leave through them.
"""

from proxy.model.algorithms import Digest, HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.model.announced import MaintenanceState
from proxy.model.certification import AlternativeName, AlternativeNameKind, KeyUsage, RequestedCertificate
from proxy.model.claims import Claim, ClaimState
from proxy.model.evidence import RevocationInfo, RevocationState, SignerCertificates, TimestampToken, ValidationData
from proxy.model.indications import INDICATION_OF, Indication, SubIndication, VerificationResult
from proxy.model.keys import Credential, HeldKey, RegisteredCertificate
from proxy.model.links import BreakerState, LinkState
from proxy.model.requests import (
    Appearance,
    BaselineLevel,
    GracePolicy,
    LengthUnit,
    OnAlreadyTimestamped,
    Origin,
    ReportKind,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
    VerificationRequest,
)
from proxy.model.transactions import Exchange, StageTime, TransactionPage, TransactionQuery, TransactionRecord
from proxy.model.verdicts import (
    CertificateFacts,
    ConstraintResult,
    ConstraintStatus,
    Judgement,
    Verdict,
    WantedRevocation,
)
from proxy.model.verification import (
    Accreditation,
    AccreditationRegistry,
    AlgorithmPolicy,
    Coverage,
    EvidenceOrigin,
    Finding,
    Reason,
    SignatureFormat,
    SignedObject,
    SignedObjectKind,
    SuppliedEvidence,
    TrustAnchor,
    TrustStore,
    TrustUse,
    ValidationInputs,
    ValidationPolicy,
)

__all__ = [
    "INDICATION_OF",
    "Accreditation",
    "AccreditationRegistry",
    "AlgorithmPolicy",
    "AlternativeName",
    "AlternativeNameKind",
    "Appearance",
    "BaselineLevel",
    "BreakerState",
    "CertificateFacts",
    "Claim",
    "ClaimState",
    "ConstraintResult",
    "ConstraintStatus",
    "Coverage",
    "Credential",
    "Digest",
    "EvidenceOrigin",
    "Exchange",
    "Finding",
    "GracePolicy",
    "HashAlgorithm",
    "HeldKey",
    "Indication",
    "Judgement",
    "KeyAlgorithm",
    "KeyUsage",
    "LengthUnit",
    "LinkState",
    "MaintenanceState",
    "OnAlreadyTimestamped",
    "Origin",
    "Reason",
    "RegisteredCertificate",
    "ReportKind",
    "RequestedCertificate",
    "RevocationInfo",
    "RevocationState",
    "SignAlgorithm",
    "SignatureForm",
    "SignatureFormat",
    "SignatureRequest",
    "SignedObject",
    "SignedObjectKind",
    "SignerCertificates",
    "StageTime",
    "SubIndication",
    "SuppliedEvidence",
    "TimestampPurpose",
    "TimestampRequest",
    "TimestampToken",
    "TransactionPage",
    "TransactionQuery",
    "TransactionRecord",
    "TrustAnchor",
    "TrustStore",
    "TrustUse",
    "ValidationData",
    "ValidationInputs",
    "ValidationPolicy",
    "Verdict",
    "VerificationRequest",
    "VerificationResult",
    "WantedRevocation",
]
