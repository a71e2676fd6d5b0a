"""Independent judges of what the proxy makes: tools nobody here wrote, each behind one typed function.

* :class:`DSS`: EU DSS, in one Java process for a whole test run (``judge/``, built by ``make judge``).
* :func:`pdfsig`: poppler with NSS, by its text.
* :func:`qpdf_messages`: what qpdf has against a file's structure.
* :func:`openssl_accepts_token`: RFC 3161 tokens.
* :func:`rendered`: PDFium, which says what is seen.
* :func:`pyhanko_verdicts`: pyHanko's validator. The proxy signs with pyHanko's parts, so it never judges alone.

A judge that is not installed skips the test by name; in CI a skip is a failure.
"""

import json
import re
import select
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pypdfium2
import pytest
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.misc import PdfStrictReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from proxy.model import Digest

JAR = Path(__file__).parent / "judge" / "target" / "dss-judge.jar"
SECONDS = 60
"""How long one judge may take over one file."""


def tool(name: str) -> str:
    """The path of a judge's program; where it is not installed, the test skips by its name."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
        env={"LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
    )


# -- EU DSS ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DSSVerdict:
    """EU DSS about one signature or timestamp, in the terms of EN 319 102-1.

    Attributes:
        indication: ``TOTAL_PASSED``, ``TOTAL_FAILED``, ``INDETERMINATE``; ``PASSED`` and ``FAILED`` for a timestamp.
        sub_indication: ``HASH_FAILURE``, ``TRY_LATER`` … or ``None``.
        level: Signature format, ``PAdES-BASELINE-T``; ``None`` for a timestamp.
        errors: What it held against it.
        identifier: Its own name for it; a timestamp over a document stands below every signature that it covers.
        field_name: ``None`` for what is inside a signature.
        timestamp_type: ``DOCUMENT_TIMESTAMP``, ``SIGNATURE_TIMESTAMP`` …; ``None`` for a signature.
    """

    indication: str
    sub_indication: str | None
    level: str | None
    errors: tuple[str, ...]
    identifier: str
    field_name: str | None
    timestamp_type: str | None


@dataclass(frozen=True, slots=True)
class DSSReport:
    """EU DSS about one file. ``failure`` says why it could not be read as a document at all."""

    signatures: tuple[DSSVerdict, ...]
    timestamps: tuple[DSSVerdict, ...]
    failure: str | None = None


class DSS:
    """EU DSS with its default policy. Starts a Java virtual machine; use it as a context manager, once a run."""

    def __init__(self) -> None:
        java = tool("java")
        if not JAR.exists():
            pytest.skip("the EU DSS judge is not built (make judge)")
        self._process = subprocess.Popen(
            [java, "-Xmx512m", "-XX:+UseSerialGC", "-jar", str(JAR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def judge(
        self, document: Path, anchors: Sequence[Path], *, validation_time: datetime | None = None, online: bool = False
    ) -> DSSReport:
        """Validate every signature and timestamp of a document.

        Args:
            document: The file.
            anchors: PEM files of the trusted certificates.
            validation_time: Instead of now.
            online: Fetch OCSP responses, CRLs and issuers from the addresses in the certificates, on loopback alone.
        """
        answer = self._ask(
            {
                "file": str(document.resolve()),
                "anchors": [anchor.read_text("ascii") for anchor in anchors],
                "validationTime": validation_time.isoformat() if validation_time else None,
                "online": online,
            }
        )
        return DSSReport(
            tuple(_dss_verdict(item) for item in answer.get("signatures", ())),
            tuple(_dss_verdict(item) for item in answer.get("timestamps", ())),
            answer.get("failure"),
        )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        readable, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        line = self._process.stdout.readline() if readable else b""
        assert line, "the EU DSS judge gave no answer"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the Java process."""
        self._process.terminate()
        self._process.communicate(timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _dss_verdict(item: dict[str, Any]) -> DSSVerdict:
    return DSSVerdict(
        indication=item["indication"],
        sub_indication=item["subIndication"],
        level=item.get("level"),
        errors=tuple(item["errors"]),
        identifier=item["id"],
        field_name=item["fieldName"],
        timestamp_type=item.get("type"),
    )


# -- pdfsig ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PDFSigVerdict:
    """``pdfsig`` about one signature.

    Attributes:
        valid: It says ``Signature is Valid.``
        total_document: It says ``Total document signed``: nothing follows the signature's revision.
        text: All it said about this signature.
    """

    valid: bool
    total_document: bool
    text: str


def pdfsig(document: Path) -> tuple[PDFSigVerdict, ...]:
    """Judge every signature of a PDF by what ``pdfsig`` prints; it exits 0 on a digest mismatch too.

    Document timestamps are left out: it lists them, as of an unknown type, and does not verify them.

    Certificates are left to the other judges: ``pdfsig`` reads NSS's last error code even after a path was found good, so that
    a certificate without the extensions NSS looks for last is an "unknown issue".
    """
    judged = _run(tool("pdfsig"), "-nocert", document)
    _, *parts = re.split(r"^Signature #\d+:$", judged.stdout, flags=re.MULTILINE)
    return tuple(
        PDFSigVerdict(
            valid="- Signature Validation: Signature is Valid." in part,
            total_document="- Total document signed" in part,
            text=part,
        )
        for part in parts
        if "- Signature Type: unknown" not in part
    )


# -- qpdf -----------------------------------------------------------------------------------------------------------


def qpdf_messages(document: Path) -> Counter[str]:
    """What ``qpdf --check`` has against a PDF, without the file's name. Many a real PDF has some before it is signed."""
    judged = _run(tool("qpdf"), "--check", document)
    messages = Counter(line.replace(str(document), "").strip() for line in judged.stderr.splitlines() if line.strip())
    # Exit status 2 is an error, 3 a warning: a complaint without words is one all the same.
    if judged.returncode and not messages:
        messages[f"exit status {judged.returncode}"] += 1
    return messages


def new_qpdf_messages(signed: Path, original: Path) -> Counter[str]:
    """What qpdf has against ``signed`` that it had not against ``original`` already."""
    return qpdf_messages(signed) - qpdf_messages(original)


# -- openssl --------------------------------------------------------------------------------------------------------


def openssl_accepts_token(token: Path, imprint: Digest, anchors: Path) -> bool:
    """Whether ``openssl ts -verify`` accepts an RFC 3161 token (DER ``ContentInfo``) over an imprint.

    Args:
        token: The file; the token holds its certificates.
        imprint: The digest that was time-stamped.
        anchors: One PEM file of trusted certificates.
    """
    judged = _run(
        *(tool("openssl"), "ts", "-verify", "-token_in", "-in", token),
        *("-digest", imprint.value.hex(), "-CAfile", anchors),
    )
    return judged.returncode == 0 and "Verification: OK" in judged.stdout


# -- pyHanko --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PyHankoVerdict:
    """pyHanko about one signature.

    Attributes:
        valid: Its bottom line: intact, trusted, changes since allowed.
        intact: The digest over the byte range fits.
        total_document: Nothing follows the signature's revision.
        timestamp: Whether the signature timestamp is valid; ``None`` where there is none.
    """

    valid: bool
    intact: bool
    total_document: bool
    timestamp: bool | None


async def pyhanko_verdicts(document: Path, anchors: Sequence[Path]) -> tuple[PyHankoVerdict, ...]:
    """Judge every signature of a PDF by pyHanko, without fetching anything.

    An encrypted one is opened with the empty password, one that does not conform is read leniently.
    """
    roots = [certificate for anchor in anchors for certificate in load_certs_from_pemder_data(anchor.read_bytes())]
    verdicts = []
    with document.open("rb") as stream:
        try:
            reader = PdfFileReader(stream)
        except PdfStrictReadError:
            reader = PdfFileReader(stream, strict=False)
        if reader.encrypted:
            reader.decrypt(b"")
        for signature in reader.embedded_regular_signatures:
            context = ValidationContext(trust_roots=roots, allow_fetching=False)
            status = await async_validate_pdf_signature(signature, context)
            stamp = status.timestamp_validity
            verdicts.append(
                PyHankoVerdict(
                    valid=status.bottom_line,
                    intact=status.intact,
                    total_document=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
                    timestamp=(stamp.valid and stamp.intact and stamp.trusted) if stamp else None,
                )
            )
    return tuple(verdicts)


# -- PDFium ---------------------------------------------------------------------------------------------------------


def rendered(document: Path, pages: int = 3) -> list[bytes]:
    """The first pages as PDFium draws them, small. What an invisible signature adds must not be seen."""
    with pypdfium2.PdfDocument(document) as opened:
        return [bytes(opened[number].render(scale=0.4).buffer) for number in range(min(pages, len(opened)))]


# -- tampering ------------------------------------------------------------------------------------------------------


def tampered_copy(document: Path, copy: Path) -> Path:
    """A copy of a PDF with one signed byte changed that breaks nothing else: the minor version in its header."""
    copy.write_bytes(tampered_bytes(document.read_bytes()))
    return copy


def tampered_bytes(document: bytes) -> bytes:
    """The same of a document that is no file."""
    data = bytearray(document)
    data[data.index(b"%PDF-") + len(b"%PDF-1.")] ^= 1
    return bytes(data)
