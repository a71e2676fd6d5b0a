"""What is signed in a document is found and read, however the document is written; what cannot be read is told."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pyhanko.sign.fields import MDPPerm

from proxy.errors import PDFEncrypted
from proxy.model import SignatureFormat, SignedObjectKind, SubIndication, ValidationData
from proxy.pades.preparing import append_validation_data
from proxy.pades.values import AppendValidationData
from proxy.pades.verification.examining import examine_document, survey_document
from proxy.pades.verification.values import CoverageLevel, ExamineDocument, ModificationLevel, SurveyDocument
from tests.support import odd_files
from tests.support.attacks.documents import approved
from tests.support.made_up_signatures import CONTENTS, made_up
from tests.support.pdf_files import plain_file
from tests.support.revisions import appended, highest, object_text
from tests.support.signed_files import SIGNING_TIME, request, sign_in_process, signed_by_others
from tests.unit.pades.verification.examined import codes, examined, failures, is_intact, is_plain, only

PLAIN = plain_file(3).with_table()
COURIER = b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"

WRITTEN: dict[str, Callable[[], bytes]] = {
    "table": lambda: PLAIN,
    "stream": plain_file(3).with_stream,
    "object streams": odd_files.with_object_stream,
    "hybrid": odd_files.hybrid,
    "linearized": odd_files.linearized,
    "linearized, object streams": lambda: odd_files.linearized("--object-streams=generate"),
    "bytes before the header": lambda: odd_files.behind(b"MIME: none\r\n\r\n", PLAIN, counted=False),
    "encrypted": lambda: odd_files.encrypted("256"),
    "short entries": lambda: odd_files.with_short_entries(PLAIN),
    "no start": lambda: odd_files.without_start(PLAIN),
    "two revisions": lambda: odd_files.redefined(
        PLAIN, 3, b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>", revision_ends=True
    ),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_signatures_of_documents_however_they_are_written(written: str) -> None:
    """Signed twice by the proxy, and nothing is held against it."""
    once = sign_in_process(WRITTEN[written]())
    assert is_plain(only(once))
    assert is_intact(only(once))
    first, second = examined(sign_in_process(once)).signatures
    assert not failures(first)
    assert first.modification_level is ModificationLevel.FORM_FILLING
    assert (first.coverage, second.coverage) == (CoverageLevel.WHOLE_REVISION, CoverageLevel.WHOLE_FILE)
    assert is_plain(second)
    assert is_intact(first)
    assert is_intact(second)


def test_what_a_signature_says() -> None:
    document = examined(sign_in_process(PLAIN, request("承認.1")))
    (signature,) = document.signatures
    assert (document.pages, document.doc_mdp, document.modified_after_signing) == (3, None, False)
    assert (signature.field_name, signature.object.identifier) == ("承認.1", "承認.1")
    assert signature.object.kind is SignedObjectKind.SIGNATURE
    assert signature.object.format is SignatureFormat.CADES_DETACHED
    assert signature.object.claimed_time == SIGNING_TIME
    assert signature.object.contents[:2] == b"\x30\x82"
    assert not signature.object.contents.endswith(b"\0\0\0")
    assert [*signature.object.digests] == ["sha256"]
    assert signature.object.certificates == ()


def test_certifications_and_the_formats_of_others() -> None:
    document = examined(signed_by_others(PLAIN, "Theirs", certify=MDPPerm.ANNOTATE))
    (signature,) = document.signatures
    assert signature.object.kind is SignedObjectKind.CERTIFICATION
    assert signature.object.format is SignatureFormat.PKCS7_DETACHED
    assert document.doc_mdp == 3


def form(signature: bytes = b"", kind: bytes | None = None, field: bytes = b"", catalog: bytes = b"") -> bytes:
    """A made-up signature in a field of its own."""
    file = plain_file(catalog=b"/AcroForm<</Fields[8 0 R]/SigFlags 3>>" + catalog)
    file.objects[8] = b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/T(Mine)/V 9 0 R%s>>" % field
    return made_up(file, 9, signature) if kind is None else made_up(file, 9, signature, kind)


def test_certificates_beside_the_contents_and_odd_times() -> None:
    kind = b"/Type/Sig/SubFilter/adbe.x509.rsa_sha1"
    signature = only(form(b"/Cert[<01><02>]/M(D:20300101090000+09'00')", kind))
    assert signature.object.format is SignatureFormat.X509_RSA_SHA1
    assert signature.object.certificates == (b"\x01", b"\x02")
    assert signature.object.claimed_time == datetime(2030, 1, 1, tzinfo=UTC)
    assert [*signature.object.digests] == ["sha1"]
    for time in (b"(tomorrow)", b"(D:20300231000000Z)", b" 7", b"(D:99991231235959-23'59')"):
        odd = only(form(b"/Cert<01>/M" + time, kind))
        assert (codes(odd), odd.object.claimed_time) == ([], None)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (b"/Type/Sig/SubFilter/Unheard.Of", "SUB_FILTER_UNKNOWN"),
        (b"/Type/Sig", "SUB_FILTER_UNKNOWN"),
        (b"/Type/DocTimeStamp/SubFilter/ETSI.CAdES.detached", "TYPE_AND_SUB_FILTER_DIFFER"),
    ],
)
def test_formats_that_are_none(kind: bytes, code: str) -> None:
    assert failures(only(form(kind=kind))) == [code]


def test_a_key_that_comes_twice_is_ambiguous() -> None:
    for key in (b"/SubFilter", b"/Sub#46ilter"):
        found = failures(only(form(key + b"/adbe.pkcs7.sha1")))
        assert found == ["SIGNATURE_DICTIONARY_AMBIGUOUS", "KEY_AMBIGUOUS"]
    # In another dictionary it is another key.
    assert not failures(only(form(b"/Prop_Build<</SubFilter/x>>")))


def test_usage_rights_are_set_aside() -> None:
    file = plain_file(catalog=b"/Perms<</UR3 9 0 R>>")
    signature = only(made_up(file, 9))
    assert signature.object.kind is SignedObjectKind.USAGE_RIGHTS
    assert not signature.judged
    assert codes(signature) == ["USAGE_RIGHTS"]


def test_a_timestamp_covers_what_was_there() -> None:
    """Made up, over a signature and a security store; what comes later it does not cover."""
    stream = io.BytesIO(approved())
    append_validation_data(stream, AppendValidationData(ValidationData((b"a certificate",), (b"an answer",), (b"a list",))))
    stored = stream.getvalue()
    size = highest(stored)
    field = b"<</FT/Sig/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/T(Stamp)/V %d 0 R>>" % (size + 1)
    contents = CONTENTS.ljust(64, "0").encode()
    blank = b"/ByteRange[0 %10d %10d %10d]"
    value = b"<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161/Contents<%s>%s>>" % (contents, blank % (0, 0, 0))
    catalog = object_text(stored, 1).replace(b"/Fields [", b"/Fields [%d 0 R " % size)
    document = appended(stored, {1: catalog, size: field, size + 1: value})
    start = document.rindex(b"<" + contents)
    end = start + 66
    document = document.replace(blank % (0, 0, 0), blank % (start, end, len(document) - end))
    found = examined(document)
    signature, timestamp = found.signatures
    assert timestamp.object.kind is SignedObjectKind.DOC_TIMESTAMP
    assert (failures(signature), failures(timestamp)) == ([], [])
    assert signature.modification_level is ModificationLevel.LTV_UPDATES
    (coverage,) = found.coverage
    assert coverage.timestamp == "Stamp"
    assert coverage.objects == frozenset({signature.object.identifier})
    assert len(coverage.validation_data) == 3
    assert found.security_store == ValidationData((b"a certificate",), (b"an answer",), (b"a list",))
    later = io.BytesIO(document)
    append_validation_data(later, AppendValidationData(ValidationData((b"another",))))
    (unchanged,) = examined(later.getvalue()).coverage
    assert unchanged == coverage
    assert b"another" in examined(later.getvalue()).security_store.certificates


def test_more_signatures_than_are_looked_at() -> None:
    document = approved()
    for _ in range(3):
        document = sign_in_process(document)
    few = examined(document, most=2)
    assert (len(few.signatures), few.unexamined) == (2, 2)
    assert examined(document, most=4).unexamined == 0


@pytest.mark.parametrize("document", [b"", b"no PDF", b"%PDF-1.7", b"%PDF-7.7\n", PLAIN, PLAIN[:200], b"<a/>"], ids=range(7))
def test_where_nothing_is_signed_there_is_nothing(document: bytes) -> None:
    assert examined(document).signatures == ()


@pytest.mark.parametrize("size", [0.3, 0.6, 0.9, 0.99])
def test_a_signed_document_that_is_cut_off_is_told(size: float) -> None:
    cut = approved()[: int(size * len(approved()))]
    for signature in examined(cut).signatures:
        assert failures(signature)
        assert signature.object.findings[0].sub_indication is SubIndication.FORMAT_FAILURE
    assert bool(examined(cut).signatures) is (b"/ByteRange" in cut)


def test_a_header_that_names_no_version_is_a_verdict() -> None:
    assert failures(only(approved().replace(b"%PDF-1.", b"%PDF-x.", 1))) == ["DOCUMENT_UNREADABLE"]


def test_what_takes_too_much_is_told_if_it_looks_signed() -> None:
    for failed, code in ((False, "LIMITS_EXCEEDED"), (True, "NOT_EXAMINED")):
        (signature,) = survey_document(io.BytesIO(approved()), SurveyDocument(failed)).signatures
        assert codes(signature) == [code]
        assert signature.object.findings[0].sub_indication is SubIndication.CUSTOM
        assert survey_document(io.BytesIO(PLAIN), SurveyDocument(failed)).signatures == ()


def test_an_encrypted_document_needs_its_password() -> None:
    signed = sign_in_process(odd_files.encrypted("256", user="secret"), request(password="secret"))
    with pytest.raises(PDFEncrypted):
        examined(signed)
    assert is_plain(examined(signed, "secret").signatures[0])


def test_names_that_are_no_text_and_names_that_come_twice() -> None:
    file = plain_file(catalog=b"/AcroForm<</Fields[8 0 R 18 0 R]/SigFlags 3>>")
    file.objects[8] = b"<</FT/Sig/T<D83D>/V 9 0 R>>"
    file.objects[18] = b"<</FT/Sig/T<FEFFD83D>/V 19 0 R>>"
    file.objects[19] = b"<</Type/Sig>>"
    found = examined(made_up(file, 9))
    names = [signature.object.identifier for signature in found.signatures]
    assert len(set(names)) == 2
    assert all(signature.field_name and signature.field_name.encode() for signature in found.signatures)


def test_the_document_is_left_as_it_is() -> None:
    stream = io.BytesIO(approved())
    examine_document(stream, ExamineDocument(10))
    assert stream.getvalue() == approved()
