"""Documents with a visible signature field, pages as two renderers show them, and where ink lies on them."""

import io
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field, enumerate_sig_fields

from proxy.model import Appearance, LengthUnit, Origin
from proxy.pades.appearance import draw, place, set_appearance
from tests.support.pdf_files import PdfFile, stream_object

DPI = 200
Color = tuple[int, int, int]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in millimetres from the upper left corner of the page as it is seen."""

RED: Color = (255, 0, 0)
BLACK: Color = (0, 0, 0)


def appearance(
    *,
    page: int = 1,
    origin: Origin = Origin.BOTTOM_LEFT,
    at: tuple[float, float] = (20, 20),
    size: tuple[float, float] = (60, 22),
    unit: LengthUnit = LengthUnit.MILLIMETRE,
    text: str | None = None,
    image: bytes | None = None,
    rotation: int = 0,
) -> Appearance:
    return Appearance(
        page=page,
        origin=origin,
        x=at[0],
        y=at[1],
        width=size[0],
        height=size[1],
        unit=unit,
        text=text,
        rotation=rotation,
        seal_image=image,
    )


def blank(page: bytes = b"/MediaBox[0 0 595 842]", *, above: bytes = b"", extra: Mapping[int, bytes] | None = None) -> bytes:
    """A document of one empty page; ``above`` are entries of its parent."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1%s>>" % above,
        3: b"<</Type/Page/Parent 2 0 R/Resources<<>>/Contents 4 0 R%s>>" % page,
        4: stream_object(b"q Q"),
    }
    return PdfFile(objects | dict(extra or {})).with_table()


def with_appearance(document: bytes, wanted: Appearance, name: str = "Signature1", *, password: str | None = None) -> bytes:
    """The document with a new signature field that shows ``wanted``."""
    writer = IncrementalPdfFileWriter(io.BytesIO(document), strict=False)
    if password is not None:
        writer.encrypt(password)
    placement = place(writer, wanted)
    append_signature_field(writer, SigFieldSpec(name, on_page=placement.page_index, box=placement.box))  # type: ignore[arg-type]  # pyHanko says int and takes any number
    set_appearance(writer, field_of(writer, name), draw(writer, placement, wanted))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def field_of(writer: IncrementalPdfFileWriter, name: str) -> generic.DictionaryObject:
    field = next(enumerate_sig_fields(writer, with_name=name))[2].get_object()
    assert isinstance(field, generic.DictionaryObject)
    return field


def by_pdfium(document: bytes, folder: Path, page: int = 1, *, password: str | None = None) -> Image.Image:
    pdf = pypdfium2.PdfDocument(document, password=password)
    pdf.init_forms()
    try:
        rendered: Image.Image = pdf[page - 1].render(scale=DPI / 72).to_pil().convert("RGB")
    finally:
        pdf.close()
    return rendered


def by_poppler(document: bytes, folder: Path, page: int = 1, *, password: str | None = None) -> Image.Image:
    path = folder / "shown.pdf"
    path.write_bytes(document)
    given = [] if password is None else ["-upw", password]
    command = ["pdftoppm", *given, "-cropbox", "-r", str(DPI), "-f", str(page), "-l", str(page), "-singlefile"]
    run(*command, path, folder / "shown")
    with Image.open(folder / "shown.ppm") as image:
        return image.convert("RGB")


def run(tool: str, *arguments: str | Path) -> str:
    """What a tool that others wrote says; it has to be content."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


Renderer = Callable[..., Image.Image]
RENDERERS: tuple[Renderer, ...] = (by_pdfium, by_poppler)


def where(image: Image.Image, color: Color, page_mm: tuple[float, float], *, tolerance: int = 40) -> Box | None:
    """The smallest box around everything of ``color``."""
    masks = [
        channel.point([255 if abs(value - wanted) <= tolerance else 0 for value in range(256)])
        for channel, wanted in zip(image.split(), color, strict=True)
    ]
    found = ImageChops.multiply(ImageChops.multiply(masks[0], masks[1]), masks[2]).getbbox()
    if found is None:
        return None
    across, down = page_mm[0] / image.width, page_mm[1] / image.height
    return found[0] * across, found[1] * down, found[2] * across, found[3] * down


def from_top_left(wanted: Appearance, page_mm: tuple[float, float]) -> Box:
    """The box that was asked for, in millimetres."""
    left = wanted.x if wanted.origin in {Origin.TOP_LEFT, Origin.BOTTOM_LEFT} else page_mm[0] - wanted.x - wanted.width
    top = wanted.y if wanted.origin in {Origin.TOP_LEFT, Origin.TOP_RIGHT} else page_mm[1] - wanted.y - wanted.height
    return left, top, left + wanted.width, top + wanted.height


def png(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def square(color: Color = RED, marker: Color | None = None, *, side: int = 300) -> bytes:
    """A square of one colour, its upper left quarter of another."""
    image = Image.new("RGB", (side, side), color)
    if marker is not None:
        image.paste(marker, (0, 0, side // 2, side // 2))
    return png(image)
