"""Two judges of what the demonstration signed: pyHanko's validator, and ``pdfsig`` (poppler) where it is installed.

Each is asked about the newest signature of a PDF alone. pyHanko is given the sandbox's roots. Below B-LT it fetches revocation
data from the sandbox's responders, as a validator that knows them as trusted would (EN 319 102-1); from B-LT on it is kept
offline, and has to find everything in the document.
"""

import asyncio
import logging
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asn1crypto.x509 import Certificate
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from proxy.model import BaselineLevel

for _name in ("pyhanko", "pyhanko_certvalidator"):
    # What it tells on the way to a verdict is not the verdict, and would end up on the terminal.
    logging.getLogger(_name).addHandler(logging.NullHandler())

_SECONDS = 60.0
"""For one run of ``pdfsig``."""

_OFFLINE: Final = frozenset({BaselineLevel.B_LT, BaselineLevel.B_LTA})
"""Levels at which the document holds all that proves it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge says of one signature; ``reason`` where it is not valid."""

    valid: bool
    reason: str | None = None


async def judge_by_pyhanko(document: Path, anchors: Sequence[Path], level: BaselineLevel | None) -> Judgement:
    """Whether the newest signature holds at a level: intact, trusted, unrevoked, and nothing follows it but its own proof.

    Args:
        document: A signed PDF.
        anchors: PEM files of the roots that are trusted.
        level: What it has to reach; ``None`` for a document timestamp that stands for itself.
    """
    roots = [certificate for anchor in anchors for certificate in load_certs_from_pemder_data(anchor.read_bytes())]
    try:
        with document.open("rb") as stream:
            reader = PdfFileReader(stream, strict=False)
            if reader.encrypted:
                reader.decrypt("")
            faults = [fault async for fault in _faults(reader, roots, level)]
    except Exception as error:  # noqa: BLE001 - on odd files pyHanko fails by whatever Python raises; that is its verdict then
        return Judgement(valid=False, reason=f"{type(error).__name__}: {error}")
    return Judgement(valid=not faults, reason="; ".join(faults) or None)


async def _faults(reader: PdfFileReader, roots: Sequence[Certificate], level: BaselineLevel | None) -> AsyncIterator[str]:
    if level is None:
        for fault in await _timestamp_faults(reader, _online(roots)):
            yield fault
        return
    signature = reader.embedded_regular_signatures[-1]
    context = _offline(reader, roots) if level in _OFFLINE else _online(roots)
    async with aclosing(context):
        status = await async_validate_pdf_signature(signature, context)
    for fault in _signature_faults(status, level):
        yield fault
    if level is BaselineLevel.B_LTA:
        for fault in await _timestamp_faults(reader, _offline(reader, roots)):
            yield fault
        archived = await ades_lta_validation(signature, _lta_specification(roots))
        if archived.ades_subindic is not AdESPassed.OK:
            yield f"its proof for the long term does not hold: {archived.ades_subindic}"


def _signature_faults(status: PdfSignatureStatus, level: BaselineLevel) -> Iterator[str]:
    timestamp = status.timestamp_validity
    stamped = timestamp is not None and timestamp.valid and timestamp.intact and timestamp.trusted
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    checks = {
        "the digest does not fit": status.intact,
        "the signature value does not fit": status.valid,
        "its certificate is not trusted": status.trusted,
        # What proves it comes in later revisions; whether they change anything else is in the bottom line.
        "it does not cover the whole file": whole or level in _OFFLINE,
        "its timestamp is missing or not valid": stamped or level is BaselineLevel.B_B,
        "it is not valid as a whole": status.bottom_line,
    }
    return (fault for fault, holds in checks.items() if not holds)


async def _timestamp_faults(reader: PdfFileReader, context: ValidationContext) -> list[str]:
    """What is wrong with the newest document timestamp (EN 319 142-1, 5.4.3): nothing may follow it."""
    timestamps = reader.embedded_timestamp_signatures
    if not timestamps:
        return ["it has no document timestamp"]
    async with aclosing(context):
        status = await async_validate_pdf_timestamp(timestamps[-1], context)
    checks = {
        "its document timestamp is not valid": status.intact and status.valid and status.trusted,
        "its document timestamp does not cover the whole file": status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
    }
    return [fault for fault, holds in checks.items() if not holds]


def _online(roots: Sequence[Certificate]) -> ValidationContext:
    return ValidationContext(trust_roots=list(roots), allow_fetching=True, revocation_mode="hard-fail")


def _offline(reader: PdfFileReader, roots: Sequence[Certificate]) -> ValidationContext:
    """The document's own data (DSS), and nothing from anywhere else."""
    kept = DocumentSecurityStore.read_dss(reader)
    return kept.as_validation_context({"trust_roots": list(roots), "allow_fetching": False, "revocation_mode": "hard-fail"})


def _lta_specification(roots: Sequence[Certificate]) -> PdfSignatureValidationSpec:
    """Validation with proofs of existence (EN 319 102-1, 5.6.3), from the document's own data."""
    always = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build(trust_roots=list(roots)),
                revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(always, always)),
            ),
            RevocationInfoGatheringSpec(
                online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY,
                certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH,
            ),
        )
    )


async def judge_by_pdfsig(document: Path, *, total: bool = True) -> Judgement | None:
    """Whether ``pdfsig`` calls the newest signature valid; ``None`` where ``pdfsig`` is not installed.

    Its text is read, because it exits 0 on a digest mismatch. It is not asked about certificates: it knows no roots but NSS's.
    It cannot read document timestamps, and calls their type unknown: they are not asked about.

    Args:
        document: A signed PDF.
        total: Whether the signature has to cover the total document: it does unless validation data or timestamps follow it.
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
    return _judgement(said.decode(errors="replace"), total=total)


def _judgement(said: str, *, total: bool) -> Judgement:
    """What its text says of the signature that covers most; an earlier one of the same file is not ours to judge."""
    signatures = re.split(r"^Signature #\d+:$", said, flags=re.MULTILINE)[1:]
    ends = {
        int(found[1]): text
        for text in signatures
        if "- Signature Type: unknown" not in text
        and (found := re.search(r"- Signed Ranges: .*- (\d+)\]$", text, re.MULTILINE))
    }
    if not ends:
        return Judgement(valid=False, reason="pdfsig finds no signature")
    newest = ends[max(ends)]
    if total and "- Total document signed" not in newest:
        return Judgement(valid=False, reason="pdfsig finds no signature over the total document")
    if "- Signature Validation: Signature is Valid." not in newest:
        return Judgement(valid=False, reason="pdfsig does not find the signature valid")
    return Judgement(valid=True)
