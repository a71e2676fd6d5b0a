"""What is read of a cross-reference at once is what pyHanko's parsers read of it entry by entry."""

import io
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefBuilder, XRefCache, XRefSection, XRefSectionData

from proxy.pades.cross_reference import SectionReader
from proxy.pades.document import DocumentReader
from proxy.pades.landmarks import find_header, find_start
from proxy.pades.packed_section import PackedStream, PackedTable
from tests.corpus import sources
from tests.support.odd_files import hybrid, many_objects, with_object_stream, with_short_entries
from tests.support.pdf_files import HEADER, plain_file, stream_object
from tests.support.signed_files import sign_in_process


def by_pyhanko(document: bytes, *, strict: bool = True) -> PdfFileReader:
    return PdfFileReader(io.BytesIO(document), strict=strict)


def at_once(document: bytes, *, strict: bool = True) -> DocumentReader:
    reader = DocumentReader(io.BytesIO(document), find_header(document), strict=strict)
    reader.follow(find_start(document, 0))
    return reader


def told(xrefs: XRefCache) -> list[Any]:
    return [
        (xrefs.get_xref_container_info(revision), _told(xrefs.get_xref_data(revision)))
        for revision in range(xrefs.total_revisions)
    ]


def _told(data: XRefSectionData) -> tuple[object, ...]:
    beside = None if data.hybrid is None else _told(data.hybrid.xref_data)
    return data.freed, data.standard_xrefs, data.xrefs_in_objstm, data.explicit_refs_in_revision, data.obj_streams_used, beside


def assert_resolved_alike(ours: XRefCache, theirs: XRefCache) -> None:
    """Every object of every revision, also those that are not there."""
    for revision in range(theirs.total_revisions):
        mine, other = ours.get_xref_data(revision), theirs.get_xref_data(revision)
        assert set(mine.higher_generation_refs()) == set(other.higher_generation_refs())
        for number in range(max((number for number, _ in other.explicit_refs_in_revision), default=0) + 2):
            for generation in {0, 1, 65_534, *other.freed.values(), other.standard_xrefs.get(number, (0, 0))[0]}:
                reference = generic.Reference(number, generation)
                assert _resolved(mine, reference) == _resolved(other, reference)


def _resolved(data: XRefSectionData, reference: generic.Reference) -> object:
    try:
        return data.try_resolve(reference)
    except KeyError:
        return "nothing is said of it"


def assert_alike(document: bytes, *, strict: bool = True) -> None:
    ours, theirs = at_once(document, strict=strict), by_pyhanko(document, strict=strict)
    for (info, data), (their_info, their_data) in zip(told(ours.xrefs), told(theirs.xrefs), strict=True):
        assert data == their_data
        assert (info.xref_section_type, info.size) == (their_info.xref_section_type, their_info.size)
        assert (info.declared_startxref, info.start_location) == (their_info.declared_startxref, their_info.start_location)
        assert info.end_location == their_info.end_location
    assert_resolved_alike(ours.xrefs, theirs.xrefs)
    assert ours.trailer.flatten() == theirs.trailer.flatten()
    assert ours.last_startxref == theirs.last_startxref
    assert ours.has_xref_stream == theirs.has_xref_stream


PLAIN = plain_file().with_table()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN, id="table"),
        pytest.param(PLAIN.replace(b" \n", b"\r\n"), id="table with CR LF"),
        pytest.param(PLAIN.replace(b"xref\n0", b"xref \n0"), id="white space"),
        pytest.param(plain_file(extra={2_000: b"null", 2_001: b"null"}).with_table(), id="gaps"),
        pytest.param(plain_file().with_stream(), id="stream"),
        pytest.param(with_object_stream(), id="object stream"),
        pytest.param(many_objects(1_000), id="many object streams"),
        pytest.param(sign_in_process(sign_in_process(PLAIN)), id="three sections"),
        pytest.param(sign_in_process(sign_in_process(many_objects(10))), id="three streams"),
        pytest.param(hybrid(), id="hybrid"),
    ],
)
def test_sections_are_read_alike(document: bytes) -> None:
    assert_alike(document)
    assert_alike(document, strict=False)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(with_short_entries(PLAIN), id="entries of 19 bytes"),
        pytest.param(PLAIN.replace(b"0000000015", b"        15"), id="entries with blanks"),
        pytest.param(PLAIN.replace(b"/Size 11", b"/Size 5 "), id="Size too small"),
        pytest.param(PLAIN.replace(b" 65535 f ", b" 65536 f "), id="generation too high"),
    ],
)
def test_what_is_not_in_shape_is_left_to_pyhanko(document: bytes) -> None:
    assert_alike(document, strict=False)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN.replace(b"/Size 11", b"/Size 5 "), id="Size too small"),
        pytest.param(PLAIN.replace(b"0000000015 00000 n", b"0000000015 00000 x"), id="no such mark"),
        pytest.param(with_object_stream().replace(b"/W[1 8 1]", b"/W[1 8 2]"), id="rows that end too soon"),
        pytest.param(with_object_stream().replace(b"/Size 6", b"/Size 4"), id="rows that are left over"),
        pytest.param(with_object_stream().replace(b"/Size 6/", b"/Size 6/Index[3 3 0 3]/"), id="rows out of order"),
    ],
)
def test_strict_reading_is_as_strict(document: bytes) -> None:
    for read in (by_pyhanko, at_once):
        with pytest.raises((PdfReadError, AssertionError, ValueError)):
            read(document)


@given(
    widths=st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)),
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255), st.integers(0, 255)), max_size=12),
    gap=st.integers(0, 5),
    compressed=st.booleans(),
)
def test_streams_of_any_width_are_read_alike(
    widths: tuple[int, int, int], rows: list[tuple[int, int, int]], gap: int, compressed: bool
) -> None:
    fields = [value.to_bytes(width, "big") if width else b"" for row in rows for value, width in zip(row, widths, strict=True)]
    data = b"".join(fields)
    half = len(rows) // 2
    entries = b"/Type/XRef/Size 40/Root 1 0 R/W[%d %d %d]/Index[0 %d %d %d]" % (
        *widths,
        half,
        half + gap,
        len(rows) - half,
    )
    if compressed:
        data, entries = zlib.compress(data), entries + b"/Filter/FlateDecode"
    head = HEADER % b"1.7"
    document = head + b"39 0 obj\n" + stream_object(data, entries) + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head)
    assert_alike(document, strict=False)


@given(
    sections=st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from(b"nf"), st.sampled_from([0, 1, 2, 65_535, 65_536]))), max_size=4
    ),
    gaps=st.lists(st.integers(-1, 3), min_size=4, max_size=4),
    ending=st.sampled_from([b" \n", b" \r", b"\r\n"]),
)
def test_tables_of_any_entries_are_read_alike(
    sections: list[list[tuple[int, int, int]]], gaps: list[int], ending: bytes
) -> None:
    table, number = b"xref\n", 0
    for entries, gap in zip(sections, gaps, strict=False):
        table += b"%d %d\n" % (number, len(entries))
        table += b"".join(b"%010d %05d %c%s" % (offset, generation, mark, ending) for offset, mark, generation in entries)
        number = max(number + len(entries) + gap, 0)
    head = HEADER % b"1.7"
    document = head + table + b"trailer\n<</Size 99/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(head)
    for strict in (True, False):
        try:
            by_pyhanko(document, strict=strict)
        except Exception:  # noqa: BLE001 - of whatever kind, ours must fail too
            with pytest.raises(Exception):  # noqa: B017
                at_once(document, strict=strict)
        else:
            assert_alike(document, strict=strict)


def test_entries_are_decoded_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of what this is for: of six thousand entries, a signature has some decoded, and those that are free."""
    asked: set[int] = set()
    for kind in (PackedTable, PackedStream):
        decode = kind._at

        def counted(self: Any, index: int, decode: Any = decode) -> Any:
            asked.add(index)
            return decode(self, index)

        monkeypatch.setattr(kind, "_at", counted)
    with_table = plain_file(extra=dict.fromkeys(range(11, 6000), b"null")).with_table()
    for document, free in ((many_objects(5_000), 989), (with_table, 0)):
        asked.clear()
        sign_in_process(document)
        assert free < len(asked) < free + 50


def sections_of(document: bytes, builder: type[XRefBuilder], *, strict: bool) -> list[XRefSection] | None:
    """What a builder finds; ``None`` where it fails, in whatever way."""
    try:
        handler = DocumentReader(io.BytesIO(document), find_header(document), strict=strict)
        start = find_start(document, 0)
        reading = builder(handler=handler, stream=io.BytesIO(document), strict=strict, last_startxref=start)
        sections: list[XRefSection] = reading.read_xrefs()
    except Exception:  # noqa: BLE001 - pyHanko raises anything
        return None
    return sections


@pytest.mark.full
@pytest.mark.skipif(not sources.fetched(), reason="`make corpus` fetches the packages")
@pytest.mark.parametrize("strict", [True, False])
def test_the_documents_of_other_projects_are_decided_on_alike(strict: bool) -> None:
    read = 0
    for sample in sources.samples():
        document = sample.path.read_bytes()
        ours = sections_of(document, SectionReader, strict=strict)
        theirs = sections_of(document, XRefBuilder, strict=strict)
        # Read leniently, streams without their checksum are read that pyHanko gives up on.
        assert (ours is None) == (theirs is None) or (ours is not None and not strict), sample.name
        if ours is not None and theirs is not None:
            read += 1
            mine, other = XRefCache(None, ours), XRefCache(None, theirs)
            assert told(mine) == told(other), sample.name
            assert_resolved_alike(mine, other)
    assert read > 100
