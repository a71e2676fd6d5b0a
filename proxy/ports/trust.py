"""Who proves times, and who knows what is revoked."""

from datetime import datetime
from typing import Protocol

from proxy.call import Call
from proxy.model import Digest, RevocationInfo, TimestampToken


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
