"""Seal images of every kind there is, and those that are none."""

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from proxy.errors import SealImageInvalid
from proxy.pades.appearance.seals import MAX_BYTES, Seal, seal_for
from tests.unit.pades.appearance.sealed import (
    RENDERERS,
    Renderer,
    appearance,
    blank,
    from_top_left,
    png,
    square,
    where,
    with_appearance,
)

SIDE = 62.36
"""22 mm in points."""

COLORS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 0))
GREYS = tuple((grey, grey, grey) for grey in (0, 80, 160, 220))
Quadrants = tuple[tuple[int, int, int], ...]


def quadrants(colors: Quadrants = COLORS, side: int = 64) -> Image.Image:
    """Upper left, upper right, lower left, lower right."""
    image = Image.new("RGB", (2 * side, 2 * side))
    for position, color in enumerate(colors):
        image.paste(color, (position % 2 * side, position // 2 * side, (position % 2 + 1) * side, (position // 2 + 1) * side))
    return image


def with_orientation(image: Image.Image, orientation: int, file_format: str) -> bytes:
    """The image stored so that it looks like ``image`` where its orientation is respected (EXIF 2.32, 4.6.4)."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    return png(image.transpose(undo[orientation]), file_format, exif=exif)


def sixteen_bit(file_format: str) -> bytes:
    grey = quadrants(GREYS).convert("L").convert("I")
    return png(grey.point(lambda value: value * 257).convert("I;16"), file_format)


def hand_made_png(
    color_type: int, bits: int, row: bytes, rows: int, width: int, *, extra: bytes = b"", interlace: int = 0
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, rows, bits, color_type, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(row * rows)) + chunk(b"IEND", b"")
    )


def sixteen_bit_color_png() -> bytes:
    upper, lower = (
        b"\0" + b"".join(struct.pack(">HHH", *(value * 257 for value in color)) * 64 for color in pair)
        for pair in (COLORS[:2], COLORS[2:])
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 128, 128, 16, 2, 0, 0, 0)
    data = zlib.compress(upper * 64 + lower * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def interlaced_png() -> bytes:
    """Adam7 (ISO/IEC 15948, 8.2), which Pillow reads and does not write."""
    image = quadrants()
    data = b""
    for left, top, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for y in range(top, image.height, down):
            data += b"\0" + b"".join(bytes(image.getpixel((x, y))) for x in range(left, image.width, across))  # type: ignore[arg-type]  # a tuple, as the image is RGB

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def animated_gif() -> bytes:
    return png(quadrants(), "GIF", save_all=True, append_images=[Image.new("RGB", (128, 128), (1, 2, 3))])


KINDS: dict[str, tuple[bytes, Quadrants]] = {
    "PNG": (png(quadrants()), COLORS),
    "PNG, alpha": (png(quadrants().convert("RGBA")), COLORS),
    "PNG, palette": (png(quadrants().quantize(16)), COLORS),
    "PNG, grey": (png(quadrants(GREYS).convert("L")), GREYS),
    "PNG, grey and alpha": (png(quadrants(GREYS).convert("LA")), GREYS),
    "PNG, one bit": (
        png(quadrants((GREYS[0], (255,) * 3, (255,) * 3, GREYS[0])).convert("1")),
        (GREYS[0], (255,) * 3, (255,) * 3, GREYS[0]),
    ),
    "PNG, 16 bit grey": (sixteen_bit("PNG"), GREYS),
    "PNG, 16 bit colour": (sixteen_bit_color_png(), COLORS),
    "PNG, interlaced": (interlaced_png(), COLORS),
    "PNG, turned": (with_orientation(quadrants(), 6, "PNG"), COLORS),
    "JPEG": (png(quadrants(), "JPEG", quality=95), COLORS),
    "JPEG, progressive": (png(quadrants(), "JPEG", quality=95, progressive=True), COLORS),
    "JPEG, grey": (png(quadrants(GREYS).convert("L"), "JPEG", quality=95), GREYS),
    "JPEG, CMYK": (png(quadrants().convert("CMYK"), "JPEG", quality=95), COLORS),
    **{f"JPEG, orientation {turn}": (with_orientation(quadrants(), turn, "JPEG"), COLORS) for turn in (2, 3, 6, 7, 8)},
    "GIF": (png(quadrants(), "GIF"), COLORS),
    "GIF, animated": (animated_gif(), COLORS),
    "BMP": (png(quadrants(), "BMP"), COLORS),
    "BMP, palette": (png(quadrants().quantize(16), "BMP"), COLORS),
    "TIFF": (png(quadrants(), "TIFF"), COLORS),
    "TIFF, LZW": (png(quadrants(), "TIFF", compression="tiff_lzw"), COLORS),
    "TIFF, CMYK": (png(quadrants().convert("CMYK"), "TIFF", compression="tiff_deflate"), COLORS),
    "TIFF, 16 bit": (sixteen_bit("TIFF"), GREYS),
    "TIFF, turned": (with_orientation(quadrants(), 8, "TIFF"), COLORS),
    "TIFF, two pages": (png(quadrants(), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]), COLORS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_is_shown_in_its_colours(kind: str, tmp_path: Path) -> None:
    data, colors = KINDS[kind]
    asked = appearance(size=(22, 22), image=data)
    document = with_appearance(blank(b"/MediaBox[0 0 200 200]"), asked)
    left, top, right, bottom = from_top_left(asked, (200 / 72 * 25.4, 200 / 72 * 25.4))
    for render in RENDERERS:
        page = render(document, tmp_path)
        scale = page.width / (200 / 72 * 25.4)
        for position, color in enumerate(colors):
            x = left + (right - left) * (0.25 + 0.5 * (position % 2))
            y = top + (bottom - top) * (0.25 + 0.5 * (position // 2))
            found = page.getpixel((round(x * scale), round(y * scale)))
            assert isinstance(found, tuple)
            assert all(abs(a - b) < 12 for a, b in zip(found, color, strict=True)), (render.__name__, position, found, color)


@pytest.mark.parametrize("render", RENDERERS, ids=["pdfium", "poppler"])
@pytest.mark.parametrize("grey", [False, True])
def test_what_is_transparent_lets_the_page_through(grey: bool, render: Renderer, tmp_path: Path) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 50, 100))
    image.paste((0, 0, 0, 128), (50, 0, 100, 50))
    asked = appearance(at=(0, 0), size=(20, 20), image=png(image.convert("LA") if grey else image))
    # The page is painted yellow.
    document = blank(b"/MediaBox[0 0 200 200]", extra={4: b"<</Length 26>>stream\n1 1 0 rg 0 0 200 200 re f \nendstream"})
    page = render(with_appearance(document, asked), tmp_path)
    scale = page.height / (200 / 72 * 25.4)

    def at(x: float, y: float) -> object:
        return page.getpixel((round(x * scale), page.height - 1 - round(y * scale)))

    assert at(5, 10) == (0, 0, 0)
    assert at(15, 5) == (255, 255, 0)
    half = at(15, 15)
    assert isinstance(half, tuple)
    assert abs(half[0] - 127) < 4 > abs(half[1] - 127)


def test_a_transparent_colour_and_a_transparent_palette_entry_are_masks() -> None:
    keyed = Image.new("RGB", (8, 8), (255, 255, 255))
    keyed.paste((200, 0, 0), (0, 0, 4, 8))
    for data in (
        png(keyed, transparency=(255, 255, 255)),
        png(keyed.quantize(4), transparency=keyed.quantize(4).getpixel((7, 7))),
        png(keyed.convert("L"), transparency=255),
        png(keyed.quantize(4), "GIF", transparency=keyed.quantize(4).getpixel((7, 7))),
    ):
        mask = seal_for(data, SIDE, SIDE).mask
        assert mask is not None
        assert zlib.decompress(mask) == (b"\xff" * 4 + b"\0" * 4) * 8


def test_a_16_bit_grey_png_with_a_transparent_value_is_masked() -> None:
    row = b"\0" + struct.pack(">4H", 0x1234, 0x1235, 0xFFFF, 0x1234)
    transparency = b"\0\0\0\x02tRNS\x12\x34"
    data = hand_made_png(0, 16, row, 2, 4, extra=transparency + struct.pack(">I", zlib.crc32(transparency[4:])))
    seal = seal_for(data, SIDE, SIDE)
    assert zlib.decompress(seal.data) == bytes((0x12, 0x12, 0xFF, 0x12)) * 2
    assert seal.mask is not None
    assert zlib.decompress(seal.mask) == b"\0\xff\xff\0" * 2


def test_an_opaque_alpha_channel_costs_no_mask() -> None:
    assert seal_for(png(quadrants().convert("RGBA")), SIDE, SIDE).mask is None
    assert seal_for(png(quadrants().convert("LA")), SIDE, SIDE).color_space == "/DeviceGray"


@pytest.mark.parametrize("size", [(400, 100), (100, 400)])
def test_an_image_keeps_its_proportions_in_the_middle_of_its_box(size: tuple[int, int], tmp_path: Path) -> None:
    asked = appearance(size=(40, 20), image=png(Image.new("RGB", size, (255, 0, 0))))
    page_mm = (200 / 72 * 25.4, 200 / 72 * 25.4)
    left, top, right, bottom = from_top_left(asked, page_mm)
    wanted = (left, top + 5, right, bottom - 5) if size[0] > size[1] else (left + 17.5, top, right - 17.5, bottom)
    document = with_appearance(blank(b"/MediaBox[0 0 200 200]"), asked)
    for render in RENDERERS:
        assert where(render(document, tmp_path), (255, 0, 0), page_mm) == pytest.approx(wanted, abs=0.3)


def pixels(seal: Seal) -> int:
    return seal.width * seal.height


def test_what_is_embedded_is_no_finer_than_can_be_printed() -> None:
    large = png(quadrants(side=1500))
    # 22 mm at 600 pixels an inch.
    assert seal_for(large, SIDE, SIDE).width == 517
    assert pixels(seal_for(large, 900, 900)) <= 4_000_000
    small = png(quadrants(side=50))
    assert seal_for(small, SIDE, SIDE).width == 100
    assert seal_for(png(Image.new("L", (3000, 3))), SIDE, SIDE).height == 1


def test_a_photograph_stays_one_and_brings_no_metadata() -> None:
    noise = Image.frombytes("RGB", (700, 700), random.Random(1).randbytes(3 * 700 * 700))
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    seal = seal_for(png(noise, "JPEG", exif=exif, icc_profile=profile, comment=b"taken at home"), SIDE, SIDE)
    assert seal.filter == "/DCTDecode"
    assert len(seal.data) < 3 * 517 * 517
    assert b"taken at home" not in seal.data
    assert b"ICC_PROFILE" not in seal.data
    assert Image.open(io.BytesIO(seal.data)).size == (seal.width, seal.height) == (517, 517)


def test_a_damaged_block_of_metadata_does_not_matter() -> None:
    data = bytearray(png(quadrants(), "JPEG", exif=Image.Exif()))
    at = data.find(b"Exif\0\0")
    if at < 0:
        exif = Image.Exif()
        exif[0x0112] = 1
        data = bytearray(png(quadrants(), "JPEG", exif=exif))
        at = data.find(b"Exif\0\0")
    data[at + 6 : at + 14] = b"\xff" * 8
    assert seal_for(bytes(data), SIDE, SIDE).width == 128


def huge_png(width: int, height: int) -> bytes:
    return hand_made_png(0, 8, b"\0", 1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", width, height))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(Image.new("1", (5001, 5000))), id="25 million and some"),
        pytest.param(png(Image.new("L", (1, 25_000_001)), "TIFF", compression="tiff_deflate"), id="thin"),
        pytest.param(png(Image.new("L", (6000, 5000)), "GIF"), id="GIF"),
        pytest.param(b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", id="a screen of 4 billion"),
    ],
)
def test_too_many_pixels_are_refused_before_they_are_decoded(data: bytes) -> None:
    with pytest.raises(SealImageInvalid, match="25 million"):
        seal_for(data, SIDE, SIDE)


def test_25_million_pixels_are_not_too_many() -> None:
    assert seal_for(png(Image.new("1", (5000, 5000))), SIDE, SIDE).width == 517


NOT_IMAGES = {
    "nothing": b"",
    "text": b"seal",
    "PDF": blank(),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "WebP": png(quadrants(), "WEBP"),
    "ICO": png(quadrants(), "ICO"),
    "cut off PNG": png(quadrants())[:-60],
    "cut off JPEG": png(quadrants(), "JPEG")[:900],
    "cut off GIF": png(quadrants(), "GIF")[:60],
    "cut off TIFF": png(quadrants(), "TIFF")[:2000],
    "PNG without data": huge_png(10, 10),
    "PNG of no width": huge_png(0, 10),
    "floating point": png(Image.new("F", (4, 4)), "TIFF"),
    "32 bit": png(Image.new("I", (4, 4)), "TIFF"),
}


@pytest.mark.parametrize("kind", NOT_IMAGES)
def test_what_is_no_image_or_half_of_one_is_refused(kind: str) -> None:
    with pytest.raises(SealImageInvalid) as refused:
        seal_for(NOT_IMAGES[kind], SIDE, SIDE)
    assert set(refused.value.fields) == {"sealImage"}


def test_a_file_over_the_limit_is_refused_unread() -> None:
    image = square()
    with pytest.raises(SealImageInvalid, match="5 MB"):
        seal_for(image + bytes(MAX_BYTES), SIDE, SIDE)
    assert seal_for(image + bytes(MAX_BYTES - len(image)), SIDE, SIDE).width == 300


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "orientation" not in kind])
def test_damage_anywhere_is_an_image_or_a_refusal(kind: str) -> None:
    chance = random.Random(kind)
    original = KINDS[kind][0]
    for _ in range(60):
        data = bytearray(original)
        for _ in range(chance.randint(1, 6)):
            # Headers and tables, where parsers err, are at both ends.
            near = min(200, len(data))
            at = chance.choice((chance.randrange(near), chance.randrange(len(data)), -1 - chance.randrange(near)))
            data[at] = chance.randrange(256)
        try:
            seal = seal_for(bytes(data), SIDE, SIDE)
        except SealImageInvalid:
            continue
        assert seal.width >= 1 <= seal.height
