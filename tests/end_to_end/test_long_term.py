"""LTV, certification and archive forms over HTTP: what comes out, what it costs, and what lies in the document to prove it."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.sandbox.authority import load_chain
from tests.conformance.offline import offline_verdicts
from tests.support.calling import Answer
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.security_store import SecurityStore, check_complete, opened, revisions, security_store
from tests.support.spawned import until

CERTIFICATE = "eseal-rsa"


@dataclass(frozen=True, slots=True)
class Form:
    """One form and what it is to come to.

    Attributes:
        route: The route's last segment.
        parameters: As they are in JSON.
        level: The level it reaches.
        tokens: What one signature of it costs.
        revisions: What it appends.
    """

    route: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    name: str = "ES-T"
    level: str = "B-LT"
    tokens: int = 1
    revisions: int = 1

    @property
    def query(self) -> dict[str, str]:
        """The parameters as they are in a URL."""
        return {name: str(value).lower() for name, value in self.parameters.items()}

    @property
    def long_term(self) -> bool:
        """Whether validation data is to be in the document."""
        return self.level in {"B-LT", "B-LTA"}


FORMS = {
    "ES-T with ltv": Form("es-t", {"ltv": True}, revisions=2),
    "MDP": Form("mdp", name="MDP"),
    "MDP without ltv": Form("mdp", {"ltv": False}, name="MDP", level="B-T"),
    "MDP, P=3": Form("mdp", {"docMdp": 3}, name="MDP"),
    "ES-A": Form("es-a", name="ES-A", level="B-LTA", tokens=2, revisions=2),
}
Way = Callable[[Sandbox, Form, bytes], Answer]
EACH_FORM = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
LONG_TERM = pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items() if form.long_term])


@pytest.fixture(scope="module", autouse=True)
def _known_authority(sandbox: Sandbox) -> None:
    """Who signs the authority's tokens is known after the first one; a proxy that just started spends a token to learn it."""
    assert sandbox.app.sign(plain_file().with_table(), form="es-t").status == 200


def stored(document: bytes) -> SecurityStore:
    """The document's store, which must be there."""
    store = security_store(document)
    assert store is not None
    return store


def raw(sandbox: Sandbox, form: Form, document: bytes) -> Answer:
    return sandbox.app.sign(document, CERTIFICATE, form=form.route, query=form.query)


def increment(sandbox: Sandbox, form: Form, document: bytes) -> Answer:
    return sandbox.app.sign(document, CERTIFICATE, form=form.route, query={**form.query, "return": "increment"})


def in_parts(sandbox: Sandbox, form: Form, document: bytes) -> Answer:
    params = {"certificateId": CERTIFICATE, "reason": "承認", **form.parameters}
    return sandbox.app.send_parts(f"/v1/signatures/{form.route}", document, params)


def as_json(sandbox: Sandbox, form: Form, document: bytes) -> Answer:
    members = {"certificateId": CERTIFICATE, **form.parameters, "document": base64.b64encode(document).decode()}
    return sandbox.app.post_json(f"/v1/signatures/{form.route}", members)


def whole_document(answer: Answer, document: bytes) -> bytes:
    """The signed document, whichever way it came."""
    assert answer.status == 200, answer.body
    match answer.media_type:
        case "application/octet-stream":
            return document + answer.body
        case "application/json":
            return base64.b64decode(answer.members["document"], validate=True)
    return answer.body


@EACH_FORM
@pytest.mark.parametrize("way", [increment, as_json, *(pytest.param(way, marks=pytest.mark.full) for way in (raw, in_parts))])
def test_each_form_in_each_way(sandbox: Sandbox, invoice: bytes, tmp_path: Path, form: Form, way: Way) -> None:
    with sandbox.spending() as spent:
        answer = way(sandbox, form, invoice)
    signed = whole_document(answer, invoice)
    assert signed.startswith(invoice)
    assert answer.headers["Result-SHA256"] == hashlib.sha256(signed).hexdigest()
    assert (answer.headers["Signature-Form"], answer.headers["Signature-Level"]) == (form.name, form.level)
    assert (spent.calls, spent.signatures, spent.tokens) == (1, 1, form.tokens)
    assert revisions(signed) == 1 + form.revisions
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed)
    if form.long_term:
        assert [verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)] == [None] * form.tokens


@EACH_FORM
def test_valid_until_is_as_long_as_the_proof_lasts(sandbox: Sandbox, invoice: bytes, form: Form) -> None:
    answer = sandbox.app.sign(invoice, CERTIFICATE, form=form.route, query=form.query)
    signer = load_chain(sandbox.folder.signing(CERTIFICATE).certificate)[0].not_valid_after_utc
    authority = load_chain(sandbox.folder.tsa().certificate)[0].not_valid_after_utc
    assert datetime.fromisoformat(answer.headers["Valid-Until"]) == (authority if form.long_term else signer)


@EACH_FORM
def test_a_dry_run_tells_what_would_be_and_spends_nothing(sandbox: Sandbox, invoice: bytes, form: Form) -> None:
    with sandbox.spending() as spent:
        answer = sandbox.app.sign(invoice, CERTIFICATE, form=form.route, query=form.query, dryRun="true")
    assert spent.nothing, spent
    assert answer.status == 200, answer.body
    facts = answer.members
    assert (facts["form"], facts["level"], facts["dryRun"], facts["fieldName"]) == (form.name, form.level, True, "Signature1")
    assert not facts.keys() & {"document", "resultSha256", "timestampTime"}
    assert ("gracePolicyUsed" in facts) is (form.route == "es-a")


@LONG_TERM
@pytest.mark.parametrize("certificate_id", ["eseal-rsa", "natural-person-p256"])
def test_the_store_holds_all_there_is_to_prove(sandbox: Sandbox, invoice: bytes, certificate_id: str, form: Form) -> None:
    signed = sandbox.app.sign(invoice, certificate_id, form=form.route, query=form.query).body
    signer, authority = (
        load_chain(files.certificate) for files in (sandbox.folder.signing(certificate_id), sandbox.folder.tsa())
    )
    check_complete(stored(signed), list(signer), list(authority))


@pytest.mark.parametrize("form", [FORMS["MDP without ltv"], Form("es-t"), Form("es")])
def test_what_is_not_asked_for_is_not_there(sandbox: Sandbox, invoice: bytes, form: Form) -> None:
    assert security_store(sandbox.app.sign(invoice, form=form.route, query=form.query).body) is None


def test_a_certifications_proof_is_in_its_own_revision(sandbox: Sandbox, invoice: bytes) -> None:
    signed = sandbox.app.sign(invoice, CERTIFICATE, form="mdp").body
    (signature,) = opened(signed).embedded_signatures
    start, length, after, rest = (int(number) for number in signature.byte_range)
    assert (start, after + rest) == (0, len(signed)), "the total document is signed, the store included"
    assert length < after
    assert stored(signed).ocsp_responses


def test_of_a_signature_the_proof_comes_in_later_revisions(sandbox: Sandbox, invoice: bytes) -> None:
    signed = sandbox.app.sign(invoice, CERTIFICATE, form="es-a").body
    signature, timestamp = opened(signed).embedded_signatures
    *_, after, rest = signature.byte_range
    assert int(after) + int(rest) < len(signed)
    *_, after, rest = timestamp.byte_range
    assert int(after) + int(rest) == len(signed), "the timestamp is over everything, the store included"


def test_extended_again_and_again_nothing_is_held_twice(sandbox: Sandbox, invoice: bytes, tmp_path: Path) -> None:
    document = sandbox.app.sign(invoice, CERTIFICATE, form="es-a").body
    signer = list(load_chain(sandbox.folder.signing(CERTIFICATE).certificate))
    authority = list(load_chain(sandbox.folder.tsa().certificate))
    for extensions in range(1, 4):
        earlier, held = document, set(stored(document).values)
        answer = sandbox.app.timestamp(document, "ES_A")
        assert answer.status == 200, answer.body
        document = answer.body
        assert document.startswith(earlier)
        assert revisions(document) == 3 + extensions
        assert held <= set(stored(document).values)
        check_complete(stored(document), signer, authority)
    path = tmp_path / "extended.pdf"
    path.write_bytes(document)
    assert [verdict.problem for verdict in offline_verdicts(path, sandbox.anchors)] == [None] * 5


# -- gracePolicy ----------------------------------------------------------------------------------------------------


def signed_es_a(sandbox: Sandbox, document: bytes, policy: str | None) -> tuple[bytes, datetime, str]:
    """An ES-A signature, when it was made, and the policy that the answer says was used."""
    members = {"certificateId": CERTIFICATE, "document": base64.b64encode(document).decode()}
    answer = sandbox.app.post_json("/v1/signatures/es-a", members | ({} if policy is None else {"gracePolicy": policy}))
    assert answer.status == 200, answer.body
    facts = answer.members
    return base64.b64decode(facts["document"]), datetime.fromisoformat(facts["signingTime"]), facts["gracePolicyUsed"]


def next_second() -> None:
    """Wait until what is issued now is told from what was issued before."""
    begun = datetime.now(UTC).replace(microsecond=0)
    until(lambda: datetime.now(UTC).replace(microsecond=0) > begun)


def test_fresh_holds_no_answer_from_before_the_signature(sandbox: Sandbox, invoice: bytes) -> None:
    for certificate_id in (CERTIFICATE, "eseal-p256"):
        sandbox.app.sign(invoice, certificate_id, form="es-t", ltv="true")
    next_second()
    signed, signing_time, used = signed_es_a(sandbox, invoice, "fresh")
    assert used == "fresh"
    issued = stored(signed).issued()
    assert issued
    assert min(issued) >= signing_time.replace(microsecond=0)
    check_complete(
        stored(signed),
        list(load_chain(sandbox.folder.signing(CERTIFICATE).certificate)),
        list(load_chain(sandbox.folder.tsa().certificate)),
    )


@pytest.mark.parametrize("policy", ["now", None])
def test_now_takes_the_answers_there_are(sandbox: Sandbox, invoice: bytes, policy: str | None) -> None:
    sandbox.app.sign(invoice, CERTIFICATE, form="es-t", ltv="true")
    next_second()
    signed, signing_time, used = signed_es_a(sandbox, invoice, policy)
    assert used == "now"
    assert min(stored(signed).issued()) < signing_time


@pytest.mark.parametrize(
    ("route", "parameter", "value"),
    [
        ("es-a", "ltv", "true"),
        ("es-a", "docMdp", "1"),
        ("es-a", "gracePolicy", "later"),
        ("es-t", "gracePolicy", "now"),
        ("es-t", "ltv", "yes"),
        ("mdp", "docMdp", "4"),
        ("mdp", "docMdp", "0"),
        ("mdp", "gracePolicy", "now"),
    ],
)
def test_parameters_of_other_forms_are_refused(
    sandbox: Sandbox, invoice: bytes, route: str, parameter: str, value: str
) -> None:
    with sandbox.spending() as spent:
        answer = sandbox.app.sign(invoice, CERTIFICATE, form=route, query={parameter: value})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER")
    assert answer.members["errors"][0]["field"] == parameter
    assert spent.nothing


def test_the_record_tells_of_every_digest_and_level(sandbox: Sandbox, invoice: bytes) -> None:
    answer = sandbox.app.sign(invoice, CERTIFICATE, form="es-a")
    record = sandbox.app.get(f"/v1/operations/{answer.transaction_id}").members
    assert (record["operation"], record["form"], record["level"]) == ("es-a", "ES-A", "B-LTA")
    assert len(record["digests"]) == 3, "the signature's, and the imprints of two tokens"
    assert record["resultSha256"] == hashlib.sha256(answer.body).hexdigest()
    assert record["validUntil"] == answer.headers["Valid-Until"].replace("+00:00", "Z")
    assert "validationData" in {stage["stage"] for stage in record["stages"]}
    assert b"%PDF" not in json.dumps(record).encode()
