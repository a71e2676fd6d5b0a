"""Appearance streams: encrypted documents, existing fields, the same output for the same input, and what is kept."""

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from proxy.engine.keeping import BoundedCache
from proxy.errors import AppearanceInvalid
from proxy.model import Appearance
from proxy.pades.appearance import box_of, draw, draw_for_field, place
from tests.unit.pades.appearance.sealed import (
    BLACK,
    RED,
    RENDERERS,
    Renderer,
    appearance,
    blank,
    field_of,
    png,
    run,
    square,
    where,
    with_appearance,
)
from tests.unit.pades.appearance.test_seals import quadrants

PAGE_MM = (595 / 72 * 25.4, 842 / 72 * 25.4)
BOTH = appearance(at=(30, 40), text="承認\n山田太郎", image=png(quadrants().convert("RGBA")))
renderers = pytest.mark.parametrize("render", RENDERERS, ids=["pdfium", "poppler"])


def with_field(document: bytes, box: tuple[int, int, int, int] | None) -> bytes:
    """The document with an empty field of somebody else's."""
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    append_signature_field(writer, SigFieldSpec("Approval", box=box))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn_for_field(document: bytes, wanted: Appearance) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    draw_for_field(writer, field_of(writer, "Approval"), wanted)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn(wanted: Appearance) -> tuple[bytes, ...]:
    """Every object of the appearance as it is written, by its number."""
    writer = IncrementalPdfFileWriter(io.BytesIO(blank()))
    draw(writer, place(writer, wanted), wanted)
    written = []
    for key in sorted(writer.objects):
        out = io.BytesIO()
        writer.objects[key].write_to_stream(out, None)
        written.append(out.getvalue())
    return tuple(written)


@renderers
@pytest.mark.parametrize("rotate", [0, 90])
def test_an_existing_field_is_drawn_into_where_it_is(rotate: int, render: Renderer, tmp_path: Path) -> None:
    document = with_field(blank(b"/MediaBox[0 0 595 842]/Rotate %d" % rotate), (144, 288, 216, 432))
    # Another page and position are asked for; the field has its own.
    sealed = drawn_for_field(document, appearance(page=7, at=(0, 0), size=(1, 1), image=square(RED, (0, 0, 255))))
    assert sealed.startswith(document)
    page_mm = PAGE_MM[::-1] if rotate else PAGE_MM
    # Upright, in the middle of a box of one inch by two.
    wanted = (50.8, page_mm[1] - 139.7, 76.2, page_mm[1] - 114.3) if rotate == 0 else (114.3, 50.8, 139.7, 76.2)
    image = render(sealed, tmp_path)
    assert where(image, RED, page_mm) == pytest.approx(wanted, abs=0.3)
    marker = (wanted[0], wanted[1], wanted[0] + 12.7, wanted[1] + 12.7)
    assert where(image, (0, 0, 255), page_mm) == pytest.approx(marker, abs=0.3)


def test_an_invisible_field_cannot_be_drawn_into() -> None:
    with pytest.raises(AppearanceInvalid, match="no visible box"):
        drawn_for_field(with_field(blank(), None), BOTH)


def test_a_state_that_is_no_more_is_not_named() -> None:
    field = b"<</FT/Sig/T(Approval)/Subtype/Widget/Rect[9 9 99 99]/P 3 0 R/AS/On/AP<</N<</On 4 0 R>>/D 4 0 R>>>>"
    document = blank(
        b"/MediaBox[0 0 595 842]/Annots[6 0 R]",
        extra={1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>", 6: field},
    )
    reader = PdfFileReader(io.BytesIO(drawn_for_field(document, BOTH)))
    (found,) = reader.root["/AcroForm"]["/Fields"]
    widget = found.get_object()
    assert "/AS" not in widget
    assert list(widget["/AP"]) == ["/N"]
    assert isinstance(widget["/AP"]["/N"], generic.StreamObject)


@pytest.mark.parametrize(
    "wanted", [appearance(), appearance(text=""), appearance(text=" \n\t　"), appearance(text="甲", rotation=45)]
)
def test_nothing_to_show_and_odd_angles_are_refused(wanted: Appearance) -> None:
    with pytest.raises(AppearanceInvalid):
        drawn(wanted)


ENCRYPTION = {
    "RC4": ["128", "--use-aes=n"],
    "AES-128": ["128", "--use-aes=y"],
    "AES-256": ["256"],
}


@renderers
@pytest.mark.parametrize("how", ENCRYPTION)
def test_in_an_encrypted_document_the_appearance_is_encrypted_too(how: str, render: Renderer, tmp_path: Path) -> None:
    plain, locked = tmp_path / "plain.pdf", tmp_path / "locked.pdf"
    plain.write_bytes(blank())
    options = ["--allow-weak-crypto", "--encrypt", "user", "owner", *ENCRYPTION[how], "--"]
    run("qpdf", *options, plain, locked)
    wanted = appearance(at=(30, 40), text="承認", image=square())
    document = locked.read_bytes()
    sealed = with_appearance(document, wanted, password="user")
    image = render(sealed, tmp_path, password="user")
    assert where(image, RED, PAGE_MM) == pytest.approx((30, PAGE_MM[1] - 62, 52, PAGE_MM[1] - 40), abs=0.3)
    assert where(image, BLACK, PAGE_MM) is not None
    streams = [written.partition(b"stream\n")[2][:20] for written in drawn(wanted)]
    assert sum(map(bool, streams)) == 4, "seal, font file, character map and form"
    assert not any(stream and stream in sealed[len(document) :] for stream in streams)


def test_the_same_appearance_gives_the_same_bytes() -> None:
    first = drawn(BOTH)
    assert first == drawn(BOTH)
    assert first != drawn(appearance(at=(30, 40), text="承認\n山田次郎", image=BOTH.seal_image))


def test_a_seal_used_again_costs_next_to_nothing() -> None:
    texts = [f"承認 2026-07-01 12:00:{second:02}\n株式会社サンプル商事" for second in range(20)]
    writer = IncrementalPdfFileWriter(io.BytesIO(blank()))
    wanted = appearance(text=texts[0], image=square(side=900))
    placement = place(writer, wanted)
    draw(writer, placement, wanted)
    took = []
    for text in texts:
        again = appearance(text=text, image=wanted.seal_image)
        start = time.process_time()
        draw(writer, placement, again)
        took.append(time.process_time() - start)
    assert sorted(took)[len(took) // 2] < 0.005


def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    kept: BoundedCache[str, int] = BoundedCache(100)
    for number, key in enumerate("abc"):
        kept.keep(key, number, 30)
    assert kept.get("a") == 0
    kept.keep("a", 9, 1)
    kept.keep("d", 3, 40)
    assert [kept.get(key) for key in "abcd"] == [0, None, 2, 3]
    kept.keep("too large", 4, 101)
    assert kept.get("too large") is None
    kept.keep("e", 5, 100)
    assert [kept.get(key) for key in "acde"] == [None, None, None, 5]


def test_a_new_field_shows_what_was_drawn_and_has_its_box() -> None:
    document = with_appearance(blank(), BOTH)
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    field = field_of(writer, "Signature1")
    placement = box_of(writer, field)
    assert placement == replace(place(writer, BOTH), page_index=None)
    form = field["/AP"]["/N"]
    assert [float(side) for side in form["/BBox"]] == pytest.approx([0, 0, 60 / 25.4 * 72, 22 / 25.4 * 72], abs=1e-3)
    assert set(form["/Resources"]) == {"/XObject", "/Font"}
