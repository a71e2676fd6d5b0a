"""What a deployment demands of signatures, from its settings: whom it trusts for what, and until when algorithms are relied on.

Signatures are held against ``trust.anchors`` and ``verification.anchors``, timestamps against the ``trust_anchors`` of each
``[[tsa]]`` and ``verification.timestamp_anchors``; trusted lists have anchors of both.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import structlog

from proxy.model import AlgorithmPolicy, TrustAnchor, TrustStore, TrustUse, ValidationPolicy
from proxy.settings import AlgorithmSettings, Settings, VerificationSettings
from proxy.settings.verification import Reliance
from proxy.trust.accreditation import SHIPPED, load_accreditations
from proxy.trust.anchors import load_anchors
from proxy.trust.trusted_list import load_trusted_list

ALGORITHMS: Final = AlgorithmPolicy(
    hashes=dict.fromkeys(("sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512")),
    rsa={2048: None},
    curves=dict.fromkeys(
        ("secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "ed25519", "ed448")
    ),
)
"""What is relied on without end where nothing else is set: what the proxy itself signs with, and its equals. SHA-1 is not."""

_K = TypeVar("_K")

_log = structlog.get_logger("proxy.validation")


def deployment_policy(settings: Settings, now: datetime) -> ValidationPolicy:
    """The policy of a deployment.

    Args:
        settings: Trust and verification.
        now: For the warning that a trusted list is out of date.

    Raises:
        SettingsError: A file that they name cannot be used.
    """
    verification = settings.verification
    return ValidationPolicy(
        trust=_store(tuple(dict.fromkeys(_anchors(settings, now)))),
        algorithms=_algorithms(verification.algorithms),
        accreditations=load_accreditations(verification.accreditations or SHIPPED),
        expired_without_poe=verification.expired_without_poe == "INVALID",
        require_fresh_timestamps=verification.require_fresh_timestamps,
    )


def _anchors(settings: Settings, now: datetime) -> Iterator[TrustAnchor]:
    verification = settings.verification
    authorities = [file for section in settings.tsa for file in section.trust_anchors]
    yield from _trusted(TrustUse.SIGNATURE, (*settings.trust.anchors, *verification.anchors))
    yield from _trusted(TrustUse.TIMESTAMP, (*authorities, *verification.timestamp_anchors))
    yield from _listed(verification, now)


def _trusted(use: TrustUse, paths: Iterable[Path]) -> Iterator[TrustAnchor]:
    for certificate in load_anchors(dict.fromkeys(paths)).certificates:
        yield TrustAnchor(certificate, frozenset({use}))


def _listed(verification: VerificationSettings, now: datetime) -> Iterator[TrustAnchor]:
    for section in verification.trusted_lists:
        found = load_trusted_list(section.file, section.signers)
        if found.next_update is not None and found.next_update < now:
            _log.warning("trust.list_outdated", territory=found.territory, nextUpdate=found.next_update.isoformat())
        yield from found.anchors


def _store(anchors: tuple[TrustAnchor, ...]) -> TrustStore:
    fingerprint = sha256()
    for anchor in anchors:
        times = f"{' '.join(sorted(anchor.uses))} {anchor.trusted_from} {anchor.trusted_to} "
        fingerprint.update(times.encode() + sha256(anchor.certificate).digest())
    return TrustStore(anchors, fingerprint.digest())


def _algorithms(settings: AlgorithmSettings) -> AlgorithmPolicy:
    return AlgorithmPolicy(
        hashes=_overlaid(ALGORITHMS.hashes, settings.hashes),
        rsa=_overlaid(ALGORITHMS.rsa, settings.rsa),
        curves=_overlaid(ALGORITHMS.curves, settings.curves),
    )


def _overlaid(default: Mapping[_K, datetime | None], own: Mapping[_K, Reliance]) -> dict[_K, datetime | None]:
    made = {name: until for name, until in default.items() if own.get(name) != "never"}
    made.update({name: _end(value) for name, value in own.items() if value != "never"})
    return made


def _end(value: Reliance) -> datetime | None:
    """The moment after the last day."""
    return datetime.combine(value + timedelta(days=1), time(), UTC) if isinstance(value, date) else None
