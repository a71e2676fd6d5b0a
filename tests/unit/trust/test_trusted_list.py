"""Trusted lists: what is taken of them, for which times, and that nothing is believed that is not signed."""

from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.model import TrustAnchor, TrustUse
from proxy.trust.trusted_list import TrustedList, load_trusted_list
from tests.support.pki import CA_USAGE, NOW, YEAR, Hierarchy, Holder, issue, usage
from tests.support.trusted_lists import GRANTED, QTST, WITHDRAWN, Service, signed_list, unsigned_list

OPERATOR_USAGE = usage("digital_signature")
SIGNATURE, TIMESTAMP = frozenset({TrustUse.SIGNATURE}), frozenset({TrustUse.TIMESTAMP})


@pytest.fixture(scope="module")
def operator() -> Holder:
    """Who signs lists; the certificate has run out since."""
    return issue("Scheme Operator", begins=NOW - 2 * YEAR, ends=NOW - YEAR, extensions=[OPERATOR_USAGE])


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


def load(folder: Path, data: bytes, *signers: Holder) -> TrustedList:
    file, pem = folder / "list.xml", folder / "signers.pem"
    file.write_bytes(data)
    pem.write_bytes(b"".join(signer.pem for signer in signers))
    return load_trusted_list(file, [pem])


def test_qualified_services_with_the_times_they_were_granted(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    begun, gone, again = NOW - 9 * YEAR, NOW - 5 * YEAR, NOW - 3 * YEAR
    history = [(GRANTED, again), (WITHDRAWN, gone), (GRANTED, NOW - 7 * YEAR), ("undersupervision", begun)]
    services = [
        Service([pki.issuing.der], history),
        Service([pki.root.der], [(WITHDRAWN, gone), ("accredited", begun)], QTST),
        Service([pki.root.der], kind="http://uri.etsi.org/TrstSvc/Svctype/CA/PKC"),
        Service([pki.root.der], [(WITHDRAWN, gone)]),
        Service([]),
    ]
    found = load(tmp_path, signed_list(services, operator), operator)
    assert found.anchors == (
        TrustAnchor(pki.issuing.der, SIGNATURE, begun, gone),
        TrustAnchor(pki.issuing.der, SIGNATURE, again, None),
        TrustAnchor(pki.root.der, TIMESTAMP, begun, gone),
    )
    assert (found.territory, found.issued, found.next_update) == ("XX", NOW, NOW + YEAR)


def test_the_signer_must_be_one_that_is_named(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    data = signed_list([Service([pki.root.der])], operator)
    stranger = issue("Stranger", extensions=[OPERATOR_USAGE])
    assert load(tmp_path, data, stranger, operator).anchors
    for signers in ((stranger,), ()):
        with pytest.raises(SettingsError, match=r"relied on|cannot be read"):
            load(tmp_path, data, *signers)


def test_what_is_not_signed_or_was_changed_is_refused(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    services = [Service([pki.root.der])]
    data = signed_list(services, operator)
    for bad in (
        unsigned_list(services),
        data.replace(b"Svcstatus/granted", b"Svcstatus/accredited"),
        data.replace(b"<SchemeTerritory>XX", b"<SchemeTerritory>YY"),
        b"",
        b"<a/>",
        data[:-200],
    ):
        with pytest.raises(SettingsError, match="relied on"):
            load(tmp_path, bad, operator)


def test_nothing_beside_what_is_signed_counts(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    """A list around the signed one, or one beside it, is another list."""
    inner = signed_list([Service([pki.root.der])], operator).split(b"?>", 1)[1]
    forged = unsigned_list([Service([pki.issuing.der])])
    wrapped = forged.replace(b"</SchemeInformation>", b"</SchemeInformation><X>" + inner + b"</X>")
    signature = inner[inner.index(b"<ds:Signature") : inner.index(b"</ds:Signature>") + len(b"</ds:Signature>")]
    moved = forged.replace(b"</TrustServiceStatusList>", signature + b"</TrustServiceStatusList>")
    for bad in (wrapped, moved):
        with pytest.raises(SettingsError, match="relied on"):
            load(tmp_path, bad, operator)


def test_no_document_types_and_no_entities(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    data = signed_list([Service([pki.root.der])], operator)
    declared = b'<!DOCTYPE TrustServiceStatusList [<!ENTITY x "granted">]>'
    start = data.index(b"<TrustServiceStatusList")
    with pytest.raises(SettingsError, match="document type"):
        load(tmp_path, data[:start] + declared + data[start:], operator)


def test_certificates_that_cannot_be_read_are_passed_over(tmp_path: Path, pki: Hierarchy, operator: Holder) -> None:
    found = load(tmp_path, signed_list([Service([b"rubbish", pki.root.der])], operator, next_update=None), operator)
    assert [anchor.certificate for anchor in found.anchors] == [pki.root.der]
    assert found.next_update is None


def test_an_authority_of_a_list_is_any_certificate(tmp_path: Path, operator: Holder) -> None:
    authority = issue("Authority", ca=True, extensions=[CA_USAGE])
    assert load(tmp_path, signed_list([Service([authority.der])], operator), operator).anchors[0].uses == SIGNATURE
