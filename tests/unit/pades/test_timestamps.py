"""The update of a document timestamp (EN 319 142-1, 5.4.3): its dictionary, its room, what it covers, and what forbids it."""

import io
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, enumerate_sig_fields

from proxy.errors import InvalidDocument, MDPLocked, NotSupported, PDFEncrypted, PDFVersionUnsupported
from proxy.model import ValidationData
from proxy.pades.preparing import prepare_timestamp
from proxy.pades.values import PreparedSignature, PrepareTimestamp
from tests.conformance.producers import encrypted
from tests.end_to_end.situations import encrypted as with_code
from tests.support.pdf_files import PdfFile, plain_file
from tests.support.security_store import opened, revisions, security_store
from tests.support.signed_files import sign_in_process, signed_by_others, with_field

PLAIN = plain_file().with_table()
ROOM = 2048


def prepared(document: bytes, request: PrepareTimestamp | None = None) -> tuple[bytes, PreparedSignature]:
    stream = io.BytesIO(document)
    where = prepare_timestamp(stream, request or PrepareTimestamp(ROOM))
    return stream.getvalue(), where


@pytest.mark.parametrize(
    "document",
    [PLAIN, plain_file().with_stream(), plain_file(pages=30).with_table(final_line_end=False), sign_in_process(PLAIN)],
)
def test_the_dictionary_its_room_and_its_byte_range(document: bytes) -> None:
    result, where = prepared(document)
    assert result.startswith(document)
    assert len(document) <= where.contents_start < where.contents_end <= where.end == len(result)
    assert result[where.contents_start : where.contents_end] == b"<" + b"0" * 2 * ROOM + b">"
    # Its room is not filled yet, so that nothing but the dictionaries can be read.
    name, written, reference = list(enumerate_sig_fields(PdfFileReader(io.BytesIO(result)), filled_status=True))[-1]
    written, field = written.get_object(), reference.get_object()
    assert (written["/Type"], written["/SubFilter"]) == ("/DocTimeStamp", "/ETSI.RFC3161")
    assert list(written["/ByteRange"]) == [0, where.contents_start, where.contents_end, where.end - where.contents_end]
    assert "/M" not in written
    assert where.field_name == name == "Timestamp1"
    assert list(field["/Rect"]) == [0, 0, 0, 0], "nothing is to be seen of it"


def test_names_are_free_ones() -> None:
    document, _ = prepared(with_field(PLAIN, "Timestamp1"))
    document, where = prepared(document)
    assert where.field_name == "Timestamp3"


def test_validation_data_is_in_the_same_revision() -> None:
    data = ValidationData((b"certificate",), (b"response",), (b"list",))
    result, _ = prepared(PLAIN, PrepareTimestamp(ROOM, data))
    assert revisions(result) == 2
    store = security_store(result)
    assert store is not None
    assert (store.certificates, store.ocsp_responses, store.crls) == data.parts
    assert security_store(prepared(PLAIN)[0]) is None


def test_an_older_version_is_told_of_the_extension() -> None:
    extensions = opened(prepared(PLAIN)[0]).root["/Extensions"]
    assert "/ESIC" in extensions
    newer = PdfFile(plain_file().objects, b"2.0").with_table()
    assert "/ESIC" not in opened(prepared(newer)[0]).root.get("/Extensions", {})


def test_where_no_change_is_permitted_none_is_made() -> None:
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, ["Other"])
    for document in (
        signed_by_others(PLAIN, "C", certify=MDPPerm.NO_CHANGES),
        signed_by_others(with_field(PLAIN, "L", lock=lock, lock_level=MDPPerm.NO_CHANGES), "L", existing=True),
    ):
        stream = io.BytesIO(document)
        with pytest.raises(MDPLocked):
            prepare_timestamp(stream, PrepareTimestamp(ROOM))
        assert stream.getvalue() == document


@pytest.mark.parametrize("level", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_where_filling_is_permitted_a_timestamp_is(level: MDPPerm) -> None:
    document = signed_by_others(PLAIN, "C", certify=level)
    assert prepared(document)[0].startswith(document)


def test_locked_fields_do_not_mean_timestamps() -> None:
    everything = with_field(PLAIN, "L", lock=FieldMDPSpec(FieldMDPAction.ALL))
    document = signed_by_others(everything, "L", existing=True)
    assert prepared(document)[0].startswith(document)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument):
        prepared(b"a letter")
    with pytest.raises(PDFVersionUnsupported):
        prepared(PdfFile(plain_file().objects, b"1.2").with_table())
    document = encrypted(256, password="user")(tmp_path)
    for password in (None, "wrong"):
        with pytest.raises(PDFEncrypted):
            prepared(document, PrepareTimestamp(ROOM, password=password))
    result, _ = prepared(document, PrepareTimestamp(ROOM, ValidationData((b"certificate",)), password="user"))
    store = security_store(result, "user")
    assert store is not None
    assert store.certificates == (b"certificate",)
    assert b"certificate" not in result


def test_a_message_authentication_code_cannot_be_kept() -> None:
    with pytest.raises(NotSupported):
        prepared(with_code(PLAIN), PrepareTimestamp(ROOM, password="user"))
