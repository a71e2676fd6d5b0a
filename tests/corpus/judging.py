"""What judges say of a signed file, against what they said of it before."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pypdfium2

from tests.conformance.judges import DSS, DSSReport, tool

SECONDS = 60
ES, ES_A, TIMESTAMP = "ES", "ES-A", "timestamp"
"""The forms that are tried."""


class LongLivedDSS:
    """EU DSS for a long run: its Java process is replaced when it gives no answer, and asked once more."""

    def __init__(self, anchors: Sequence[Path]) -> None:
        # It renders every page to compare revisions; some are scans of a hundred megapixels.
        os.environ["_JAVA_OPTIONS"] = "-Xmx3g"
        self._anchors = anchors
        self._dss = DSS()

    def judge(self, document: Path) -> DSSReport:
        """What it says of a document."""
        try:
            return self._dss.judge(document, self._anchors, online=True)
        except AssertionError:
            self.close()
            self._dss = DSS()
            return self._dss.judge(document, self._anchors, online=True)

    def close(self) -> None:
        """End the Java process."""
        self._dss.close()


def complaints(
    form: str, original: Path, result: Path, password: str, stock: Path | None, dss: LongLivedDSS | None
) -> list[str]:
    """What a judge holds against ``result`` that it does not hold against ``original``; empty where all accept it.

    Args:
        form: What was made of the original.
        original: The file as it came.
        result: The answer.
        password: Opens both; empty where none is needed.
        stock: The original signed by pyHanko as it comes, where it can.
        dss: EU DSS, where it is to judge too. It is not given passwords.
    """
    found = []
    if not result.read_bytes().startswith(original.read_bytes()):
        found.append("bytes of the original changed")
    if form != TIMESTAMP:
        found += _by_pdfsig(result, password, total=form == ES)
    found += [f"qpdf: {message}" for message in _messages(result, password) - _messages(original, password)]
    if form != ES_A:
        found += _by_renderers(original, result, password)
    if dss is not None and not password:
        found += _by_dss(form, result, (original, stock), dss)
    return found


def readers(path: Path, password: str) -> tuple[str, ...]:
    """Those of qpdf and poppler that open a file, with warnings perhaps."""
    opening = {
        "qpdf": _run(tool("qpdf"), f"--password={password}", "--check", path).returncode in {0, 3},
        "poppler": _run(tool("pdfinfo"), *_either(password), path).returncode == 0,
    }
    return tuple(name for name, opens in opening.items() if opens)


def _run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)


def _either(password: str) -> tuple[str, ...]:
    """Poppler's tools want to be told whose password it is."""
    return ("-opw", password, "-upw", password)


def _by_pdfsig(result: Path, password: str, *, total: bool) -> list[str]:
    said = _run(tool("pdfsig"), "-nocert", *_either(password), result).stdout.decode(errors="replace")
    # It knows no document timestamps, and says so.
    parts = [part for part in said.split("Signature #")[1:] if "Signature has not yet been verified." not in part]
    last = parts[-1] if parts else ""
    accepted = "- Signature Validation: Signature is Valid." in last and (not total or "- Total document signed" in last)
    return [] if accepted else [f"pdfsig: {last or 'no signature'}"]


def _messages(path: Path, password: str) -> Counter[str]:
    """qpdf's, without the numbers: an object that was written anew is at another offset."""
    said = _run(tool("qpdf"), f"--password={password}", "--check", path).stderr.decode(errors="replace")
    lines = (line.replace(str(path), "").strip() for line in said.splitlines())
    return Counter(re.sub("[0-9]+", "N", line) for line in lines if line)


def _by_renderers(original: Path, result: Path, password: str) -> list[str]:
    found = []
    for name, render in RENDERERS.items():
        before, after = render(original, original, password), render(result, original, password)
        if before and before != after:
            found.append(f"{name}: page 1 differs" if after else f"{name}: page 1 is gone")
    return found


def _poppler_page(path: Path, _: Path, password: str) -> bytes:
    return _run(tool("pdftoppm"), *_either(password), "-r", "36", "-f", "1", "-l", "1", "-png", path).stdout


def _pdfium_page(path: Path, original: Path, password: str) -> bytes:
    """Page 1; with its fields drawn where the original has a form: pdfium takes widgets without one for fields afterwards."""
    try:
        with pypdfium2.PdfDocument(original, password=password or None) as document:
            has_form = document.init_forms()
        with pypdfium2.PdfDocument(path, password=password or None) as document:
            if has_form:
                document.init_forms()
            return bytes(document[0].render(scale=0.5).buffer)
    except pypdfium2.PdfiumError:
        return b""


RENDERERS: dict[str, Callable[[Path, Path, str], bytes]] = {"poppler": _poppler_page, "pdfium": _pdfium_page}


def _by_dss(form: str, result: Path, others: Sequence[Path | None], dss: LongLivedDSS) -> list[str]:
    report = dss.judge(result)
    # Others' certificates chain to nothing here: what passes is ours.
    if form == TIMESTAMP:
        passed = any(verdict.indication == "PASSED" for verdict in report.timestamps)
    else:
        level = "PAdES-BASELINE-B" if form == ES else "PAdES-BASELINE-LTA"
        passed = any((verdict.indication, verdict.level) == ("TOTAL_PASSED", level) for verdict in report.signatures)
    # Signatures that are in some files make it give up, whoever signed after them.
    if passed or any(dss.judge(other).failure is not None for other in others if other is not None):
        return []
    return [f"DSS: {report.failure or (report.signatures, report.timestamps)}"]
