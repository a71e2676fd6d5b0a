"""A timestamp token on a digest: RFC 3161 in, RFC 3161 out (contract, operation 8a)."""

from proxy.call import Call
from proxy.operations.journal import Journal
from proxy.tsa.profiles import TSAProfiles
from proxy.tsa.query import parse_query


class TimestampRelay:
    """Hands a caller's request to a profile's authorities, reduced to imprint, nonce, policy and certReq."""

    def __init__(self, *, tsa: TSAProfiles, journal: Journal) -> None:
        self._tsa = tsa
        self._journal = journal

    async def relay(self, call: Call, query: bytes, profile: str | None) -> bytes:
        """Ask for a token.

        Args:
            call: Deadline, ledger, facts.
            query: DER of a ``TimeStampReq`` (RFC 3161, 2.4.1).
            profile: Name of the profile; ``None`` for the default one.

        Returns:
            DER of the checked ``TimeStampResp``; a rejection by the authority as it stands.

        Raises:
            InvalidParameter: ``query`` is not a request.
            TSAProfileNotFound: No such profile.
            TSAError, TSAUnavailable, DeadlineExceeded: The authorities failed.
        """
        asked = parse_query(query)
        authorities = self._tsa.profile(profile)
        call.facts.digests.append(asked.imprint.value.hex())
        await self._journal.begun(call)
        async with call.deadline.enforce():
            with call.stage("timestamp"):
                return await authorities.relay(call, asked)
