"""Who makes signature values, and knows the certificates to its keys."""

from collections.abc import Sequence
from typing import Protocol

from proxy.call import Call
from proxy.model import Credential, Digest, MaintenanceState, SignAlgorithm


class DigestSigner(Protocol):
    """Makes signature values over digests. All it is ever given of a document is a :class:`~proxy.model.Digest`."""

    max_digests: int
    """How many digests one call of the port takes. How many the backend takes at a time is ``Credential.multisign``."""

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """Sign each digest, all or nothing.

        Args:
            call: Deadline and ledger.
            credential: Whose key.
            sign_algorithm: One of ``credential.sign_algorithms``.
            digests: 1 to ``max_digests``, all of one hash algorithm.

        Returns:
            One value a digest: PKCS#1 integers as octets, or DER for ECDSA. Not verified yet, and in the backend's order:
            :class:`proxy.signers.verified.VerifiedSigner` finds out which is over which digest.

        Raises:
            AlgorithmNotAllowed: Before anything is sent.
            CertificateNotFound, SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: As named.
        """
        ...


class CertificateSource(Protocol):
    """Knows the signing certificates of one backend."""

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """All of them. Raises as :meth:`get_credential`."""
        ...

    async def get_credential(self, call: Call, certificate_id: str) -> Credential:
        """One of them.

        Raises:
            CertificateNotFound: No such id.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
        """
        ...

    def forget(self, certificate_id: str) -> None:
        """Find out about a certificate anew the next time: what was learnt of it may not hold any more."""
        ...

    async def register_certificate(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """Bind an issued certificate (DER) to a key of the backend.

        Raises:
            KeyNotFound: No such key.
            CertificateKeyMismatch: The certificate holds another public key.
            InvalidParameter: The chain does not build.
            NotSupported: The backend takes no registrations.
        """
        ...

    async def maintenance(self, call: Call) -> MaintenanceState:
        """Whether the backend says it is in maintenance. Raises SignerError or SignerUnavailable."""
        ...


class SignerBackend(DigestSigner, CertificateSource, Protocol):
    """A backend: the keys, and the certificates to them."""

    name: str
    """Its name in logs, health and the ledger: ``central``, ``software``, …"""

    async def close(self) -> None:
        """Give back connections, sessions, threads."""
        ...
