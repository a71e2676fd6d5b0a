"""The error tree and what HTTP says of it belong together."""

import pytest

from proxy import errors
from proxy.api.failures import EVERY_CALL
from proxy.api.openapi import document
from proxy.api.problems import PROBLEMS, Problem, language_of, leaves, problem_of
from proxy.api.routes import CALL_ROUTES
from proxy.errors import ProxyError

LEAVES = list(leaves())

STATUSES = {
    400: {
        "INVALID_PARAMETER",
        "INVALID_DOCUMENT",
        "PDF_VERSION_UNSUPPORTED",
        "SEAL_IMAGE_INVALID",
        "LENGTH_MISMATCH",
        "DIGEST_MISMATCH",
    },
    401: {"CLIENT_CERTIFICATE_REQUIRED", "CLIENT_CERTIFICATE_INVALID"},
    403: {"CERTIFICATE_NOT_PERMITTED", "OPERATION_NOT_PERMITTED"},
    404: {"NOT_FOUND", "CERTIFICATE_NOT_FOUND", "KEY_NOT_FOUND", "TSA_PROFILE_NOT_FOUND", "TRANSACTION_NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    406: {"NOT_ACCEPTABLE"},
    409: {"MDP_NOT_FIRST", "MDP_LOCKED", "ALREADY_TIMESTAMPED", "FIELD_LOCKED", "IDEMPOTENCY_CONFLICT", "IN_PROGRESS"},
    411: {"LENGTH_REQUIRED"},
    413: {"TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    422: {
        "PDF_ENCRYPTED",
        "FIELD_EXISTS",
        "FIELD_NOT_FOUND",
        "SEED_VALUE_CONFLICT",
        "NOT_EXTENDABLE",
        "APPEARANCE_INVALID",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_NOT_YET_VALID",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_KEY_MISMATCH",
        "ALGORITHM_NOT_ALLOWED",
    },
    429: {"CONCURRENCY_LIMIT", "RATE_LIMIT"},
    500: {"INTERNAL"},
    501: {"NOT_SUPPORTED"},
    502: {"SIGNER_ERROR", "SIGNATURE_INVALID", "TSA_ERROR", "REVOCATION_UNAVAILABLE"},
    503: {"MAINTENANCE", "SIGNER_UNAVAILABLE", "TSA_UNAVAILABLE", "SHUTTING_DOWN", "SPOOL_FULL"},
    504: {"TIMEOUT"},
}
"""The contract's table, of the codes there are."""


def test_the_walk_over_the_tree_finds_its_leaves() -> None:
    assert errors.InvalidParameter in LEAVES
    assert errors.InternalError in LEAVES
    assert not {ProxyError, errors.CallerError, errors.PolicyError, errors.DependencyError, errors.SettingsError} & set(LEAVES)
    named = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProxyError) and kind.code]
    assert set(LEAVES) == set(named) - {errors.SettingsError}


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.code)
def test_every_leaf_has_a_status_japanese_text_and_a_place_in_the_document(kind: type[ProxyError]) -> None:
    problem = PROBLEMS[kind]
    assert kind.code in STATUSES[problem.status]
    assert any("぀" <= character <= "鿿" for character in problem.title_ja)
    assert problem.text_ja.endswith("。")
    problem_schema = document()["components"]["schemas"]["ProblemDetails"]
    assert kind.code in problem_schema["properties"]["code"]["enum"]
    if kind not in {errors.NotFound, errors.MethodNotAllowed}:
        assert any(kind in (*EVERY_CALL, *route.errors) for route in CALL_ROUTES), "no route says that it raises this"


def test_the_table_has_the_contracts_codes_and_no_other() -> None:
    assert {kind.code for kind in PROBLEMS} == set().union(*STATUSES.values())
    assert len({kind.code for kind in PROBLEMS}) == len(PROBLEMS)


def test_a_refinement_is_answered_as_what_it_refines() -> None:
    class Late(errors.TSAError):
        pass

    assert problem_of(Late("late")) is PROBLEMS[errors.TSAError]
    assert problem_of(errors.SettingsError("path")) is None
    assert Late not in list(leaves())
    assert errors.TSAError in list(leaves())


@pytest.mark.parametrize("header", ["ja", "JA-jp", "en;q=0.1, ja;q=0.2", " ja ; q=1.000 ,en;q=.9"])
def test_japanese(header: str) -> None:
    assert language_of(header) == "ja"


@pytest.mark.parametrize("header", [None, "", "en", "ja;q=0", "ja;q=2", "ja, en", "*;q=1", "jav"])
def test_english(header: str | None) -> None:
    assert language_of(header) == "en"


def test_titles_are_not_shared() -> None:
    def titles(problem: Problem) -> tuple[str, str]:
        return problem.title, problem.title_ja

    assert len({titles(problem) for problem in PROBLEMS.values()}) == len(PROBLEMS)
