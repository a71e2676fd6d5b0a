"""What the operations need from the outside, as roles. Adapters carry vendor names; operations know only these.

Every failure of an adapter is one of ``proxy.errors``; nothing of an SDK crosses a port.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from proxy.call import Call
from proxy.model import (
    Credential,
    Digest,
    HeldKey,
    KeyAlgorithm,
    MaintenanceState,
    RevocationInfo,
    SignAlgorithm,
    TimestampToken,
    TransactionPage,
    TransactionQuery,
    TransactionRecord,
)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The moment, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)


class DigestSigner(Protocol):
    """Makes signature values over digests. All it is ever given of a document is a :class:`~proxy.model.Digest`."""

    max_digests: int
    """How many digests one call to the backend takes (``multisign``)."""

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
            One value a digest, in the same order: PKCS#1 integers as octets, or DER for ECDSA. Not verified yet.

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


class KeyBackend(Protocol):
    """Keys without certificates: what a token, a key service or a folder holds. Their certificates are kept by the proxy."""

    name: str
    """Its name in logs, health and the ledger: ``pkcs11``, ``kms``, ``software``."""

    max_digests: int
    """How many digests one call takes; for a backend that signs one at a time, how many it makes of one call."""

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """The keys that may sign here. Raises SignerError, SignerUnavailable, DeadlineExceeded."""
        ...

    async def get_key(self, call: Call, reference: str) -> HeldKey:
        """One key, by its id or by any other reference that the backend understands: an RFC 7512 URI, an alias, an ARN.

        Raises:
            KeyNotFound: There is none.
            AlgorithmNotAllowed: It is of a kind that the contract does not have.
            SignerError, SignerUnavailable, DeadlineExceeded: The backend failed.
        """
        ...

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """Make a key pair that never leaves the backend.

        Args:
            call: Deadline and ledger.
            algorithm: Its kind.
            label: What people know it by, where the backend keeps such a thing.

        Raises:
            NotSupported: The backend, or its settings, make no keys.
            AlgorithmNotAllowed: Not of this kind.
            InvalidParameter: The label cannot be used, or is another key's.
            SignerError, SignerUnavailable, DeadlineExceeded: The backend failed.
        """
        ...

    async def sign(
        self, call: Call, key: HeldKey, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """Sign each digest with the key as it is: the backend hashes nothing. As :meth:`DigestSigner.sign_digests`.

        Raises:
            KeyNotFound: The key is gone.
            SignerError, SignerUnavailable, DeadlineExceeded: The backend failed.
        """
        ...

    async def check(self, call: Call) -> None:
        """Find out whether it can be used at this moment. Raises SignerError, SignerUnavailable, DeadlineExceeded."""
        ...

    async def close(self) -> None:
        """Give back sessions, processes, threads."""
        ...


class TimestampAuthority(Protocol):
    """Gives checked RFC 3161 tokens."""

    name: str

    async def timestamp(self, call: Call, imprint: Digest) -> TimestampToken:
        """A token over ``imprint``, with a fresh nonce, its status, nonce, imprint, policy, EKU and chain checked.

        Raises:
            TSAError: It refused, or a check failed.
            TSAUnavailable: It cannot be reached.
            DeadlineExceeded: The call's time is over.
        """
        ...

    async def relay(self, call: Call, query: "TimestampQuery") -> bytes:
        """Ask with the caller's own nonce and policy; the DER of the ``TimeStampResp``, checked as :meth:`timestamp` does.

        A rejection by the authority is returned as it stands, not raised: it is an answer in the caller's protocol.

        Raises:
            TSAError, TSAUnavailable, DeadlineExceeded: As :meth:`timestamp`.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class TimestampQuery(Protocol):
    """A caller's RFC 3161 request, reduced to what may go on: no extension travels."""

    @property
    def imprint(self) -> Digest:
        """The message imprint."""
        ...

    @property
    def nonce(self) -> int | None:
        """The caller's nonce."""
        ...

    @property
    def policy_oid(self) -> str | None:
        """The policy asked for."""
        ...

    @property
    def cert_req(self) -> bool:
        """Whether the token shall hold the certificates."""
        ...


class RevocationSource(Protocol):
    """Finds out whether a certificate is revoked."""

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """The freshest checked answer for ``certificate`` (DER) by ``issuer`` (DER), valid at ``at``.

        ``issued_after`` asks for one issued at that moment or later: no cache on the way may answer with an older one. The
        authority itself may: whoever asks looks at ``this_update``.

        Raises:
            RevocationUnavailable: No source has one, or none that verifies.
            DeadlineExceeded: The call's time is over.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class TransactionLog(Protocol):
    """Append-only and hash-chained per writer."""

    async def append(self, record: TransactionRecord) -> None:
        """Add one record; durable when this returns. The same transaction's later record supersedes the earlier in queries."""
        ...

    async def get(self, client: str, transaction_id: str) -> TransactionRecord | None:
        """The latest record of a client's own transaction, or ``None``."""
        ...

    async def find(self, query: TransactionQuery) -> TransactionPage:
        """A client's own transactions, newest first. Raises InvalidParameter for a cursor that is not one."""
        ...

    async def close(self) -> None:
        """Write what is pending."""
        ...
