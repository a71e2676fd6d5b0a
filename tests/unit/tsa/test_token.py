"""Tokens: one that is right, and for every check one that is wrong in that place alone."""

from datetime import timedelta

import pytest
from asn1crypto import cms
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings

from proxy.errors import TSAError
from proxy.model import Digest, HashAlgorithm, TimestampToken
from proxy.trust.anchors import TrustAnchors
from proxy.trust.paths import PathFinder
from proxy.tsa.query import TimeStampReq
from proxy.tsa.reply import LARGEST_REPLY, rejection_of, token_of
from proxy.tsa.token import LARGEST_SKEW, CertificateMissing, check_token
from tests.support.keys import ec_key, rsa_key
from tests.support.mangling import DAMAGE, Damage
from tests.support.pki import DAY, NOW, YEAR, Hierarchy, issue, purposes
from tests.support.tsa import POLICY, Stamp, encoded_name, rejection

QUERY = TimeStampReq.fresh(Digest.of(b"document", HashAlgorithm.SHA256), None)
STAMPING = purposes(ExtendedKeyUsageOID.TIME_STAMPING, critical=True)


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make("Time")


@pytest.fixture(scope="module")
def stamp(pki: Hierarchy) -> Stamp:
    return Stamp(pki.tsa(), pki.chain)


def check(pki: Hierarchy, stamp: Stamp, query: TimeStampReq = QUERY, known: tuple[bytes, ...] = ()) -> TimestampToken:
    response = stamp.reply(query.dump())
    token = token_of(response)
    assert token is not None
    finder = PathFinder(TrustAnchors((pki.root.der,)))
    return check_token(token, response, query, finder, NOW, known)


def test_a_right_token_is_taken_with_its_facts(pki: Hierarchy, stamp: Stamp) -> None:
    found = check(pki, stamp)
    assert (found.gen_time, found.policy_oid, found.tsa_certificate) == (NOW, POLICY, stamp.tsa.der)
    assert found.tsa_not_after == stamp.tsa.certificate.not_valid_after_utc
    assert cms.ContentInfo.load(found.token)["content_type"].native == "signed_data"
    assert found.token in found.response


@pytest.mark.parametrize("digest_algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "PKCS#1", "PSS", "plain rsaEncryption"])
def test_the_algorithms_of_authorities(pki: Hierarchy, kind: str, digest_algorithm: str) -> None:
    curves = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
    key = ec_key(curves[kind]) if kind in curves else rsa_key()
    stamp = Stamp(
        pki.tsa(key=key), pki.chain, digest_algorithm=digest_algorithm, pss=kind == "PSS", plain_rsa=kind.startswith("plain")
    )
    check(pki, stamp)
    with pytest.raises(TSAError, match="authentic"):
        check(pki, stamp.but(spoil_signature=True))


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_imprints_of_all_algorithms(pki: Hierarchy, stamp: Stamp, algorithm: HashAlgorithm) -> None:
    check(pki, stamp, TimeStampReq.fresh(Digest.of(b"document", algorithm), None))


@pytest.mark.parametrize(
    "changes",
    [
        {"ess": ("v1",)},
        {"ess": ("v1", "v2")},
        {"ess_hash_algorithm": "sha512"},
        {"ess_with_issuer": False},
        {"by_key_identifier": True},
        {"gen_time": NOW - LARGEST_SKEW},
        {"gen_time": NOW + LARGEST_SKEW},
        {"gen_time": NOW.replace(microsecond=250_000)},
        {"extensions": (("2.999.7", False),)},
    ],
    ids=str,
)
def test_variants_that_are_right(pki: Hierarchy, stamp: Stamp, changes: dict[str, object]) -> None:
    check(pki, stamp.but(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"imprint": bytes(32)}, "another imprint"),
        ({"imprint_algorithm": "sha512", "imprint": bytes(64)}, "another hash algorithm"),
        ({"nonce": 1}, "nonce"),
        ({"drop_nonce": True}, "nonce"),
        ({"version": 2}, "cannot be read|version 1"),
        ({"extensions": (("2.999.7", True),)}, "critical extensions: 2.999.7"),
        ({"gen_time": NOW - LARGEST_SKEW - timedelta(seconds=1)}, "not now"),
        ({"gen_time": NOW + LARGEST_SKEW + timedelta(seconds=1)}, "not now"),
        ({"digest_algorithm": "sha224"}, "hash algorithm that is not accepted"),
        ({"content_type": "data"}, "content type"),
        ({"message_digest": bytes(32)}, "message digest"),
        ({"drop_attributes": ("content_type",)}, "content type"),
        ({"drop_attributes": ("message_digest",)}, "message digest"),
        ({"repeat_attribute": "message_digest"}, "not one value"),
        ({"ess": ()}, "ESSCertID"),
        ({"ess_serial": 999_999}, "another certificate"),
        ({"ess_hash_algorithm": "sha224"}, "unknown hash"),
        ({"signature_algorithm": "sha512_ecdsa"}, "do not belong together"),
        ({"signature_algorithm": "sha256_rsa"}, "does not fit"),
        ({"signature_algorithm": "sha1_ecdsa"}, "do not belong together"),
        ({"signature_algorithm": "ed25519", "digest_algorithm": "sha512"}, "does not fit"),
        ({"signers": 2}, "one signer"),
        ({"signers": 0}, "one signer"),
        ({"spoil_signature": True}, "authentic"),
        ({"with_certificates": False}, "does not hold its signer's certificate"),
        ({"chain": ()}, "not trusted"),
    ],
    ids=str,
)
def test_every_check_has_its_own_refusal(pki: Hierarchy, stamp: Stamp, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(TSAError, match=reason):
        check(pki, stamp.but(**changes))


def test_a_certificate_the_token_does_not_name(pki: Hierarchy, stamp: Stamp) -> None:
    other = pki.tsa("Other TSA")
    for changes in ({"ess_certificate": other.der}, {"ess_issuer": encoded_name(other.certificate.subject)}):
        with pytest.raises(TSAError, match="another certificate"):
            check(pki, stamp.but(**changes))
    with pytest.raises(TSAError, match="another certificate"):
        check(pki, stamp.but(ess=("v1", "v2"), ess_certificate=other.der))


def test_the_policy_asked_for(pki: Hierarchy, stamp: Stamp) -> None:
    query = TimeStampReq.fresh(QUERY.imprint, "2.999.9")
    assert check(pki, stamp, query).policy_oid == "2.999.9"
    with pytest.raises(TSAError, match=r"under policy 2\.999\.8, not 2\.999\.9"):
        check(pki, stamp.but(policy="2.999.8"), query)


def test_a_request_without_nonce_takes_a_token_without(pki: Hierarchy, stamp: Stamp) -> None:
    check(pki, stamp, TimeStampReq(QUERY.imprint, None, None, True))


def test_certificates_that_may_not_stamp(pki: Hierarchy) -> None:
    stamping = ExtendedKeyUsageOID.TIME_STAMPING
    for extensions, changes, reason in (
        ([], {}, "no extended key usage"),
        ([purposes(stamping)], {}, "not critical"),
        ([purposes(stamping, ExtendedKeyUsageOID.CODE_SIGNING, critical=True)], {}, "alone"),
        ([STAMPING], {"ends": NOW - DAY}, "expired"),
        ([STAMPING], {"begins": NOW + DAY}, "valid from"),
    ):
        tsa = issue("TSA", pki.issuing, extensions=extensions, **changes)  # type: ignore[arg-type]  # from the table
        with pytest.raises(TSAError, match=reason):
            check(pki, Stamp(tsa, pki.chain))
    foreign = Hierarchy.make("Foreign")
    with pytest.raises(TSAError, match="not trusted"):
        check(pki, Stamp(foreign.tsa(), foreign.chain))


def test_a_pinned_tsa_certificate_is_its_own_anchor(pki: Hierarchy, stamp: Stamp) -> None:
    response = stamp.but(chain=()).reply(QUERY.dump())
    token = token_of(response)
    assert token is not None
    check_token(token, response, QUERY, PathFinder(TrustAnchors((stamp.tsa.der,))), NOW)


def test_a_token_in_another_encoding_than_der_is_refused(stamp: Stamp) -> None:
    token = stamp.token(QUERY.dump())
    indefinite = b"\x30\x80" + token[4:] + b"\x00\x00"
    assert token[1] == 0x82
    finder = PathFinder(TrustAnchors((stamp.tsa.der,)))
    check_token(token, b"", QUERY, finder, NOW)
    with pytest.raises(TSAError, match="not DER"):
        check_token(indefinite, b"", QUERY, finder, NOW)


def test_certificates_known_from_elsewhere_serve_a_token_without(pki: Hierarchy, stamp: Stamp) -> None:
    query = TimeStampReq(QUERY.imprint, 5, None, cert_req=False)
    with pytest.raises(CertificateMissing):
        check(pki, stamp, query)
    check(pki, stamp, query, known=(stamp.tsa.der, pki.issuing.der))


def test_the_path_is_judged_at_the_tokens_time(pki: Hierarchy) -> None:
    ended = issue("TSA", pki.issuing, ends=NOW - timedelta(minutes=1), extensions=[STAMPING])
    check(pki, Stamp(ended, pki.chain, gen_time=NOW - timedelta(minutes=2)))
    with pytest.raises(TSAError, match="expired"):
        check(pki, Stamp(ended, pki.chain, gen_time=NOW))


def test_any_changed_byte_of_what_is_signed_is_noticed(pki: Hierarchy, stamp: Stamp) -> None:
    response = stamp.but(chain=()).reply(QUERY.dump())
    token = token_of(response)
    assert token is not None
    finder = PathFinder(TrustAnchors((stamp.tsa.der,)))
    signed_data = cms.ContentInfo.load(token)["content"]
    signer = signed_data["signer_infos"][0]
    unsigned = {
        *_span(token, signed_data["version"].dump() + signed_data["digest_algorithms"].dump()),
        *_span(token, signer["version"].dump() + signer["sid"].dump()[:4])[:3],
        *_span(token, signer["digest_algorithm"].dump() + b"\xa0")[-3:-1],
    }
    unnoticed = set()
    for position in range(len(token)):
        changed = bytearray(token)
        changed[position] ^= 0x40
        try:
            check_token(bytes(changed), response, QUERY, finder, NOW)
        except TSAError:
            continue
        unnoticed.add(position)
    assert unnoticed <= unsigned, "CMS version numbers, SignedData's list of digest algorithms and an absent parameter alone"


@settings(max_examples=200, deadline=None)
@given(damage=DAMAGE)
def test_a_mangled_reply_is_an_error_and_nothing_worse(pki: Hierarchy, stamp: Stamp, damage: Damage) -> None:
    response = damage.to(stamp.reply(QUERY.dump()))
    try:
        token = token_of(response)
        if token is None:
            assert rejection_of(response)
        else:
            found = check_token(token, response, QUERY, PathFinder(TrustAnchors((pki.root.der,))), NOW)
            assert (found.gen_time, found.tsa_certificate) == (NOW, stamp.tsa.der)
    except TSAError:
        return


def _span(token: bytes, part: bytes) -> range:
    start = token.index(part)
    assert token.count(part) == 1
    return range(start, start + len(part))


class TestReply:
    def test_granted_with_modifications_is_granted(self, stamp: Stamp) -> None:
        assert token_of(stamp.reply(QUERY.dump(), "granted_with_mods")) is not None

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (rejection(), "rejected the request (rejection): it gives no reason"),
            (rejection(failure="bad_alg"), "hash algorithm"),
            (rejection(failure="unaccepted_policy"), "policy asked for"),
            (rejection(failure="system_failure"), "system failure"),
            (rejection("waiting"), "(waiting)"),
            (rejection("revocation_notification"), "(revocation notification)"),
            (rejection(text="営業時間外\r\n\x00"), "it says: 営業時間外"),
            (rejection(failure="time_not_available", text="clock"), "time source is not available; it says: clock"),
        ],
    )
    def test_rejections_in_words(self, reply: bytes, words: str) -> None:
        assert token_of(reply) is None
        assert words in rejection_of(reply)
        assert rejection_of(reply).isprintable()

    def test_contradictions_and_rubbish(self, stamp: Stamp) -> None:
        for reply, reason in (
            (stamp.reply(QUERY.dump(), "rejection"), "together with a rejection"),
            (rejection("granted"), "no token"),
            (b"", "no RFC 3161 reply"),
            (b"<html></html>", "no RFC 3161 reply"),
            (rejection() + b"\x00", "no RFC 3161 reply"),
            (b"\x30\x05\x30\x03\x02\x01\x09", "unknown status"),
            (bytes(LARGEST_REPLY + 1), "too large"),
        ):
            with pytest.raises(TSAError, match=reason):
                token_of(reply)


def test_validity_is_long_enough_to_be_told_apart(stamp: Stamp) -> None:
    assert stamp.tsa.certificate.not_valid_after_utc > NOW + YEAR
