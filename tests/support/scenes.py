"""Scenes of a validation: a signed document's parts without the document, at any time, right or wrong in one chosen place.

A scene is built step by step as a document is: sign, add validation data, add a document timestamp. ``inputs`` is then what
whoever reads such a document gives to the validation.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.model import (
    AccreditationRegistry,
    AlgorithmPolicy,
    Coverage,
    Digest,
    EvidenceOrigin,
    Finding,
    HashAlgorithm,
    Judgement,
    SignAlgorithm,
    SignatureFormat,
    SignedObject,
    SignedObjectKind,
    SuppliedEvidence,
    TrustAnchor,
    TrustStore,
    TrustUse,
    ValidationData,
    ValidationInputs,
    ValidationPolicy,
    Verdict,
)
from proxy.pades.cms import signed_attributes, signed_data, signer_identity
from proxy.tsa.query import TimeStampReq
from proxy.validation.judge import judge
from tests.support.keys import sign_digest
from tests.support.pki import NOW, YEAR, Hierarchy, Holder, issue, ocsp_response, purposes, usage
from tests.support.tsa import Stamp

HOUR = timedelta(hours=1)
STAMPING = [usage("digital_signature"), purposes(ExtendedKeyUsageOID.TIME_STAMPING, critical=True)]
BOTH = frozenset({TrustUse.SIGNATURE, TrustUse.TIMESTAMP})
ALGORITHMS = AlgorithmPolicy(
    hashes={"sha256": None, "sha384": None, "sha512": None},
    rsa={2048: None},
    curves={"secp256r1": None, "secp384r1": None, "secp521r1": None},
)


def trust(*anchors: TrustAnchor | Holder) -> TrustStore:
    """A store of anchors; holders are trusted for everything, always."""
    entries = tuple(anchor if isinstance(anchor, TrustAnchor) else TrustAnchor(anchor.der, BOTH) for anchor in anchors)
    return TrustStore(entries, sha256(repr(entries).encode()).digest())


def digests(data: bytes) -> dict[str, bytes]:
    return {name: hashlib.new(name, data).digest() for name in ("sha1", "sha256", "sha384", "sha512")}


def token_over(data: bytes, stamp: Stamp, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> bytes:
    """DER of a token over a digest of ``data``."""
    query = TimeStampReq.fresh(Digest.of(data, algorithm), None)
    return stamp.token(query.dump())


def cms_over(
    document: bytes,
    signer: Holder,
    chain: Sequence[bytes] = (),
    *,
    hash_algorithm: HashAlgorithm = HashAlgorithm.SHA256,
    sign_algorithm: SignAlgorithm | None = None,
    stamp: Stamp | None = None,
) -> bytes:
    """A CMS as the proxy makes it, with a signature timestamp where ``stamp`` makes one."""
    scheme = sign_algorithm or (
        SignAlgorithm.ECDSA if isinstance(signer.key, ec.EllipticCurvePrivateKey) else SignAlgorithm.RSASSA_PKCS1_V1_5
    )
    identity = signer_identity(signer.der, tuple(chain))
    attributes = signed_attributes(Digest.of(document, hash_algorithm), identity, scheme)
    value = sign_digest(signer.key, scheme, Digest.of(attributes, hash_algorithm))
    token = None if stamp is None else token_over(value, stamp)
    return signed_data(attributes, value, identity, scheme, hash_algorithm, token)


@dataclass
class Scene:
    """A document in the making."""

    policy: ValidationPolicy
    objects: list[SignedObject] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    data: ValidationData = field(default_factory=ValidationData)
    elsewhere: ValidationData = field(default_factory=ValidationData)

    @classmethod
    def trusting(cls, *anchors: TrustAnchor | Holder, algorithms: AlgorithmPolicy = ALGORITHMS) -> "Scene":
        return cls(ValidationPolicy(trust(*anchors), algorithms))

    def under(
        self,
        *,
        expired_without_poe: bool = False,
        require_fresh_timestamps: bool = False,
        accreditations: AccreditationRegistry | None = None,
    ) -> "Scene":
        self.policy = replace(
            self.policy,
            expired_without_poe=expired_without_poe,
            require_fresh_timestamps=require_fresh_timestamps,
            accreditations=accreditations,
        )
        return self

    def sign(
        self,
        contents: bytes,
        document: bytes = b"document",
        *,
        form: SignatureFormat = SignatureFormat.CADES_DETACHED,
        claimed_time: datetime | None = None,
        findings: tuple[Finding, ...] = (),
        certificates: tuple[bytes, ...] = (),
    ) -> "Scene":
        """Add a signature."""
        name = f"Signature{len(self.objects) + 1}"
        self.objects.append(
            SignedObject(
                name, SignedObjectKind.SIGNATURE, form, contents, digests(document), certificates, claimed_time, findings
            )
        )
        return self

    def hold(self, data: ValidationData) -> "Scene":
        """Add validation data to the document."""
        self.data |= data
        return self

    def fetch(self, data: ValidationData) -> "Scene":
        """Add validation data from elsewhere."""
        self.elsewhere |= data
        return self

    def archive(self, stamp: Stamp, *, covers_data: bool = True, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> "Scene":
        """Add a document timestamp over all there is."""
        name = f"Timestamp{len(self.objects) + 1}"
        document = name.encode()
        held = frozenset(sha256(der).digest() for part in self.data.parts for der in part) if covers_data else frozenset()
        self.coverage.append(Coverage(name, frozenset(entry.identifier for entry in self.objects), held))
        kind, form = SignedObjectKind.DOC_TIMESTAMP, SignatureFormat.RFC3161
        self.objects.append(SignedObject(name, kind, form, token_over(document, stamp, algorithm), digests(document)))
        return self

    def inputs(self, at: datetime = NOW) -> ValidationInputs:
        evidence = (
            SuppliedEvidence(EvidenceOrigin.DOCUMENT, self.data),
            SuppliedEvidence(EvidenceOrigin.NETWORK, self.elsewhere),
        )
        return ValidationInputs(tuple(self.objects), tuple(self.coverage), evidence, self.policy, at)

    def judgement(self, at: datetime = NOW) -> Judgement:
        return judge(self.inputs(at))

    def verdicts(self, at: datetime = NOW) -> tuple[Verdict, ...]:
        return self.judgement(at).verdicts

    def verdict(self, at: datetime = NOW) -> Verdict:
        """On the first signed object."""
        return self.verdicts(at)[0]


def good(*holders: Holder, by: Hierarchy, at: datetime = NOW, lasting: timedelta = HOUR) -> ValidationData:
    """OCSP responses about signers and their issuing CA, issued at a moment by the authorities themselves, and the chain."""
    responses = [ocsp_response(holder, by.issuing, this_update=at, next_update=at + lasting) for holder in holders]
    responses.append(ocsp_response(by.issuing, by.root, this_update=at, next_update=at + lasting))
    return ValidationData((*(holder.der for holder in holders), by.issuing.der), tuple(responses))


def joined(parts: Iterable[ValidationData]) -> ValidationData:
    whole = ValidationData()
    for part in parts:
        whole |= part
    return whole


def stamp_of(pki: Hierarchy, ends: datetime, at: datetime = NOW, name: str = "TSA", begins: datetime = NOW - YEAR) -> Stamp:
    """Tokens of a TSA that is valid so long."""
    return Stamp(issue(name, pki.issuing, begins=begins, ends=ends, extensions=STAMPING), pki.chain, gen_time=at)
