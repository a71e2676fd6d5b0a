"""An authority behind a provider of remote signatures: ``signatures/timestamp`` of the CSC API (v2.0, 11.13).

It gives a token and no reply, so the reply is made here; every check of the token is the same as of any other. Its tokens have
a breaker of their own: one that stamps wrongly may sign well.
"""

from typing import Protocol, TypeVar

from asn1crypto import cms

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateNotFound,
    Maintenance,
    SignerError,
    SignerUnavailable,
    TSAError,
    TSAUnavailable,
)
from proxy.model import Digest
from proxy.outbound import Links, LinkSuspended, LinkUntrue
from proxy.tsa.channel import Read, checked
from proxy.tsa.query import UNREADABLE, TimeStampReq
from proxy.tsa.reply import Reply

_T = TypeVar("_T")


class TokenSource(Protocol):
    """What a provider is asked through; ``proxy.signers.csc_timestamps`` has it."""

    name: str

    @property
    def doubtful(self) -> bool:
        """Whether it failed a moment ago."""
        ...

    async def timestamp_token(self, call: Call, imprint: Digest, nonce: int | None) -> bytes:
        """DER of a token, unchecked. Raises as a signer backend does."""
        ...


class CSCChannel:
    """A provider as a way to an authority (:class:`proxy.tsa.channel.Channel`).

    Args:
        source: The provider. It is closed by whoever opened it.
        links: Where the breaker of its tokens is.
    """

    def __init__(self, source: TokenSource, links: Links) -> None:
        self.name = source.name
        self._source = source
        self._tokens = links.dependency(f"tsa:{source.name}")

    @property
    def doubtful(self) -> bool:
        """See :attr:`proxy.tsa.channel.Channel.doubtful`."""
        return self._source.doubtful or self._tokens.doubtful

    async def ask(self, call: Call, query: TimeStampReq, read: Read[_T], *, once: bool) -> _T:
        """See :meth:`proxy.tsa.channel.Channel.ask`. A policy cannot be asked for; the token is held to it."""
        del once  # what the provider turned away it may be asked again within a second

        async def attempt() -> _T:
            token = await self._source.timestamp_token(call, query.imprint, query.nonce)
            return await checked(read, _reply(token))

        try:
            return await self._tokens.ask(call, attempt, repeatable=False, once=True)
        except LinkUntrue as error:
            raise error.reason from error
        except LinkSuspended as error:
            raise TSAUnavailable("the provider's time-stamping is not available", retry_after=error.retry_after) from error
        except (SignerUnavailable, Maintenance) as error:
            raise TSAUnavailable("the provider's time-stamping is not available", retry_after=error.retry_after) from error
        except (SignerError, AlgorithmNotAllowed, CertificateNotFound) as error:
            raise TSAError("the provider gave no timestamp token") from error

    async def close(self) -> None:
        """Nothing to give back: the connections are the signer's."""


def _reply(token: bytes) -> bytes:
    """Raises LinkUntrue where what is there is no token."""
    try:
        content = cms.ContentInfo.load(token, strict=True)
        der: bytes = Reply({"status": {"status": "granted"}, "time_stamp_token": content}).dump()
    except UNREADABLE as error:
        raise LinkUntrue(TSAError("the provider's timestamp token cannot be read")) from error
    return der
