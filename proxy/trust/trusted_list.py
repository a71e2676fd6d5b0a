"""EU trusted lists (ETSI TS 119 612): anchors that a member state's supervisory body vouches for, with the times it did.

A list is a file that the operator fetched; it is read only when it is signed by a certificate that the settings name (those
that the list of lists publishes for it). Taken from it are the certificates of services of two types: CA/QC as anchors of
signatures, TSA/QTST as anchors of timestamps, each for the times of its history at which its status was *granted*, or before
eIDAS one of the three that meant the same (TS 119 615, 4.4.4). What is read is what the signature covers, nothing beside it.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from proxy.errors import SettingsError
from proxy.model import TrustAnchor, TrustUse
from proxy.trust.certificates import read_certificate

_NAMESPACE: Final = "{http://uri.etsi.org/02231/v2#}"
_TYPES: Final = {
    "http://uri.etsi.org/TrstSvc/Svctype/CA/QC": TrustUse.SIGNATURE,
    "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST": TrustUse.TIMESTAMP,
}
_STATUS: Final = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
_GRANTED: Final = frozenset(_STATUS + name for name in ("granted", "undersupervision", "supervisionincessation", "accredited"))


@dataclass(frozen=True, slots=True)
class TrustedList:
    """What was read of a list.

    Attributes:
        anchors: One a certificate, use and stretch of time.
        territory: The scheme's, ``DE`` say.
        issued: When the list was.
        next_update: When the next one is due; ``None`` for a closed list.
    """

    anchors: tuple[TrustAnchor, ...]
    territory: str
    issued: datetime
    next_update: datetime | None


def load_trusted_list(file: Path, signers: Iterable[Path]) -> TrustedList:
    """Read a trusted list.

    Args:
        file: The XML, as published.
        signers: PEM files of the certificates that may have signed it.

    Raises:
        SettingsError: It cannot be read, is not what TS 119 612 describes, or is signed by nobody of the signers.
    """
    try:
        data = file.read_bytes()
        certificates = [found for signer in signers for found in x509.load_pem_x509_certificates(signer.read_bytes())]
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: the trusted list or its signer's certificate cannot be read: {error}") from error
    try:
        return _read(_signed(data, certificates))
    except (etree.LxmlError, SignXMLException, binascii.Error, ValueError) as error:
        raise SettingsError(f"{file}: not a trusted list that can be relied on: {error}") from error


def _signed(data: bytes, certificates: list[x509.Certificate]) -> etree._Element:
    """The list as its signature covers it; the reason of the last failure where no certificate fits."""
    root = etree.fromstring(data, _parser())
    if root.getroottree().docinfo.doctype:
        raise ValueError("it has a document type declaration")
    if root.tag != f"{_NAMESPACE}TrustServiceStatusList":
        raise ValueError("its root is no TrustServiceStatusList")
    failure: Exception = ValueError("no certificate is named that may have signed it")
    for certificate in certificates:
        # Two references: the list, and the properties of its own signature (TS 119 612, 5.7.1 and B.1).
        expected = SignatureConfiguration(location="./", expect_references=True, verification_time=_moment_of(certificate))
        try:
            results = XMLVerifier().verify(data, x509_cert=certificate, parser=_parser(), expect_config=expected)
        except (SignXMLException, ValueError) as error:
            failure = error
            continue
        for result in results if isinstance(results, list) else [results]:
            covered = result.signed_xml
            if covered is not None and covered.tag == root.tag:
                return covered
        failure = ValueError("its signature does not cover the list")
    raise failure


def _moment_of(certificate: x509.Certificate) -> datetime:
    """The signer is named by the operator; that its certificate has run out since does not make the list another's."""
    return certificate.not_valid_after_utc


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)


def _read(root: etree._Element) -> TrustedList:
    scheme = _child(root, "SchemeInformation")
    next_update = scheme.find(f"{_NAMESPACE}NextUpdate/{_NAMESPACE}dateTime")
    anchors = [anchor for service in root.iter(f"{_NAMESPACE}TSPService") for anchor in _anchors(service)]
    return TrustedList(
        anchors=tuple(dict.fromkeys(anchors)),
        territory=_text(scheme, "SchemeTerritory"),
        issued=_time(_text(scheme, "ListIssueDateTime")),
        next_update=None if next_update is None else _time(next_update.text or ""),
    )


def _anchors(service: etree._Element) -> Iterator[TrustAnchor]:
    information = _child(service, "ServiceInformation")
    use = _TYPES.get(_text(information, "ServiceTypeIdentifier"))
    if use is None:
        return
    history = service.findall(f"{_NAMESPACE}ServiceHistory/{_NAMESPACE}ServiceHistoryInstance")
    stretches = list(_granted((information, *history)))
    for certificate in _certificates(information):
        for begins, ends in stretches:
            yield TrustAnchor(certificate, frozenset({use}), begins, ends)


def _granted(statuses: Iterable[etree._Element]) -> Iterator[tuple[datetime, datetime | None]]:
    """The stretches of time, adjacent ones joined, in which the status was one that grants."""
    times = sorted(
        (_time(_text(status, "StatusStartingTime")), _text(status, "ServiceStatus") in _GRANTED) for status in statuses
    )
    begun: datetime | None = None
    for (starts, granted), (ends, _) in pairwise([*times, (None, False)]):
        if granted and begun is None:
            begun = starts
        if begun is not None and not granted:
            yield begun, starts
            begun = None
        if begun is not None and ends is None:
            yield begun, None


def _certificates(information: etree._Element) -> Iterator[bytes]:
    """Those of a service's digital identity that can be used; names and key identifiers alone identify nothing here."""
    path = f"{_NAMESPACE}ServiceDigitalIdentity/{_NAMESPACE}DigitalId/{_NAMESPACE}X509Certificate"
    for element in information.findall(path):
        der = b64decode("".join((element.text or "").split()), validate=True)
        try:
            yield read_certificate(der).public_bytes(Encoding.DER)
        except ValueError:
            continue  # a list has a few of unknown curves; whatever they issue stays untrusted


def _child(element: etree._Element, name: str) -> etree._Element:
    found = element.find(f"{_NAMESPACE}{name}")
    if found is None:
        raise ValueError(f"it has no {name}")
    return found


def _text(element: etree._Element, name: str) -> str:
    return (_child(element, name).text or "").strip()


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
