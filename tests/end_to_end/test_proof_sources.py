"""Where the proof of a long-term signature comes from. What cannot be had is known before a signature is spent on it."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from proxy.sandbox import profiles
from proxy.sandbox.authority import CertificationAuthority, Validity, load_chain, pem
from proxy.sandbox.folder import write_file
from proxy.sandbox.keys import KeyKind, ensure_keys, load_key
from proxy.sandbox.ocsp import OCSPService, Responder
from tests.conformance.offline import offline_verdicts
from tests.end_to_end.odd_authorities import OddAuthorities, threaded
from tests.end_to_end.services import Service, serving
from tests.end_to_end.situations import certified
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.security_store import check_complete, security_store
from tests.support.software_keys import credential, sections

pytestmark = pytest.mark.xdist_group("end_to_end_services")

LONG_TERM = {"es-t": {"ltv": "true"}, "mdp": {}, "es-a": {}}
EACH_FORM = pytest.mark.parametrize("form", LONG_TERM)
ISSUER = "p256-issuing"
SECONDS_BEHIND = 600


def problems(document: bytes, folder: Path, sandbox: Sandbox) -> list[str | None]:
    """What pyHanko has, offline, against each signature and timestamp."""
    path = folder / "judged.pdf"
    path.write_bytes(document)
    return [verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)]


# -- the central signer's relay ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secluded(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy that may reach nobody but the central signer and the time-stamping authority."""
    settings = {"revocation": {"source": "central", "allow": [], "cache_seconds": 0}}
    with serving(sandbox, tmp_path_factory.mktemp("secluded"), settings) as service:
        yield service


@EACH_FORM
def test_without_egress_the_relay_gives_the_proof(
    sandbox: Sandbox, secluded: Service, invoice: bytes, tmp_path: Path, form: str
) -> None:
    answer = secluded.caller().sign(invoice, "eseal-rsa", form=form, query=LONG_TERM[form])
    assert answer.status == 200, answer.body
    assert problems(answer.body, tmp_path, sandbox) == [None] * (2 if form == "es-a" else 1)
    store = security_store(answer.body)
    assert store is not None
    check_complete(
        store,
        list(load_chain(sandbox.folder.signing("eseal-rsa").certificate)),
        list(load_chain(sandbox.folder.tsa().certificate)),
    )
    record = secluded.caller().get(f"/v1/operations/{answer.transaction_id}").members
    assert {entry["destination"].partition(":")[0] for entry in record["exchanges"]} == {"central", "tsa"}


def test_the_relay_is_asked_anew_for_fresh_answers(secluded: Service, invoice: bytes) -> None:
    accept = {"Accept": "application/json"}
    asked = secluded.caller().sign(invoice, form="es-a", query={"gracePolicy": "fresh"}, headers=accept)
    assert asked.status == 200, asked.body
    assert asked.members["gracePolicyUsed"] == "fresh"


def test_others_signatures_are_proven_through_the_relay(
    sandbox: Sandbox, secluded: Service, invoice: bytes, tmp_path: Path
) -> None:
    answer = secluded.caller().timestamp(sandbox.app.sign(invoice, "eseal-p256", form="es-t").body, "ES_A")
    assert answer.status == 200, answer.body
    assert problems(answer.body, tmp_path, sandbox) == [None, None]


# -- nobody to ask ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unasked(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy whose operator has switched revocation data off."""
    with serving(sandbox, tmp_path_factory.mktemp("unasked"), {"revocation": {"source": "off"}}) as service:
        yield service


@EACH_FORM
def test_with_revocation_switched_off_nothing_is_spent_on_what_needs_it(
    sandbox: Sandbox, unasked: Service, invoice: bytes, form: str
) -> None:
    assert unasked.caller().sign(invoice, form="es-t").status == 200
    signed = sandbox.app.sign(invoice).body
    with sandbox.spending() as spent:
        answers = [
            unasked.caller().sign(invoice, form=form, query=LONG_TERM[form]),
            unasked.caller().sign(invoice, form=form, query={**LONG_TERM[form], "dryRun": "true"}),
            unasked.caller().timestamp(signed, "ES_A"),
        ]
    assert [(answer.status, answer.code) for answer in answers] == [(502, "REVOCATION_UNAVAILABLE")] * 3
    assert spent.nothing, spent


# -- time-stamping authorities ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cold(sandbox: Sandbox, odd: OddAuthorities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy that has just started: it knows of no authority who signs its tokens, until a test has asked it."""
    profile = {"trust_anchors": [str(anchor) for anchor in sandbox.anchors], "policy_oid": sandbox.info.tsa_policy}
    profiles_ = [{"profile": "default", "url": sandbox.info.tsa, **profile}]
    profiles_ += [
        {"profile": name, "url": f"{odd.url}/{name}", **profile} for name in ("takes-turns", "ever-new", "unprovable")
    ]
    with serving(sandbox, tmp_path_factory.mktemp("cold"), {"tsa": profiles_}) as service:
        yield service


def test_on_a_document_that_may_not_be_signed_not_even_the_first_token_is_spent(
    sandbox: Sandbox, cold: Service, invoice: bytes
) -> None:
    app, locked = cold.caller(), sandbox.app.sign(invoice, form="mdp").body
    with sandbox.spending() as spent:
        refused = [app.sign(locked, form=form, query=query) for form, query in LONG_TERM.items()]
        refused += [app.timestamp(locked, purpose) for purpose in ("DocTimeStamp", "ES_A")]
        refused += [app.sign(certified(invoice), form=form, query=query) for form, query in LONG_TERM.items()]
    assert [answer.code for answer in refused] == ["MDP_LOCKED"] * len(refused)
    assert spent.nothing, spent
    with sandbox.spending() as spent:
        assert app.sign(invoice, form="mdp").status == 200
    assert (spent.signatures, spent.tokens) == (1, 2), "the first token tells whose the next ones are"


def test_an_authority_that_cannot_be_proven_costs_no_signature(sandbox: Sandbox, cold: Service, invoice: bytes) -> None:
    with sandbox.spending() as spent:
        answers = [
            cold.caller().sign(invoice, form=form, tsaProfile="unprovable", query=query) for form, query in LONG_TERM.items()
        ]
    assert [answer.code for answer in answers] == ["REVOCATION_UNAVAILABLE"] * 3
    assert spent.signatures == 0


@EACH_FORM
def test_an_authority_with_two_certificates_in_turn_is_proven_for_both(
    sandbox: Sandbox, cold: Service, invoice: bytes, tmp_path: Path, form: str
) -> None:
    with sandbox.spending() as spent:
        answer = cold.caller().sign(invoice, "eseal-rsa", form=form, tsaProfile="takes-turns", query=LONG_TERM[form])
    assert answer.status == 200, answer.body
    assert problems(answer.body, tmp_path, sandbox) == [None] * (2 if form == "es-a" else 1)
    # A certification's proof is under its own signature: it is made again with the proof of both.
    assert spent.signatures == (2 if form == "mdp" else 1)


def test_an_extension_by_an_authority_with_two_certificates_in_turn(
    sandbox: Sandbox, cold: Service, invoice: bytes, tmp_path: Path
) -> None:
    document = sandbox.app.sign(invoice, form="es-t").body
    for _ in range(2):
        answer = cold.caller().timestamp(document, "ES_A", tsaProfile="takes-turns")
        assert answer.status == 200, answer.body
        document = answer.body
    assert problems(document, tmp_path, sandbox) == [None, None, None]


def test_an_authority_that_is_never_the_same_cannot_certify(sandbox: Sandbox, cold: Service, invoice: bytes) -> None:
    answer = cold.caller().sign(invoice, form="mdp", tsaProfile="ever-new")
    assert (answer.status, answer.code) == (502, "TSA_ERROR")
    assert cold.caller().sign(invoice, form="mdp", tsaProfile="ever-new", ltv="false").status == 200


# -- responders -------------------------------------------------------------------------------------------------------


class LateResponder:
    """The sandbox's OCSP responders, whose answers are some minutes old. ``asked`` is set once one was."""

    def __init__(self, sandbox: Sandbox) -> None:
        authorities = [CertificationAuthority.open(sandbox.folder, profile.name) for profile in profiles.AUTHORITIES]
        self.service = OCSPService([Responder(sandbox.folder, authority) for authority in authorities])
        self.asked = threading.Event()
        self.url = ""

    def reply(self, request: bytes) -> bytes:
        self.asked.set()
        return self.service.answer(request, datetime.now(UTC) - timedelta(seconds=SECONDS_BEHIND)).der


@pytest.fixture(scope="module")
def late(sandbox: Sandbox) -> Iterator[LateResponder]:
    responder = LateResponder(sandbox)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = responder.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with threaded(Handler) as server:
        responder.url = f"http://127.0.0.1:{server.server_port}/ocsp"
        yield responder


@pytest.fixture(scope="module")
def own_keys(sandbox: Sandbox, late: LateResponder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A proxy with keys of its own: ``crl-only`` names no responder, ``late`` one whose answers are old."""
    directory = tmp_path_factory.mktemp("software")
    authority = CertificationAuthority.open(sandbox.folder, ISSUER)
    addresses = json.loads(sandbox.folder.addresses.read_bytes())
    usual = authority.revocation_extensions(f"http://127.0.0.1:{addresses['responder']}")
    responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(late.url))
    named = {"crl-only": usual[1:], "late": ((x509.AuthorityInformationAccess([responder]), False),)}
    now = datetime.now(UTC).replace(microsecond=0)
    for name, extensions in named.items():
        key = directory / "keys" / f"{name}.pem"
        ensure_keys({key: KeyKind.P256})
        certificate = authority.issue(
            profiles.distinguished_name(country_name="JP", common_name=name),
            load_key(key).public_key(),
            Validity(now - profiles.BACKDATED, now + profiles.YEAR),
            profiles.signing_extensions() + extensions,
        )
        write_file(directory / "certificates" / f"{name}.pem", pem([certificate, *authority.chain]))
    allow = [f"127.0.0.1:{addresses['responder']}", late.url.split("/")[2]]
    keys = sections(directory, *(credential(directory, name) for name in named))
    settings = {**keys, "revocation": {"allow": allow, "grace_seconds": 1.5}}
    with serving(sandbox, tmp_path_factory.mktemp("own-keys"), settings) as service:
        yield service


def test_fresh_without_a_responder_is_refused_before_anything_is_spent(
    sandbox: Sandbox, own_keys: Service, invoice: bytes
) -> None:
    with sandbox.spending() as spent:
        answer = own_keys.caller().sign(invoice, "crl-only", form="es-a", gracePolicy="fresh")
    assert (answer.status, answer.code) == (422, "NOT_EXTENDABLE")
    assert spent.nothing
    assert own_keys.caller().get(f"/v1/operations/{answer.transaction_id}").members["digests"] == []


@EACH_FORM
def test_a_certificate_without_a_responder_is_proven_by_its_list(
    sandbox: Sandbox, own_keys: Service, invoice: bytes, tmp_path: Path, form: str
) -> None:
    answer = own_keys.caller().sign(invoice, "crl-only", form=form, query=LONG_TERM[form])
    assert answer.status == 200, answer.body
    assert problems(answer.body, tmp_path, sandbox) == [None] * (2 if form == "es-a" else 1)
    store = security_store(answer.body)
    assert store is not None
    issuers = [x509.load_der_x509_crl(der).issuer for der in store.crls]
    assert issuers == [load_chain(sandbox.folder.anchor(ISSUER))[0].subject]


def test_fresh_answers_that_do_not_come_in_time(own_keys: Service, late: LateResponder) -> None:
    document = plain_file().with_table()
    assert own_keys.caller().sign(document, "late", form="es-a").status == 200
    late.asked.clear()
    answer = own_keys.caller().sign(document, "late", form="es-a", gracePolicy="fresh")
    assert (answer.status, answer.code) == (502, "REVOCATION_UNAVAILABLE")
    assert late.asked.is_set()
    own_keys.assert_nothing_left()
