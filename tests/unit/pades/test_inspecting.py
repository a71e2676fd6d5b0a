"""What is signed in a document: kinds, signers, and those of the timestamps on them; junk is named and never raised."""

import io

import pytest
from cryptography import x509
from pyhanko.sign.fields import MDPPerm

from proxy.errors import InvalidDocument, PDFEncrypted
from proxy.model import ValidationData
from proxy.pades.inspecting import inspect_document
from proxy.pades.preparing import append_validation_data, prepare_timestamp
from proxy.pades.values import (
    AppendValidationData,
    ExistingSignature,
    InspectDocument,
    InspectedDocument,
    PrepareTimestamp,
    SignatureKind,
)
from tests.end_to_end.situations import encrypted
from tests.support.keys import rsa_key
from tests.support.pdf_files import plain_file
from tests.support.signed_files import sign_in_process, signed_by_others, with_field

PLAIN = plain_file().with_table()


def inspected(document: bytes, password: str | None = None) -> InspectedDocument:
    return inspect_document(io.BytesIO(document), InspectDocument(password))


def kinds(document: bytes) -> list[tuple[str, SignatureKind]]:
    return [(entry.field_name, entry.kind) for entry in inspected(document).signatures]


def test_an_unsigned_document_has_nothing() -> None:
    for document in (PLAIN, with_field(PLAIN, "Empty"), plain_file().with_stream()):
        assert inspected(document) == InspectedDocument((), ValidationData())


def test_signers_by_field() -> None:
    document = signed_by_others(sign_in_process(PLAIN), "Theirs")
    first, second = inspected(document).signatures
    assert (first.field_name, second.field_name) == ("Signature1", "Theirs")
    assert first.kind is second.kind is SignatureKind.SIGNATURE
    for entry in (first, second):
        (signer,) = entry.signers
        assert x509.load_der_x509_certificate(signer.signer).public_key() == rsa_key().public_key()


def test_kinds() -> None:
    certified = signed_by_others(PLAIN, "C", certify=MDPPerm.FILL_FORMS)
    assert kinds(certified) == [("C", SignatureKind.CERTIFICATION)]
    assert kinds(signed_by_others(certified, "A")) == [
        ("C", SignatureKind.CERTIFICATION),
        ("A", SignatureKind.SIGNATURE),
    ]
    stream = io.BytesIO(PLAIN)
    prepare_timestamp(stream, PrepareTimestamp(2048))
    (entry,) = inspected(stream.getvalue()).signatures
    # Its room is not filled yet: what it is can be told, who signed it cannot.
    assert entry == ExistingSignature("Timestamp1", SignatureKind.DOCUMENT_TIMESTAMP, ())


@pytest.mark.parametrize(("old", "new"), [(b"/Contents <30", b"/Contents <00"), (b"/ByteRange", b"/ByteRonge")])
def test_what_cannot_be_read_is_named_without_signers(old: bytes, new: bytes) -> None:
    document = signed_by_others(PLAIN, "Theirs")
    assert old in document
    (entry,) = inspected(document.replace(old, new)).signatures
    assert (entry.field_name, entry.signers) == ("Theirs", ())


def test_a_tampered_document_still_has_its_signers() -> None:
    document = signed_by_others(PLAIN, "Theirs").replace(b"Invoice", b"invoice", 1)
    (entry,) = inspected(document).signatures
    assert len(entry.signers) == 1


def test_the_stores_data_comes_along() -> None:
    data = ValidationData((b"certificate",), (b"response",), (b"list",))
    stream = io.BytesIO(sign_in_process(PLAIN))
    append_validation_data(stream, AppendValidationData(data))
    assert inspected(stream.getvalue()).validation_data == data


def test_what_cannot_be_opened() -> None:
    with pytest.raises(InvalidDocument):
        inspected(b"a letter")
    with pytest.raises(PDFEncrypted):
        inspected(encrypted(PLAIN))
    with pytest.raises(PDFEncrypted):
        inspected(encrypted(PLAIN), "wrong")
    assert inspected(encrypted(PLAIN), "user").signatures == ()
