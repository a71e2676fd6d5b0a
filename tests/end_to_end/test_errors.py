"""Every code of the contract over HTTP: its status, its words in both languages, and nothing beside them.

Where the failure could be known before, nothing was spent; and no failure leaves a spooled document behind.
"""

import base64
import hashlib
import re
import ssl
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import ProxyError, SettingsError
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.sandbox.authority import load_chain
from proxy.signers.verification import verify_value
from tests.end_to_end.faulty_central import POISON, FaultyCentral
from tests.end_to_end.odd_authorities import OddAuthorities
from tests.end_to_end.provocations import PROVOCATIONS, Provocation
from tests.end_to_end.services import Service
from tests.end_to_end.situations import Services
from tests.support.calling import Answer, Caller
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("end_to_end_services")

STATUS = {
    400: "INVALID_PARAMETER INVALID_DOCUMENT PDF_VERSION_UNSUPPORTED SEAL_IMAGE_INVALID LENGTH_MISMATCH DIGEST_MISMATCH",
    401: "CLIENT_CERTIFICATE_REQUIRED CLIENT_CERTIFICATE_INVALID",
    403: "CERTIFICATE_NOT_PERMITTED OPERATION_NOT_PERMITTED",
    404: "NOT_FOUND CERTIFICATE_NOT_FOUND KEY_NOT_FOUND TSA_PROFILE_NOT_FOUND TRANSACTION_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "MDP_NOT_FIRST MDP_LOCKED FIELD_LOCKED ALREADY_TIMESTAMPED IDEMPOTENCY_CONFLICT IN_PROGRESS",
    411: "LENGTH_REQUIRED",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "PDF_ENCRYPTED FIELD_EXISTS FIELD_NOT_FOUND SEED_VALUE_CONFLICT APPEARANCE_INVALID CERTIFICATE_EXPIRED "
    "CERTIFICATE_NOT_YET_VALID CERTIFICATE_REVOKED CERTIFICATE_KEY_MISMATCH ALGORITHM_NOT_ALLOWED NOT_EXTENDABLE",
    429: "CONCURRENCY_LIMIT RATE_LIMIT",
    500: "INTERNAL",
    501: "NOT_SUPPORTED",
    502: "SIGNER_ERROR SIGNATURE_INVALID TSA_ERROR REVOCATION_UNAVAILABLE",
    503: "MAINTENANCE SIGNER_UNAVAILABLE TSA_UNAVAILABLE SHUTTING_DOWN SPOOL_FULL",
    504: "TIMEOUT",
}
"""The contract's table, as far as this version raises its codes."""

STATUS_OF = {code: status for status, codes in STATUS.items() for code in codes.split()}

INTERNALS = re.compile(
    r"Traceback|\.py\b|/tmp|/srv|/root|/proc|spool-|errno|sqlite|pyhanko|asn1crypto|aiohttp|cryptography\.|proxy\.|0x[0-9a-f]{6}"
    r"|Exception|PIN 4711",
    re.IGNORECASE,
)
"""What an answer must not tell. ``PIN 4711`` is in the faulty central signer's answers."""

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")


def leaves(root: type[ProxyError]) -> Iterator[type[ProxyError]]:
    # Tests make subclasses of their own, which stay for as long as the process does.
    kinds = [kind for kind in root.__subclasses__() if kind.__module__ == ProxyError.__module__]
    for kind in kinds:
        yield from leaves(kind)
    if not kinds:
        yield root


def test_every_leaf_of_the_error_tree_is_provoked_but_the_operators_own() -> None:
    assert set(PROVOCATIONS) == set(leaves(ProxyError)) - {SettingsError}
    assert {kind.code for kind in PROVOCATIONS} == set(STATUS_OF)
    assert all(PROVOCATIONS.values())


@pytest.fixture
def services(
    sandbox: Sandbox,
    narrow: Service,
    misled: Service,
    maintained: Service,
    central: FaultyCentral,
    odd: OddAuthorities,
    tmp_path: Path,
) -> Services:
    return Services(sandbox, narrow, misled, maintained, central, odd, tmp_path)


@contextmanager
def signatures_asked(services: Services) -> Iterator[Counter[str]]:
    """How many digests the real central signer and the faulty one were given, and tokens the real authority granted."""
    counted: Counter[str] = Counter()
    faulty = services.central.asked.total()
    with services.sandbox.spending() as spent:
        yield counted
    counted["digests"] = spent.calls + services.central.asked.total() - faulty
    counted["tokens"] = spent.tokens


def check(kind: type[ProxyError], answer: Answer, language: str) -> None:
    """What every problem has, and has not."""
    assert answer.code == kind.code, answer.body
    assert answer.status == STATUS_OF[kind.code]
    assert answer.headers["Content-Language"] == language
    members = answer.members
    assert members["status"] == answer.status
    assert members["retryable"] is kind.retryable
    assert members["transactionId"] == answer.transaction_id
    assert members["type"].endswith(f"#{kind.code}")
    for text in (members["title"], members["detail"]):
        assert bool(JAPANESE.search(text)) is (language == "ja"), text
    if answer.status in {429, 503}:
        assert int(answer.headers["Retry-After"]) >= 1
    # The transaction id is made by chance, and one in some thousands has the PIN's digits in it.
    told = (answer.body.decode() + str(answer.headers)).replace(answer.transaction_id, "")
    assert not INTERNALS.search(told), told


@pytest.mark.parametrize(
    ("kind", "provocation"),
    [
        pytest.param(kind, provocation, id=f"{kind.code}-{provocation.name}")
        for kind, provocations in PROVOCATIONS.items()
        for provocation in provocations
    ],
)
def test_the_code_and_nothing_else(services: Services, kind: type[ProxyError], provocation: Provocation) -> None:
    languages = ("en", "ja")
    with provocation.begin(services) as ask, signatures_asked(services) as counted:
        if provocation.slow:
            with ThreadPoolExecutor(2) as threads:
                answers = list(threads.map(lambda language: ask({"Accept-Language": language}), languages))
        else:
            answers = [ask({"Accept-Language": language}) for language in languages]
    for language, answer in zip(languages, answers, strict=True):
        check(kind, answer, language)
    assert counted["digests"] == 2 * provocation.signatures
    assert counted["tokens"] == 2 * provocation.tokens
    services.sandbox.assert_nothing_left()
    for service in (services.narrow, services.misled, services.maintained):
        service.assert_nothing_left()


def test_a_path_says_which_methods_it_takes(sandbox: Sandbox) -> None:
    assert sandbox.app.ask("DELETE", "/v1/signatures/es").headers["Allow"] == "POST, PUT"
    assert sandbox.app.ask("PATCH", "/v1/certificates").headers["Allow"] == "GET, POST"


def test_a_client_of_an_unknown_authority_meets_a_tls_alert(sandbox: Sandbox) -> None:
    files = sandbox.folder.tls("tsa")
    caller = Caller(sandbox.info.proxy, sandbox.info.ca_file, files.certificate, files.key)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
        caller.get("/v1/maintenance")


def test_after_a_timeout_the_record_tells_that_a_digest_left(misled: Service, invoice: bytes) -> None:
    chosen = str(uuid.uuid4())
    answer = misled.caller().sign(invoice, "hangs", headers={"Transaction-Id": chosen})
    assert answer.code == "TIMEOUT"
    record = misled.caller().get(f"/v1/operations/{chosen}").members
    assert (record["state"], record["resultCode"], len(record["digests"])) == ("FAILED", "TIMEOUT", 1)


def test_of_several_digests_values_in_another_order_are_put_in_theirs(misled: Service, sandbox: Sandbox) -> None:
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(5)]
    certificate = load_chain(sandbox.folder.signing("eseal-p256").certificate)[0].public_bytes(Encoding.DER)
    for way in ("right", "swapped"):
        answer = misled.caller().sign_hashes(digests, way)
        for digest, value in zip(digests, answer.members["signatures"], strict=True):
            verify_value(certificate, SignAlgorithm.ECDSA, Digest(HashAlgorithm.SHA256, digest), base64.b64decode(value))


def test_one_poisoned_digest_of_many_that_go_together_fails_alone(misled: Service, central: FaultyCentral) -> None:
    digests = [POISON, *(hashlib.sha256(bytes([number])).digest() for number in range(11))]
    together = threading.Barrier(len(digests))

    def ask(digest: bytes) -> str | None:
        together.wait(30)
        return misled.caller().sign_hashes([digest], "poisoned").code

    with ThreadPoolExecutor(len(digests)) as threads:
        assert list(threads.map(ask, digests)) == ["SIGNATURE_INVALID", *[None] * 11]
    assert central.asked["poisoned"] < len(digests)


def test_a_profile_falls_over_to_its_next_authority(sandbox: Sandbox, narrow: Service, invoice: bytes) -> None:
    with sandbox.spending() as spent:
        answer = narrow.caller().sign(invoice, form="es-t", tsaProfile="failover")
    assert (answer.status, answer.headers["Signature-Level"]) == (200, "B-T")
    assert (spent.signatures, spent.tokens) == (1, 1)


def test_a_service_goes_on_after_all_that(narrow: Service, misled: Service, invoice: bytes) -> None:
    assert narrow.caller().sign(invoice, form="es-t").status == 200
    assert misled.caller().sign(invoice, "right").status == 200
