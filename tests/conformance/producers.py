"""PDFs as different software writes them: libraries here, the tools of poppler and qpdf, and what the machine came with.

Every one is made from scratch for the test that asks for it; a tool that is not installed skips that test by name.
"""

import io
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pypdfium2
from fpdf import FPDF
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from tests.conformance.judges import tool
from tests.support.pdf_files import PdfFile, plain_file

Producer = Callable[[Path], bytes]
"""Makes a document; it may use the folder."""

MOST_FOUND = 12
"""So many of the machine's own PDFs are taken."""


# -- libraries ------------------------------------------------------------------------------------------------------


def invoice(pages: int = 1) -> bytes:
    """By fpdf2: text, lines, links, an outline and an attachment, compressed."""
    document = FPDF()
    document.set_title("Invoice")
    for number in range(1, pages + 1):
        document.add_page()
        document.set_font("Helvetica", size=12)
        document.start_section(f"Page {number}")
        document.cell(text=f"Invoice 2026-{number:03}", link="https://example.com/")
        document.line(10, 30, 200, 30)
    document.embed_file(bytes=b"amount,100", basename="lines.csv")
    return bytes(document.output())


def by_pyhanko(*, stream_xrefs: bool) -> bytes:
    """By pyHanko's own writer, with a cross-reference table or with streams."""
    writer = PdfFileWriter(stream_xrefs=stream_xrefs)
    contents = writer.add_object(StreamObject(stream_data=b"0 0 100 100 re S"))
    writer.insert_page(PageObject(contents=contents, media_box=(0, 0, 200, 200)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def by_pdfium() -> bytes:
    """By PDFium, which Chrome prints with."""
    document = pypdfium2.PdfDocument.new()
    document.new_page(595, 842)
    document.import_pages(pypdfium2.PdfDocument(invoice(pages=3)))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


# -- tools ----------------------------------------------------------------------------------------------------------


def _converted(folder: Path, source: bytes, *command: str) -> bytes:
    """What a tool makes of a document; ``IN`` and ``OUT`` stand for the files."""
    before, after = folder / "before.pdf", folder / "after.pdf"
    before.write_bytes(source)
    program, *arguments = [{"IN": str(before), "OUT": str(after)}.get(word, word) for word in command]
    subprocess.run([tool(program), *arguments], check=True, capture_output=True)
    return after.read_bytes()


def by_qpdf(*options: str) -> Producer:
    """By qpdf with these options."""
    return lambda folder: _converted(folder, invoice(pages=3), "qpdf", *options, "IN", "OUT")


def encrypted(bits: int, *options: str, password: str = "") -> Producer:
    """By qpdf, encrypted; with the empty user password anybody may read it."""
    weak = ["--allow-weak-crypto"] if bits < 256 else []
    encryption = ["--encrypt", password, "owner", str(bits), *options, "--"]
    return lambda folder: _converted(folder, invoice(), "qpdf", *weak, *encryption, "IN", "OUT")


def by_cairo(folder: Path) -> bytes:
    """By cairo, which many desktop programs print with."""
    return _converted(folder, invoice(pages=2), "pdftocairo", "-pdf", "IN", "OUT")


def by_poppler(folder: Path) -> bytes:
    """By poppler: two documents made one."""
    (folder / "other.pdf").write_bytes(plain_file().with_stream())
    return _converted(folder, invoice(pages=2), "pdfunite", "IN", str(folder / "other.pdf"), "OUT")


# -- all of them ----------------------------------------------------------------------------------------------------


def _versions() -> Mapping[str, Producer]:
    made: dict[str, Producer] = {}
    for version in (b"1.3", b"1.4", b"1.5", b"1.6", b"1.7", b"2.0"):
        made[f"PDF {version.decode()}"] = lambda _, version=version: PdfFile(plain_file().objects, version).with_table()  # type: ignore[misc]
    return made


PRODUCERS: Mapping[str, Producer] = {
    **_versions(),
    "no final end of line": lambda _: plain_file().with_table(final_line_end=False),
    "cross-reference stream": lambda _: plain_file(pages=30).with_stream(),
    "fpdf2": lambda _: invoice(pages=3),
    "pyHanko, table": lambda _: by_pyhanko(stream_xrefs=False),
    "pyHanko, stream": lambda _: by_pyhanko(stream_xrefs=True),
    "PDFium": lambda _: by_pdfium(),
    "cairo": by_cairo,
    "poppler": by_poppler,
    "qpdf": by_qpdf(),
    "qpdf, linearized": by_qpdf("--linearize"),
    "qpdf, object streams": by_qpdf("--object-streams=generate"),
    "qpdf, linearized with object streams": by_qpdf("--linearize", "--object-streams=generate"),
    "qpdf, QDF": by_qpdf("--qdf", "--object-streams=disable"),
    "qpdf, uncompressed": by_qpdf("--stream-data=uncompress"),
    "RC4 40": encrypted(40),
    "RC4 128": encrypted(128, "--use-aes=n"),
    "AES 128": encrypted(128, "--use-aes=y"),
    "AES 128, metadata clear": encrypted(128, "--use-aes=y", "--cleartext-metadata"),
    "AES 256": encrypted(256),
}

FOUND: tuple[Path, ...] = tuple(sorted(Path("/usr/share").rglob("*.pdf")))[:MOST_FOUND]
"""PDFs that came with the machine's packages; none on a bare one."""
