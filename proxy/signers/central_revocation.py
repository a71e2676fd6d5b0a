"""Revocation data from the central signer's relay (contract, operation 2a), for a VPC without egress.

The central signer fetches, and the proxy verifies what it gets exactly as if it had fetched it itself.
"""

import asyncio
from base64 import b64encode
from datetime import datetime
from hashlib import sha256

from proxy.call import Call
from proxy.errors import DeadlineExceeded, ProxyError, RevocationUnavailable
from proxy.model import RevocationInfo
from proxy.ports import Clock
from proxy.settings import RevocationSettings
from proxy.signers.central_answers import RevocationAnswer
from proxy.signers.central_connection import CentralConnection
from proxy.trust import ocsp
from proxy.trust.crl import VerifiedCRL, read_crl, weight_of
from proxy.trust.failures import EvidenceRejected, PathFailure
from proxy.trust.memory import Memory
from proxy.trust.paths import PathFinder


class CentralRevocationSource:
    """Asks the central signer's relay (:class:`proxy.ports.RevocationSource`). Put a cache in front of it.

    Args:
        connection: To the central signer; closed by the signer it belongs to.
        finder: Finds the further issuers that the relay needs to see.
        settings: The largest OCSP response or CRL, and how much is kept of CRLs.
        clock: For how long a CRL is kept.
    """

    def __init__(self, connection: CentralConnection, finder: PathFinder, settings: RevocationSettings, clock: Clock) -> None:
        self._connection = connection
        self._finder = finder
        self._largest_answer = settings.max_bytes * 2
        self._lists: Memory[tuple[bytes, bytes], VerifiedCRL] = Memory(clock, settings.crl_memory_bytes, weigh=weight_of)

    async def revocation(
        self, call: Call, certificate: bytes, issuer: bytes, *, at: datetime, issued_after: datetime | None = None
    ) -> RevocationInfo:
        """See :meth:`proxy.ports.RevocationSource.revocation`; ``issued_after`` becomes ``Cache-Control: no-cache``."""
        certificates = await asyncio.to_thread(self._with_issuers, certificate, issuer, at)
        body = {"certificates": [b64encode(der).decode("ascii") for der in certificates]}
        try:
            answer = await self._connection.post(
                call,
                "/v1/revocation",
                body,
                RevocationAnswer,
                max_response_bytes=self._largest_answer,
                fresh=issued_after is not None,
                repeatable=True,
            )
        except DeadlineExceeded:
            raise
        except ProxyError as error:
            raise RevocationUnavailable(f"the central signer's revocation relay failed: {error.detail}") from error
        return await self._first_believable(call, answer, certificate, issuer, at)

    async def _first_believable(
        self, call: Call, answer: RevocationAnswer, certificate: bytes, issuer: bytes, at: datetime
    ) -> RevocationInfo:
        reasons = []
        for response in answer.ocsp_responses:
            try:
                return await asyncio.to_thread(ocsp.check_response, response, certificate, issuer, at)
            except EvidenceRejected as error:
                reasons.append(str(error))
        for der in answer.crls:
            try:
                revocation_list = await self._verified(call, der, issuer)
                revocation_list.check_current(at)
                return await asyncio.to_thread(revocation_list.lookup, certificate)
            except EvidenceRejected as error:
                reasons.append(str(error))
        raise RevocationUnavailable(
            "the central signer's revocation relay gave nothing that can be relied on" + (f": {reasons[0]}" if reasons else "")
        )

    async def _verified(self, call: Call, der: bytes, issuer: bytes) -> VerifiedCRL:
        """A list, parsed and verified once however many certificates it comes for."""

        async def load() -> tuple[VerifiedCRL, datetime]:
            found = await asyncio.to_thread(read_crl, der, issuer)
            return found, found.next_update

        key = await asyncio.to_thread(lambda: (sha256(der).digest(), sha256(issuer).digest()))
        return await self._lists.recall(call, key, load)

    def _with_issuers(self, certificate: bytes, issuer: bytes, at: datetime) -> tuple[bytes, ...]:
        try:
            path = self._finder.find(certificate, (issuer,), at).certificates
        except PathFailure:
            path = ()  # the relay decides by its own anchors; it may know one that this proxy does not
        return tuple(dict.fromkeys((certificate, issuer, *path[2:-1])))

    async def close(self) -> None:
        """Nothing to give back: the connection is the signer's."""
