"""Keys: list, creation, and certification requests for them (contract, operation 1a)."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.serialization import load_der_public_key

from proxy.call import Call
from proxy.model import HashAlgorithm, HeldKey, KeyAlgorithm, RequestedCertificate, SignAlgorithm
from proxy.operations.journal import Journal
from proxy.signers.registry import SignerRegistry
from proxy.signers.subjects import subject_text
from proxy.trust.certificates import key_kind

_log = structlog.get_logger("proxy.operations")


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a caller may know of a key.

    Attributes:
        key_id: Its id in this proxy.
        algorithm: Its kind: ``RSA-3072``, ``P-256``, …
        public_key: DER of the SubjectPublicKeyInfo.
        certificate_ids: Of its certificates.
    """

    key_id: str
    algorithm: str
    public_key: bytes
    sign_algorithms: tuple[SignAlgorithm, ...]
    hash_algorithms: tuple[HashAlgorithm, ...]
    backend: str
    certificate_ids: tuple[str, ...]


class Keys:
    """Passes on to the backends what is asked about keys."""

    def __init__(self, *, registry: SignerRegistry, journal: Journal) -> None:
        self._keys = registry.keys
        self._journal = journal

    async def list(self, call: Call, allowed: Callable[[str], bool]) -> tuple[KeyFacts, ...]:
        """The keys that the client may have certificates issued to, by id.

        Args:
            call: Deadline, ledger, and who asks.
            allowed: Which certificates the client may use, by id.

        Raises:
            NotSupported: No backend tells its keys.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        async with call.deadline.enforce():
            found = await self._keys.list(call, allowed)
        return tuple(sorted((_facts(key, ids) for key, ids in found), key=lambda facts: facts.key_id))

    async def create(self, call: Call, algorithm: KeyAlgorithm, label: str | None, backend: str | None) -> KeyFacts:
        """Make a key pair that never leaves its backend. Raises as :meth:`proxy.signers.key_registry.KeyRegistry.create`."""
        async with call.deadline.enforce():
            facts = _facts(await self._keys.create(call, algorithm, label, backend), ())
        _log.info(
            "key.created",
            transactionId=call.transaction_id,
            client=call.client,
            keyId=facts.key_id,
            algorithm=facts.algorithm,
            backend=facts.backend,
        )
        return facts

    async def certification_request(
        self, call: Call, allowed: Callable[[str], bool], key_id: str, wanted: RequestedCertificate
    ) -> bytes:
        """DER of a PKCS #10 request that the key signed, verified.

        A record of the transaction is durable before the digest of it leaves. Raises as
        :meth:`proxy.signers.key_registry.KeyRegistry.certification_request`.
        """
        async with call.deadline.enforce():
            await self._journal.begun(call)
            made = await self._keys.certification_request(call, allowed, key_id, wanted)
        _log.info(
            "key.certification_requested",
            transactionId=call.transaction_id,
            client=call.client,
            keyId=key_id,
            subject=subject_text(wanted.subject),
        )
        return made


def _facts(key: HeldKey, certificate_ids: tuple[str, ...]) -> KeyFacts:
    return KeyFacts(
        key_id=key.key_id,
        algorithm=key_kind(load_der_public_key(key.public_key)) or "",
        public_key=key.public_key,
        sign_algorithms=key.sign_algorithms,
        hash_algorithms=key.hash_algorithms,
        backend=key.backend,
        certificate_ids=certificate_ids,
    )
