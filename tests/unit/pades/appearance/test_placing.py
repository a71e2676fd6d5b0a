"""Positions in user space for pages of every shape, and what is refused."""

import io
import math
from dataclasses import replace

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from proxy.errors import AppearanceInvalid
from proxy.model import Appearance, LengthUnit, Origin
from proxy.pades.appearance import Placement, box_of, place
from proxy.pades.appearance.pages import page_at, pages
from tests.support.pdf_files import PdfFile, looping_page_tree, plain_file
from tests.unit.pades.appearance.sealed import appearance, blank, field_of

POINTS = appearance(at=(10, 20), size=(100, 40), unit=LengthUnit.POINT)


def placed(document: bytes, asked: Appearance = POINTS) -> Placement:
    return place(PdfFileReader(io.BytesIO(document), strict=False), asked)


def tree(nodes: dict[int, bytes]) -> bytes:
    """A document of the given page tree nodes; number 2 is the root."""
    return PdfFile({1: b"<</Type/Catalog/Pages 2 0 R>>"} | nodes).with_table()


def leaf(width: int, parent: int = 2) -> bytes:
    return b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 %d 500]>>" % (parent, width)


@pytest.mark.parametrize(
    ("origin", "box"),
    [
        (Origin.BOTTOM_LEFT, (10, 20, 110, 60)),
        (Origin.BOTTOM_RIGHT, (485, 20, 585, 60)),
        (Origin.TOP_LEFT, (10, 782, 110, 822)),
        (Origin.TOP_RIGHT, (485, 782, 585, 822)),
    ],
)
def test_a_position_counts_from_its_corner(origin: Origin, box: tuple[float, ...]) -> None:
    found = placed(blank(), replace(POINTS, origin=origin))
    assert found.box == box
    assert (found.page_index, found.rotation, found.user_unit, found.size) == (0, 0, 1.0, (100, 40))


@pytest.mark.parametrize(
    ("rotate", "box"),
    [
        # The page turns clockwise: its lower left corner as it is seen is another one of its own.
        (90, (595 - 20 - 40, 10, 595 - 20, 110)),
        (180, (595 - 110, 842 - 60, 595 - 10, 842 - 20)),
        (270, (20, 842 - 110, 60, 842 - 10)),
    ],
)
def test_a_turned_page_turns_the_box(rotate: int, box: tuple[float, ...]) -> None:
    found = placed(blank(b"/MediaBox[0 0 595 842]/Rotate %d" % rotate))
    assert found.box == box
    assert found.rotation == rotate
    assert found.size == (100, 40)


@pytest.mark.parametrize(
    ("entries", "above", "box"),
    [
        pytest.param(b"/MediaBox[595 842 0 0]", b"", (10, 20, 110, 60), id="reversed corners"),
        pytest.param(b"", b"", (10, 20, 110, 60), id="no media box"),
        pytest.param(b"/MediaBox[0 0 595 842]/CropBox[50 70 500 800]", b"", (60, 90, 160, 130), id="crop box"),
        pytest.param(b"/MediaBox[0 0 595 842]/CropBox[0 0 595]", b"", (10, 20, 110, 60), id="crop box of three numbers"),
        pytest.param(b"/MediaBox[0 0 595 842]/CropBox[5 5 5 800]", b"", (10, 20, 110, 60), id="crop box without area"),
        pytest.param(b"/MediaBox[0 0 595 842]/CropBox[900 900 999 999]", b"", (10, 20, 110, 60), id="crop box elsewhere"),
        pytest.param(b"/MediaBox[0 0 595 842]/CropBox[(a)/b null 4]", b"", (10, 20, 110, 60), id="crop box of anything"),
        pytest.param(b"/MediaBox[0 0 595 842]", b"/CropBox[-10 7 400 400]", (10, 27, 110, 67), id="inherited crop box"),
        pytest.param(b"", b"/MediaBox[-9 -8 595 842]", (1, 12, 101, 52), id="inherited media box"),
        pytest.param(b"/MediaBox 6 0 R/CropBox[7 0 R 5 300 300]", b"", (43, 25, 143, 65), id="indirect"),
        pytest.param(b"/MediaBox[0 0 595 842]/Rotate 45", b"", (10, 20, 110, 60), id="odd rotation"),
        pytest.param(b"/MediaBox[0 0 595 842]/UserUnit 0", b"", (10, 20, 110, 60), id="unit of nothing"),
        pytest.param(b"/MediaBox[0 0 595 842]/UserUnit 2.0", b"", (5, 10, 55, 30), id="unit of two points"),
        pytest.param(b"/MediaBox[0 0 595 842]/UserUnit 1" + b"0" * 400, b"", (10, 20, 110, 60), id="unit without end"),
    ],
)
def test_page_boundaries_are_read_as_viewers_read_them(entries: bytes, above: bytes, box: tuple[float, ...]) -> None:
    assert placed(blank(entries, above=above, extra={6: b"[0 0 595 842]", 7: b"33"})).box == box


def test_a_unit_is_not_inherited_and_a_rotation_is() -> None:
    found = placed(blank(b"/MediaBox[0 0 595 842]", above=b"/UserUnit 3/Rotate -90"))
    assert (found.user_unit, found.rotation) == (1.0, 270)


def test_millimetres_and_points_are_those_of_the_print() -> None:
    found = placed(blank(b"/MediaBox[0 0 1000 1000]/UserUnit 2"), appearance(at=(25.4, 50.8), size=(25.4, 12.7)))
    assert (found.box, found.size) == ((36, 72, 72, 90), (72, 36))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"page": 0}, "appearance.page"),
        ({"page": -1}, "appearance.page"),
        ({"page": 3}, "appearance.page"),
        ({"page": 10**9}, "appearance.page"),
        ({"width": 0.0}, "appearance.width"),
        ({"height": -40.0}, "appearance.height"),
        ({"height": 2.9}, "appearance.height"),
        ({"x": -2.0}, "appearance.x"),
        ({"x": 496.5}, "appearance.x"),
        ({"y": 842.0}, "appearance.y"),
        ({"width": 1e9}, "appearance.x"),
        ({"x": math.nan}, "appearance"),
        ({"height": math.inf}, "appearance"),
    ],
)
def test_what_is_on_no_page_or_of_no_size_is_refused(change: dict[str, float], field: str) -> None:
    with pytest.raises(AppearanceInvalid) as refused:
        placed(plain_file(pages=2).with_table(), replace(POINTS, **change))  # type: ignore[arg-type]  # one field each
    assert set(refused.value.fields) == {field}


def test_a_box_may_pass_the_edge_by_what_makers_of_pages_round() -> None:
    a4 = appearance(origin=Origin.TOP_RIGHT, at=(0, 0), size=(210, 297))
    assert placed(blank(), a4).box == pytest.approx((0, 0, 595, 842), abs=0.3)


@pytest.mark.parametrize(
    ("nodes", "widths"),
    [
        pytest.param({2: b"<</Kids[3 0 R 4 0 R]/Count 2>>", 3: leaf(600), 4: leaf(700)}, [600, 700], id="no types"),
        pytest.param({2: b"<</Type/Pages/Kids[3 0 R 4 0 R]>>", 3: leaf(600), 4: leaf(700)}, [600, 700], id="no count"),
        pytest.param({2: b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 1>>", 3: leaf(600), 4: leaf(700)}, [600], id="count too low"),
        pytest.param(
            {
                2: b"<</Type/Pages/Kids[3 0 R 6 0 R]/Count 9>>",
                3: b"<</Type/Pages/Kids[4 0 R 5 0 R]/Count 7>>",
                4: leaf(600, 3),
                5: leaf(700, 3),
                6: leaf(800),
            },
            [600, 700, 800],
            id="count too high",
        ),
        pytest.param(
            {2: b"<</Type/Pages/Kids[null 3 0 R(x)99 0 R 4 0 R]/Count 2>>", 3: leaf(600), 4: leaf(700)},
            [600, 700],
            id="kids that are none",
        ),
        pytest.param(
            {2: b"<</Type/Pages/Kids[3 0 R 2 0 R 3 0 R]/Count 9>>", 3: leaf(600)}, [600, 600], id="its own kid; a page twice"
        ),
        pytest.param({2: leaf(600)}, [600], id="a page for a root"),
        pytest.param(
            {2: b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 650 500]>>", 3: b"<</Type/Page>>"}, [650], id="no parent named"
        ),
    ],
)
def test_odd_page_trees_are_walked(nodes: dict[int, bytes], widths: list[int]) -> None:
    document = tree(nodes)
    asked = replace(POINTS, origin=Origin.BOTTOM_RIGHT)
    assert [placed(document, replace(asked, page=number + 1)).box[2] + 10 for number in range(len(widths))] == widths
    with pytest.raises(AppearanceInvalid, match=f"has {len(widths)} pages, there is no page {len(widths) + 1}"):
        placed(document, replace(asked, page=len(widths) + 1))


def test_a_page_that_is_no_object_of_its_own_counts_and_takes_nothing() -> None:
    kids = b"3 0 R <</Type/Page/MediaBox[0 0 500 500]>> 4 0 R"
    document = tree({2: b"<</Type/Pages/Kids[%s]/Count 3>>" % kids, 3: leaf(600), 4: leaf(700)})
    assert placed(document, replace(POINTS, page=3)).page.idnum == 4
    with pytest.raises(AppearanceInvalid, match="nothing can be added"):
        placed(document, replace(POINTS, page=2))


def test_a_tree_that_loops_has_an_end() -> None:
    reader = PdfFileReader(io.BytesIO(looping_page_tree()), strict=False)
    assert list(pages(reader)) == []
    with pytest.raises(AppearanceInvalid, match="has 0 pages"):
        page_at(reader, 0)


def test_a_tree_as_deep_as_it_has_pages_is_no_matter() -> None:
    depth = 1500
    nodes = {2: b"<</Type/Pages/Kids[10 0 R]/Count %d>>" % depth}
    for level in range(depth):
        number = 10 + 2 * level
        kids = b"%d 0 R" % (number + 1) + (b" %d 0 R" % (number + 2) if level < depth - 1 else b"")
        nodes[number] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, depth - level)
        nodes[number + 1] = leaf(600 + level, number)
    assert placed(tree(nodes), replace(POINTS, origin=Origin.BOTTOM_RIGHT, page=depth)).box[2] + 10 == 600 + depth - 1


def test_of_pages_side_by_side_those_before_are_not_read() -> None:
    reader = PdfFileReader(io.BytesIO(plain_file(pages=1000).with_table()))
    assert page_at(reader, 990).reference.idnum == 1000
    assert len(reader.resolved_objects) < 20


def test_as_many_kids_as_pages_may_hide_others() -> None:
    # One subtree of none, one of two.
    nodes = {
        2: b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
        3: b"<</Type/Pages/Kids[]/Count 0>>",
        4: b"<</Type/Pages/Kids[5 0 R 6 0 R]/Count 2>>",
        5: leaf(600, 4),
        6: leaf(700, 4),
    }
    assert [page_at(PdfFileReader(io.BytesIO(tree(nodes))), index).reference.idnum for index in (0, 1)] == [5, 6]


def test_subtrees_before_the_page_are_not_read() -> None:
    groups = 50
    nodes = {
        2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % (100 * g) for g in range(1, groups + 1)), 20 * groups)
    }
    for group in range(1, groups + 1):
        first = 100 * group
        kids = b" ".join(b"%d 0 R" % (first + page) for page in range(1, 21))
        nodes[first] = b"<</Type/Pages/Kids[%s]/Count 20>>" % kids
        nodes |= {first + page: leaf(20 * group + page + 600, first) for page in range(1, 21)}
    reader = PdfFileReader(io.BytesIO(tree(nodes)))
    assert page_at(reader, 985).reference.idnum == 100 * groups + 6
    assert len(reader.resolved_objects) < 100


WIDGET = b"/Type/Annot/Subtype/Widget/Rect[300 700 100 600]"


def field_document(field: bytes, page: bytes = b"", extra: dict[int, bytes] | None = None) -> bytes:
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        6: b"<</FT/Sig/T(Approval)%s>>" % field,
    }
    return blank(b"/MediaBox[0 0 595 842]" + page, extra=objects | (extra or {}))


@pytest.mark.parametrize(
    ("document", "rotation"),
    [
        pytest.param(field_document(WIDGET + b"/P 3 0 R", b"/Annots[6 0 R]"), 0, id="merged"),
        pytest.param(field_document(WIDGET, b"/Annots[6 0 R]/Rotate 90"), 90, id="no /P"),
        pytest.param(field_document(WIDGET + b"/P 2 0 R", b"/Annots 8 0 R", {8: b"[null 6 0 R]"}), 0, id="wrong /P"),
        pytest.param(field_document(WIDGET + b"/P 3 0 R", b"/Rotate 180"), 180, id="listed nowhere"),
        pytest.param(field_document(WIDGET + b"/F 20", b"/Annots[6 0 R]/Rotate 90"), 0, id="does not turn"),
        pytest.param(
            field_document(b"/Kids[7 0 R]", b"/Annots[7 0 R]/Rotate 270", {7: b"<</Parent 6 0 R" + WIDGET + b">>"}),
            270,
            id="widget of its own",
        ),
    ],
)
def test_an_existing_field_has_its_own_box(document: bytes, rotation: int) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    found = box_of(writer, field_of(writer, "Approval"))
    assert found is not None
    assert (found.page.idnum, found.box, found.rotation) == (3, (100, 600, 300, 700), rotation)
    assert found.size == ((100, 200) if rotation % 180 else (200, 100))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(field_document(b"/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R"), id="no area"),
        pytest.param(field_document(b"/Subtype/Widget/P 3 0 R"), id="no rectangle"),
        pytest.param(field_document(b""), id="no widget"),
        pytest.param(field_document(b"/Kids[]"), id="no kids"),
        pytest.param(field_document(WIDGET), id="on no page"),
    ],
)
def test_an_invisible_field_has_none(document: bytes) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(document))
    assert box_of(writer, field_of(writer, "Approval")) is None
