"""The values that travel between layers: frozen, slotted, without behaviour that needs the outside.

``Digest`` is the boundary of the whole product: it is the only thing a signer backend or a time-stamping authority can be
given, so a document cannot leave through them.
"""

from proxy.model.algorithms import Digest, HashAlgorithm, KeyAlgorithm, SignAlgorithm
from proxy.model.announced import MaintenanceState
from proxy.model.claims import Claim, ClaimState
from proxy.model.evidence import RevocationInfo, RevocationState, SignerCertificates, TimestampToken, ValidationData
from proxy.model.keys import Credential, HeldKey
from proxy.model.requests import (
    Appearance,
    BaselineLevel,
    GracePolicy,
    LengthUnit,
    OnAlreadyTimestamped,
    Origin,
    SignatureForm,
    SignatureRequest,
    TimestampPurpose,
    TimestampRequest,
)
from proxy.model.transactions import Exchange, StageTime, TransactionPage, TransactionQuery, TransactionRecord

__all__ = [
    "Appearance",
    "BaselineLevel",
    "Claim",
    "ClaimState",
    "Credential",
    "Digest",
    "Exchange",
    "GracePolicy",
    "HashAlgorithm",
    "HeldKey",
    "KeyAlgorithm",
    "LengthUnit",
    "MaintenanceState",
    "OnAlreadyTimestamped",
    "Origin",
    "RevocationInfo",
    "RevocationState",
    "SignAlgorithm",
    "SignatureForm",
    "SignatureRequest",
    "SignerCertificates",
    "StageTime",
    "TimestampPurpose",
    "TimestampRequest",
    "TimestampToken",
    "TransactionPage",
    "TransactionQuery",
    "TransactionRecord",
    "ValidationData",
]
