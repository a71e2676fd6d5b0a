"""Programs that sign a file and end: ``pdfsig`` of Poppler, ``mutool`` of MuPDF, and pyHanko's command line.

Each gives the arguments that sign ``document`` into ``out``, or that it is missing here and why.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from benchmarks.frame.case import Missing
from benchmarks.frame.surroundings import NICKNAME, PASSWORD, Surroundings

Command = Callable[[Path, Path], list[str]]
"""Document and result to arguments."""


def pdfsig(around: Surroundings) -> Command | Missing:
    """Signs with a key in a database of NSS, as adbe.pkcs7.detached: it adds no fields with other signatures."""
    for tool, package in (("pdfsig", "poppler-utils"), ("certutil", "libnss3-tools"), ("pk12util", "libnss3-tools")):
        if shutil.which(tool) is None:
            return Missing(f"{tool} is not installed ({package})")
    database = around.folder / "nss"
    if not database.exists():
        database.mkdir()
        _run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
        _run("pk12util", "-i", str(around.pkcs12), "-d", f"sql:{database}", "-W", PASSWORD, "-K", "")
    options = ["-nssdir", str(database), "-add-signature", "-nick", NICKNAME, "-no-ocsp", "-nocert"]

    def command(document: Path, out: Path) -> list[str]:
        out.unlink(missing_ok=True)
        return ["pdfsig", *options, str(document), str(out)]

    return command


def mutool(around: Surroundings) -> Command | Missing:
    """Signs a field that is there: the document gets one first, by pyHanko."""
    if shutil.which("mutool") is None:
        return Missing("mutool is not installed (mupdf-tools)")

    def command(document: Path, out: Path) -> list[str]:
        prepared, number = _with_field(document)
        return ["mutool", "sign", "-s", str(around.pkcs12), "-P", PASSWORD, "-o", str(out), str(prepared), str(number)]

    return command


def pyhanko_command_line(around: Surroundings) -> Command | Missing:
    """``pyhanko sign addsig``, a package of its own (locks/peers.txt)."""
    program = PEERS / "pyhanko"
    if not program.exists():
        return Missing("pyhanko-cli is not installed (make peers)")
    password = around.folder / "password"
    password.write_text(PASSWORD)

    def command(document: Path, out: Path) -> list[str]:
        options = ["sign", "addsig", "--field", "Signature1", "--use-pades", "pkcs12", "--passfile", str(password)]
        return [str(program), *options, str(document), str(out), str(around.pkcs12)]

    return command


PEERS = Path(sys.prefix).parent / ".venv-peers" / "bin"
"""Programs and interpreter of the packages in locks/peers.txt."""


def _with_field(document: Path) -> tuple[Path, int]:
    """A copy with an empty signature field, and the field's object number."""
    path, told = document.with_suffix(".field.pdf"), document.with_suffix(".field")
    if not told.exists():
        with document.open("rb") as file, path.open("wb") as out:
            writer = IncrementalPdfFileWriter(file)
            field = append_signature_field(writer, SigFieldSpec("Signature1"))
            writer.write(out)
        told.write_text(str(field.reference.idnum))
    return path, int(told.read_text())


def _run(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True)
