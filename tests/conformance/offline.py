"""pyHanko's validator without a network: a document must bring all that proves it, now and ten years on.

It has the roots and the document's own security store; certificates, OCSP responses and CRLs are required for every
certificate, and nothing is fetched.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto.x509 import Certificate
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy, NonRevokedStatusAssertion
from pyhanko_certvalidator.registry import SimpleTrustManager


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """pyHanko about one signature or document timestamp.

    Attributes:
        field_name: Where it is.
        problem: What is wrong; ``None`` where it is trusted and nothing but its own proof was added since.
    """

    field_name: str
    problem: str | None


def offline_verdicts(
    document: Path, anchors: Sequence[Path], password: str | None = None, *, changes: bool = True
) -> tuple[OfflineVerdict, ...]:
    """Judge every signature and document timestamp of a PDF by its own security store, in the order of time.

    Args:
        document: The file.
        anchors: PEM files of the trusted certificates.
        password: Opens it.
        changes: Whether to judge what was added after each signature. pyHanko permits no new field on a page that has an
            annotation written directly into its array, as many producers write links.
    """
    return asyncio.run(_offline_verdicts(document, anchors, password, changes))


async def _offline_verdicts(
    document: Path, anchors: Sequence[Path], password: str | None, changes: bool
) -> tuple[OfflineVerdict, ...]:
    with document.open("rb") as stream:
        reader = _reader(stream, password)
        store = DocumentSecurityStore.read_dss(reader)
        verdicts = []
        for signature in reader.embedded_signatures:
            context = store.as_validation_context(
                {"trust_roots": _roots(anchors), "allow_fetching": False, "revocation_mode": "require"}
            )
            verdicts.append(OfflineVerdict(signature.field_name, await _problem(signature, context, changes)))
    return tuple(verdicts)


async def _problem(signature: EmbeddedPdfSignature, context: ValidationContext, changes: bool) -> str | None:
    try:
        if signature.sig_object_type == "/DocTimeStamp":
            timestamp = await async_validate_pdf_timestamp(signature, context)
            return None if timestamp.intact and timestamp.valid and timestamp.trusted else timestamp.summary()
        status = await async_validate_pdf_signature(signature, context, skip_diff=not changes)
    except SignatureValidationError as error:
        return f"{type(error).__name__}: {error}"
    stamp = status.timestamp_validity
    if stamp is None or not (stamp.intact and stamp.valid and stamp.trusted):
        return "no valid signature timestamp"
    return None if status.bottom_line else status.pretty_print_details()


def archive_verdicts(document: Path, anchors: Sequence[Path], *, at: datetime) -> tuple[str, ...]:
    """Validate every signature of a PDF at a moment to come by the chain of its document timestamps (EN 319 102-1, 5.6.3).

    That the last timestamp's certificate is not revoked by then is taken for granted: only a network could tell.

    Returns:
        ``OK`` or the sub-indication, a signature.
    """
    return asyncio.run(_archive_verdicts(document, anchors, at))


async def _archive_verdicts(document: Path, anchors: Sequence[Path], at: datetime) -> tuple[str, ...]:
    policy = CertValidationPolicySpec(SimpleTrustManager.build(_roots(anchors)), CertRevTrustPolicy(REQUIRE_REVINFO))
    gathering = RevocationInfoGatheringSpec(
        RevinfoOnlineFetchingRule.LOCAL_ONLY, certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH
    )
    with document.open("rb") as stream:
        reader = _reader(stream, None)
        last = reader.embedded_timestamp_signatures[-1].signer_cert
        known = LocalKnowledge(nonrevoked_assertions=[NonRevokedStatusAssertion(last.sha256, at=at)])
        specification = PdfSignatureValidationSpec(SignatureValidationSpec(policy, gathering, local_knowledge=known))
        moment = ValidationTimingInfo(at, at, point_in_time_validation=True)
        results = [
            await ades_lta_validation(signature, specification, timing_info=moment)
            for signature in reader.embedded_regular_signatures
        ]
    return tuple(
        "OK"
        if result.ades_subindic is AdESPassed.OK and result.api_status is not None and result.api_status.intact
        else f"{result.ades_subindic}: {result.failure_msg}"
        for result in results
    )


def _reader(stream: object, password: str | None) -> PdfFileReader:
    reader = PdfFileReader(stream)
    if reader.encrypted:
        reader.decrypt((password or "").encode())
    return reader


def _roots(anchors: Sequence[Path]) -> list[Certificate]:
    return [certificate for anchor in anchors for certificate in load_certs_from_pemder_data(anchor.read_bytes())]
