"""The image of each page, for documents that were scanned (engine process): ISO 32000-2, 8.9.5, 8.3.4, 8.6.

What a page shows is found by its content stream's own words: the matrix in force where an image is painted says how large it is
on the page. No image is decoded. Of several on a page the largest counts.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from proxy.errors import InvalidDocument, PDFVersionUnsupported
from proxy.pades.appearance.pages import Page, pages, view_of
from proxy.pades.document import DocumentReader
from proxy.pades.objects import entry
from proxy.pades.reading import read_pdf
from proxy.pades.verification.content_streams import MOST_TOKENS, operations
from proxy.pades.verification.values import DescribeScans, PageImage, ScanColor

MOST_PAGES = 5_000
_MOST_FORMS = 4
_LONGEST_CONTENT = 4 << 20

_COMPONENTS = {
    "/DeviceGray": 1,
    "/CalGray": 1,
    "/G": 1,
    "/DeviceRGB": 3,
    "/CalRGB": 3,
    "/RGB": 3,
    "/Lab": 3,
    "/DeviceCMYK": 4,
    "/CMYK": 4,
}

Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Painted:
    """An image on a page, with its width and height there in points."""

    image: generic.StreamObject
    width: float
    height: float


def describe_scans(stream: BinaryIO, request: DescribeScans) -> tuple[PageImage, ...]:
    """The image of each page that has one; none of a document that cannot be read.

    Raises:
        PDFEncrypted: It needs a password or a recipient's key.
    """
    try:
        return read_pdf(stream, request.password, _described)
    except (InvalidDocument, PDFVersionUnsupported):
        return ()


def _described(reader: DocumentReader) -> tuple[PageImage, ...]:
    found = []
    for number, page in enumerate(islice(pages(reader), MOST_PAGES), 1):
        unit = view_of(page).user_unit
        largest = max(_painted(page), key=lambda painted: painted.width * painted.height, default=None)
        if largest is not None:
            found.append(_image(number, largest, unit))
    return tuple(found)


def _image(number: int, painted: _Painted, unit: float) -> PageImage:
    image = painted.image
    width, height = (_count(entry(image, key)) for key in ("/Width", "/Height"))
    components, bits = _depth(image)
    return PageImage(
        page=number,
        width_px=width,
        height_px=height,
        dpi=_dpi(((width, painted.width * unit), (height, painted.height * unit))),
        bits_per_pixel=None if components is None or bits is None else components * bits,
        color=_color(image, components, bits),
    )


def _dpi(sides: tuple[tuple[int | None, float], ...]) -> int | None:
    """Pixels an inch: of the two directions, the fewer."""
    known = [pixels * 72 / points for pixels, points in sides if pixels is not None and points > 0]
    return round(min(known)) if len(known) == len(sides) else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else None


def _depth(image: generic.StreamObject) -> tuple[int | None, int | None]:
    """Components of a pixel, and bits of each."""
    if entry(image, "/ImageMask"):
        return 1, 1
    space = entry(image, "/ColorSpace")
    indexed = isinstance(space, generic.ArrayObject) and len(space) > 1 and space[0] in ("/Indexed", "/I")
    return (1 if indexed else _components(space)), _count(entry(image, "/BitsPerComponent"))


def _components(space: object) -> int | None:
    if isinstance(space, generic.NameObject):
        return _COMPONENTS.get(space)
    if not isinstance(space, generic.ArrayObject) or not space:
        return None
    family = space[0]
    if family in _COMPONENTS:
        return _COMPONENTS[family]
    if family == "/ICCBased" and len(space) > 1:
        return _count(entry(space[1], "/N"))
    if family == "/Separation":
        return 1
    if family == "/DeviceN" and len(space) > 1 and isinstance(space[1], generic.ArrayObject):
        return len(space[1])
    return None


def _color(image: generic.StreamObject, components: int | None, bits: int | None) -> ScanColor | None:
    space = entry(image, "/ColorSpace")
    if isinstance(space, generic.ArrayObject) and len(space) > 1 and space[0] in ("/Indexed", "/I"):
        components = _components(space[1])
    if components is None:
        return None
    if components > 1:
        return ScanColor.COLOR
    return ScanColor.BILEVEL if bits == 1 else ScanColor.GRAY


def _painted(page: Page) -> Iterator[_Painted]:
    resources = next((found for node in page.nodes if (found := entry(node, "/Resources")) is not None), None)
    yield from _painted_by(_content(entry(page.nodes[0], "/Contents")), resources, _IDENTITY, _MOST_FORMS)


def _content(contents: object) -> bytes:
    parts = [item.get_object() for item in contents.iterate()] if isinstance(contents, generic.ArrayObject) else [contents]
    data = bytearray()
    for part in parts:
        if isinstance(part, generic.StreamObject) and len(data) < _LONGEST_CONTENT:
            data += part.read_data(DecodePurpose.GENERIC) + b"\n"
    return bytes(data[:_LONGEST_CONTENT])


def _painted_by(content: bytes, resources: object, matrix: Matrix, levels: int) -> Iterator[_Painted]:
    objects = entry(resources, "/XObject")
    saved: list[Matrix] = []
    for operator, name, numbers in operations(content):
        if operator == b"q" and len(saved) < MOST_TOKENS:
            saved.append(matrix)
        elif operator == b"Q" and saved:
            matrix = saved.pop()
        elif operator == b"cm" and len(numbers) >= 6:
            matrix = _times(numbers[-6:], matrix)
        elif operator == b"Do":
            painted = entry(objects, name)
            if not isinstance(painted, generic.StreamObject):
                continue
            if entry(painted, "/Subtype") == "/Image":
                yield _Painted(painted, math.hypot(matrix[0], matrix[1]), math.hypot(matrix[2], matrix[3]))
            elif levels and entry(painted, "/Subtype") == "/Form":
                own = [float(part) for part in (entry(painted, "/Matrix") or _IDENTITY)]
                inner = _times(own, matrix) if len(own) == 6 else matrix
                yield from _painted_by(_content(painted), entry(painted, "/Resources") or resources, inner, levels - 1)


def _times(numbers: list[float], matrix: Matrix) -> Matrix:
    a, b, c, d, e, f = numbers
    ma, mb, mc, md, me, mf = matrix
    return (
        a * ma + b * mc,
        a * mb + b * md,
        c * ma + d * mc,
        c * mb + d * md,
        e * ma + f * mc + me,
        e * mb + f * md + mf,
    )
