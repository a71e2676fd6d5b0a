"""Keys without certificates: what holds them, what clients may ask of them, and where their certificates are kept."""

from collections.abc import Sequence
from typing import Protocol

from proxy.call import Call
from proxy.model import Digest, HeldKey, KeyAlgorithm, RegisteredCertificate, RequestedCertificate, SignAlgorithm


class KeyBackend(Protocol):
    """Keys without certificates: what a token, a key service or a folder holds. Their certificates are kept by the proxy."""

    name: str
    """Its name in logs, health and the ledger: ``pkcs11``, ``kms``, ``software``."""

    max_digests: int
    """How many digests one call takes; for a backend that signs one at a time, how many it makes of one call."""

    async def start(self) -> None:
        """Make ready what takes time, once, before the first call; what is not ready by then is so later, or its calls fail.

        Raises:
            SettingsError: What the settings say cannot be right: nothing but other settings will help.
        """
        ...

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
