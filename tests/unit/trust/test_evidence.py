"""OCSP responses and CRLs: what is believed, and every reason not to. Each refusal has a neighbour that is accepted."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings

from proxy.model import RevocationState
from proxy.trust import ocsp
from proxy.trust.crl import read_crl
from proxy.trust.failures import EvidenceRejected
from tests.support.keys import ec_key, rsa_key
from tests.support.mangling import DAMAGE, Damage
from tests.support.pki import (
    CA_USAGE,
    DAY,
    NOW,
    SIGNER_USAGE,
    Hierarchy,
    Holder,
    by_sha1,
    crl,
    crl_at,
    issue,
    ocsp_response,
    purposes,
    usage,
    with_archive_cutoff,
)

OCSP_SIGNING = purposes(ExtendedKeyUsageOID.OCSP_SIGNING)


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture(scope="module")
def signer(pki: Hierarchy) -> Holder:
    return pki.signer()


class TestOCSP:
    def test_the_request_names_the_certificate_and_nothing_else(self, pki: Hierarchy, signer: Holder) -> None:
        request = x509_ocsp.load_der_ocsp_request(ocsp.build_request(signer.der, pki.issuing.der))
        assert request.serial_number == signer.certificate.serial_number
        assert list(request.extensions) == []

    def test_good_by_the_issuer_itself(self, pki: Hierarchy, signer: Holder) -> None:
        for by_name in (True, False):
            response = ocsp_response(signer, pki.issuing, by_name=by_name)
            info = ocsp.check_response(response, signer.der, pki.issuing.der, NOW)
            assert info.state is RevocationState.GOOD
            assert (info.ocsp_response, info.crl, info.revoked_at) == (response, None, None)
            assert info.next_update == NOW + timedelta(hours=1)

    def test_revoked_with_its_time(self, pki: Hierarchy, signer: Holder) -> None:
        response = ocsp_response(signer, pki.issuing, status=x509_ocsp.OCSPCertStatus.REVOKED, revoked_at=NOW - DAY)
        info = ocsp.check_response(response, signer.der, pki.issuing.der, NOW)
        assert (info.state, info.revoked_at) == (RevocationState.REVOKED, NOW - DAY)

    def test_the_certificate_id_may_be_by_another_hash(self, pki: Hierarchy, signer: Holder) -> None:
        response = ocsp_response(signer, pki.issuing, cert_id_algorithm=hashes.SHA256())
        assert ocsp.check_response(response, signer.der, pki.issuing.der, NOW).state is RevocationState.GOOD

    def test_a_responder_that_was_named_by_an_algorithm_of_yesterday(self, pki: Hierarchy, signer: Holder) -> None:
        """It is read, for who judges algorithms himself, and not relied on now."""
        responder = by_sha1(issue("Responder", pki.issuing, extensions=[OCSP_SIGNING]), pki.issuing)
        response = ocsp_response(signer, pki.issuing, responder=responder, included=[responder])
        assert ocsp.read_response(response, signer.der, pki.issuing.der).responder == responder.der
        with pytest.raises(EvidenceRejected, match="nobody whom the issuer authorised"):
            ocsp.check_response(response, signer.der, pki.issuing.der, NOW)

    def test_an_archive_cutoff_that_is_no_time_is_none(self, pki: Hierarchy, signer: Holder) -> None:
        plain = ocsp_response(signer, pki.issuing)
        # Responders exist that reckon it from a certificate's end, and arrive before the year 0.
        cut, odd = (with_archive_cutoff(plain, time, pki.issuing) for time in (b"20200101000000Z", b"-0011129230216Z"))
        cutoffs = [ocsp.read_response(der, signer.der, pki.issuing.der).archive_cutoff for der in (plain, cut, odd)]
        assert cutoffs == [None, datetime(2020, 1, 1, tzinfo=UTC), None]

    def test_rsa_responders(self) -> None:
        root = issue("RSA Root", key=rsa_key(), ca=True, extensions=[CA_USAGE])
        leaf = issue("Leaf", root)
        ocsp.check_response(ocsp_response(leaf, root), leaf.der, root.der, NOW)

    def test_a_delegated_responder_of_the_same_issuer(self, pki: Hierarchy, signer: Holder) -> None:
        responder = issue("Responder", pki.issuing, extensions=[OCSP_SIGNING, usage("digital_signature")])
        for by_name in (True, False):
            response = ocsp_response(signer, pki.issuing, responder=responder, included=[responder], by_name=by_name)
            ocsp.check_response(response, signer.der, pki.issuing.der, NOW)

    @pytest.mark.parametrize("why", ["no purpose", "another issuer", "expired", "not included", "usage", "same name, own key"])
    def test_a_responder_nobody_authorised(self, pki: Hierarchy, signer: Holder, why: str) -> None:
        responder = {
            "no purpose": lambda: issue("Responder", pki.issuing, extensions=[usage("digital_signature")]),
            "another issuer": lambda: issue("Responder", pki.root, extensions=[OCSP_SIGNING]),
            "expired": lambda: issue("Responder", pki.issuing, ends=NOW - DAY, extensions=[OCSP_SIGNING]),
            "not included": lambda: issue("Responder", pki.issuing, extensions=[OCSP_SIGNING]),
            "usage": lambda: issue("Responder", pki.issuing, extensions=[OCSP_SIGNING, usage("key_agreement")]),
            "same name, own key": lambda: issue("Test Issuing", ca=True, extensions=[OCSP_SIGNING]),
        }[why]()
        included = [] if why == "not included" else [responder]
        response = ocsp_response(signer, pki.issuing, responder=responder, included=included, by_name=why.startswith("same"))
        with pytest.raises(EvidenceRejected, match=r"authorised|authentic"):
            ocsp.check_response(response, signer.der, pki.issuing.der, NOW)

    def test_any_changed_byte_is_noticed(self, pki: Hierarchy, signer: Holder) -> None:
        response = ocsp_response(signer, pki.issuing)
        value = x509_ocsp.load_der_ocsp_response(response).signature
        unused_bits = len(response) - len(value) - 1
        assert response[unused_bits:] == b"\x00" + value
        for position in (place for place in range(len(response)) if place != unused_bits):
            changed = bytearray(response)
            changed[position] ^= 0x01
            with pytest.raises(EvidenceRejected):
                ocsp.check_response(bytes(changed), signer.der, pki.issuing.der, NOW)

    @settings(max_examples=150, deadline=None)
    @given(damage=DAMAGE)
    def test_a_mangled_response_is_rejected_and_nothing_worse(self, pki: Hierarchy, signer: Holder, damage: Damage) -> None:
        responder = issue("Responder", pki.issuing, extensions=[OCSP_SIGNING])
        response = ocsp_response(signer, pki.issuing, responder=responder, included=[responder], by_name=True)
        bad = damage.to(response)
        try:
            found = ocsp.check_response(bad, signer.der, pki.issuing.der, NOW)
        except EvidenceRejected:
            return
        assert found.state is RevocationState.GOOD, "what is not signed does not decide"

    def test_an_answer_about_another_certificate(self, pki: Hierarchy, signer: Holder) -> None:
        other = Hierarchy.make("Other")
        twin = issue("Signer", other.issuing, serial_number=signer.certificate.serial_number)
        for subject, issuer in ((pki.signer("Another"), pki.issuing), (twin, other.issuing)):
            with pytest.raises(EvidenceRejected, match="another certificate"):
                ocsp.check_response(ocsp_response(subject, issuer), signer.der, pki.issuing.der, NOW)

    def test_unknown_is_no_answer(self, pki: Hierarchy, signer: Holder) -> None:
        response = ocsp_response(signer, pki.issuing, status=x509_ocsp.OCSPCertStatus.UNKNOWN)
        with pytest.raises(EvidenceRejected, match="does not know"):
            ocsp.check_response(response, signer.der, pki.issuing.der, NOW)

    def test_unsuccessful_and_unreadable(self, pki: Hierarchy, signer: Holder) -> None:
        refused = x509_ocsp.OCSPResponseBuilder.build_unsuccessful(x509_ocsp.OCSPResponseStatus.TRY_LATER)
        for response in (refused.public_bytes(Encoding.DER), b"", b"<html>", ocsp_response(signer, pki.issuing)[:-1]):
            with pytest.raises(EvidenceRejected, match=r"answered TRY_LATER|cannot be read"):
                ocsp.check_response(response, signer.der, pki.issuing.der, NOW)

    def test_times_within_a_minute_of_skew(self, pki: Hierarchy, signer: Holder) -> None:
        second = timedelta(seconds=1)
        for this_update, next_update, good in (
            (NOW + ocsp.SKEW, None, True),
            (NOW + ocsp.SKEW + second, None, False),
            (NOW - DAY, NOW - ocsp.SKEW, True),
            (NOW - DAY, NOW - ocsp.SKEW - second, False),
            (NOW - DAY - ocsp.SKEW, None, True),
            (NOW - DAY - ocsp.SKEW - second, None, False),
        ):
            response = ocsp_response(signer, pki.issuing, this_update=this_update, next_update=next_update)
            if good:
                ocsp.check_response(response, signer.der, pki.issuing.der, NOW)
            else:
                with pytest.raises(EvidenceRejected, match=r"future|good until"):
                    ocsp.check_response(response, signer.der, pki.issuing.der, NOW)


class TestCRL:
    def test_good_and_revoked(self, pki: Hierarchy, signer: Holder) -> None:
        der = crl(pki.issuing, [(1, NOW - DAY), (signer.certificate.serial_number, NOW - 2 * DAY)])
        found = read_crl(der, pki.issuing.der)
        found.check_current(NOW)
        info = found.lookup(signer.der)
        assert (info.state, info.revoked_at, info.crl) == (RevocationState.REVOKED, NOW - 2 * DAY, der)
        other = found.lookup(pki.signer("Another").der)
        assert (other.state, other.revoked_at, other.ocsp_response) == (RevocationState.GOOD, None, None)
        assert (other.this_update, other.next_update) == (NOW - timedelta(hours=1), NOW + DAY)

    def test_an_empty_list_revokes_nobody(self, pki: Hierarchy, signer: Holder) -> None:
        assert read_crl(crl(pki.issuing), pki.issuing.der).lookup(signer.der).state is RevocationState.GOOD

    @settings(max_examples=150, deadline=None)
    @given(damage=DAMAGE)
    def test_a_mangled_list_is_rejected_and_nothing_worse(self, pki: Hierarchy, signer: Holder, damage: Damage) -> None:
        bad = damage.to(crl(pki.issuing, [(signer.certificate.serial_number, NOW - DAY)]))
        try:
            found = read_crl(bad, pki.issuing.der).lookup(signer.der)
        except EvidenceRejected:
            return
        assert found.revoked_at == NOW - DAY, "what is not signed does not decide"

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda pki: crl(pki.issuing, key=ec_key()), "signature"),
            (lambda pki: crl(pki.root), "another issuer"),
            (lambda pki: crl(pki.issuing, algorithm=hashes.SHA224()), "algorithm"),
            (lambda _: b"", "read"),
            (lambda pki: crl(pki.issuing)[:-1], "read"),
            (lambda pki: crl(pki.issuing, extensions=[(x509.DeltaCRLIndicator(1), True)]), "delta"),
            (lambda pki: crl(pki.issuing, extensions=[_scope(indirect_crl=True)]), "indirect"),
            (lambda pki: crl(pki.issuing, extensions=[_scope(only_contains_attribute_certs=True)]), "attribute"),
            (
                lambda pki: crl(
                    pki.issuing, extensions=[_scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))]
                ),
                "reasons",
            ),
        ],
    )
    def test_lists_that_are_not_believed(self, pki: Hierarchy, make: object, reason: str) -> None:
        assert callable(make)
        with pytest.raises(EvidenceRejected, match=reason):
            read_crl(make(pki), pki.issuing.der)

    def test_an_issuer_that_may_not_sign_lists(self) -> None:
        authority = issue("Certs Only", ca=True, extensions=[usage("key_cert_sign")])
        with pytest.raises(EvidenceRejected, match="may not sign"):
            read_crl(crl(authority), authority.der)

    def test_scope(self, pki: Hierarchy, signer: Holder) -> None:
        users = read_crl(crl(pki.issuing, extensions=[_scope(only_contains_user_certs=True)]), pki.issuing.der)
        authorities = read_crl(crl(pki.issuing, extensions=[_scope(only_contains_ca_certs=True)]), pki.issuing.der)
        ca = issue("Sub", pki.issuing, ca=True, extensions=[CA_USAGE])
        users.lookup(signer.der)
        authorities.lookup(ca.der)
        for found, subject in ((users, ca), (authorities, signer)):
            with pytest.raises(EvidenceRejected, match="another kind"):
                found.lookup(subject.der)

    def test_the_distribution_point_must_be_the_certificates(self, pki: Hierarchy, signer: Holder) -> None:
        here, there = "http://crl.example/1", "http://crl.example/2"
        found = read_crl(
            crl(pki.issuing, extensions=[_scope(full_name=[x509.UniformResourceIdentifier(here)])]), pki.issuing.der
        )
        found.lookup(pki.signer("Here", crl_at(here)).der)
        for subject in (pki.signer("There", crl_at(there)), signer):
            with pytest.raises(EvidenceRejected, match="distribution point"):
                found.lookup(subject.der)

    def test_a_critical_extension_of_an_entry(self, pki: Hierarchy, signer: Holder) -> None:
        issuer_name = x509.CertificateIssuer([x509.DirectoryName(pki.root.certificate.subject)])
        der = crl(pki.issuing, [(signer.certificate.serial_number, NOW - DAY)], entry_extensions=[(issuer_name, True)])
        with pytest.raises(EvidenceRejected, match="critical"):
            read_crl(der, pki.issuing.der).lookup(signer.der)

    def test_times_within_a_minute_of_skew(self, pki: Hierarchy) -> None:
        second = timedelta(seconds=1)
        for issued, following, good in (
            (NOW + ocsp.SKEW, NOW + DAY, True),
            (NOW + ocsp.SKEW + second, NOW + DAY, False),
            (NOW - DAY, NOW - ocsp.SKEW, True),
            (NOW - DAY, NOW - ocsp.SKEW - second, False),
        ):
            found = read_crl(crl(pki.issuing, issued=issued, following=following), pki.issuing.der)
            if good:
                found.check_current(NOW)
            else:
                with pytest.raises(EvidenceRejected, match=r"future|good until"):
                    found.check_current(NOW)

    def test_a_large_list_is_read_and_asked_in_milliseconds(self, pki: Hierarchy) -> None:
        der = crl(pki.issuing, [(serial_number, NOW - DAY) for serial_number in range(10**6, 10**6 + 10_000)])
        last = issue("Last", pki.issuing, serial_number=10**6 + 9_999, extensions=[SIGNER_USAGE])
        begun = time.process_time()
        assert read_crl(der, pki.issuing.der).lookup(last.der).state is RevocationState.REVOKED
        assert time.process_time() - begun < 0.2


def _scope(**parts: object) -> tuple[x509.ExtensionType, bool]:
    members: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(members | parts)), True  # type: ignore[arg-type]  # from the table above
