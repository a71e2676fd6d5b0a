"""A document in which a signature could not be augmented is refused before the signature, and left as it was prepared."""

import io

import pytest

from proxy.errors import NotExtendable
from proxy.model import BaselineLevel, ValidationData
from proxy.pades.preparing import append_validation_data, prepare_signature
from proxy.pades.values import AppendValidationData
from tests.support.odd_files import with_objects
from tests.support.pdf_files import plain_file, stream_object
from tests.support.signed_files import request, sign_in_process

CERTIFICATE = stream_object(b"a certificate", b"")


def with_store(store: bytes) -> bytes:
    """A document with a security store (object 50) whose arrays may be objects 51 to 53 and hold object 54."""
    arrays = dict.fromkeys((51, 52, 53), b"[54 0 R]")
    return with_objects({1: b"<</Type/Catalog/Pages 2 0 R/DSS 50 0 R>>", 50: store, **arrays, 54: CERTIFICATE})


STRANGE = with_store(b"<</Certs[54 0 R]/Strange true>>")
FORM = with_objects({1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/DA(/Helv 0 Tf)>>>>"})


@pytest.mark.parametrize("level", [BaselineLevel.B_LT, BaselineLevel.B_LTA])
def test_a_store_that_may_not_be_extended_is_refused_before_the_signature(level: BaselineLevel) -> None:
    with pytest.raises(NotExtendable):
        prepare_signature(io.BytesIO(STRANGE), request(augmented_to=level))
    assert sign_in_process(STRANGE, request()).startswith(STRANGE)


@pytest.mark.parametrize("level", [BaselineLevel.B_LT, BaselineLevel.B_LTA])
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(plain_file().with_table(), id="plain"),
        pytest.param(FORM, id="a form"),
        pytest.param(with_store(b"<</Certs 51 0 R/OCSPs 52 0 R/CRLs 53 0 R>>"), id="arrays as objects"),
        pytest.param(with_store(b"<</Certs[54 0 R]/VRI<<>>>>"), id="a store with VRI"),
        pytest.param(with_store(b"<</Type/DSS>>"), id="an empty store"),
    ],
)
def test_what_can_follow_is_taken_away_again(document: bytes, level: BaselineLevel) -> None:
    stream = io.BytesIO(document)
    prepared = prepare_signature(stream, request(augmented_to=level))
    assert prepared.end == len(stream.getvalue())
    without = io.BytesIO(document)
    assert prepare_signature(without, request()) == prepared
    assert len(without.getvalue()) == len(stream.getvalue())


@pytest.mark.parametrize("parts", [b"/Certs 51 0 R/OCSPs 52 0 R/CRLs 53 0 R", b"/Certs[54 0 R]", b""])
def test_a_signature_stands_after_its_validation_data(parts: bytes) -> None:
    signed = sign_in_process(with_store(b"<<" + parts + b">>"))
    stream = io.BytesIO(signed)
    append_validation_data(stream, AppendValidationData(ValidationData((b"one",), (b"two",), (b"three",))))
    assert len(stream.getvalue()) > len(signed)
