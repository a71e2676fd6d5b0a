"""Cryptographic constraints (EN 319 102-1, 5.1.4.4): until when an algorithm with a key is relied on, by the policy."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from proxy.model import AlgorithmPolicy, SubIndication
from proxy.trust.certificates import key_algorithm, read_certificate
from proxy.validation.reasons import Code, reason
from proxy.validation.steps import Failure, Obstacle

NEVER = datetime.min.replace(tzinfo=UTC)
ALWAYS = datetime.max.replace(tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
"""The last moment before something ended is this much before its end."""


@dataclass(frozen=True, slots=True, order=True)
class Reliance:
    """Until when (exclusive) something is relied on, and the weakest algorithm in it."""

    until: datetime
    algorithm: str

    def obstacle(self, at: datetime, material: bytes | None = None) -> Obstacle | None:
        """What it means for a validation at ``at``: nothing, or what proof that the material is older would overcome."""
        if self.until > at:
            return None
        if self.until == NEVER:
            not_accepted = reason(Code.ALGORITHM_NOT_ACCEPTED, algorithm=self.algorithm)
            return Obstacle(Failure(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, not_accepted))
        why = reason(Code.ALGORITHM_OUTDATED, algorithm=self.algorithm, until=self.until)
        failure = Failure(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, why)
        return Obstacle(failure, self.until - INSTANT, material)


def hash_reliance(policy: AlgorithmPolicy, name: str) -> Reliance:
    """A hash algorithm (``hashlib`` name): ``NEVER`` where it never is relied on, ``ALWAYS`` where without end."""
    return Reliance((policy.hashes[name] or ALWAYS) if name in policy.hashes else NEVER, name)


def key_reliance(policy: AlgorithmPolicy, certificate: bytes) -> Reliance:
    """The same of the key in a certificate (DER)."""
    parsed = read_certificate(certificate)
    return Reliance(_key_until(policy, parsed), key_algorithm(parsed))


def _key_until(policy: AlgorithmPolicy, certificate: x509.Certificate) -> datetime:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        reached = [size for size in policy.rsa if size <= key.key_size]
        return (policy.rsa[max(reached)] or ALWAYS) if reached else NEVER
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = key.curve.name
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        name = "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "ed448"
    else:
        return NEVER
    return (policy.curves[name] or ALWAYS) if name in policy.curves else NEVER


def signature_reliance(policy: AlgorithmPolicy, hash_name: str | None, signer: bytes) -> Reliance:
    """A signature over a hash (``None``: EdDSA, which has its own) by the key of a certificate (DER)."""
    key = key_reliance(policy, signer)
    return key if hash_name is None else min(key, hash_reliance(policy, hash_name))


def certificate_reliance(policy: AlgorithmPolicy, certificate: bytes, issuer: bytes) -> Reliance:
    """The signature on a certificate (DER), by its issuer's (DER) key."""
    algorithm = read_certificate(certificate).signature_hash_algorithm
    return signature_reliance(policy, None if algorithm is None else algorithm.name.replace("-", "_"), issuer)
