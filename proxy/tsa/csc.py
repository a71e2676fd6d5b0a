"""An authority behind a provider of remote signatures: ``signatures/timestamp`` of the CSC API (v2.0, 11.13).

It gives a token and no reply, so the reply is made here; every check of the token is the same as of any other.
"""

from typing import Protocol

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
from proxy.tsa.query import UNREADABLE, TimeStampReq
from proxy.tsa.reply import Reply


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
    """

    def __init__(self, source: TokenSource) -> None:
        self.name = source.name
        self._source = source

    @property
    def doubtful(self) -> bool:
        """See :attr:`proxy.tsa.channel.Channel.doubtful`."""
        return self._source.doubtful

    async def ask(self, call: Call, query: TimeStampReq, *, once: bool) -> bytes:
        """See :meth:`proxy.tsa.channel.Channel.ask`. A policy cannot be asked for; the token is held to it."""
        del once  # what the provider turned away it may be asked again within a second
        try:
            token = await self._source.timestamp_token(call, query.imprint, query.nonce)
            response = Reply({"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token, strict=True)})
            der: bytes = response.dump()
        except (SignerUnavailable, Maintenance) as error:
            raise TSAUnavailable("the provider's time-stamping is not available", retry_after=error.retry_after) from error
        except (SignerError, AlgorithmNotAllowed, CertificateNotFound) as error:
            raise TSAError("the provider gave no timestamp token") from error
        except UNREADABLE as error:
            raise TSAError("the provider's timestamp token cannot be read") from error
        return der

    async def close(self) -> None:
        """Nothing to give back: the connections are the signer's."""
