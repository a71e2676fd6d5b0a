"""Hash signatures: signature values over digests the caller computed (contract, operation 8)."""

from dataclasses import dataclass
from functools import partial

from proxy.call import Call
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.operations.credentials import Credentials
from proxy.operations.idempotency import Idempotency
from proxy.operations.journal import Journal
from proxy.operations.steps import Kept, Steps
from proxy.operations.values import signature_values


@dataclass(frozen=True, slots=True)
class HashSignatures:
    """Verified values in request order: PKCS#1 integers as octets, or DER for ECDSA."""

    values: tuple[bytes, ...]
    sign_algorithm: SignAlgorithm
    hash_algorithm: HashAlgorithm


@dataclass(frozen=True, slots=True)
class _Asked:
    """What makes a request this one."""

    certificate_id: str
    sign_algorithm: SignAlgorithm | None
    hash_algorithm: HashAlgorithm
    digests: tuple[bytes, ...]


_ASKED = Kept(_Asked)
_KEPT = Kept(HashSignatures)


class HashSigning:
    """Signs digests, all or nothing."""

    def __init__(self, *, credentials: Credentials, journal: Journal, idempotency: Idempotency) -> None:
        self._credentials = credentials
        self._journal = journal
        self._idempotency = idempotency

    async def sign(
        self, call: Call, certificate_id: str, sign_algorithm: SignAlgorithm | None, digests: tuple[Digest, ...]
    ) -> HashSignatures:
        """Sign 1 to 100 digests of one hash algorithm.

        Raises:
            CertificateNotFound, CertificateExpired, CertificateNotYetValid, CertificateRevoked, AlgorithmNotAllowed: Known
            before a digest leaves.
            SignerError, SignerUnavailable, SignatureInvalid, RevocationUnavailable, Maintenance: A dependency failed.
            IdempotencyConflict, InProgress: The call has an Idempotency-Key that stands for another request, or is worked on.
            DeadlineExceeded: The call's time is over.
        """
        asked = _Asked(certificate_id, sign_algorithm, digests[0].algorithm, tuple(digest.value for digest in digests))
        perform = partial(self._sign, call, certificate_id, sign_algorithm, digests)
        async with call.deadline.enforce():
            return await self._idempotency.run(call, _ASKED.dump(asked), _KEPT, perform)

    async def _sign(
        self,
        call: Call,
        certificate_id: str,
        sign_algorithm: SignAlgorithm | None,
        digests: tuple[Digest, ...],
        steps: Steps,
    ) -> HashSignatures:
        with call.stage("credential"):
            ready = await self._credentials.ready(call, certificate_id, sign_algorithm, digests[0].algorithm)
        values = await signature_values(call, self._journal, ready, digests, steps)
        return HashSignatures(values, ready.sign_algorithm, ready.hash_algorithm)
