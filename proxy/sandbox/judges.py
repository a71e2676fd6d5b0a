"""Two judges of what the demonstration signed: pyHanko's validator, and ``pdfsig`` (poppler) where it is installed.

Each is asked about the newest signature of a PDF alone. pyHanko is given the sandbox's roots and fetches revocation data from
the sandbox's responders, as a validator that knows them as trusted would (EN 319 102-1).
"""

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from proxy.model import SignatureForm

_SECONDS = 60.0
"""For one run of ``pdfsig``."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge says of one signature; ``reason`` where it is not valid."""

    valid: bool
    reason: str | None = None


async def judge_by_pyhanko(document: Path, anchors: Sequence[Path], form: SignatureForm) -> Judgement:
    """Whether the newest signature is intact, trusted, unrevoked, over the whole file and, for ES-T, validly time-stamped.

    Args:
        document: A signed PDF.
        anchors: PEM files of the roots that are trusted.
        form: What it was signed as.
    """
    roots = [certificate for anchor in anchors for certificate in load_certs_from_pemder_data(anchor.read_bytes())]
    try:
        with document.open("rb") as stream:
            reader = PdfFileReader(stream, strict=False)
            if reader.encrypted:
                reader.decrypt("")
            signature = reader.embedded_regular_signatures[-1]
            async with aclosing(
                ValidationContext(trust_roots=roots, allow_fetching=True, revocation_mode="hard-fail")
            ) as context:
                status = await async_validate_pdf_signature(signature, context)
    except Exception as error:  # noqa: BLE001 - on odd files pyHanko fails by whatever Python raises; that is its verdict then
        return Judgement(valid=False, reason=f"{type(error).__name__}: {error}")
    faults = _faults(status, form)
    return Judgement(valid=not faults, reason="; ".join(faults) or None)


def _faults(status: PdfSignatureStatus, form: SignatureForm) -> list[str]:
    timestamp = status.timestamp_validity
    stamped = timestamp is not None and timestamp.valid and timestamp.intact and timestamp.trusted
    checks = {
        "the digest does not fit": status.intact,
        "the signature value does not fit": status.valid,
        "its certificate is not trusted": status.trusted,
        "it does not cover the whole file": status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        "its timestamp is missing or not valid": stamped or form is SignatureForm.ES,
        "it is not valid as a whole": status.bottom_line,
    }
    return [fault for fault, holds in checks.items() if not holds]


async def judge_by_pdfsig(document: Path) -> Judgement | None:
    """Whether ``pdfsig`` calls the signature over the total document valid; ``None`` where ``pdfsig`` is not installed.

    Its text is read, because it exits 0 on a digest mismatch. It is not asked about certificates: it knows no roots but NSS's.
    """
    tool = shutil.which("pdfsig")
    if tool is None:
        return None
    process = await asyncio.create_subprocess_exec(
        tool,
        "-nocert",
        str(document),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Judgement(valid=False, reason="pdfsig did not end")
    signatures = re.split(r"^Signature #\d+:$", said.decode(errors="replace"), flags=re.MULTILINE)[1:]
    # Only the newest signature covers everything; an earlier one of the same file is not ours to judge.
    newest = [text for text in signatures if "- Total document signed" in text]
    if not newest:
        return Judgement(valid=False, reason="pdfsig finds no signature over the total document")
    if "- Signature Validation: Signature is Valid." not in newest[-1]:
        return Judgement(valid=False, reason="pdfsig does not find the signature valid")
    return Judgement(valid=True)
