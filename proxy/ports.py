"""What the operations need from the outside, as roles. Adapters carry vendor names; operations know only these.

Every failure of an adapter is one of ``proxy.errors``; nothing of an SDK crosses a port.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from proxy.call import Call
from proxy.model import (
    BreakerState,
    Claim,
    Credential,
    Digest,
    HeldKey,
    KeyAlgorithm,
    MaintenanceState,
    RegisteredCertificate,
    RequestedCertificate,
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


class KeySource(Protocol):
    """The keys of one backend, for clients who make keys and have certificates issued to them."""

    name: str

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """All of them.

        Raises:
            NotSupported: The backend does not tell its keys.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
        """
        ...

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`KeyBackend.create_key`."""
        ...

    async def certification_request(self, call: Call, key_id: str, wanted: RequestedCertificate) -> bytes:
        """DER of a PKCS #10 request (RFC 2986) that the key signed. Not verified yet.

        Raises:
            KeyNotFound: No such key.
            AlgorithmNotAllowed, InvalidParameter: It cannot be made as asked.
            NotSupported: The backend makes none.
            SignatureInvalid, SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The backend failed.
        """
        ...


class CertificateStore(Protocol):
    """Keeps the certificates that were registered to keys of key backends, and who made keys; one for the whole proxy.

    Every method raises ``InternalError`` when the store cannot be used.
    """

    async def put(self, registered: RegisteredCertificate) -> None:
        """Keep a certificate; durable when this returns.

        Of one that is kept already key and chain become the new ones; who registered it first, and when, stays.

        Raises:
            InternalError: Another certificate has its id. Nothing is changed then.
        """
        ...

    async def get(self, certificate_id: str) -> RegisteredCertificate | None:
        """The certificate of this id, or ``None``."""
        ...

    async def list(self, backend: str) -> tuple[RegisteredCertificate, ...]:
        """All that are registered to keys of a backend, by id."""
        ...

    async def put_maker(self, public_key: bytes, client: str) -> None:
        """Keep who made a key (DER of its SubjectPublicKeyInfo); durable when this returns."""
        ...

    async def maker(self, public_key: bytes) -> str | None:
        """Who made a key; ``None`` where it was not made through this proxy."""
        ...

    async def close(self) -> None:
        """Close what is open."""
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


class LinkObserver(Protocol):
    """Sees what happens on the links to all that the proxy stands on, beyond the exchanges in each call's spans.

    It is told while calls go on: it neither blocks nor raises.
    """

    def repeated(self, destination: str) -> None:
        """An attempt failed, and another one is about to be made."""
        ...

    def breaker_changed(self, destination: str, state: BreakerState) -> None:
        """The breaker of a destination changed to this state."""
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


class Sealer(Protocol):
    """Makes of a value what may be kept, and the value of it again."""

    async def seal(self, data: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt ``data``, bound to ``context``, which stands beside it in clear."""
        ...

    async def unseal(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """The value of what :meth:`seal` made with the same context.

        Raises:
            InternalError: It was sealed with another key or context, or changed since.
        """
        ...

    def keyed_digest(self, purpose: str, data: bytes) -> bytes:
        """32 bytes that stand for ``data``, and tell nothing of it to who does not have the key; others for other purposes."""
        ...

    async def close(self) -> None:
        """Give back threads."""
        ...


class IdempotencyStore(Protocol):
    """What is being done, and what was done, under idempotency keys. It sees keyed digests and sealed values alone.

    A claim is held by its owner while the owner renews it. Every method raises ``InternalError`` when the store cannot be used;
    what it wrote is durable when it returns.
    """

    lease_seconds: float
    """How long a claim is held without being renewed."""

    async def begin(self, scope: bytes, fingerprint: bytes, owner: str, transaction_id: str) -> Claim:
        """Claim a request, new or left unfinished by one who is gone, or find out why not.

        Args:
            scope: Stands for client, operation and key.
            fingerprint: Stands for all that makes the request this one.
            owner: Random name of who asks, unique to this claim.
            transaction_id: Of the call that asks.
        """
        ...

    async def replay(self, scope: bytes) -> Mapping[str, bytes]:
        """The sealed values that were kept of a request, by name; none once they are 24 hours old."""
        ...

    async def prepared(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """Keep a value of an unfinished request. Gives whether the claim is still the owner's; if not, nothing is kept."""
        ...

    async def done(self, scope: bytes, owner: str, name: str, sealed: bytes) -> bool:
        """Keep the result, for 24 hours, in place of all that was prepared. Gives what :meth:`prepared` gives."""
        ...

    async def renew(self, scope: bytes, owner: str) -> bool:
        """Hold the claim on. Gives whether it is still the owner's."""
        ...

    async def release(self, scope: bytes, owner: str, *, forget: bool) -> None:
        """Give an unfinished request up, for another to go on with; or to be forgotten, as nothing came of it."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
