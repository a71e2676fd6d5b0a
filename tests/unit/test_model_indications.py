"""The table of EN 319 102-1 V1.4.1, written out once more."""

import pytest

from proxy.model import INDICATION_OF, Indication, SubIndication

FAILED = {"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "REVOKED", "EXPIRED", "NOT_YET_VALID"}
INDETERMINATE = {
    "SIG_CONSTRAINTS_FAILURE",
    "CHAIN_CONSTRAINTS_FAILURE",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
    "POLICY_PROCESSING_ERROR",
    "SIGNATURE_POLICY_NOT_AVAILABLE",
    "TIMESTAMP_ORDER_FAILURE",
    "NO_SIGNING_CERTIFICATE_FOUND",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "NO_CERTIFICATE_CHAIN_FOUND_NO_POE",
    "REVOKED_NO_POE",
    "REVOKED_CA_NO_POE",
    "OUT_OF_BOUNDS_NOT_REVOKED",
    "OUT_OF_BOUNDS_NO_POE",
    "REVOCATION_OUT_OF_BOUNDS_NO_POE",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    "NO_POE",
    "TRY_LATER",
    "SIGNED_DATA_NOT_FOUND",
    "CUSTOM",
}


def test_every_sub_indication_of_the_standard_and_no_other() -> None:
    assert {str(sub) for sub in SubIndication} == FAILED | INDETERMINATE


@pytest.mark.parametrize("sub", SubIndication)
def test_a_sub_indication_belongs_to_one_indication(sub: SubIndication) -> None:
    expected = Indication.TOTAL_FAILED if sub in FAILED else Indication.INDETERMINATE
    assert INDICATION_OF[sub] is sub.indication is expected


def test_names_in_a_validation_report() -> None:
    assert Indication.TOTAL_PASSED.uri == "urn:etsi:019102:mainindication:total-passed"
    assert SubIndication.HASH_FAILURE.uri == "urn:etsi:019102:subindication:HASH_FAILURE"
