"""The seal image, from the file that came to what a PDF holds (engine process): ISO 32000-2, 8.9.5, 11.6.5.2 (soft mask).

Pillow decodes it here, where a hostile file ends with the process at worst. What is embedded are pixels alone, at no more
than :data:`RESOLUTION` for the size they are drawn in: no metadata of the file, and a document that grows by what can be seen.
Colour profiles are not applied; CMYK becomes RGB.
"""

import hashlib
import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Named, or the first image in another format makes Pillow import all it has.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from proxy.engine.keeping import BoundedCache
from proxy.errors import ProxyError, SealImageInvalid

MAX_BYTES = 5_000_000
MAX_PIXELS = 25_000_000
"""What is decoded at all; of several frames the first alone."""

RESOLUTION = 600
"""Pixels an inch above which an image is reduced."""

MAX_EMBEDDED_PIXELS = 4_000_000
"""What is embedded at most, however large it is drawn."""

_FORMATS = tuple(
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
    )
)

_PHOTOGRAPHS = {"JPEG", "MPO"}
_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Seal:
    """An image as a PDF holds it.

    Attributes:
        width: Pixels.
        height: Pixels.
        color_space: ``/DeviceGray`` or ``/DeviceRGB``, 8 bits a component.
        filter: ``/FlateDecode`` or ``/DCTDecode``.
        data: The encoded samples.
        mask: Opacity, 8 bits a pixel, deflated; ``None``: opaque.
    """

    width: int
    height: int
    color_space: str
    filter: str
    data: bytes
    mask: bytes | None

    def fitted(self, width: float, height: float) -> tuple[float, float]:
        """The largest size of its own proportions within ``width`` and ``height``."""
        scale = min(width / self.width, height / self.height)
        return self.width * scale, self.height * scale


_kept: BoundedCache[tuple[bytes, int, int], Seal] = BoundedCache(16_000_000)


def seal_for(data: bytes, width: float, height: float) -> Seal:
    """Decode an image file for a place on a page.

    Args:
        data: PNG, JPEG, GIF, BMP or TIFF.
        width: Points it may be wide.
        height: Points it may be high.

    Raises:
        SealImageInvalid: It is none of them, damaged, or over a limit.
    """
    if len(data) > MAX_BYTES:
        raise SealImageInvalid("the seal image is over 5 MB", fields={"sealImage": "over 5 MB"})
    key = (hashlib.sha256(data).digest(), round(width), round(height))
    seal = _kept.get(key)
    if seal is None:
        with _decoding_errors():
            seal = _decode(data, *key[1:])
        _kept.keep(key, seal, len(seal.data) + len(seal.mask or b""))
    return seal


def add_seal(writer: BasePdfFileWriter, seal: Seal) -> generic.IndirectObject:
    """Add the image to the document.

    Returns:
        A reference to its image XObject.
    """
    image = _image_object(seal, seal.color_space, seal.filter, seal.data)
    if seal.mask is not None:
        image[pdf_name("/SMask")] = writer.add_object(_image_object(seal, "/DeviceGray", "/FlateDecode", seal.mask))
    return writer.add_object(image)


def _image_object(seal: Seal, color_space: str, name: str, data: bytes) -> generic.StreamObject:
    return generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Image"),
            pdf_name("/Width"): generic.NumberObject(seal.width),
            pdf_name("/Height"): generic.NumberObject(seal.height),
            pdf_name("/ColorSpace"): pdf_name(color_space),
            pdf_name("/BitsPerComponent"): generic.NumberObject(8),
            pdf_name("/Filter"): pdf_name(name),
        },
        encoded_data=data,
    )


@contextmanager
def _decoding_errors() -> Iterator[None]:
    """Map what Pillow raises on a hostile or damaged image.

    It documents no closed set: ``OSError``, ``SyntaxError``, ``ValueError``, ``TypeError``, ``KeyError``, ``IndexError``,
    ``struct.error``, ``zlib.error``, ``OverflowError`` and ``MemoryError`` (for sizes that a header makes up) are all seen. The
    image is the only input here that was not checked.
    """
    try:
        # What Pillow finds odd about metadata is nothing that is embedded.
        with warnings.catch_warnings(action="ignore"):
            yield
    except ProxyError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except Exception as error:  # the docstring says why
        raise SealImageInvalid(
            "the seal image cannot be read: it is damaged, or not PNG, JPEG, GIF, BMP or TIFF",
            fields={"sealImage": "cannot be read"},
        ) from error


def _decode(data: bytes, width: int, height: int) -> Seal:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _too_many_pixels()
        opened.load()
        photograph = opened.format in _PHOTOGRAPHS
        upright = ImageOps.exif_transpose(opened)
    plain = _reduced(_plain(upright), width, height)
    if not photograph or plain.mode not in {"L", "RGB"}:
        return _deflated(plain)
    # The encoder would write a comment of the file's again.
    plain.info.clear()
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return Seal(plain.width, plain.height, _color_space(plain), "/DCTDecode", out.getvalue(), None)


def _plain(image: Image.Image) -> Image.Image:
    """Of 8 bits a component, grey or RGB, with alpha where something is transparent."""
    if image.mode.startswith("I;16"):
        transparent = image.info.get("transparency")
        deep = image.convert("I")
        grey = deep.point([value >> 8 for value in range(1 << 16)], "L")
        if not isinstance(transparent, int):
            return grey
        alpha = deep.point([0 if value == transparent else 255 for value in range(1 << 16)], "L")
        return Image.merge("LA", (grey, alpha))
    if image.mode in {"I", "F"}:
        raise SealImageInvalid("the seal image has more than 16 bits a component", fields={"sealImage": "bit depth"})
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in {"1", "L", "LA", "La"} else "RGBA")
        return image.convert(image.mode[:-1]) if image.getextrema()[-1] == (255, 255) else image
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def _reduced(image: Image.Image, width: int, height: int) -> Image.Image:
    inches = min(width / image.width, height / image.height) / 72
    scale = min(1.0, RESOLUTION * inches, (MAX_EMBEDDED_PIXELS / (image.width * image.height)) ** 0.5)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _deflated(image: Image.Image) -> Seal:
    mask = None
    if image.mode in {"LA", "RGBA"}:
        mask = zlib.compress(image.getchannel("A").tobytes(), 9)
        image = image.convert(image.mode[:-1])
    return Seal(image.width, image.height, _color_space(image), "/FlateDecode", zlib.compress(image.tobytes(), 9), mask)


def _color_space(image: Image.Image) -> str:
    return "/DeviceGray" if image.mode == "L" else "/DeviceRGB"


def _too_many_pixels() -> SealImageInvalid:
    return SealImageInvalid("the seal image has over 25 million pixels", fields={"sealImage": "over 25 million pixels"})
