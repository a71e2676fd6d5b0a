"""Certification paths: what is found, what is refused and why, and that hostile certificates cannot make the search long."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings

from proxy.errors import SettingsError
from proxy.trust.anchors import TrustAnchors, load_anchors
from proxy.trust.certificates import (
    UnknownKeyAlgorithm,
    check_signing_usage,
    check_time_stamping_usage,
    key_algorithm,
    read_certificate,
)
from proxy.trust.failures import PathExpired, PathFailure, PathNotYetValid, PathUntrusted, UsageRefused
from proxy.trust.paths import PathFinder, same_authority
from tests.support.keys import ec_key, rsa_key
from tests.support.mangling import DAMAGE, Damage
from tests.support.pki import CA_USAGE, DAY, NOW, SIGNER_USAGE, YEAR, Hierarchy, Holder, issue, name, purposes, usage


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


def finder(*anchors: Holder) -> PathFinder:
    return PathFinder(TrustAnchors(tuple(anchor.der for anchor in anchors)))


def test_a_path_is_found_whatever_the_order_of_the_others(pki: Hierarchy) -> None:
    signer = pki.signer()
    unrelated = issue("Unrelated", ca=True, extensions=[CA_USAGE])
    for others in (
        (pki.issuing.der, pki.root.der),
        (pki.root.der, unrelated.der, pki.issuing.der),
        (b"rubbish", pki.issuing.der),
    ):
        path = finder(pki.root).find(signer.der, others, NOW)
        assert path.certificates == (signer.der, pki.issuing.der, pki.root.der)
        assert path.not_after == signer.certificate.not_valid_after_utc
        assert path.not_before == signer.certificate.not_valid_before_utc


def test_an_issuer_once_learnt_need_not_be_shown_again(pki: Hierarchy) -> None:
    made = finder(pki.root)
    with pytest.raises(PathUntrusted):
        made.find(pki.signer("first").der, (), NOW)
    made.find(pki.signer("second").der, (pki.issuing.der,), NOW)
    assert len(made.find(pki.signer("third").der, (), NOW).certificates) == 3


def test_issuers_are_not_learnt_from_paths_that_were_not_valid(pki: Hierarchy) -> None:
    made = finder(pki.root)
    foreign = Hierarchy.make("Foreign")
    with pytest.raises(PathUntrusted):
        made.find(foreign.signer().der, foreign.chain, NOW)
    assert made._issuers == {}


def test_the_failure_says_what_is_wrong_with_which_certificate(pki: Hierarchy) -> None:
    expired = issue("Old Signer", pki.issuing, ends=NOW - DAY, extensions=[SIGNER_USAGE])
    future = issue("New Signer", pki.issuing, begins=NOW + DAY, extensions=[SIGNER_USAGE])
    with pytest.raises(PathExpired, match="Old Signer"):
        finder(pki.root).find(expired.der, pki.chain, NOW)
    with pytest.raises(PathNotYetValid, match="New Signer"):
        finder(pki.root).find(future.der, pki.chain, NOW)
    old_ca = issue("Old CA", pki.root, ca=True, ends=NOW - DAY, extensions=[CA_USAGE])
    new_ca = issue("New CA", pki.root, ca=True, begins=NOW + DAY, extensions=[CA_USAGE])
    for authority, kind in ((old_ca, PathExpired), (new_ca, PathNotYetValid)):
        with pytest.raises(kind):
            finder(pki.root).find(issue("Signer", authority).der, (authority.der,), NOW)


def test_a_path_remembered_is_judged_again_by_its_times(pki: Hierarchy) -> None:
    made = finder(pki.root)
    ca = issue("Short CA", pki.root, ca=True, ends=NOW + DAY, extensions=[CA_USAGE])
    signer = issue("Long Signer", ca, ends=NOW + YEAR, extensions=[SIGNER_USAGE])
    made.find(signer.der, (ca.der,), NOW)
    with pytest.raises(PathExpired):
        made.find(signer.der, (ca.der,), NOW + 2 * DAY)


def test_validity_ends_are_included(pki: Hierarchy) -> None:
    signer = pki.signer()
    made = finder(pki.root)
    made.find(signer.der, pki.chain, signer.certificate.not_valid_after_utc)
    with pytest.raises(PathExpired):
        made.find(signer.der, pki.chain, signer.certificate.not_valid_after_utc.replace(microsecond=1))


@pytest.mark.parametrize(
    "authority",
    [
        pytest.param({"ca": False, "extensions": [usage("digital_signature")]}, id="not a CA"),
        pytest.param({"ca": True, "extensions": [usage("crl_sign")]}, id="may not sign certificates"),
    ],
)
def test_who_is_no_authority_issues_nothing(pki: Hierarchy, authority: dict[str, object]) -> None:
    false_ca = issue("False CA", pki.root, **authority)  # type: ignore[arg-type]  # keyword arguments from the table
    with pytest.raises(PathUntrusted):
        finder(pki.root).find(issue("Victim", false_ca).der, (false_ca.der, *pki.chain), NOW)


def test_path_length_and_name_constraints_hold(pki: Hierarchy) -> None:
    beneath = issue("Beneath", pki.issuing, ca=True, extensions=[CA_USAGE])
    with pytest.raises(PathUntrusted, match="path length"):
        finder(pki.root).find(issue("Deep", beneath).der, (beneath.der, *pki.chain), NOW)
    permitted = x509.NameConstraints([x509.DirectoryName(name("Nobody"))], None)
    narrow = issue("Narrow", pki.root, ca=True, extensions=[CA_USAGE, (permitted, True)])
    with pytest.raises(PathUntrusted, match="names"):
        finder(pki.root).find(issue("Outsider", narrow).der, (narrow.der,), NOW)


def test_an_unknown_critical_extension_and_a_weak_hash_are_refused(pki: Hierarchy) -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")
    with pytest.raises(PathUntrusted, match=r"2\.999\.1"):
        finder(pki.root).find(issue("Strange", pki.issuing, extensions=[(strange, True)]).der, pki.chain, NOW)
    finder(pki.root).find(issue("Familiar", pki.issuing, extensions=[(strange, False)]).der, pki.chain, NOW)


def test_an_extension_that_only_the_path_validation_reads_and_finds_malformed(pki: Hierarchy) -> None:
    mappings = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), b"\x30\x05\x01")
    ca = issue("Odd CA", pki.root, ca=True, extensions=[CA_USAGE, (mappings, False)])
    with pytest.raises(PathUntrusted, match="cannot be read"):
        finder(pki.root).find(issue("Signer", ca).der, (ca.der,), NOW)


def test_a_signature_by_another_key_of_the_same_name_is_no_link(pki: Hierarchy) -> None:
    impostor = issue("Test Issuing", pki.root, ca=True, extensions=[CA_USAGE])
    forged = issue("Signer", Holder(pki.issuing.certificate, impostor.key), extensions=[SIGNER_USAGE])
    with pytest.raises(PathUntrusted):
        finder(pki.root).find(forged.der, (pki.issuing.der,), NOW)
    assert len(finder(pki.root).find(forged.der, (pki.issuing.der, impostor.der), NOW).certificates) == 3


def test_a_damaged_certificate_is_refused(pki: Hierarchy) -> None:
    der = bytearray(pki.signer().der)
    der[-1] ^= 1
    with pytest.raises(PathUntrusted):
        finder(pki.root).find(bytes(der), pki.chain, NOW)
    with pytest.raises(PathUntrusted):
        finder(pki.root).find(b"\x30\x03\x02\x01\x00", pki.chain, NOW)
    with pytest.raises(PathUntrusted, match="too large"):
        finder(pki.root).find(pki.signer().der + bytes(70_000), pki.chain, NOW)


def test_a_certificate_that_is_an_anchor_itself_needs_no_path(pki: Hierarchy) -> None:
    pinned = pki.signer()
    assert finder(pinned).find(pinned.der, (), NOW).certificates == (pinned.der,)
    with pytest.raises(PathExpired):
        finder(pinned).find(pinned.der, (), NOW + 6 * YEAR)


def test_a_valid_cross_certificate_is_found_behind_an_expired_one(pki: Hierarchy) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    expired = issue("Cross CA", pki.root, key=key, ca=True, ends=NOW - DAY, extensions=[CA_USAGE])
    valid = issue("Cross CA", pki.root, key=key, ca=True, extensions=[CA_USAGE])
    signer = issue("Signer", valid, extensions=[SIGNER_USAGE])
    for others in ((expired.der, valid.der), (valid.der, expired.der)):
        assert finder(pki.root).find(signer.der, others, NOW).certificates[1] == valid.der
    assert same_authority(expired.der, valid.der)
    assert not same_authority(expired.der, pki.issuing.der)


def test_cross_certificates_without_end_do_not_make_the_search_long(pki: Hierarchy) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    crossed = [issue("Loop CA", key=key, ca=True, extensions=[CA_USAGE]) for _ in range(40)]
    victim = issue("Victim", crossed[0], extensions=[SIGNER_USAGE])
    begun = time.process_time()
    with pytest.raises(PathUntrusted):
        finder(pki.root).find(victim.der, tuple(holder.der for holder in crossed), NOW)
    assert time.process_time() - begun < 1


def test_several_threads_may_search_at_once(pki: Hierarchy) -> None:
    made = finder(pki.root)
    signers = [pki.signer(f"Signer {number}").der for number in range(8)]

    def work(der: bytes) -> bytes:
        return [made.find(der, pki.chain, NOW).certificates[0] for _ in range(5)][-1]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, signers)) == signers


def test_rsa_and_ecdsa_paths_of_all_sizes() -> None:
    root = issue("RSA Root", key=rsa_key(3072), ca=True, extensions=[CA_USAGE], algorithm=hashes.SHA512())
    for key in (rsa_key(2048), ec_key("secp384r1"), ec_key("secp521r1")):
        signer = issue("Signer", root, key=key, extensions=[SIGNER_USAGE], algorithm=hashes.SHA384())
        assert len(finder(root).find(signer.der, (), NOW).certificates) == 2


def test_anchors_are_read_from_pem_files_each_once(pki: Hierarchy, tmp_path: Path) -> None:
    both, again, rubbish = tmp_path / "both.pem", tmp_path / "again.pem", tmp_path / "rubbish.pem"
    both.write_bytes(pki.root.pem + pki.issuing.pem)
    again.write_bytes(pki.root.pem)
    rubbish.write_text("not PEM")
    assert load_anchors([both, again]).certificates == (pki.root.der, pki.issuing.der)
    assert not load_anchors([])
    for bad in (rubbish, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match=bad.name):
            load_anchors([bad])


class TestUsage:
    def test_a_signer_needs_digital_signature_or_non_repudiation_where_key_usage_is_there(self) -> None:
        for bits in (("digital_signature",), ("content_commitment",), ()):
            check_signing_usage(issue("S", extensions=[usage(*bits)] if bits else []).certificate)
        with pytest.raises(UsageRefused):
            check_signing_usage(issue("S", extensions=[usage("key_encipherment")]).certificate)

    def test_a_tsa_needs_a_critical_extended_key_usage_of_time_stamping_alone(self) -> None:
        stamping, other = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CLIENT_AUTH
        check_time_stamping_usage(issue("T", extensions=[purposes(stamping, critical=True)]).certificate)
        for extensions, reason in (
            ([], "no extended"),
            ([purposes(stamping)], "not critical"),
            ([purposes(stamping, other, critical=True)], "alone"),
            ([purposes(other, critical=True)], "alone"),
            ([purposes(stamping, critical=True), usage("key_agreement")], "key usage"),
        ):
            with pytest.raises(UsageRefused, match=reason):
                check_time_stamping_usage(issue("T", extensions=extensions).certificate)


def test_kinds_of_keys_have_names() -> None:
    edwards = issue("K", issue("CA"), key=ed25519.Ed25519PrivateKey.generate())  # type: ignore[arg-type]  # no key of ours
    assert key_algorithm(edwards.certificate) == "1.3.101.112"
    assert key_algorithm(issue("K", key=rsa_key(3072)).certificate) == "RSA-3072"
    assert [key_algorithm(issue("K", key=ec_key(curve)).certificate) for curve in ("secp256r1", "secp384r1", "secp521r1")] == [
        "P-256",
        "P-384",
        "P-521",
    ]


def test_a_malformed_extension_is_found_when_the_certificate_is_read() -> None:
    broken = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x30\x05\x01")
    key = ec_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(name("Broken"))
        .issuer_name(name("Broken"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(broken, critical=True)
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(ValueError, match=r"."):
        read_certificate(built.public_bytes(Encoding.DER))


EC_PUBLIC_KEY, UNKNOWN_KEY = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d027f")


def test_a_key_of_an_unknown_kind_is_said_to_be_one(pki: Hierarchy) -> None:
    der = pki.signer().der
    exotic = der.replace(EC_PUBLIC_KEY, UNKNOWN_KEY)
    assert exotic != der
    with pytest.raises(UnknownKeyAlgorithm):
        read_certificate(exotic)
    with pytest.raises(PathUntrusted, match="not known"):
        finder(pki.root).find(exotic, pki.chain, NOW)
    assert len(finder(pki.root).find(der, (exotic, *pki.chain), NOW).certificates) == 3


# A mangled serial number may be negative, which cryptography reads and warns of.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=150, deadline=None)
@given(damage=DAMAGE)
def test_a_mangled_certificate_is_a_path_failure_and_nothing_worse(pki: Hierarchy, damage: Damage) -> None:
    signer = pki.signer()
    for certificate, others in (
        (damage.to(signer.der), pki.chain),
        (signer.der, (damage.to(pki.issuing.der),)),
    ):
        try:
            path = finder(pki.root).find(certificate, others, NOW)
        except PathFailure:
            continue
        # The count of unused bits in a signature's BIT STRING is not signed.
        signed = [read_certificate(der).tbs_certificate_bytes for der in path.certificates[:2]]
        assert signed == [signer.certificate.tbs_certificate_bytes, pki.issuing.certificate.tbs_certificate_bytes]
