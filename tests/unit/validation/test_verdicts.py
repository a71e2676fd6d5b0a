"""The contract's facts: level, ltv, until when, by which authority, accredited or not."""

from datetime import timedelta
from hashlib import sha256

import pytest

from proxy.model import (
    Accreditation,
    AccreditationRegistry,
    BaselineLevel,
    SignatureFormat,
    SignedObjectKind,
    ValidationData,
    Verdict,
)
from tests.support.pki import DAY, NOW, YEAR, Hierarchy, Holder, ocsp_response
from tests.support.scenes import Scene, cms_over, good, stamp_of
from tests.support.tsa import POLICY, Stamp

DOCUMENT = b"document"


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture(scope="module")
def signer(pki: Hierarchy) -> Holder:
    return pki.signer()


@pytest.fixture(scope="module")
def stamp(pki: Hierarchy) -> Stamp:
    return Stamp(pki.tsa(), pki.chain)


class TestLevels:
    def test_each(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        data = good(signer, stamp.tsa, by=pki)
        plain = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).fetch(data)
        assert self.level(plain) == (BaselineLevel.B_B, False)
        stamped = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).fetch(data)
        assert self.level(stamped) == (BaselineLevel.B_T, False)
        assert self.level(stamped.hold(data)) == (BaselineLevel.B_LT, True)
        assert self.level(stamped.archive(stamp)) == (BaselineLevel.B_LTA, True)

    def level(self, scene: Scene) -> tuple[BaselineLevel | None, bool]:
        verdict = scene.verdict()
        return verdict.level, verdict.ltv

    def test_a_document_timestamp_gives_the_time_where_there_is_no_other(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp
    ) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).fetch(good(signer, stamp.tsa, by=pki))
        assert self.level(scene.archive(stamp)) == (BaselineLevel.B_T, False)

    def test_an_archive_timestamp_that_does_not_cover_the_data_archives_nothing(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp
    ) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
        scene.hold(good(signer, stamp.tsa, by=pki)).archive(stamp, covers_data=False)
        assert self.level(scene) == (BaselineLevel.B_LT, True)

    def test_a_timestamp_that_is_not_valid_raises_no_level(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        wrong = stamp.but(spoil_signature=True)
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=wrong))
        assert self.level(scene.hold(good(signer, stamp.tsa, by=pki)).archive(wrong)) == (BaselineLevel.B_B, True)

    def test_ltv_wants_every_certificates_data_but_the_anchors(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        whole = good(signer, stamp.tsa, by=pki)
        for missing in range(len(whole.ocsp_responses)):
            responses = tuple(response for number, response in enumerate(whole.ocsp_responses) if number != missing)
            scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
            scene.hold(ValidationData(whole.certificates, responses)).fetch(whole)
            assert self.level(scene) == (BaselineLevel.B_T, False)

    def test_other_formats_have_no_baseline_level(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root)
        scene.sign(cms_over(DOCUMENT, signer, pki.chain), form=SignatureFormat.PKCS7_DETACHED).hold(good(signer, by=pki))
        assert self.level(scene) == (None, True)


class TestFacts:
    def test_of_a_signature(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        claimed = NOW - timedelta(minutes=3)
        scene = Scene.trusting(pki.root)
        scene.sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp), claimed_time=claimed)
        data = good(signer, stamp.tsa, by=pki)
        verdict = scene.fetch(data).verdict()
        assert verdict.signer is not None
        assert (verdict.signer.subject, verdict.signer.issuer) == ("CN=Signer,C=JP", "CN=Test Issuing,C=JP")
        assert int(verdict.signer.serial_number, 16) == signer.certificate.serial_number
        assert (verdict.claimed_time, verdict.timestamp_time) == (claimed, NOW)
        assert verdict.tsa is not None
        assert verdict.tsa.subject == "CN=TSA,C=JP"
        assert (verdict.valid_from, verdict.valid_to) == (NOW - YEAR, NOW + 5 * YEAR)

    def test_it_can_be_verified_until_its_last_timestamp_ends(self, pki: Hierarchy, signer: Holder) -> None:
        first, last = stamp_of(pki, NOW + 2 * YEAR), stamp_of(pki, NOW + 9 * YEAR, name="Last")
        data = good(signer, first.tsa, last.tsa, by=pki)
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=first)).fetch(data)
        assert scene.verdict().valid_to == NOW + 5 * YEAR, "the signer's"
        scene.hold(data)
        assert scene.verdict().valid_to == NOW + 2 * YEAR
        archived = scene.archive(last).verdicts()
        assert [verdict.valid_to for verdict in archived] == [NOW + 9 * YEAR, NOW + 9 * YEAR]
        assert [verdict.valid_to for verdict in archived[0].timestamps] == [NOW + 2 * YEAR]

    def test_of_a_document_timestamp(self, pki: Hierarchy, stamp: Stamp) -> None:
        verdict = Scene.trusting(pki.root).archive(stamp).hold(good(stamp.tsa, by=pki)).verdict()
        assert (verdict.kind, verdict.level, verdict.ltv) == (SignedObjectKind.DOC_TIMESTAMP, None, True)
        assert (verdict.timestamp_time, verdict.tsa) == (NOW, verdict.signer)


class TestAccreditation:
    def accredited(self, pki: Hierarchy, stamp: Stamp, *entries: Accreditation, complete: bool = False) -> bool | None:
        registry = AccreditationRegistry(entries, complete)
        scene = Scene.trusting(pki.root).under(accreditations=registry).archive(stamp).hold(good(stamp.tsa, by=pki))
        return scene.verdict().mic_accredited

    def entry(self, der: bytes, *, is_issuer: bool = False, policy: str | None = None) -> Accreditation:
        return Accreditation(sha256(der).digest(), is_issuer, policy, NOW - DAY, NOW + DAY)

    def test_nothing_is_known_without_a_registry(self, pki: Hierarchy, stamp: Stamp) -> None:
        verdict = Scene.trusting(pki.root).archive(stamp).hold(good(stamp.tsa, by=pki)).verdict()
        assert verdict.mic_accredited is None

    def test_by_certificate_issuer_and_policy(self, pki: Hierarchy, stamp: Stamp) -> None:
        assert self.accredited(pki, stamp, self.entry(stamp.tsa.der)) is True
        assert self.accredited(pki, stamp, self.entry(pki.issuing.der, is_issuer=True)) is True
        assert self.accredited(pki, stamp, self.entry(pki.issuing.der, is_issuer=True, policy=POLICY)) is True
        assert self.accredited(pki, stamp, self.entry(pki.issuing.der, is_issuer=True, policy="2.999.5")) is None
        assert self.accredited(pki, stamp, self.entry(pki.issuing.der)) is None

    def test_who_is_not_listed_is_unknown_unless_the_registry_is_complete(self, pki: Hierarchy, stamp: Stamp) -> None:
        assert self.accredited(pki, stamp) is None
        assert self.accredited(pki, stamp, complete=True) is False

    def test_at_the_timestamps_time(self, pki: Hierarchy, stamp: Stamp) -> None:
        for gen_time, expected in ((NOW - DAY, True), (NOW - DAY - timedelta(seconds=1), False), (NOW + DAY, False)):
            assert self.accredited(pki, stamp.but(gen_time=gen_time), self.entry(stamp.tsa.der)) is expected

    def test_of_a_signature_it_is_the_timestamps(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        registry = AccreditationRegistry((self.entry(stamp.tsa.der),), complete=False)
        scene = Scene.trusting(pki.root).under(accreditations=registry)
        scene.sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).hold(good(signer, stamp.tsa, by=pki))
        verdict = scene.verdict()
        assert [verdict.mic_accredited, verdict.timestamps[0].mic_accredited] == [True, True]


def test_signatures_of_several_documents_parts_are_judged_each(pki: Hierarchy, signer: Holder) -> None:
    other = pki.signer("Other")
    scene = Scene.trusting(pki.root)
    scene.sign(cms_over(DOCUMENT, signer, pki.chain)).sign(cms_over(DOCUMENT, other, pki.chain), document=b"changed")
    verdicts: tuple[Verdict, ...] = scene.fetch(good(signer, other, by=pki)).verdicts()
    assert [verdict.sub_indication for verdict in verdicts] == [None, "HASH_FAILURE"]
    assert [verdict.identifier for verdict in verdicts] == ["Signature1", "Signature2"]


def test_evidence_of_another_origin_is_not_the_documents(pki: Hierarchy, signer: Holder) -> None:
    responses = (ocsp_response(signer, pki.issuing), ocsp_response(pki.issuing, pki.root))
    scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).fetch(ValidationData((), responses))
    assert scene.verdict().ltv is False
