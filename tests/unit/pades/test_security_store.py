"""The document security store: each value once, what others wrote left alone, in whatever shape it comes."""

import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from proxy.errors import MDPLocked
from proxy.model import ValidationData
from proxy.pades.preparing import append_validation_data
from proxy.pades.reading import open_pdf
from proxy.pades.security_store import read_validation_data, supply_validation_data
from proxy.pades.values import AppendValidationData
from tests.support.pdf_files import PdfFile, plain_file, stream_object
from tests.support.security_store import revisions, security_store
from tests.support.signed_files import signed_by_others

PLAIN = plain_file().with_table()
DATA = ValidationData((b"certificate one", b"certificate two"), (b"response",), (b"list",))


def supplied(document: bytes, data: ValidationData) -> bytes:
    stream = io.BytesIO(document)
    size = append_validation_data(stream, AppendValidationData(data))
    assert size == len(stream.getvalue())
    return stream.getvalue()


def held(document: bytes) -> ValidationData:
    return read_validation_data(PdfFileReader(io.BytesIO(document)))


@pytest.mark.parametrize("document", [PLAIN, plain_file().with_stream(), plain_file().with_table(final_line_end=False)])
def test_a_store_is_made_where_there_is_none(document: bytes) -> None:
    assert held(document) == ValidationData()
    result = supplied(document, DATA)
    assert result.startswith(document)
    assert held(result) == DATA
    store = security_store(result)
    assert store is not None
    assert store.keys == {"/Type", "/Certs", "/OCSPs", "/CRLs"}
    assert store.values == DATA.certificates + DATA.ocsp_responses + DATA.crls


def test_only_what_is_new_is_added() -> None:
    first = supplied(PLAIN, DATA)
    more = ValidationData((b"certificate two", b"certificate three", b"certificate three"), (b"response",), (b"another list",))
    second = supplied(first, more)
    assert held(second) == DATA | more
    assert second[len(first) :].count(b"/Length") >= 2
    assert held(first) == DATA


def test_nothing_new_appends_nothing() -> None:
    first = supplied(PLAIN, DATA)
    for data in (DATA, ValidationData(), ValidationData(DATA.certificates[:1])):
        assert supplied(first, data) == first
    assert revisions(first) == 2


def test_no_part_is_written_that_would_be_empty() -> None:
    store = security_store(supplied(PLAIN, ValidationData((b"certificate",))))
    assert store is not None
    assert store.keys == {"/Type", "/Certs"}


def test_the_same_bytes_in_another_part_are_not_the_same_value() -> None:
    data = ValidationData((b"same",), (b"same",), (b"same",))
    assert held(supplied(PLAIN, data)) == data


DIRECT = plain_file(
    catalog=b"/DSS<</Certs[1000 0 R]/VRI<</ABC<</Cert[1000 0 R]>>>>>>", extra={1000: stream_object(b"certificate one")}
)
REFERRED = plain_file(
    catalog=b"/DSS 1001 0 R",
    extra={
        1000: stream_object(b"certificate one"),
        1001: b"<</Type/DSS/Certs 1002 0 R/VRI<</ABC<</Cert[1000 0 R]>>>>/Extra/Kept>>",
        1002: b"[1000 0 R]",
    },
)


@pytest.mark.parametrize("file", [pytest.param(DIRECT, id="direct"), pytest.param(REFERRED, id="by reference")])
def test_a_store_of_others_is_extended_and_the_rest_of_it_left_alone(file: PdfFile) -> None:
    document = file.with_table()
    assert held(document) == ValidationData((b"certificate one",))
    result = supplied(supplied(document, DATA), ValidationData(crls=(b"later list",)))
    assert held(result) == DATA | ValidationData(crls=(b"later list",))
    root = PdfFileReader(io.BytesIO(result)).root
    assert "/ABC" in root["/DSS"]["/VRI"]
    if file is REFERRED:
        assert root["/DSS"]["/Extra"] == "/Kept"


@pytest.mark.parametrize(
    "store",
    [b"<</Certs null>>", b"null", b"<<>>", b"<</Certs[]>>", b"<</Certs[null 3 0 R]>>", b"5", b"[]", b"<</Certs 5/OCSPs(x)>>"],
)
def test_odd_stores_hold_nothing(store: bytes) -> None:
    document = plain_file(catalog=b"/DSS " + store).with_table()
    assert held(document) == ValidationData()
    assert held(supplied(document, DATA)) == DATA


def test_values_by_the_hundred() -> None:
    many = ValidationData(tuple(b"certificate %d" % number for number in range(300)))
    assert held(supplied(supplied(PLAIN, DATA), many)) == DATA | many


def test_into_an_update_that_has_other_changes() -> None:
    stream = io.BytesIO(PLAIN)
    writer = IncrementalPdfFileWriter(stream)
    assert supply_validation_data(writer, DATA)
    assert not supply_validation_data(writer, DATA), "what the update holds already is not added to it again"
    writer.root["/Lang"] = generic.TextStringObject("ja")
    writer.write_in_place()
    assert held(stream.getvalue()) == DATA


def test_a_locked_document_gets_none() -> None:
    document = signed_by_others(PLAIN, "C", certify=MDPPerm.NO_CHANGES)
    with pytest.raises(MDPLocked):
        supplied(document, DATA)
    assert held(supplied(signed_by_others(PLAIN, "C", certify=MDPPerm.FILL_FORMS), DATA)) == DATA


def test_a_value_is_deflated_once_and_known_by_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of what is kept: a revocation list goes into document after document."""
    data = ValidationData(crls=(b"a revocation list" * 10_000, b"another" * 10_000))
    first = supplied(PLAIN, data)
    coded: list[str] = []
    for name in ("compress", "decompressobj"):
        work = getattr(zlib, name)

        def counted(*given: Any, name: str = name, work: Any = work, **named: Any) -> Any:
            coded.append(name)
            return work(*given, **named)

        monkeypatch.setattr(zlib, name, counted)
    second = supplied(PLAIN, ValidationData(crls=tuple(bytes(bytearray(value)) for value in data.crls)))
    assert read_validation_data(open_pdf(io.BytesIO(second))) == data
    assert not coded
    assert second.count(b"/FlateDecode") == first.count(b"/FlateDecode") == 2


@pytest.mark.parametrize(
    ("spoilt", "outcome"),
    [
        pytest.param(lambda encoded: encoded[:-8] + b"\0\0\0\0" + encoded[-4:], None, id="other bytes before the checksum"),
        pytest.param(lambda encoded: zlib.compress(b"other"), b"other", id="another value"),
    ],
)
def test_another_encoding_is_read(spoilt: Callable[[bytes], bytes], outcome: bytes | None) -> None:
    value = b"a proof" * 1_000
    supplied(PLAIN, ValidationData(crls=(value,)))
    encoded = spoilt(zlib.compress(value))
    store = {1000: b"<</CRLs[1001 0 R]>>", 1001: stream_object(encoded, b"/Filter/FlateDecode")}
    reader = open_pdf(io.BytesIO(plain_file(catalog=b"/DSS 1000 0 R", extra=store).with_table()))
    if outcome is None:
        with pytest.raises(zlib.error):
            read_validation_data(reader)
    else:
        assert read_validation_data(reader).crls == (outcome,)


def test_what_is_decoded_otherwise_is_another_value() -> None:
    value = b"\2" + bytes(range(9))  # one row, each byte added to the one above it
    supplied(PLAIN, ValidationData(crls=(value,)))
    entries = b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 9>>"
    store = {1000: b"<</CRLs[1001 0 R]>>", 1001: stream_object(zlib.compress(value), entries)}
    reader = open_pdf(io.BytesIO(plain_file(catalog=b"/DSS 1000 0 R", extra=store).with_table()))
    assert read_validation_data(reader).crls == (bytes(range(9)),)
