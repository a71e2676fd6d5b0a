"""Basic signatures (EN 319 102-1, 5.3): formats, the signing certificate, the cryptography. Each refusal has its neighbour."""

import hashlib
from datetime import datetime

import pytest
from asn1crypto import core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.model import (
    AlgorithmPolicy,
    Finding,
    Indication,
    Reason,
    SignatureFormat,
    SubIndication,
    ValidationData,
    Verdict,
    VerificationResult,
)
from proxy.validation.reasons import Code
from tests.support.cms_messages import Message
from tests.support.keys import ec_key, rsa_key
from tests.support.pki import DAY, NOW, YEAR, Hierarchy, Holder, by_sha1, issue, ocsp_response, purposes, usage
from tests.support.scenes import ALGORITHMS, Scene, cms_over, good, stamp_of

MESSAGE_DIGEST, CONTENT_TYPE = "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.3"
DOCUMENT = b"document"
PKCS7 = SignatureFormat.PKCS7_DETACHED
OCSP_SIGNING = purposes(ExtendedKeyUsageOID.OCSP_SIGNING)


@pytest.fixture(scope="module")
def pki() -> Hierarchy:
    return Hierarchy.make()


@pytest.fixture(scope="module")
def signer(pki: Hierarchy) -> Holder:
    return pki.signer(key=rsa_key())


@pytest.fixture(scope="module")
def message(pki: Hierarchy, signer: Holder) -> Message:
    return Message(signer, pki.chain)


def judged(
    pki: Hierarchy,
    contents: bytes,
    *signers: Holder,
    document: bytes = DOCUMENT,
    form: SignatureFormat = SignatureFormat.CADES_DETACHED,
    algorithms: AlgorithmPolicy = ALGORITHMS,
    certificates: tuple[bytes, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Verdict:
    scene = Scene.trusting(pki.root, algorithms=algorithms)
    scene.sign(contents, document, form=form, certificates=certificates, findings=findings)
    return scene.fetch(good(*signers, by=pki)).verdict()


def outcome(verdict: Verdict) -> tuple[SubIndication | None, str | None]:
    return verdict.sub_indication, next((reason.code for reason in verdict.reasons), None)


PASSED = (None, None)


class TestFormat:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"signers": 2}, Code.MALFORMED_CMS),
            ({"signers": 0}, Code.MALFORMED_CMS),
            ({"repeat": MESSAGE_DIGEST}, Code.MALFORMED_CMS),
            ({"drop": (MESSAGE_DIGEST,)}, Code.NO_MESSAGE_DIGEST),
            ({"drop": (CONTENT_TYPE,)}, Code.CONTENT_TYPE_MISMATCH),
            ({"content_type": "1.2.840.113549.1.9.16.1.4"}, Code.CONTENT_TYPE_MISMATCH),
            ({"content": DOCUMENT}, Code.CONTENT_NOT_DETACHED),
            ({"without_attributes": True}, Code.NO_SIGNED_ATTRIBUTES),
        ],
    )
    def test_what_is_no_signature_of_a_document(
        self, pki: Hierarchy, signer: Holder, message: Message, changes: dict[str, object], code: Code
    ) -> None:
        verdict = judged(pki, message.but(**changes).over(DOCUMENT), signer)
        assert outcome(verdict) == (SubIndication.FORMAT_FAILURE, code)
        assert (verdict.indication, verdict.result) == (Indication.TOTAL_FAILED, VerificationResult.INVALID)

    @pytest.mark.parametrize(
        "contents", [b"", b"\x00", b"rubbish", b"\x30\x80" * 3000, b"\x30\x03\x02\x01\x05", bytes(9_000_000)]
    )
    def test_what_is_no_cms(self, pki: Hierarchy, contents: bytes) -> None:
        assert judged(pki, contents).sub_indication is SubIndication.FORMAT_FAILURE

    def test_padding_is_passed_over_and_nothing_else(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        contents = message.over(DOCUMENT)
        assert outcome(judged(pki, contents + bytes(100), signer)) == PASSED
        assert judged(pki, contents + b"\x00\x01", signer).sub_indication is SubIndication.FORMAT_FAILURE

    def test_indefinite_lengths_around_the_signature_are_read(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        contents = message.but(indefinite=True).over(DOCUMENT)
        assert outcome(judged(pki, contents, signer)) == PASSED

    def test_findings_of_the_reader_decide_in_their_step(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        contents = message.over(DOCUMENT)
        for sub in (
            SubIndication.FORMAT_FAILURE,
            SubIndication.HASH_FAILURE,
            SubIndication.SIGNED_DATA_NOT_FOUND,
            SubIndication.SIG_CONSTRAINTS_FAILURE,
        ):
            finding = Finding(Reason("READER_SAYS_SO"), sub)
            assert outcome(judged(pki, contents, signer, findings=(finding,))) == (sub, "READER_SAYS_SO")
        remark = judged(pki, contents, signer, findings=(Finding(Reason("READER_REMARKS")),))
        assert (remark.result, [reason.code for reason in remark.reasons]) == (VerificationResult.VALID, ["READER_REMARKS"])


class TestSigningCertificate:
    def test_by_key_identifier(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        assert outcome(judged(pki, message.but(by_key_identifier=True).over(DOCUMENT), signer)) == PASSED

    @pytest.mark.parametrize("changes", [{"ess": "v1"}, {"ess_algorithm": "sha512"}])
    def test_named_by_hash(self, pki: Hierarchy, signer: Holder, message: Message, changes: dict[str, object]) -> None:
        assert outcome(judged(pki, message.but(**changes).over(DOCUMENT), signer)) == PASSED

    def test_named_by_another_hash(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        """A certificate of the same key, issuer and serial number cannot take the place of the one that was meant."""
        twin = issue("Twin", pki.issuing, key=rsa_key(), serial_number=signer.certificate.serial_number)
        verdict = judged(pki, message.but(ess_certificate=twin.der).over(DOCUMENT), signer)
        assert outcome(verdict) == (SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.SIGNING_CERTIFICATE_MISMATCH)
        both = judged(pki, message.but(ess_certificate=twin.der, chain=(*pki.chain, twin.der)).over(DOCUMENT), signer, twin)
        assert both.signer is not None
        assert both.signer.subject == "CN=Twin,C=JP"

    def test_not_named_by_hash_at_all_is_no_baseline_signature(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        verdict = judged(pki, message.but(ess="").over(DOCUMENT), signer)
        assert (verdict.result, verdict.level) == (VerificationResult.VALID, None)

    def test_missing(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        bare = message.but(with_certificates=False).over(DOCUMENT)
        assert outcome(judged(pki, bare)) == (SubIndication.NO_SIGNING_CERTIFICATE_FOUND, Code.SIGNING_CERTIFICATE_MISSING)
        assert outcome(judged(pki, bare, signer)) == PASSED, "it may come from elsewhere"

    def test_a_key_that_may_not_sign(self, pki: Hierarchy) -> None:
        keeper = issue("Keeper", pki.issuing, extensions=[usage("key_encipherment")])
        verdict = judged(pki, cms_over(DOCUMENT, keeper, pki.chain), keeper)
        assert outcome(verdict) == (SubIndication.CHAIN_CONSTRAINTS_FAILURE, Code.USAGE_NOT_ALLOWED)

    def test_a_stranger(self, pki: Hierarchy) -> None:
        other = Hierarchy.make("Other")
        stranger = other.signer()
        verdict = judged(pki, cms_over(DOCUMENT, stranger, other.chain), stranger)
        assert outcome(verdict) == (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, Code.NO_PATH_TO_ANCHOR)
        assert verdict.result is VerificationResult.INDETERMINATE


class TestCryptography:
    @pytest.mark.parametrize("digest_algorithm", ["sha256", "sha384", "sha512"])
    @pytest.mark.parametrize("kind", ["secp256r1", "secp384r1", "secp521r1", "PKCS#1", "PSS", "plain rsaEncryption"])
    def test_algorithms(self, pki: Hierarchy, kind: str, digest_algorithm: str) -> None:
        holder = pki.signer(key=ec_key(kind) if kind.startswith("secp") else rsa_key())
        message = Message(
            holder, pki.chain, digest_algorithm=digest_algorithm, pss=kind == "PSS", plain_rsa=kind.startswith("plain")
        )
        assert outcome(judged(pki, message.over(DOCUMENT), holder)) == PASSED
        spoilt = judged(pki, message.but(spoil=True).over(DOCUMENT), holder)
        assert outcome(spoilt) == (SubIndication.SIG_CRYPTO_FAILURE, Code.SIGNATURE_WRONG)
        assert judged(pki, message.over(DOCUMENT), holder, document=b"other").sub_indication is SubIndication.HASH_FAILURE

    def test_another_document(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        verdict = judged(pki, message.over(DOCUMENT), signer, document=b"another document")
        assert outcome(verdict) == (SubIndication.HASH_FAILURE, Code.DIGEST_MISMATCH)
        assert verdict.indication is Indication.TOTAL_FAILED

    def test_a_digest_that_was_not_computed(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        scene = Scene.trusting(pki.root).sign(message.over(DOCUMENT)).fetch(good(signer, by=pki))
        scene.objects[0].digests.pop("sha256")  # type: ignore[attr-defined]  # a dict here
        assert outcome(scene.verdict()) == (SubIndication.SIGNED_DATA_NOT_FOUND, Code.SIGNED_DATA_MISSING)

    @pytest.mark.parametrize("changes", [{"mask_algorithm": "sha512"}, {"salt_length": 70_000}, {"salt_length": -1}])
    def test_parameters_of_pss_that_nobody_uses(
        self, pki: Hierarchy, signer: Holder, message: Message, changes: dict[str, object]
    ) -> None:
        verdict = judged(pki, message.but(pss=True, **changes).over(DOCUMENT), signer)
        assert outcome(verdict) == (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Code.ALGORITHM_UNKNOWN)

    def test_another_salt_length_than_the_value_has(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        verdict = judged(pki, message.but(pss=True, salt_length=20).over(DOCUMENT), signer)
        assert verdict.sub_indication is SubIndication.SIG_CRYPTO_FAILURE

    def test_the_key_of_another(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        imposter = Holder(signer.certificate, ec_key())
        contents = Message(imposter, pki.chain).over(DOCUMENT)
        assert judged(pki, contents, signer).sub_indication is SubIndication.SIG_CRYPTO_FAILURE

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"protected_digest": "sha256"}, PASSED),
            ({"protected_digest": "sha512"}, (SubIndication.SIG_CRYPTO_FAILURE, Code.ALGORITHM_SUBSTITUTED)),
            (
                {"protected_digest": "sha256", "protected_signature": "sha512_rsa"},
                (SubIndication.SIG_CRYPTO_FAILURE, Code.ALGORITHM_SUBSTITUTED),
            ),
        ],
    )
    def test_algorithm_protection(
        self, pki: Hierarchy, signer: Holder, message: Message, changes: dict[str, object], expected: object
    ) -> None:
        assert outcome(judged(pki, message.but(**changes).over(DOCUMENT), signer)) == expected

    def test_attributes_in_another_order_than_der(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        """Signers exist that hash them as they send them, and others that hash them sorted."""
        for order in ("as sent", "sorted"):
            contents = message.but(reversed_attributes=True, signed_order=order).over(DOCUMENT)
            assert outcome(judged(pki, contents, signer)) == PASSED

    def test_a_value_over_the_content_alone(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        contents = message.but(without_attributes=True).over(DOCUMENT)
        verdict = judged(pki, contents, signer, form=PKCS7)
        assert (verdict.result, verdict.level) == (VerificationResult.VALID, None)
        assert judged(pki, contents, signer, form=PKCS7, document=b"x").sub_indication is SubIndication.SIG_CRYPTO_FAILURE


class TestAlgorithmPolicy:
    OLD = AlgorithmPolicy(hashes={"sha1": None, "sha256": None}, rsa={1024: None, 2048: None}, curves={"secp256r1": None})

    def test_sha1_is_a_setting(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        contents = message.but(digest_algorithm="sha1").over(DOCUMENT)
        assert outcome(judged(pki, contents, signer, algorithms=self.OLD)) == PASSED
        refused = judged(pki, contents, signer)
        assert outcome(refused) == (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Code.ALGORITHM_NOT_ACCEPTED)
        assert refused.reasons[0].fields == {"algorithm": "sha1"}

    def test_short_keys_are_a_setting(self, pki: Hierarchy) -> None:
        short = pki.signer(key=rsa_key(1024))
        contents = Message(short, pki.chain).over(DOCUMENT)
        assert outcome(judged(pki, contents, short, algorithms=self.OLD)) == PASSED
        refused = judged(pki, contents, short)
        assert outcome(refused) == (SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Code.ALGORITHM_NOT_ACCEPTED)
        assert refused.reasons[0].fields == {"algorithm": "RSA-1024"}

    def test_a_curve_that_is_not_listed(self, pki: Hierarchy) -> None:
        holder = pki.signer(key=ec.generate_private_key(ec.SECP256K1()))
        verdict = judged(pki, Message(holder, pki.chain).over(DOCUMENT), holder)
        assert verdict.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE

    def test_an_end_wants_proof_from_before(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        ended = AlgorithmPolicy(hashes={"sha256": NOW, "sha384": None}, rsa={2048: None}, curves={"secp256r1": None})
        contents = message.over(DOCUMENT)
        verdict = judged(pki, contents, signer, algorithms=ended)
        assert verdict.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE


class TestCertificatesBySHA1:
    """The algorithm of a certificate counts by the policy, and so does that of a responder's."""

    @pytest.fixture
    def old(self, pki: Hierarchy) -> Holder:
        return by_sha1(pki.signer(), pki.issuing)

    @staticmethod
    def until(end: datetime | None) -> AlgorithmPolicy:
        return AlgorithmPolicy({**ALGORITHMS.hashes, "sha1": end}, ALGORITHMS.rsa, ALGORITHMS.curves)

    def test_a_signers(self, pki: Hierarchy, old: Holder) -> None:
        contents = Message(old, pki.chain).over(DOCUMENT)
        assert outcome(judged(pki, contents, old, algorithms=self.until(None))) == PASSED
        assert outcome(judged(pki, contents, old)) == (
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
            Code.ALGORITHM_NOT_ACCEPTED,
        )
        assert outcome(judged(pki, contents, old, algorithms=self.until(NOW - DAY))) == (
            SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
            Code.ALGORITHM_OUTDATED,
        )

    def test_a_signers_with_proof_from_before(self, pki: Hierarchy, old: Holder) -> None:
        stamp = stamp_of(pki, NOW + 5 * YEAR)
        scene = Scene.trusting(pki.root, algorithms=self.until(NOW + DAY)).sign(cms_over(DOCUMENT, old, pki.chain, stamp=stamp))
        scene.hold(good(old, stamp.tsa, by=pki, lasting=3 * DAY))
        # 5.5: the certificate, not only the signature, has to have existed before its algorithm's end.
        assert scene.verdict(NOW + 2 * DAY).sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE
        scene.archive(stamp)
        assert scene.verdict(NOW + 2 * DAY).sub_indication is None

    @pytest.mark.parametrize("end", [None, NOW - DAY, "never"])
    def test_a_responders(self, pki: Hierarchy, signer: Holder, message: Message, end: datetime | str | None) -> None:
        responder = by_sha1(issue("Responder", pki.issuing, extensions=[OCSP_SIGNING]), pki.issuing)
        policy = ALGORITHMS if isinstance(end, str) else self.until(end)
        scene = Scene.trusting(pki.root, algorithms=policy).sign(message.over(DOCUMENT))
        response = ocsp_response(signer, pki.issuing, responder=responder, included=[responder])
        scene.hold(ValidationData(ocsp_responses=(response, ocsp_response(pki.issuing, pki.root))))
        expected = {
            None: None,
            NOW - DAY: SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
            "never": SubIndication.CRYPTO_CONSTRAINTS_FAILURE,
        }
        assert scene.verdict().sub_indication is expected[end]


class TestOldFormats:
    SHA1 = AlgorithmPolicy(hashes={"sha1": None, "sha256": None}, rsa={2048: None}, curves={"secp256r1": None})

    def test_pkcs7_sha1(self, pki: Hierarchy, signer: Holder, message: Message) -> None:
        inner = hashlib.sha1(DOCUMENT, usedforsecurity=False).digest()
        contents = message.but(content=inner, ess="").over(DOCUMENT)
        form = SignatureFormat.PKCS7_SHA1
        assert outcome(judged(pki, contents, signer, form=form, algorithms=self.SHA1)) == PASSED
        changed = judged(pki, contents, signer, form=form, algorithms=self.SHA1, document=b"x")
        assert changed.sub_indication is SubIndication.HASH_FAILURE
        assert judged(pki, contents, signer, form=form).sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
        detached = judged(pki, message.over(DOCUMENT), signer, form=form, algorithms=self.SHA1)
        assert detached.sub_indication is SubIndication.FORMAT_FAILURE

    def test_x509_rsa_sha1(self, pki: Hierarchy, signer: Holder) -> None:
        value = rsa_key().sign(DOCUMENT, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the format's own
        form, certificates = SignatureFormat.X509_RSA_SHA1, (signer.der, *pki.chain)

        def verdict(contents: bytes, document: bytes = DOCUMENT) -> Verdict:
            return judged(pki, contents, signer, form=form, algorithms=self.SHA1, certificates=certificates, document=document)

        contents = core.OctetString(value).dump()
        assert outcome(verdict(contents)) == PASSED
        assert verdict(contents, b"x").sub_indication is SubIndication.SIG_CRYPTO_FAILURE
        assert verdict(b"rubbish").sub_indication is SubIndication.FORMAT_FAILURE


def test_certificates_and_revocation_data_may_lie_in_the_signature(pki: Hierarchy) -> None:
    holder = pki.signer()
    archived = _adobe_revocation(good(holder, by=pki))
    scene = Scene.trusting(pki.root).sign(Message(holder, pki.chain, adobe_revocation=archived).over(DOCUMENT))
    assert outcome(scene.verdict()) == PASSED
    assert scene.judgement().wanted == ()


def _adobe_revocation(data: ValidationData) -> bytes:
    """``RevocationInfoArchival`` (ISO 32000-2, 12.8.3.3.2)."""
    responses = core.OctetString(b"".join(data.ocsp_responses)).dump().replace(b"\x04", b"\x30", 1)
    explicit = core.OctetString(responses).dump().replace(b"\x04", b"\xa1", 1)
    made: bytes = core.OctetString(explicit).dump().replace(b"\x04", b"\x30", 1)
    return made
