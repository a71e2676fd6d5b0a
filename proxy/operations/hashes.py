"""Hash signatures: signature values over digests the caller computed (contract, operation 8)."""

from dataclasses import dataclass

from proxy.call import Call
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.operations.credentials import Credentials
from proxy.operations.journal import Journal
from proxy.operations.values import signature_values


@dataclass(frozen=True, slots=True)
class HashSignatures:
    """Verified values in request order: PKCS#1 integers as octets, or DER for ECDSA."""

    values: tuple[bytes, ...]
    sign_algorithm: SignAlgorithm
    hash_algorithm: HashAlgorithm


class HashSigning:
    """Signs digests, all or nothing."""

    def __init__(self, *, credentials: Credentials, journal: Journal) -> None:
        self._credentials = credentials
        self._journal = journal

    async def sign(
        self, call: Call, certificate_id: str, sign_algorithm: SignAlgorithm | None, digests: tuple[Digest, ...]
    ) -> HashSignatures:
        """Sign 1 to 100 digests of one hash algorithm.

        Raises:
            CertificateNotFound, CertificateExpired, CertificateNotYetValid, CertificateRevoked, AlgorithmNotAllowed: Known
            before a digest leaves.
            SignerError, SignerUnavailable, SignatureInvalid, RevocationUnavailable, Maintenance: A dependency failed.
            DeadlineExceeded: The call's time is over.
        """
        async with call.deadline.enforce():
            with call.stage("credential"):
                ready = await self._credentials.ready(call, certificate_id, sign_algorithm, digests[0].algorithm)
            values = await signature_values(call, self._journal, ready, digests)
        return HashSignatures(values, ready.sign_algorithm, ready.hash_algorithm)
