"""What outlives a request: records, and what is done under idempotency keys, sealed."""

from collections.abc import Mapping
from typing import Protocol

from proxy.model import Claim, TransactionPage, TransactionQuery, TransactionRecord


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
