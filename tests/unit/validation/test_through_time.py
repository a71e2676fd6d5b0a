"""Validation through time (EN 319 102-1, 5.4 to 5.6), by the test's clock; each case has a neighbour that comes out well."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.model import (
    AlgorithmPolicy,
    HashAlgorithm,
    Indication,
    SubIndication,
    TrustAnchor,
    TrustUse,
    ValidationData,
    Verdict,
    VerificationResult,
)
from proxy.validation.reasons import Code
from tests.support.cms_messages import Message, value_of
from tests.support.pki import (
    CA_USAGE,
    DAY,
    NOW,
    SIGNER_USAGE,
    YEAR,
    Extension,
    Hierarchy,
    Holder,
    crl,
    issue,
    ocsp_response,
    purposes,
)
from tests.support.scenes import ALGORITHMS, BOTH, HOUR, STAMPING, Scene, cms_over, good, joined, stamp_of, token_over
from tests.support.tsa import Stamp

DOCUMENT = b"document"
MINUTE = timedelta(minutes=1)
IN_A_DAY, IN_TWO_YEARS, IN_SIX_YEARS = NOW + DAY, NOW + 2 * YEAR, NOW + 6 * YEAR


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    """A root of twenty years, an issuing CA of ten."""
    return Hierarchy.make()


@pytest.fixture(scope="module")
def signer(pki: Hierarchy) -> Holder:
    """Valid for a year from now."""
    return issue("Signer", pki.issuing, ends=NOW + YEAR, extensions=[SIGNER_USAGE])


@pytest.fixture(scope="module")
def stamp(pki: Hierarchy) -> Stamp:
    """Of a TSA that is valid for five years."""
    return stamp_of(pki, NOW + 5 * YEAR)


def proof(pki: Hierarchy, *holders: Holder, at: datetime = NOW) -> ValidationData:
    return good(*holders, by=pki, at=at)


def revoked(
    pki: Hierarchy, holder: Holder, since: datetime, at: datetime, *extensions: Extension, authority: Holder | None = None
) -> ValidationData:
    """A CRL of a moment."""
    entries = [(holder.certificate.serial_number, since)]
    issuer = authority or pki.issuing
    return ValidationData(crls=(crl(issuer, entries, issued=at, following=at + DAY, entry_extensions=extensions),))


def sub(verdict: Verdict) -> SubIndication | None:
    return verdict.sub_indication


class TestExpiry:
    def test_without_a_timestamp(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain))
        assert sub(scene.verdict(IN_TWO_YEARS)) is SubIndication.OUT_OF_BOUNDS_NO_POE
        scene.hold(proof(pki, signer))
        verdict = scene.verdict(IN_TWO_YEARS)
        assert sub(verdict) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED
        assert verdict.result is VerificationResult.INDETERMINATE
        assert scene.verdict(NOW).result is VerificationResult.VALID

    def test_the_setting_for_expired_signatures_changes_the_result_alone(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root).under(expired_without_poe=True).sign(cms_over(DOCUMENT, signer, pki.chain))
        verdict = scene.hold(proof(pki, signer)).verdict(IN_TWO_YEARS)
        assert (verdict.result, verdict.indication) == (VerificationResult.INVALID, Indication.INDETERMINATE)

    def test_with_a_timestamp_from_before(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
        scene.hold(proof(pki, signer, stamp.tsa))
        assert sub(scene.verdict(IN_TWO_YEARS)) is None

    def test_with_a_timestamp_but_without_revocation_data(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).hold(proof(pki, stamp.tsa))
        assert sub(scene.verdict(IN_TWO_YEARS)) is SubIndication.OUT_OF_BOUNDS_NO_POE

    def test_with_a_timestamp_from_after(self, pki: Hierarchy, signer: Holder) -> None:
        late = stamp_of(pki, NOW + 5 * YEAR, at=NOW + YEAR + MINUTE)
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=late))
        scene.hold(joined([proof(pki, signer), proof(pki, late.tsa, at=NOW + YEAR)]))
        assert sub(scene.verdict(IN_TWO_YEARS)) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED

    def test_a_timestamp_from_before_the_certificate(self, pki: Hierarchy, stamp: Stamp) -> None:
        young = issue("Young", pki.issuing, begins=NOW + MINUTE, extensions=[SIGNER_USAGE])
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, young, pki.chain, stamp=stamp))
        scene.hold(proof(pki, young, stamp.tsa, at=NOW + 2 * MINUTE))
        verdict = scene.verdict(NOW + 3 * MINUTE)
        assert (sub(verdict), verdict.indication) == (SubIndication.NOT_YET_VALID, Indication.TOTAL_FAILED)

    def test_before_the_certificate_without_proof_of_it(self, pki: Hierarchy) -> None:
        """As of an earlier moment than its certificate; that it existed then nobody says."""
        young = issue("Young", pki.issuing, begins=NOW + DAY, extensions=[SIGNER_USAGE])
        scene = Scene.trusting(pki.root).under(expired_without_poe=True).sign(cms_over(DOCUMENT, young, pki.chain))
        verdict = scene.hold(proof(pki, young, at=IN_A_DAY)).verdict(NOW)
        assert (sub(verdict), verdict.result) == (SubIndication.OUT_OF_BOUNDS_NO_POE, VerificationResult.INDETERMINATE)

    def test_certificates_and_answers_without_an_end(self, pki: Hierarchy) -> None:
        """They end with the year 9999 (RFC 5280, 4.1.2.5)."""
        never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        root = issue("Endless Root", ca=True, extensions=[CA_USAGE], ends=never)
        holder = issue("Endless", root, extensions=[SIGNER_USAGE], ends=never)
        responder = issue("Responder", root, extensions=[purposes(ExtendedKeyUsageOID.OCSP_SIGNING)], ends=never)
        answer = ocsp_response(holder, root, responder=responder, included=[responder], next_update=never)
        listed = crl(root, issued=NOW, following=never)
        for data in (ValidationData((), (answer,)), ValidationData(crls=(listed,))):
            scene = Scene.trusting(root).sign(cms_over(DOCUMENT, holder)).hold(data)
            assert sub(scene.verdict(NOW + 50 * YEAR)) is None

    def test_an_answer_after_expiry_says_nothing_unless_its_issuer_keeps_the_expired(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp
    ) -> None:
        after = NOW + YEAR + DAY
        keeps = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20200101000000Z")
        for extensions, expected in (((), SubIndication.OUT_OF_BOUNDS_NO_POE), (((keeps, False),), None)):
            listed = crl(pki.issuing, issued=after, following=after + DAY, extensions=extensions)
            scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
            scene.hold(proof(pki, stamp.tsa)).hold(ValidationData(crls=(listed,)))
            assert sub(scene.verdict(after + HOUR)) is expected

    def test_an_answer_from_before_the_certificate_says_nothing(self, pki: Hierarchy) -> None:
        young = issue("Young", pki.issuing, begins=NOW, extensions=[SIGNER_USAGE])
        old = ValidationData(crls=(crl(pki.issuing, issued=NOW - HOUR, following=NOW + DAY),))
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, young, pki.chain)).hold(proof(pki)).hold(old)
        assert sub(scene.verdict(NOW + MINUTE)) is SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE


class TestRevocation:
    def test_before_and_after_the_timestamp(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        for since, expected in (
            (NOW + HOUR, None),
            (NOW, SubIndication.REVOKED_NO_POE),
            (NOW - HOUR, SubIndication.REVOKED_NO_POE),
        ):
            scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
            scene.hold(proof(pki, stamp.tsa)).fetch(revoked(pki, signer, since, IN_A_DAY))
            verdict = scene.verdict(IN_A_DAY + MINUTE)
            assert sub(verdict) is expected
            if expected is not None:
                assert verdict.indication is Indication.INDETERMINATE, "nothing proves that it was made after"
                assert verdict.reasons[0].fields["since"] == since.isoformat()

    def test_without_a_timestamp(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).hold(proof(pki, signer))
        scene.fetch(revoked(pki, signer, NOW + HOUR, IN_A_DAY))
        assert sub(scene.verdict(IN_A_DAY + MINUTE)) is SubIndication.REVOKED_NO_POE

    def test_a_revocation_counts_although_a_later_answer_says_good(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain))
        scene.fetch(revoked(pki, signer, NOW - HOUR, NOW - MINUTE)).fetch(proof(pki, signer, at=NOW))
        assert sub(scene.verdict()) is SubIndication.REVOKED_NO_POE

    def test_no_number_of_answers_in_a_document_crowds_out_what_was_fetched(self, pki: Hierarchy, signer: Holder) -> None:
        many = [ocsp_response(signer, pki.issuing, this_update=NOW - k * MINUTE, next_update=NOW + DAY) for k in range(40)]
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).hold(proof(pki))
        scene.hold(ValidationData((), tuple(many)))
        assert sub(scene.verdict()) is None
        fetched = ocsp_response(signer, pki.issuing, status=ocsp.OCSPCertStatus.REVOKED, revoked_at=NOW - HOUR)
        assert sub(scene.fetch(ValidationData((), (fetched,))).verdict()) is SubIndication.REVOKED_NO_POE

    @pytest.mark.parametrize(
        ("flag", "counts"),
        [
            (x509.ReasonFlags.key_compromise, True),
            (None, True),
            (x509.ReasonFlags.superseded, False),
            (x509.ReasonFlags.cessation_of_operation, False),
        ],
    )
    def test_the_invalidity_date_counts_where_the_key_is_in_doubt(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp, flag: x509.ReasonFlags | None, counts: bool
    ) -> None:
        extensions: list[Extension] = [(x509.InvalidityDate((NOW - HOUR).replace(tzinfo=None)), False)]
        if flag is not None:
            extensions.append((x509.CRLReason(flag), False))
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
        scene.hold(proof(pki, stamp.tsa)).fetch(revoked(pki, signer, NOW + HOUR, IN_A_DAY, *extensions))
        assert sub(scene.verdict(IN_A_DAY + MINUTE)) is (SubIndication.REVOKED_NO_POE if counts else None)

    def test_on_hold_until_it_is_taken_back(self, pki: Hierarchy, signer: Holder) -> None:
        hold: Extension = (x509.CRLReason(x509.ReasonFlags.certificate_hold), False)
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).fetch(proof(pki))
        scene.fetch(revoked(pki, signer, NOW - DAY, NOW - HOUR, hold))
        verdict = scene.verdict()
        assert (sub(verdict), verdict.reasons[0].code) == (SubIndication.TRY_LATER, Code.CERTIFICATE_ON_HOLD)
        assert sub(scene.fetch(proof(pki, signer)).verdict()) is None

    def test_of_the_issuing_authority(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        for since, expected in ((NOW + HOUR, None), (NOW - HOUR, SubIndication.REVOKED_CA_NO_POE)):
            own = Hierarchy.make("Own")
            holder = own.signer()
            scene = Scene.trusting(pki.root, own.root).sign(cms_over(DOCUMENT, holder, own.chain, stamp=stamp))
            scene.hold(joined([proof(own, holder), proof(pki, stamp.tsa)]))
            scene.fetch(revoked(own, own.issuing, since, IN_A_DAY, authority=own.root))
            assert sub(scene.verdict(IN_A_DAY + MINUTE)) is expected

    def test_after_the_time_of_validation_is_not_yet(self, pki: Hierarchy, signer: Holder) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).fetch(proof(pki))
        scene.fetch(revoked(pki, signer, NOW + HOUR, IN_A_DAY))
        assert sub(scene.verdict(NOW)) is None

    def test_none_is_needed_for_short_lived_certificates(self, pki: Hierarchy) -> None:
        assured = x509.UnrecognizedExtension(x509.ObjectIdentifier("0.4.0.194121.2.1"), b"\x05\x00")
        short = issue("Short", pki.issuing, ends=IN_A_DAY, extensions=[SIGNER_USAGE, (assured, False)])
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, short, pki.chain)).fetch(proof(pki))
        assert sub(scene.verdict()) is None


class TestFreshness:
    def test_old_answers_are_enough_for_a_signature_whose_time_is_proven(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp
    ) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).hold(proof(pki, signer))
        verdict = scene.verdict(IN_A_DAY)
        assert (sub(verdict), verdict.reasons[0].code) == (SubIndication.TRY_LATER, Code.REVOCATION_DATA_NOT_FRESH)
        stamped = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
        assert sub(stamped.hold(proof(pki, signer, stamp.tsa)).verdict(IN_A_DAY)) is None

    def test_answers_about_timestamps_may_be_old_unless_the_policy_says_otherwise(
        self, pki: Hierarchy, signer: Holder, stamp: Stamp
    ) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
        scene.hold(proof(pki, signer, stamp.tsa))
        (inner,) = scene.verdict(IN_A_DAY).timestamps
        assert (sub(inner), {reason.code for reason in inner.reasons}) == (None, {Code.REVOCATION_DATA_NOT_FRESH})
        verdict = scene.under(require_fresh_timestamps=True).verdict(IN_A_DAY)
        assert sub(verdict.timestamps[0]) is SubIndication.TRY_LATER
        scene.fetch(proof(pki, stamp.tsa, at=IN_A_DAY))
        assert sub(scene.verdict(IN_A_DAY)) is None

    def test_what_is_wanted_is_what_could_help(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))

        def wanted(at: datetime) -> set[bytes]:
            return {entry.certificate for entry in scene.judgement(at).wanted}

        assert wanted(NOW) == {signer.der, stamp.tsa.der, pki.issuing.der}
        scene.hold(proof(pki, signer, stamp.tsa))
        assert wanted(NOW) == set()
        assert wanted(IN_A_DAY) == {stamp.tsa.der, pki.issuing.der}, "the signature itself has all it needs"
        assert wanted(IN_SIX_YEARS) == {pki.issuing.der}, "nobody is asked about what has expired"

    def test_a_responder_that_has_expired(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        """Its key may be anybody's by then, unless the answer is proven to be older."""
        responder = issue(
            "Responder", pki.issuing, ends=NOW + 30 * DAY, extensions=[purposes(ExtendedKeyUsageOID.OCSP_SIGNING)]
        )
        answer = ocsp_response(
            signer, pki.issuing, responder=responder, included=[responder], this_update=NOW, next_update=NOW + HOUR
        )
        data = joined([proof(pki, stamp.tsa), ValidationData((responder.der,), (answer,))])
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).hold(data)
        assert sub(scene.verdict(NOW + 29 * DAY)) is None
        assert sub(scene.verdict(NOW + 31 * DAY)) is SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE
        scene.archive(stamp)
        assert sub(scene.verdict(NOW + 31 * DAY)) is None


class TestTimestamps:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, None),
            ({"imprint": bytes(32)}, SubIndication.HASH_FAILURE),
            ({"message_digest": bytes(32)}, SubIndication.HASH_FAILURE),
            ({"spoil_signature": True}, SubIndication.SIG_CRYPTO_FAILURE),
            ({"signers": 2}, SubIndication.FORMAT_FAILURE),
            ({"version": 2}, SubIndication.FORMAT_FAILURE),
            ({"extensions": (("2.999.7", True),)}, SubIndication.FORMAT_FAILURE),
            ({"drop_attributes": ("message_digest",)}, SubIndication.FORMAT_FAILURE),
            ({"content_type": "data"}, SubIndication.FORMAT_FAILURE),
            ({"ess_serial": 7}, SubIndication.NO_SIGNING_CERTIFICATE_FOUND),
            ({"with_certificates": False}, None),
            ({"ess": ()}, SubIndication.SIG_CONSTRAINTS_FAILURE),
            ({"gen_time": NOW + HOUR}, SubIndication.NO_POE),
            ({"gen_time": NOW - 2 * YEAR}, SubIndication.NOT_YET_VALID),
        ],
        ids=str,
    )
    def test_each_on_its_own(
        self, pki: Hierarchy, stamp: Stamp, changes: dict[str, object], expected: SubIndication | None
    ) -> None:
        scene = Scene.trusting(pki.root).archive(stamp.but(**changes)).hold(proof(pki, stamp.tsa))
        verdict = scene.verdict()
        assert sub(verdict) is expected
        assert verdict.indication in {Indication.PASSED, Indication.FAILED, Indication.INDETERMINATE}

    def test_one_from_after_the_end_of_its_certificate(self, pki: Hierarchy) -> None:
        late = stamp_of(pki, NOW - DAY)
        verdict = Scene.trusting(pki.root).archive(late).hold(proof(pki, late.tsa, at=NOW - 2 * DAY)).verdict()
        assert (sub(verdict), verdict.indication) == (SubIndication.EXPIRED, Indication.FAILED)

    def test_a_certificate_that_may_not_stamp(self, pki: Hierarchy, signer: Holder) -> None:
        wrong = Stamp(signer, pki.chain)
        verdict = Scene.trusting(pki.root).archive(wrong).hold(proof(pki, signer)).verdict()
        assert sub(verdict) is SubIndication.CHAIN_CONSTRAINTS_FAILURE

    def test_one_that_is_not_valid_proves_nothing(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        wrong = stamp.but(spoil_signature=True)
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=wrong))
        scene.hold(proof(pki, signer, stamp.tsa))
        verdict = scene.verdict(NOW)
        assert (sub(verdict), [reason.code for reason in verdict.reasons]) == (None, [Code.TIMESTAMP_NOT_VALID])
        assert sub(scene.verdict(IN_TWO_YEARS)) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED

    def test_one_over_another_signature_proves_nothing(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        foreign = token_over(value_of(cms_over(b"another", signer, pki.chain)), stamp)
        scene = Scene.trusting(pki.root).sign(Message(signer, pki.chain, tokens=(foreign,)).over(DOCUMENT))
        scene.hold(proof(pki, signer, stamp.tsa))
        verdict = scene.verdict(NOW)
        assert (sub(verdict), sub(verdict.timestamps[0])) == (None, SubIndication.HASH_FAILURE)
        assert verdict.timestamp_time is None

    def test_a_tsa_that_is_trusted_for_signatures_alone(self, pki: Hierarchy, stamp: Stamp) -> None:
        other = Hierarchy.make("Other")
        alone = TrustAnchor(pki.root.der, frozenset({TrustUse.SIGNATURE}))
        verdict = Scene.trusting(alone, other.root).archive(stamp).hold(proof(pki, stamp.tsa)).verdict()
        assert sub(verdict) is SubIndication.NO_CERTIFICATE_CHAIN_FOUND

    def test_an_expired_tsa_wants_proof_like_any_other(self, pki: Hierarchy, stamp: Stamp) -> None:
        scene = Scene.trusting(pki.root).archive(stamp).hold(proof(pki, stamp.tsa))
        verdict = scene.verdict(IN_SIX_YEARS)
        assert (sub(verdict), verdict.result) == (SubIndication.OUT_OF_BOUNDS_NOT_REVOKED, VerificationResult.INDETERMINATE)

    def test_of_the_content_prove_that_the_signature_came_after(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        for since, expected in ((NOW - HOUR, SubIndication.REVOKED), (NOW + HOUR, SubIndication.REVOKED_NO_POE)):
            token = token_over(DOCUMENT, stamp)
            scene = Scene.trusting(pki.root).sign(Message(signer, pki.chain, content_token=token).over(DOCUMENT))
            scene.hold(proof(pki, stamp.tsa)).fetch(revoked(pki, signer, since, IN_A_DAY))
            assert sub(scene.verdict(IN_A_DAY + MINUTE)) is expected
        late = stamp.but(gen_time=NOW + YEAR + MINUTE)
        scene = Scene.trusting(pki.root)
        scene.sign(Message(signer, pki.chain, content_token=token_over(DOCUMENT, late)).over(DOCUMENT))
        scene.hold(joined([proof(pki, signer), proof(pki, stamp.tsa)]))
        verdict = scene.verdict(IN_TWO_YEARS)
        assert (sub(verdict), verdict.indication) == (SubIndication.EXPIRED, Indication.TOTAL_FAILED)

    def test_that_say_they_are_older_than_what_they_cover(self, pki: Hierarchy, signer: Holder, stamp: Stamp) -> None:
        for earlier, expected in ((2 * MINUTE, SubIndication.TIMESTAMP_ORDER_FAILURE), (timedelta(seconds=30), None)):
            scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
            scene.hold(proof(pki, signer, stamp.tsa)).archive(stamp.but(gen_time=NOW - earlier))
            assert sub(scene.verdict()) is expected


class TestArchives:
    def test_each_timestamp_carries_the_one_before(self, pki: Hierarchy, signer: Holder) -> None:
        """Three authorities, each expired long ago but for the last."""
        scene = Scene.trusting(pki.root)
        years = (0, 2, 4)
        stamps = [
            stamp_of(pki, NOW + (year + 3) * YEAR, at=NOW + year * YEAR, name=f"TSA {year}", begins=NOW + (year - 1) * YEAR)
            for year in years
        ]
        scene.sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamps[0])).hold(proof(pki, signer, stamps[0].tsa))
        for year, next_stamp in zip(years, stamps, strict=True):
            scene.hold(proof(pki, next_stamp.tsa, at=NOW + year * YEAR)).archive(next_stamp)
        end = NOW + 6 * YEAR + 300 * DAY
        assert {sub(verdict) for verdict in scene.verdicts(end)} == {None}
        assert scene.verdict(end).timestamp_time == NOW
        assert sub(scene.verdict(NOW + 8 * YEAR)) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED

    def test_a_gap_breaks_the_chain(self, pki: Hierarchy, signer: Holder) -> None:
        first = stamp_of(pki, NOW + 2 * YEAR, name="First")
        late = stamp_of(pki, NOW + 9 * YEAR, at=NOW + 2 * YEAR + DAY, name="Late")
        scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=first))
        scene.hold(proof(pki, signer, first.tsa)).archive(first)
        scene.hold(proof(pki, late.tsa, at=NOW + 2 * YEAR)).archive(late)
        signature, archived, last = scene.verdicts(NOW + 3 * YEAR)
        assert sub(last) is None
        assert sub(archived) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED
        assert sub(signature) is SubIndication.OUT_OF_BOUNDS_NOT_REVOKED

    def test_a_revoked_tsa_is_good_for_what_is_proven_to_be_older(self, pki: Hierarchy, signer: Holder) -> None:
        first, second = stamp_of(pki, NOW + 5 * YEAR, name="First"), stamp_of(pki, NOW + 9 * YEAR, NOW + DAY, name="Second")
        for since, expected in ((NOW + 2 * DAY, None), (NOW + HOUR, SubIndication.REVOKED_NO_POE)):
            scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=first))
            scene.hold(proof(pki, signer, first.tsa)).hold(proof(pki, second.tsa, at=NOW + DAY)).archive(second)
            scene.fetch(revoked(pki, first.tsa, since, NOW + 3 * DAY))
            verdict = scene.verdict(NOW + 3 * DAY)
            assert sub(verdict.timestamps[0]) is expected
            assert verdict.timestamp_time == (NOW if expected is None else NOW + DAY)

    def test_data_that_came_later_does_not_prove_an_expired_authority(self, signer: Holder) -> None:
        """Once the issuing CA has expired, its certificates and answers could be anybody's who broke its key."""
        for covers_data, expected in ((True, None), (False, SubIndication.OUT_OF_BOUNDS_NO_POE)):
            root = issue("Root", ca=True, extensions=[CA_USAGE], ends=NOW + 20 * YEAR)
            issuing = issue("Old Issuing", root, ca=True, extensions=[CA_USAGE], ends=NOW + YEAR)
            old, lasting = Hierarchy(root, issuing), Hierarchy.make("Lasting")
            holder = issue("Signer", issuing, ends=NOW + YEAR, extensions=[SIGNER_USAGE])
            stamp = stamp_of(lasting, NOW + 5 * YEAR)
            scene = Scene.trusting(root, lasting.root).sign(Message(holder, with_certificates=False).over(DOCUMENT))
            scene.hold(joined([proof(old, holder), proof(lasting, stamp.tsa)])).archive(stamp, covers_data=covers_data)
            assert sub(scene.verdict(IN_TWO_YEARS)) is expected

    def test_an_anchor_that_is_trusted_no_more(self, pki: Hierarchy, signer: Holder) -> None:
        lasting = Hierarchy.make("Lasting")
        stamp = stamp_of(lasting, NOW + 5 * YEAR)
        for ended, expected in (
            (NOW + HOUR, None),
            (NOW - HOUR, SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE),
            (NOW + 2 * DAY, None),
        ):
            anchor = TrustAnchor(pki.root.der, BOTH, trusted_to=ended)
            scene = Scene.trusting(anchor, lasting.root).sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp))
            scene.hold(joined([proof(pki, signer), proof(lasting, stamp.tsa)])).archive(stamp)
            assert sub(scene.verdict(IN_A_DAY)) is expected

    def test_a_hash_algorithm_that_is_broken_since(self, pki: Hierarchy, signer: Holder) -> None:
        """What was signed and stamped with it while it held, and then stamped with another, stays good."""
        ended = AlgorithmPolicy(hashes={**ALGORITHMS.hashes, "sha256": NOW + DAY}, rsa=ALGORITHMS.rsa, curves=ALGORITHMS.curves)
        strong = hashes.SHA384()
        root = issue("Strong Root", ca=True, extensions=[CA_USAGE], ends=NOW + 20 * YEAR, algorithm=strong)
        issuing = issue("Strong Issuing", root, ca=True, extensions=[CA_USAGE], ends=NOW + 10 * YEAR, algorithm=strong)
        tsa = issue("Strong TSA", issuing, extensions=STAMPING, algorithm=strong)
        lists = ValidationData(
            (issuing.der,), (), tuple(crl(ca, issued=NOW, following=NOW + DAY, algorithm=strong) for ca in (issuing, root))
        )
        stamp = stamp_of(pki, NOW + 5 * YEAR)
        for gen_time, expected in ((NOW + HOUR, None), (NOW + DAY + HOUR, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE)):
            scene = Scene.trusting(pki.root, root, algorithms=ended)
            scene.sign(cms_over(DOCUMENT, signer, pki.chain, stamp=stamp)).hold(
                joined([good(signer, stamp.tsa, by=pki, lasting=30 * DAY), lists])
            )
            scene.archive(
                Stamp(tsa, (issuing.der,), gen_time=gen_time, digest_algorithm="sha384"), algorithm=HashAlgorithm.SHA384
            )
            signature, archived = scene.verdicts(NOW + 2 * DAY)
            assert sub(archived) is None
            assert sub(signature) is expected


def test_the_standing_of_answers_is_judged_by_whoever_is_still_valid(pki: Hierarchy, signer: Holder) -> None:
    """Of two answers the one that stands is taken, be it the older one."""
    responder = issue("Responder", pki.issuing, ends=NOW + DAY, extensions=[purposes(ExtendedKeyUsageOID.OCSP_SIGNING)])
    recent = ocsp_response(
        signer, pki.issuing, responder=responder, included=[responder], this_update=NOW + HOUR, next_update=NOW + 30 * DAY
    )
    older = ocsp_response(signer, pki.issuing, this_update=NOW, next_update=NOW + 30 * DAY)
    authority = ocsp_response(pki.issuing, pki.root, this_update=NOW, next_update=NOW + 30 * DAY)
    scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain))
    scene.hold(ValidationData((), (recent, authority)))
    assert sub(scene.verdict(NOW + 2 * DAY)) is SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE
    assert sub(scene.hold(ValidationData((), (older,))).verdict(NOW + 2 * DAY)) is None


def test_an_unknown_status_is_no_answer(pki: Hierarchy, signer: Holder) -> None:
    unknown = ocsp_response(signer, pki.issuing, status=ocsp.OCSPCertStatus.UNKNOWN)
    scene = Scene.trusting(pki.root).sign(cms_over(DOCUMENT, signer, pki.chain)).hold(proof(pki))
    verdict = scene.hold(ValidationData((), (unknown,))).verdict()
    assert (sub(verdict), verdict.reasons[0].code) == (SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, Code.NO_REVOCATION_DATA)
