"""The validation report of ETSI TS 119 102-2 V1.4.1, in XML: verdicts as another validator's reader takes them.

One ``SignatureValidationReport`` a signature, and one a timestamp that stands for itself. The timestamps inside signatures,
and the certificates that were judged, are the ``SignatureValidationObjects`` that these refer to. The report is not signed.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from proxy.model import ConstraintResult, ConstraintStatus, Indication, Reason, Verdict
from proxy.validation.context import digest as digest_of
from proxy.validation.texts import check_text, reason_text

REPORT: Final = "http://uri.etsi.org/19102/v1.4.1#"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_URN: Final = "urn:etsi:019102:"
_OWN_URN: Final = "urn:hash-signing-proxy:validation:"
"""Constraints have no names of the standard's: these are the proxy's, by clause and check."""

_DIGESTS: Final = {
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
}
_STATUS: Final = {
    ConstraintStatus.FULFILLED: ("applied", Indication.PASSED),
    ConstraintStatus.NOT_FULFILLED: ("applied", Indication.FAILED),
    ConstraintStatus.WARNING: ("overridden", Indication.PASSED),
    ConstraintStatus.IGNORED: ("disabled", None),
}


def validation_report(verdicts: Iterable[Verdict], covered: Mapping[str, Mapping[str, bytes]], at: datetime) -> bytes:
    """The report on a document.

    Args:
        verdicts: On its signatures, and on the timestamps that stand for themselves.
        covered: By identifier, the digests of what each of them covers, by ``hashlib``'s names.
        at: The validation time.

    Returns:
        UTF-8.

    Raises:
        ValueError: There is no verdict: a report without a signature is none.
    """
    found = list(verdicts)
    if not found:
        raise ValueError("a validation report is about at least one signature")
    root = etree.Element(f"{{{REPORT}}}ValidationReport", nsmap={"vr": REPORT, "ds": SIGNATURE})
    for number, verdict in enumerate(found, start=1):
        _signature(_add(root, "SignatureValidationReport"), f"S{number}", verdict, covered.get(verdict.identifier, {}), at)
    objects = list(_objects(found, at))
    if objects:
        _add(root, "SignatureValidationObjects").extend(objects)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _signature(element: etree._Element, name: str, verdict: Verdict, covered: Mapping[str, bytes], at: datetime) -> None:
    identifier = _add(element, "SignatureIdentifier", id=name)
    if verdict.digest:
        _digest(identifier, "sha256", verdict.digest)
    _add(identifier, "HashOnly", "false")
    _add(identifier, "DocHashOnly", "false")
    _add(identifier, "DAIdentifier", verdict.identifier)
    _constraints(element, verdict)
    times = _add(element, "ValidationTimeInfo")
    _add(times, "ValidationTime", _time(at))
    _proof(_add(times, "BestSignatureTime"), verdict.proven_time or at)
    usable = next((algorithm for algorithm in _DIGESTS if algorithm in covered), None)
    if usable is not None:
        _digest(_add(element, "SignersDocument"), usable, covered[usable])
    if verdict.claimed_time is not None:
        attribute = _add(_add(element, "SignatureAttributes"), "SigningTime", Signed="false")
        _add(attribute, "Time", _time(verdict.claimed_time))
    if verdict.signer is not None:
        signer = _add(element, "SignerInformation")
        _add(signer, "SignerCertificate", VOReference=_name("C", verdict.signer.certificate))
        _add(signer, "Signer", verdict.signer.subject)
    _add(_add(element, "SignatureValidationProcess"), "SignatureValidationProcessID", f"{_URN}validationprocess:LTA")
    _status(_add(element, "SignatureValidationStatus"), verdict)


def _constraints(element: etree._Element, verdict: Verdict) -> None:
    if not verdict.constraints:
        return
    report = _add(element, "ValidationConstraintsEvaluationReport")
    for result in verdict.constraints:
        entry = _add(report, "ValidationConstraint")
        _add(entry, "ValidationConstraintIdentifier", f"{_OWN_URN}{result.block}:{result.constraint}")
        status, indication = _STATUS[result.status]
        _add(_add(entry, "ConstraintStatus"), "Status", f"{_URN}constraintStatus:{status}")
        if indication is not None:
            _add(_add(entry, "ValidationStatus"), "MainIndication", indication.uri)
        _add(entry, "Indications", _in_words(result))


def _in_words(result: ConstraintResult) -> str:
    asked = check_text(result.constraint, "en")
    return asked if result.reason is None else f"{asked}: {reason_text(result.reason, 'en')}"


def _status(element: etree._Element, verdict: Verdict) -> None:
    _add(element, "MainIndication", verdict.indication.uri)
    if verdict.sub_indication is not None:
        _add(element, "SubIndication", verdict.sub_indication.uri)
    if verdict.signer is None and not verdict.reasons and not verdict.timestamps:
        return
    data = _add(element, "AssociatedValidationReportData")
    path = verdict.path or (() if verdict.signer is None else (verdict.signer.certificate,))
    if path:
        _chain(_add(data, "CertificateChain"), path, anchored=bool(verdict.path))
    for timestamp in verdict.timestamps:
        if timestamp.digest:
            _add(data, "RelatedValidationObject", VOReference=_timestamp_name(timestamp))
    if verdict.reasons:
        _reasons(_add(data, "AdditionalValidationReportData"), verdict.reasons)


def _chain(element: etree._Element, path: tuple[bytes, ...], *, anchored: bool) -> None:
    names = [_name("C", certificate) for certificate in path]
    _add(element, "SigningCertificate", VOReference=names[0])
    issuers = names[1:-1] if anchored else names[1:]
    for name in issuers:
        _add(element, "IntermediateCertificate", VOReference=name)
    if anchored:
        _add(element, "TrustAnchor", VOReference=names[-1])


def _reasons(element: etree._Element, reasons: Iterable[Reason]) -> None:
    for reason in reasons:
        data = _add(element, "ReportData")
        _add(data, "Type", f"{_OWN_URN}reason:{reason.code}")
        _add(data, "Value", reason_text(reason, "en"))


# -- what the reports refer to --------------------------------------------------------------------------------------


def _objects(verdicts: Iterable[Verdict], at: datetime) -> Iterator[etree._Element]:
    named: dict[str, None] = {}
    for verdict in verdicts:
        for entry in (verdict, *verdict.timestamps):
            signer = () if entry.signer is None else (entry.signer.certificate,)
            for certificate in dict.fromkeys((*signer, *entry.path)):
                name = _name("C", certificate)
                if name not in named:
                    named[name] = None
                    yield _certificate(name, certificate)
        for timestamp in verdict.timestamps:
            name = _timestamp_name(timestamp)
            if timestamp.digest and name not in named:
                named[name] = None
                yield _timestamp(name, timestamp, at)


def _certificate(name: str, certificate: bytes) -> etree._Element:
    element = _object(name, "certificate")
    _add(_add(element, "ValidationObjectRepresentation"), "base64", b64encode(certificate).decode("ascii"))
    return element


def _timestamp(name: str, timestamp: Verdict, at: datetime) -> etree._Element:
    element = _object(name, "timestamp")
    _digest(_add(element, "ValidationObjectRepresentation"), "sha256", timestamp.digest)
    if timestamp.timestamp_time is not None and timestamp.indication is Indication.PASSED:
        _add(_add(element, "POEProvisioning"), "POETime", _time(timestamp.timestamp_time))
    _signature(_add(element, "ValidationReport"), f"R-{name}", timestamp, {}, at)
    return element


def _object(name: str, kind: str) -> etree._Element:
    element = etree.Element(f"{{{REPORT}}}ValidationObject", id=name)
    _add(element, "ObjectType", f"{_URN}validationObject:{kind}")
    return element


def _proof(element: etree._Element, moment: datetime) -> None:
    _add(element, "POETime", _time(moment))
    _add(element, "TypeOfProof", f"{_URN}poetype:validation")


def _digest(element: etree._Element, algorithm: str, value: bytes) -> None:
    entry = _add(element, "DigestAlgAndValue")
    etree.SubElement(entry, f"{{{SIGNATURE}}}DigestMethod", Algorithm=_DIGESTS[algorithm])
    etree.SubElement(entry, f"{{{SIGNATURE}}}DigestValue").text = b64encode(value).decode("ascii")


def _timestamp_name(timestamp: Verdict) -> str:
    return f"T-{timestamp.digest.hex()}"


def _name(prefix: str, der: bytes) -> str:
    return f"{prefix}-{digest_of(der).hex()}"


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{REPORT}}}{name}", **attributes)
    element.text = None if text is None else _printable(text)
    return element


def _printable(text: str) -> str:
    """XML has no place for control characters, which subjects and field names may hold."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
