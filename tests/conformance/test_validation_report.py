"""The validation report against the schema of ETSI TS 119 102-2, as EU DSS ships it."""

import zipfile
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from proxy.model import ValidationInputs
from proxy.validation.etsi_report import REPORT, validation_report
from proxy.validation.judge import judge
from tests.conformance.judges import JAR
from tests.support.pki import NOW, YEAR, Hierarchy, issue
from tests.support.scenes import Scene, cms_over, good, stamp_of

DOCUMENT = b"document"
SCHEMAS = {
    "TS119102-2-v141.xsd": "specs-validation-report",
    "XAdES.xsd": "specs-xades",
    "xmldsig-core-schema.xsd": "specs-xmldsig",
    "xml.xsd": "specs-xmldsig",
    "ts_119612v020101_xsd.xsd": "specs-trusted-list",
}


def _schema_file(name: str) -> bytes:
    (jar,) = (JAR.parent / "lib").glob(f"{SCHEMAS[name]}-*.jar")
    with zipfile.ZipFile(jar) as archive:
        return archive.read(f"xsd/{name}")


class _Shipped(etree.Resolver):  # type: ignore[misc]  # lxml has no type information
    """Finds imported schemas in the judge's own libraries, whatever address they are named by."""

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:
        name = system_url.rsplit("/", 1)[-1]
        name = {"ts_119612v020201_201601xsd.xsd": "ts_119612v020101_xsd.xsd"}.get(name, name)
        return self.resolve_string(_schema_file(name), context)


@pytest.fixture(scope="module")
def schema() -> Any:
    if not (JAR.parent / "lib").is_dir():
        pytest.skip("the EU DSS judge is not built (make judge)")
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Shipped())
    return etree.XMLSchema(etree.fromstring(_schema_file("TS119102-2-v141.xsd"), parser))


def report_on(inputs: ValidationInputs) -> Any:
    covered = {entry.identifier: entry.digests for entry in inputs.objects}
    return etree.fromstring(validation_report(judge(inputs).verdicts, covered, inputs.at))


def texts(report: Any, path: str) -> list[str]:
    return [str(element.text) for element in report.findall(path, {"vr": REPORT})]


def test_reports_are_as_the_schema_wants_them(schema: Any) -> None:
    pki = Hierarchy.make()
    signer, stamp = pki.signer(), stamp_of(pki, NOW + 3 * YEAR)
    archived = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp), claimed_time=NOW)
    archived.hold(good(signer, stamp.tsa, by=pki)).archive(stamp)
    odd = issue("\x07 & <odd> 山田", pki.issuing)
    scenes = [
        archived,
        Scene.trusting(pki.root).sign(cms_over(DOCUMENT, odd, pki.chain, stamp=stamp.but(spoil_signature=True))),
        Scene.trusting(Hierarchy.make("Other").root).sign(cms_over(DOCUMENT, signer), b"changed").sign(b"rubbish"),
    ]
    for scene in scenes:
        for at in (NOW, NOW + 5 * YEAR):
            report = report_on(scene.inputs(at))
            schema.assertValid(report)


def test_a_report_says_what_the_verdicts_say() -> None:
    pki = Hierarchy.make()
    signer, stamp = pki.signer(), stamp_of(pki, NOW + 3 * YEAR)
    scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).sign(b"rubbish")
    scene.hold(good(signer, stamp.tsa, by=pki))
    at = NOW + timedelta(minutes=5)
    report = report_on(scene.inputs(at))
    own = "vr:SignatureValidationReport/"
    assert texts(report, f"{own}vr:SignatureValidationStatus/vr:MainIndication") == [
        "urn:etsi:019102:mainindication:total-passed",
        "urn:etsi:019102:mainindication:total-failed",
    ]
    assert texts(report, f"{own}vr:SignatureValidationStatus/vr:SubIndication") == [
        "urn:etsi:019102:subindication:FORMAT_FAILURE"
    ]
    assert texts(report, f"{own}vr:SignatureIdentifier/vr:DAIdentifier") == ["Signature1", "Signature2"]
    times = texts(report, f"{own}vr:ValidationTimeInfo//vr:POETime")
    assert times == ["2026-06-01T12:00:00Z", "2026-06-01T12:05:00Z"]
    named = {element.get("id"): element for element in report.iter(f"{{{REPORT}}}ValidationObject")}
    references = {value for element in report.iter() if (value := element.get("VOReference"))}
    assert references == set(named), "what is referred to is there, and nothing else"
    certificates = {b64decode(text) for text in texts(report, ".//vr:base64")}
    assert certificates == {signer.der, stamp.tsa.der, pki.issuing.der, pki.root.der}


def test_there_is_no_report_on_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        validation_report((), {}, NOW)
