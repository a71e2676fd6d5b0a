"""The image of each page, as ``pdfimages`` (poppler) sees it too."""

import io
import subprocess
from pathlib import Path

import pytest

from proxy.pades.verification.scan_info import describe_scans
from proxy.pades.verification.values import DescribeScans, PageImage, ScanColor
from tests.conformance.judges import tool
from tests.support.pdf_files import PdfFile, plain_file, stream_object


def image(width: int, height: int, space: bytes, bits: int, size: int) -> bytes:
    entries = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace%s/BitsPerComponent %d"
    return stream_object(bytes(size), entries % (width, height, space, bits))


def scanned(contents: bytes, images: dict[bytes, bytes], more: bytes = b"") -> PdfFile:
    """One page that paints images as its content stream says."""
    file = plain_file()
    names = b"".join(b"/%s %d 0 R" % (name, 50 + index) for index, name in enumerate(images))
    file.objects[4] = stream_object(contents)
    file.objects[10] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<<%s>>>>/Contents 4 0 R%s>>" % (
        names,
        more,
    )
    file.objects.update({50 + index: content for index, content in enumerate(images.values())})
    return file


def described(file: PdfFile) -> tuple[PageImage, ...]:
    return describe_scans(io.BytesIO(file.with_table()), DescribeScans())


A4_300 = b"q 595.2 0 0 841.92 0 0 cm /Im Do Q"
GRAY = image(248, 351, b"/DeviceGray", 8, 248 * 351)


@pytest.mark.parametrize(
    ("space", "bits", "size", "depth", "color"),
    [
        (b"/DeviceRGB", 8, 300, 24, ScanColor.COLOR),
        (b"/DeviceGray", 8, 100, 8, ScanColor.GRAY),
        (b"/DeviceGray", 1, 20, 1, ScanColor.BILEVEL),
        (b"/DeviceCMYK", 8, 400, 32, ScanColor.COLOR),
        (b"[/Indexed/DeviceRGB 1<000000ffffff>]", 8, 100, 8, ScanColor.COLOR),
        (b"[/CalGray<</WhitePoint[1 1 1]>>]", 8, 100, 8, ScanColor.GRAY),
        (b"[/ICCBased 60 0 R]", 8, 300, 24, ScanColor.COLOR),
        (b"[/Separation/Spot/DeviceGray 61 0 R]", 8, 100, 8, ScanColor.GRAY),
    ],
)
def test_depth_and_colour(space: bytes, bits: int, size: int, depth: int, color: ScanColor) -> None:
    file = scanned(b"q 100 0 0 100 0 0 cm /Im Do Q", {b"Im": image(10, 10, space, bits, size)})
    file.objects[60] = stream_object(b"", b"/N 3")
    file.objects[61] = b"<</FunctionType 2/Domain[0 1]/N 1>>"
    assert described(file) == (PageImage(1, 10, 10, 7, depth, color),)


@pytest.mark.parametrize(
    ("contents", "dpi"),
    [
        (b"q 595.2 0 0 841.92 0 0 cm /Im Do Q", 30),
        (b"q 0 595.2 -841.92 0 595 0 cm /Im Do Q", 30),
        (b"q 2 0 0 2 0 0 cm q 297.6 0 0 420.96 0 0 cm /Im Do Q Q", 30),
        (b"q 59.52 0 0 841.92 0 0 cm /Im Do Q", 30),
        (b"(Q) Tj [(a) -3 (b)] TJ <</A/B>> BDC q % comment Q\n595.2 0 0 841.92 0 0 cm /Im Do Q EMC", 30),
        (b"BI /W 1 /H 1 /BPC 8 /CS /G ID q Q cm\x00 EI q 595.2 0 0 841.92 0 0 cm /Im Do Q", 30),
    ],
    ids=["plain", "turned", "nested", "narrow", "among text", "behind an inline image"],
)
def test_pixels_an_inch_as_it_is_painted(contents: bytes, dpi: int) -> None:
    (found,) = described(scanned(contents, {b"Im": GRAY}))
    assert (found.width_px, found.height_px, found.dpi) == (248, 351, dpi)


def test_the_largest_image_counts_and_one_in_a_form_too() -> None:
    form = stream_object(
        b"q 300 0 0 300 0 0 cm /In Do Q",
        b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Matrix[2 0 0 2 0 0]/Resources<</XObject<</In 52 0 R>>>>",
    )
    small, large = image(10, 10, b"/DeviceGray", 8, 100), image(20, 20, b"/DeviceRGB", 8, 1200)
    file = scanned(b"/Small Do q /Form Do Q", {b"Small": small, b"Form": form, b"In": large})
    (found,) = described(file)
    assert (found.width_px, found.dpi, found.color) == (20, 2, ScanColor.COLOR)


def test_the_size_of_a_unit_counts() -> None:
    (found,) = described(scanned(b"q 248 0 0 351 0 0 cm /Im Do Q", {b"Im": GRAY}, b"/UserUnit 0.24"))
    assert found.dpi == 300


@pytest.mark.parametrize("document", [b"", b"%PDF-1.7 no document", plain_file(2).with_table()])
def test_documents_without_images(document: bytes) -> None:
    assert describe_scans(io.BytesIO(document), DescribeScans()) == ()


def test_what_an_image_does_not_say_is_unknown() -> None:
    odd = stream_object(b"", b"/Type/XObject/Subtype/Image/Filter/JPXDecode/Width(x)")
    assert described(scanned(A4_300, {b"Im": odd})) == (PageImage(1, None, None, None, None, None),)


def test_pdfimages_agrees(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scanned(A4_300, {b"Im": GRAY}).with_table())
    listed = subprocess.run([tool("pdfimages"), "-list", path], capture_output=True, text=True, check=True, timeout=60)
    columns = dict(zip(listed.stdout.splitlines()[0].split(), listed.stdout.splitlines()[2].split(), strict=False))
    (found,) = describe_scans(io.BytesIO(path.read_bytes()), DescribeScans())
    assert (columns["width"], columns["height"], columns["color"]) == ("248", "351", "gray")
    assert found.dpi == 30
    assert " 30 " in listed.stdout
