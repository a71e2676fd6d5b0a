"""Each file sent through the sandbox, over the wire, in every form that is tried."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfSignatureMetadata, sign_pdf

from tests.corpus.judging import ES, ES_A, TIMESTAMP, LongLivedDSS, complaints, readers
from tests.support.calling import Answer, Caller
from tests.support.seal_images import seal
from tests.support.signed_files import pyhanko_signer

PASSWORDS = ("owner", "asdfzxcv", "foo", "usersecret", "ownersecret", "openpassword", "password", "test", "secret", "foobar")
"""What the packages' own tests open their encrypted files with."""

SIGNED = "signed"
FORMS = (ES, ES_A, TIMESTAMP)

_SIGNER: Mapping[str, Any] = {"certificateId": "eseal-p256"}
_BOXES: Sequence[Mapping[str, Any]] = (
    {"page": 1, "origin": "bottom-left", "x": 5, "y": 5, "width": 24, "height": 24, "unit": "mm"},
    {"page": 1, "origin": "bottom-left", "x": 0, "y": 0, "width": 3, "height": 3, "unit": "pt"},
)
"""Where the seal goes: at its usual size, or on pages that are smaller, at theirs."""


@dataclass(slots=True)
class Outcome:
    """What became of one file.

    Attributes:
        codes: ``signed`` or the code of the refusal, by form.
        reasons: The refusals' sentences, by form.
        complaints: What judges hold against the results, each behind its form.
        password: What opens it; empty where no password is needed or none is known.
        by_pyhanko: Whether pyHanko as it comes signs it, leniently read, with the same password.
        readers: Those of qpdf and poppler that open it.
    """

    codes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    password: str = ""
    by_pyhanko: bool = False
    readers: tuple[str, ...] = ()


def try_all(caller: Caller, path: Path, folder: Path, dss: LongLivedDSS | None) -> Outcome:
    """Sign a file in every form and have the results judged.

    Args:
        caller: A client of the sandbox's proxy.
        path: The file.
        folder: Where results are written.
        dss: EU DSS, where it is to judge too.
    """
    document = path.read_bytes()
    outcome = Outcome()
    outcome.password = _password(caller, document)
    stock = _by_pyhanko(document, outcome.password, folder / f"pyHanko-{path.parent.name}-{path.name}")
    for form in FORMS:
        answer = _ask(caller, form, document, outcome.password)
        outcome.codes[form] = SIGNED if answer.status == 200 else answer.code or str(answer.status)
        if answer.status == 200:
            result = folder / f"{form}-{path.parent.name}-{path.name}"
            result.write_bytes(answer.body)
            found = complaints(form, path, result, outcome.password, stock, dss)
        else:
            outcome.reasons[form] = str(answer.members["detail"])
            found = [f"status {answer.status}"] if answer.status >= 500 else []
        outcome.complaints += [f"{form}: {complaint}" for complaint in found]
    outcome.by_pyhanko = stock is not None
    outcome.readers = readers(path, outcome.password)
    return outcome


def _ask(caller: Caller, form: str, document: bytes, password: str) -> Answer:
    secret = {"documentPassword": password} if password else {}
    if form == TIMESTAMP:
        return caller.send_parts("/v1/timestamps", document, {"purpose": "DocTimeStamp", **secret})
    if form == ES:
        return caller.send_parts("/v1/signatures/es", document, {**_SIGNER, **secret})
    answers = (
        caller.send_parts("/v1/signatures/es-a", document, {**_SIGNER, **secret, "appearance": dict(box)}, seal_image=seal())
        for box in _BOXES
    )
    first = next(answers)
    return next(answers) if first.code == "APPEARANCE_INVALID" else first


def _password(caller: Caller, document: bytes) -> str:
    """The password that is needed, where it is one of the known; nothing is spent on finding it."""
    for password in ("", *PASSWORDS):
        parameters = {**_SIGNER, "dryRun": True} | ({"documentPassword": password} if password else {})
        if caller.send_parts("/v1/signatures/es", document, parameters).code != "PDF_ENCRYPTED":
            return password
    return ""


def _by_pyhanko(document: bytes, password: str, result: Path) -> Path | None:
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(document), strict=False)
        if writer.prev.encrypted:
            writer.encrypt(password)
        signed = io.BytesIO()
        sign_pdf(writer, PdfSignatureMetadata(field_name="Stock"), pyhanko_signer(), output=signed)
    except Exception:  # noqa: BLE001 - it fails in every way there is
        return None
    result.write_bytes(signed.getvalue())
    return result
