"""Certification signatures over HTTP (ISO 32000-2, 12.8.2.2): first or not at all, and what each level permits afterwards."""

import asyncio
from pathlib import Path

import pytest
from pyhanko.sign.fields import FieldMDPAction

from tests.conformance.judges import pdfsig, pyhanko_verdicts, tampered_copy
from tests.end_to_end.situations import locked
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.security_store import opened
from tests.support.signed_files import with_field

LATER: dict[str, dict[str, str]] = {"es": {}, "es-t": {}, "es-t with ltv": {"ltv": "true"}, "es-a": {}}


@pytest.fixture(scope="module")
def certified(sandbox: Sandbox) -> dict[int, bytes]:
    """A document certified by the proxy, by level."""
    made = {level: sandbox.app.sign(plain_file().with_table(), form="mdp", docMdp=str(level)) for level in (1, 2, 3)}
    assert {answer.status for answer in made.values()} == {200}
    return {level: answer.body for level, answer in made.items()}


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_certification_says_what_it_permits(certified: dict[int, bytes], tmp_path: Path, level: int) -> None:
    reader = opened(certified[level])
    (signature,) = reader.embedded_signatures
    (reference,) = signature.sig_object["/Reference"]
    assert reference["/TransformMethod"] == "/DocMDP"
    assert reference["/TransformParams"]["/P"] == level
    assert reader.root["/Perms"].raw_get("/DocMDP").reference == signature.sig_object.container_ref
    path = tmp_path / "certified.pdf"
    path.write_bytes(certified[level])
    (verdict,) = pdfsig(path)
    assert (verdict.valid, verdict.total_document) == (True, True), verdict.text
    (verdict,) = pdfsig(tampered_copy(path, tmp_path / "tampered.pdf"))
    assert not verdict.valid


@pytest.mark.parametrize("form", [*LATER, "mdp"])
def test_nothing_is_added_where_nothing_is_permitted(sandbox: Sandbox, certified: dict[int, bytes], form: str) -> None:
    route, query = form.split()[0], LATER.get(form, {})
    with sandbox.spending() as spent:
        answer = sandbox.app.sign(certified[1], form=route, query=query)
        dry = sandbox.app.sign(certified[1], form=route, query={**query, "dryRun": "true"})
    assert [(one.status, one.code) for one in (answer, dry)] == [(409, "MDP_LOCKED")] * 2
    assert spent.nothing, spent


@pytest.mark.parametrize("form", LATER)
@pytest.mark.parametrize("level", [2, pytest.param(3, marks=pytest.mark.full)])
def test_signatures_follow_where_they_are_permitted(
    sandbox: Sandbox, certified: dict[int, bytes], tmp_path: Path, level: int, form: str
) -> None:
    answer = sandbox.app.sign(certified[level], "eseal-rsa", form=form.split()[0], query=LATER[form])
    assert answer.status == 200, answer.body
    path = tmp_path / "followed.pdf"
    path.write_bytes(answer.body)
    assert [one.valid for one in pdfsig(path)] == [True, True]
    verdicts = asyncio.run(pyhanko_verdicts(path, sandbox.anchors))
    assert [(verdict.intact, verdict.valid) for verdict in verdicts] == [(True, True)] * 2
    verdicts = asyncio.run(pyhanko_verdicts(tampered_copy(path, tmp_path / "tampered.pdf"), sandbox.anchors))
    assert [verdict.intact for verdict in verdicts] == [False, False]


@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_a_certification_is_the_first_signature_or_none(
    sandbox: Sandbox, certified: dict[int, bytes], invoice: bytes, level: str
) -> None:
    earlier = [certified[2], certified[3], sandbox.app.sign(invoice).body]
    with sandbox.spending() as spent:
        answers = [sandbox.app.sign(document, form="mdp", docMdp=level) for document in earlier]
    assert [(answer.status, answer.code) for answer in answers] == [(409, "MDP_NOT_FIRST")] * 3
    assert spent.nothing, spent


def test_an_existing_field_is_certified(sandbox: Sandbox, tmp_path: Path) -> None:
    document = with_field(plain_file().with_table(), "Approval")
    answer = sandbox.app.sign(document, form="mdp", fieldName="Approval", existingFieldOnly="true")
    assert answer.status == 200, answer.body
    (tmp_path / "certified.pdf").write_bytes(answer.body)
    assert [(one.valid, one.total_document) for one in pdfsig(tmp_path / "certified.pdf")] == [(True, True)]


@pytest.mark.parametrize("form", ["es-t with ltv", "es-a"])
@pytest.mark.parametrize(("action", "fields"), [(FieldMDPAction.ALL, ()), (FieldMDPAction.EXCLUDE, ("Theirs",))])
def test_a_locked_field_is_locked_for_every_form(
    sandbox: Sandbox, invoice: bytes, form: str, action: FieldMDPAction, fields: tuple[str, ...]
) -> None:
    document = locked(invoice, action, *fields)
    with sandbox.spending() as spent:
        answer = sandbox.app.sign(document, form=form.split()[0], query=LATER[form])
    assert (answer.status, answer.code) == (409, "FIELD_LOCKED")
    assert spent.nothing, spent
