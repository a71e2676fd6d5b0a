"""Documents signed, certified or locked already: what is permitted is signed, and every earlier signature still stands."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm

from tests.conformance.judges import pdfsig, pyhanko_verdicts, tampered_copy
from tests.end_to_end.situations import locked
from tests.support.keys import rsa_key, self_signed
from tests.support.pdf_files import plain_file
from tests.support.sandbox import Sandbox
from tests.support.signed_files import signed_by_others, with_field

PLAIN = plain_file(pages=2).with_table()
STREAMED = plain_file().with_stream()


@dataclass(frozen=True, slots=True)
class Existing:
    """A document and how it is to be signed.

    Attributes:
        make: Gives the document.
        earlier: Signatures there are in it.
        query: Parameters of the request.
    """

    make: Callable[[], bytes]
    earlier: int
    query: Mapping[str, str] = field(default_factory=dict)


def certified_with_empty_field() -> bytes:
    """Certified for form filling, with a field that waits for its signature."""
    return signed_by_others(with_field(PLAIN, "Approval"), "Certification", certify=MDPPerm.FILL_FORMS)


def certified_and_approved() -> bytes:
    return signed_by_others(signed_by_others(PLAIN, "Certification", certify=MDPPerm.ANNOTATE), "Approval")


EXISTING = {
    "signed by another": Existing(lambda: signed_by_others(PLAIN, "Theirs"), 1),
    "signed by two others": Existing(lambda: signed_by_others(signed_by_others(PLAIN, "One"), "Two"), 2),
    "signed with a cross-reference stream": Existing(lambda: signed_by_others(STREAMED, "Theirs"), 1),
    "certified, P=2": Existing(lambda: signed_by_others(PLAIN, "C", certify=MDPPerm.FILL_FORMS), 1),
    "certified, P=3": Existing(lambda: signed_by_others(PLAIN, "C", certify=MDPPerm.ANNOTATE), 1),
    "certified with an empty field": Existing(certified_with_empty_field, 1, {"existingFieldOnly": "true"}),
    "certified and approved": Existing(certified_and_approved, 2),
    "another field is locked": Existing(lambda: locked(PLAIN, FieldMDPAction.INCLUDE, "Amount"), 1),
    "all but mine are locked": Existing(lambda: locked(PLAIN, FieldMDPAction.EXCLUDE, "Mine"), 1, {"fieldName": "Mine"}),
    "locked for form filling": Existing(lambda: locked(PLAIN, FieldMDPAction.INCLUDE, "Amount", level=MDPPerm.FILL_FORMS), 1),
    "a field beside it is empty": Existing(
        lambda: with_field(signed_by_others(PLAIN, "Theirs"), "Empty"), 1, {"fieldName": "Empty"}
    ),
}


@pytest.fixture(scope="module")
def anchors(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sandbox's roots, and the certificate of the others' software."""
    other = tmp_path_factory.mktemp("others") / "signer.pem"
    other.write_bytes(x509.load_der_x509_certificate(self_signed(rsa_key())).public_bytes(Encoding.PEM))
    return [*sandbox.anchors, other]


def judge(document: bytes, folder: Path, anchors: list[Path], expected: int) -> None:
    """Two judges find so many signatures, each valid, and the last one over the whole document."""
    path = folder / "judged.pdf"
    path.write_bytes(document)
    seen = pdfsig(path)
    assert [one.valid for one in seen] == [True] * expected, [one.text for one in seen]
    # pdfsig lists them in the order of the form's fields, which is not that of time.
    assert sum(one.total_document for one in seen) == 1
    verdicts = asyncio.run(pyhanko_verdicts(path, anchors))
    assert [(verdict.intact, verdict.valid) for verdict in verdicts] == [(True, True)] * expected
    assert sum(verdict.total_document for verdict in verdicts) == 1


@pytest.mark.parametrize("form", ["es", "es-t"])
@pytest.mark.parametrize("existing", [pytest.param(existing, id=name) for name, existing in EXISTING.items()])
def test_what_is_permitted_is_signed_and_all_stay_valid(
    sandbox: Sandbox, anchors: list[Path], tmp_path: Path, existing: Existing, form: str
) -> None:
    document = existing.make()
    answer = sandbox.app.sign(document, form=form, query=existing.query)
    assert answer.status == 200, answer.body
    assert answer.body.startswith(document)
    judge(answer.body, tmp_path, anchors, existing.earlier + 1)


def test_signed_in_turns_by_others_and_by_the_proxy(sandbox: Sandbox, anchors: list[Path], tmp_path: Path) -> None:
    document = sandbox.app.sign(PLAIN, "eseal-rsa").body
    document = signed_by_others(document, "Others")
    document = sandbox.app.sign(document, "legal-person-p256", form="es-t").body
    increment = sandbox.app.sign(document, "test-p384", query={"return": "increment"})
    assert increment.status == 200, increment.body
    judge(document + increment.body, tmp_path, anchors, 4)


def test_each_signature_gets_a_field_of_its_own(sandbox: Sandbox) -> None:
    names, document = [], PLAIN
    for _ in range(3):
        answer = sandbox.app.sign(document, headers={"Accept": "application/json"})
        assert answer.status == 200, answer.body
        names.append(answer.members["fieldName"])
        document = base64.b64decode(answer.members["document"])
    assert names == ["Signature1", "Signature2", "Signature3"]


@pytest.mark.parametrize(
    ("lock", "level", "code"),
    [
        (FieldMDPSpec(FieldMDPAction.ALL), None, "FIELD_LOCKED"),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Signature1"]), None, "FIELD_LOCKED"),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Amount"]), MDPPerm.NO_CHANGES, "MDP_LOCKED"),
        (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Amount"]), None, None),
    ],
)
def test_the_lock_that_a_field_asks_for_holds_once_the_proxy_signed_it(
    sandbox: Sandbox, anchors: list[Path], tmp_path: Path, lock: FieldMDPSpec, level: MDPPerm | None, code: str | None
) -> None:
    document = with_field(PLAIN, "Locking", lock=lock, lock_level=level)
    first = sandbox.app.sign(document, fieldName="Locking", existingFieldOnly="true")
    assert first.status == 200, first.body
    judge(first.body, tmp_path, anchors, 1)
    with sandbox.spending() as spent:
        second = sandbox.app.sign(first.body)
    assert second.code == code
    assert spent.nothing is (code is not None)


def test_a_signature_that_is_broken_already_stays_so_and_hinders_nobody(
    sandbox: Sandbox, anchors: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "theirs.pdf").write_bytes(signed_by_others(PLAIN, "Theirs"))
    broken = tampered_copy(tmp_path / "theirs.pdf", tmp_path / "broken.pdf").read_bytes()
    answer = sandbox.app.sign(broken)
    assert answer.status == 200, answer.body
    (tmp_path / "signed.pdf").write_bytes(answer.body)
    assert [one.valid for one in pdfsig(tmp_path / "signed.pdf")] == [False, True]


def test_a_change_after_the_proxys_signature_is_seen_by_both_judges(
    sandbox: Sandbox, anchors: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "signed.pdf").write_bytes(sandbox.app.sign(signed_by_others(PLAIN, "Theirs"), form="es-t").body)
    copy = tampered_copy(tmp_path / "signed.pdf", tmp_path / "tampered.pdf")
    assert [one.valid for one in pdfsig(copy)] == [False, False]
    assert [verdict.intact for verdict in asyncio.run(pyhanko_verdicts(copy, anchors))] == [False, False]
