"""What a deployment demands of signatures, from its settings: whom it trusts for what, and until when algorithms are relied on.

Signatures are held against ``trust.anchors``, timestamps against the ``trust_anchors`` of each ``[[tsa]]``.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from proxy.model import AlgorithmPolicy, TrustAnchor, TrustStore, TrustUse, ValidationPolicy
from proxy.settings import Settings
from proxy.trust.anchors import load_anchors

ALGORITHMS: Final = AlgorithmPolicy(
    hashes=dict.fromkeys(("sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512")),
    rsa={2048: None},
    curves=dict.fromkeys(("secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")),
)
"""What is relied on without end: what the proxy itself signs with, and its equals. All else never is, SHA-1 first."""


def deployment_policy(settings: Settings) -> ValidationPolicy:
    """The policy of a deployment.

    Raises:
        SettingsError: A file of anchors cannot be read.
    """
    anchors = (
        *_trusted(TrustUse.SIGNATURE, settings.trust.anchors),
        *_trusted(TrustUse.TIMESTAMP, dict.fromkeys(file for section in settings.tsa for file in section.trust_anchors)),
    )
    fingerprint = sha256()
    for anchor in anchors:
        fingerprint.update(" ".join(sorted(anchor.uses)).encode() + sha256(anchor.certificate).digest())
    return ValidationPolicy(TrustStore(anchors, fingerprint.digest()), ALGORITHMS)


def _trusted(use: TrustUse, files: Iterable[Path]) -> Iterator[TrustAnchor]:
    for certificate in load_anchors(files).certificates:
        yield TrustAnchor(certificate, frozenset({use}))
