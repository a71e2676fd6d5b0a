"""Seal images, made with Pillow for the test that asks for one."""

import io

from PIL import Image, ImageDraw

RED = (200, 30, 30, 255)


def seal(image_format: str = "PNG", side: int = 240) -> bytes:
    """A square frame in red: transparent inside in PNG, white inside in the others."""
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    ImageDraw.Draw(image).rectangle([4, 4, side - 5, side - 5], outline=RED, width=side // 20)
    out = io.BytesIO()
    if image_format == "PNG":
        image.save(out, image_format)
    else:
        opaque = Image.new("RGB", image.size, "white")
        opaque.paste(image, mask=image.getchannel("A"))
        opaque.save(out, image_format)
    return out.getvalue()


def large_png() -> bytes:
    """Few bytes that are 100 million pixels."""
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    return out.getvalue()
