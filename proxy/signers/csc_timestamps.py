"""Timestamp tokens of a provider (CSC API v2.0, 11.13). ``proxy.tsa`` makes an authority of it, and checks each token."""

from base64 import b64encode

from proxy.call import Call
from proxy.model import Digest
from proxy.signers.csc_algorithms import HASH_OIDS
from proxy.signers.csc_answers import TimestampAnswer
from proxy.signers.csc_connection import CSCConnection


class CSCTimestamps:
    """Asks ``signatures/timestamp`` (:class:`proxy.tsa.csc.TokenSource`).

    Args:
        connection: To the provider; closed by the signer it belongs to.
    """

    name = "csc"

    def __init__(self, connection: CSCConnection) -> None:
        self._connection = connection

    @property
    def doubtful(self) -> bool:
        """Whether the provider failed a moment ago."""
        return self._connection.doubtful

    async def timestamp_token(self, call: Call, imprint: Digest, nonce: int | None) -> bytes:
        """DER of a token over an imprint, unchecked. It is not asked for twice: a token costs.

        Raises:
            SignerError, SignerUnavailable, Maintenance, AlgorithmNotAllowed, DeadlineExceeded: As named.
        """
        body = {"hash": b64encode(imprint.value).decode("ascii"), "hashAlgo": HASH_OIDS[imprint.algorithm]}
        if nonce is not None:
            body["nonce"] = f"{nonce:x}"
        answer = await self._connection.ask(call, "signatures/timestamp", body, TimestampAnswer, repeatable=False)
        return answer.timestamp
