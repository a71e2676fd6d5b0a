"""The first page of a PDF as PDFium, the renderer of Chrome, shows it: its size, and a picture of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from proxy.errors import SettingsError

_POINTS_A_MILLIMETRE = 72 / 25.4
_DOTS_PER_INCH = 144
_MOST_PIXELS = 2400
"""Of the picture's longer side."""


class PageUnreadable(Exception):
    """PDFium cannot open the document or its first page."""


@contextmanager
def _first_page(document: Path) -> Iterator[Any]:
    """Raises SettingsError without pypdfium2, PageUnreadable without a page."""
    try:
        import pypdfium2
    except ImportError as error:
        raise SettingsError('the picture of the page needs pypdfium2: install "hash-signing-proxy[sandbox]"') from error
    try:
        with closing(pypdfium2.PdfDocument(document)) as pdf:
            # Signatures are form fields: without their environment they are not drawn.
            pdf.init_forms()
            with closing(pdf[0]) as page:
                yield page
    except pypdfium2.PdfiumError as error:
        raise PageUnreadable(str(error)) from error


def first_page_size(document: Path) -> tuple[float, float]:
    """Width and height of the first page as it is seen, in mm.

    Raises:
        PageUnreadable: PDFium does not open it.
        SettingsError: The package pypdfium2 is not installed.
    """
    with _first_page(document) as page:
        width, height = page.get_size()
        return width / _POINTS_A_MILLIMETRE, height / _POINTS_A_MILLIMETRE


def draw_first_page(document: Path, picture: Path) -> None:
    """Write the first page as PNG, its signatures' appearances with it.

    Raises:
        PageUnreadable: PDFium does not open it.
        SettingsError: The package pypdfium2 is not installed.
        OSError: The picture cannot be written.
    """
    with _first_page(document) as page:
        scale = min(_DOTS_PER_INCH / 72, _MOST_PIXELS / max(page.get_size()))
        with closing(page.render(scale=scale)) as bitmap:
            bitmap.to_pil().save(picture)
