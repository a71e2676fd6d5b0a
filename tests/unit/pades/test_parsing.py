"""What is read of an object token by token is what pyHanko reads of it byte by byte, or is left to pyHanko."""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.errors import ProxyError
from proxy.model import ValidationData
from proxy.pades.document import DocumentReader
from proxy.pades.object_streams import ObjectStream
from proxy.pades.parsing import read_compressed, read_indirect
from proxy.pades.preparing import append_validation_data
from proxy.pades.reading import open_pdf
from proxy.pades.values import AppendValidationData
from tests.corpus import sources
from tests.support.odd_files import hybrid, many_objects, with_object_stream
from tests.support.pdf_files import plain_file
from tests.support.same_objects import assert_same
from tests.support.signed_files import SIGNER, sign_in_process

Reading = Callable[[], object]

NUMBER = 9


def outcome(read: Reading) -> object:
    """What came of it: an object, or that it failed."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - pyHanko raises anything
        return "a failure"


def assert_alike(ours: object, theirs: object) -> bool:
    """That ours, unless it was left to pyHanko, is theirs. Gives whether it was read at once."""
    if ours is None or (ours == "a failure" and theirs == "a failure"):
        return False
    assert theirs != "a failure"
    assert_same(ours, theirs)
    return True


def read_alike(text: bytes, *, strict: bool = True) -> bool:
    """Object 9 of a document, read by both. Gives whether ours read it at once."""
    document = plain_file().with_table()
    offset = len(document)
    reader = open_pdf(io.BytesIO(document), strict=strict)
    reader.stream = io.BytesIO(document + text)
    reference = generic.Reference(NUMBER, 0, reader)

    def by_pyhanko() -> generic.PdfObject:
        found = PdfFileReader._read_object(reader, reference, offset, never_decrypt=True)
        assert isinstance(found, generic.PdfObject)
        return found

    return assert_alike(outcome(lambda: read_indirect(reader, reference, offset)), outcome(by_pyhanko))


def object_text(body: bytes) -> bytes:
    return b"9 0 obj\n" + body + b"\nendobj\nstartxref\n0\n%%EOF"


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[true false null 1 -2 +3 4.5 -.5 6. 1 0 R 12 3 R (text) <feff0041> <0>/N]",
        b"<</A/B/C[<<>>[]]/D 1/E/F/G<</H 7 0 R>>>>",
        rb"(D:20261122120000+00\04700\047 \\ \( \) \n\r\t\b\f\377\000)",
        b"<3082 0a0b\n0C>",
        b"(\xe3\x81\x82)",
        b"<efbbbfe38182>",
        b"<</Length 3>>stream\nabc\nendstream",
        b"<</Length 3>> stream \r\nabcendstream",
        b"<</Length 4 0 R>>stream\nabc\nendstream",
        b"<</Contents<" + b"00" * 40_000 + b">>>",
        b"[" * 60 + b"]" * 60,
    ],
)
def test_what_is_in_shape_is_read_at_once(body: bytes) -> None:
    indirect_length = b"4 0 R" in body
    assert read_alike(object_text(body)) != indirect_length  # the fourth object is no number


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(object_text(b"<</A 1/A 2>>"), id="a key twice"),
        pytest.param(object_text(b"[1 % comment\n2]"), id="a comment"),
        pytest.param(object_text(b"/A#20B"), id="an escape in a name"),
        pytest.param(object_text(b"/A\xff"), id="a byte that no name has"),
        pytest.param(object_text(b"(a(b)c)"), id="parentheses in a string"),
        pytest.param(object_text(b"(a\\\nb)"), id="a line that goes on"),
        pytest.param(object_text(b"(\\7)"), id="a short escape"),
        pytest.param(object_text(b"(\\777)"), id="an escape that is no byte"),
        pytest.param(object_text(b"[1 0 Q]"), id="an unknown word"),
        pytest.param(object_text(b"0 0 R"), id="no number"),
        pytest.param(object_text(b"[1" + b" " * 30 + b"0 R]"), id="a reference too long"),
        pytest.param(object_text(b"[1\x0b0 R]"), id="another white space"),
        pytest.param(object_text(b"1,5"), id="a comma"),
        pytest.param(object_text(b"--1"), id="two signs"),
        pytest.param(object_text(b"1" * 5000), id="a number without end"),
        pytest.param(object_text(b"<0g>"), id="no hexadecimal digit"),
        pytest.param(object_text(b"<</Length 2>>stream\nabc\nendstream"), id="a length too short"),
        pytest.param(object_text(b"<</Length 9>>stream\nabc\nendstream"), id="a length too long"),
        pytest.param(object_text(b"<</Length -1>>stream\nabc\nendstream"), id="a negative length"),
        pytest.param(object_text(b"<</Length 3>>stream\rabc\nendstream"), id="a lone carriage return"),
        pytest.param(object_text(b"<<>>stream\nabc\nendstream"), id="no length"),
        pytest.param(object_text(b"[" * 100 + b"]" * 100), id="nested deep"),
        pytest.param(object_text(b"1 2"), id="two objects"),
        pytest.param(object_text(b"<</A>>"), id="a key without a value"),
        pytest.param(object_text(b"[1>>"), id="the wrong end"),
        pytest.param(b"9 0 obj 1 endobj", id="the file's end"),
        pytest.param(b"9 0 obj 1 endobj\n%", id="a comment behind"),
        pytest.param(b"9  0 obj 1 endobj 8", id="two blanks"),
        pytest.param(b"8 0 obj 1 endobj 8", id="another object"),
        pytest.param(b"9 0 obj 1", id="no endobj"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_in_shape_is_left_to_pyhanko(text: bytes) -> None:
    assert not read_alike(text)
    assert not read_alike(text, strict=False)


PIECES = st.sampled_from(
    b" |\n|\r|\0|\t|%c\n|%|#|\\|R|+|-|.|,|0|1|12|4 0 R|<<|>>|<|>|[|]|(|)|{|/|/A|/B 1|/Length 3|true|false|null|1.5"
    b"|(a)|(\\n)|(\\101)|<41>|<feff0041>|stream\n|abc|endstream|endobj|9 0 obj|\xff".split(b"|")
)


@given(pieces=st.lists(PIECES, max_size=12), wrapped=st.sampled_from([b"%b", b"[%b]", b"<</K %b>>", b"<<%b>>"]))
@example(pieces=[b"/Length 3"], wrapped=b"<<%b>>stream\nabc\nendstream")
def test_any_object_is_read_alike_or_left(pieces: list[bytes], wrapped: bytes) -> None:
    body = wrapped.replace(b"%b", b"".join(pieces), 1)
    read_alike(object_text(body), strict=False)
    container = generic.Reference(NUMBER, 0, open_pdf(io.BytesIO(plain_file().with_table())))
    # A comment that ends with the data is read for ever by pyHanko.
    held = body + b"\n1 "
    theirs = outcome(lambda: generic.read_object(io.BytesIO(held), container))
    assert_alike(outcome(lambda: read_compressed(held, 0, container)), theirs)


def all_alike(document: bytes) -> tuple[int, int]:
    """Every object of a document, read by both: how many there are, and how many ours left to pyHanko."""
    reader = open_pdf(io.BytesIO(document), strict=False)
    read = [
        _read_alike(reader, generic.Reference(number, generation, reader), place)
        for (generation, number), place in places(reader)
    ]
    return len(read), read.count(False)


def places(reader: DocumentReader) -> list[tuple[tuple[int, int], Any]]:
    return list(reader.positions().items())


def _read_alike(reader: DocumentReader, reference: generic.Reference, place: int | tuple[int, int]) -> bool:
    if isinstance(place, int):
        return assert_alike(
            outcome(lambda: read_indirect(reader, reference, place)),
            outcome(lambda: PdfFileReader._read_object(reader, reference, place, never_decrypt=True)),
        )
    stream, index = place
    held = outcome(lambda: reader.object_stream(stream))
    offset = held.offset_of(reference.idnum, index, strict=False) if isinstance(held, ObjectStream) else None
    if not isinstance(held, ObjectStream) or offset is None:
        return False
    at = io.BytesIO(held.data)
    at.seek(offset)
    return assert_alike(read_compressed(held.data, offset, reference), outcome(lambda: generic.read_object(at, reference)))


@pytest.mark.parametrize(
    "document",
    [
        plain_file(3).with_table(),
        with_object_stream(),
        many_objects(300),
        hybrid(),
        sign_in_process(sign_in_process(many_objects(9))),
    ],
)
def test_documents_are_read_at_once(document: bytes) -> None:
    count, left = all_alike(document)
    assert count
    assert not left


@pytest.mark.full
@pytest.mark.skipif(not sources.fetched(), reason="`make corpus` fetches the packages")
def test_the_documents_of_other_projects_are_read_alike() -> None:
    read = 0
    for sample in sources.samples():
        with suppress(ProxyError):  # what cannot be opened is for other tests
            read += all_alike(sample.path.read_bytes())[0]
    assert read > 1000


def test_no_object_of_a_plain_document_is_read_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of what this is for: pyHanko's parser sees trailers alone."""
    read = generic.read_object
    seen: list[object] = []

    def counted(stream: object, container: Any, *more: Any, **named: Any) -> object:
        seen.append(container)
        return read(stream, container, *more, **named)

    monkeypatch.setattr(generic, "read_object", counted)
    signed = sign_in_process(plain_file().with_table())
    stream = io.BytesIO(signed)
    append_validation_data(stream, AppendValidationData(ValidationData((SIGNER,), (), ())))
    assert seen
    assert {type(container) for container in seen} == {generic.TrailerReference}
