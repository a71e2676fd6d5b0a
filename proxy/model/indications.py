"""Indications and sub-indications of signature validation: ETSI EN 319 102-1 V1.4.1, clause 5.1.3, tables 5 and 6."""

from enum import StrEnum
from types import MappingProxyType


class Indication(StrEnum):
    """How a validation ended. A signature is ``TOTAL-PASSED`` or ``TOTAL-FAILED``, a timestamp ``PASSED`` or ``FAILED``."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"
    PASSED = "PASSED"
    FAILED = "FAILED"

    @property
    def uri(self) -> str:
        """Its name in a validation report (TS 119 102-2, 4.3.4.2)."""
        return f"urn:etsi:019102:mainindication:{self.value.lower()}"


class SubIndication(StrEnum):
    """Why a validation did not pass. Each belongs to one indication, see :data:`INDICATION_OF`."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND_NO_POE = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    CUSTOM = "CUSTOM"

    @property
    def uri(self) -> str:
        """Its name in a validation report (TS 119 102-2, 4.3.4.3)."""
        return f"urn:etsi:019102:subindication:{self.value}"

    @property
    def indication(self) -> Indication:
        """The indication it belongs to, as of a signature: ``TOTAL-FAILED`` or ``INDETERMINATE``."""
        return INDICATION_OF[self]


_FAILED = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
)

INDICATION_OF = MappingProxyType(
    {sub: Indication.TOTAL_FAILED if sub in _FAILED else Indication.INDETERMINATE for sub in SubIndication}
)
"""Table 6: the indication of each sub-indication. The table is the standard's; no library's is asked."""


class VerificationResult(StrEnum):
    """The contract's verdicts, best first."""

    VALID = "VALID"
    INDETERMINATE = "INDETERMINATE"
    INVALID = "INVALID"
    NOT_APPLICABLE = "NOT_APPLICABLE"
