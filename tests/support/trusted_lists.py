"""Trusted lists (ETSI TS 119 612), signed as they are published: enveloped XAdES."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from tests.support.pki import NOW, YEAR, Holder

CA_QC = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
QTST = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"
GRANTED, WITHDRAWN = "granted", "withdrawn"


@dataclass(frozen=True)
class Service:
    """A service with its statuses, the current one first, each since when."""

    certificates: Sequence[bytes]
    statuses: Sequence[tuple[str, datetime]] = ((GRANTED, NOW - YEAR),)
    kind: str = CA_QC


def _status(kind: str, status: str, since: datetime, identity: str) -> str:
    return f"""
      <ServiceTypeIdentifier>{kind}</ServiceTypeIdentifier>
      <ServiceName><Name xml:lang="en">Service</Name></ServiceName>
      <ServiceDigitalIdentity>{identity}</ServiceDigitalIdentity>
      <ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/{status}</ServiceStatus>
      <StatusStartingTime>{since:%Y-%m-%dT%H:%M:%SZ}</StatusStartingTime>"""


def _service(service: Service) -> str:
    (status, since), *history = service.statuses
    identity = "".join(
        f"<DigitalId><X509Certificate>{b64encode(der).decode()}</X509Certificate></DigitalId>" for der in service.certificates
    )
    former = "".join(
        f"<ServiceHistoryInstance>{_status(service.kind, name, start, '')}</ServiceHistoryInstance>" for name, start in history
    )
    return f"""
    <TSPService>
      <ServiceInformation>{_status(service.kind, status, since, identity)}</ServiceInformation>
      {f"<ServiceHistory>{former}</ServiceHistory>" if former else ""}
    </TSPService>"""


def unsigned_list(services: Iterable[Service], next_update: datetime | None = NOW + YEAR) -> bytes:
    due = "" if next_update is None else f"<dateTime>{next_update:%Y-%m-%dT%H:%M:%SZ}</dateTime>"
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="list" TSLTag="http://uri.etsi.org/19612/TSLTag">
  <SchemeInformation>
    <TSLVersionIdentifier>6</TSLVersionIdentifier>
    <TSLSequenceNumber>1</TSLSequenceNumber>
    <SchemeTerritory>XX</SchemeTerritory>
    <ListIssueDateTime>{NOW:%Y-%m-%dT%H:%M:%SZ}</ListIssueDateTime>
    <NextUpdate>{due}</NextUpdate>
  </SchemeInformation>
  <TrustServiceProviderList><TrustServiceProvider><TSPServices>{"".join(_service(service) for service in services)}
  </TSPServices></TrustServiceProvider></TrustServiceProviderList>
</TrustServiceStatusList>"""
    return text.encode()


EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SIGNATURE = """<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="sig"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="{exclusive}"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>
<ds:Reference URI=""><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="{exclusive}"/>
</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
<ds:DigestValue>{whole}</ds:DigestValue></ds:Reference>
<ds:Reference URI="#properties" Type="http://uri.etsi.org/01903#SignedProperties"><ds:Transforms>
<ds:Transform Algorithm="{exclusive}"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
<ds:DigestValue>{properties}</ds:DigestValue></ds:Reference></ds:SignedInfo>
<ds:SignatureValue>{value}</ds:SignatureValue>
<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
<ds:Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#sig">
<xades:SignedProperties Id="properties"><xades:SignedSignatureProperties>
<xades:SigningTime>2026-06-01T12:00:00Z</xades:SigningTime>
</xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object></ds:Signature>"""


def signed_list(services: Iterable[Service], signer: Holder, next_update: datetime | None = NOW + YEAR) -> bytes:
    data = unsigned_list(services, next_update)
    root = etree.fromstring(data)
    certificate = b64encode(signer.der).decode()
    parts = {"exclusive": EXCLUSIVE, "certificate": certificate, "whole": _digest(root), "properties": "", "value": ""}
    parts["properties"] = _digest(_part(data, parts, "SignedProperties"))
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    der = signer.key.sign(_canonical(_part(data, parts, "SignedInfo")), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    parts["value"] = b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return _with_signature(data, parts)


def _with_signature(data: bytes, parts: dict[str, str]) -> bytes:
    end = b"</TrustServiceStatusList>"
    return data.replace(end, _SIGNATURE.format(**parts).encode() + end)


def _part(data: bytes, parts: dict[str, str], name: str) -> Any:
    return next(etree.fromstring(_with_signature(data, parts)).iter("{*}" + name))


def _canonical(element: Any) -> bytes:
    return bytes(etree.tostring(element, method="c14n", exclusive=True))


def _digest(element: Any) -> str:
    return b64encode(hashlib.sha256(_canonical(element)).digest()).decode()
