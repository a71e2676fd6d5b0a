"""Revocation data from the central signer's relay (contract, operation 2a), for a VPC without egress.

The central signer fetches, and the proxy verifies what it gets exactly as if it had fetched it itself.
"""

import asyncio
from base64 import b64encode
from datetime import datetime

from proxy.call import Call
from proxy.errors import DeadlineExceeded, ProxyError, RevocationUnavailable
from proxy.model import RevocationInfo
from proxy.signers.central_answers import RevocationAnswer
from proxy.signers.central_connection import CentralConnection
from proxy.trust import ocsp
from proxy.trust.crl import read_crl
from proxy.trust.failures import EvidenceRejected, PathFailure
from proxy.trust.paths import PathFinder


class CentralRevocationSource:
    """Asks the central signer's relay (:class:`proxy.ports.RevocationSource`). Put a cache in front of it.

    Args:
        connection: To the central signer; closed by the signer it belongs to.
        finder: Finds the further issuers that the relay needs to see.
        max_bytes: Of one OCSP response or CRL.
    """

    def __init__(self, connection: CentralConnection, finder: PathFinder, max_bytes: int) -> None:
        self._connection = connection
        self._finder = finder
        self._largest_answer = max_bytes * 2

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
        return await asyncio.to_thread(_first_believable, answer, certificate, issuer, at)

    def _with_issuers(self, certificate: bytes, issuer: bytes, at: datetime) -> tuple[bytes, ...]:
        try:
            path = self._finder.find(certificate, (issuer,), at).certificates
        except PathFailure:
            path = ()  # the relay decides by its own anchors; it may know one that this proxy does not
        return tuple(dict.fromkeys((certificate, issuer, *path[2:-1])))

    async def close(self) -> None:
        """Nothing to give back: the connection is the signer's."""


def _first_believable(answer: RevocationAnswer, certificate: bytes, issuer: bytes, at: datetime) -> RevocationInfo:
    reasons = []
    for response in answer.ocsp_responses:
        try:
            return ocsp.check_response(response, certificate, issuer, at)
        except EvidenceRejected as error:
            reasons.append(str(error))
    for der in answer.crls:
        try:
            revocation_list = read_crl(der, issuer)
            revocation_list.check_current(at)
            return revocation_list.lookup(certificate)
        except EvidenceRejected as error:
            reasons.append(str(error))
    raise RevocationUnavailable(
        "the central signer's revocation relay gave nothing that can be relied on" + (f": {reasons[0]}" if reasons else "")
    )
