"""Validation data for a document's security store, and what it means when there is none."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from proxy.call import Call, Deadline
from proxy.errors import NotExtendable, RevocationUnavailable, SignerError, TSAError
from proxy.model import SignerCertificates, ValidationData
from proxy.operations.credentials import ReadyCredential
from proxy.ports import Clock
from proxy.trust.failures import PathFailure
from proxy.trust.validation_material import MaterialSource, names_responder

_ASK_AGAIN_SECONDS = 1.0
"""Between two questions for a fresher answer: responders issue in whole seconds."""


class Proofs:
    """Collects validation data for signers, time-stamping authorities, and what others signed."""

    def __init__(self, material: MaterialSource, clock: Clock, grace_seconds: float) -> None:
        self._material = material
        self._clock = clock
        self._grace_seconds = grace_seconds

    async def of_credential(
        self, call: Call, ready: ReadyCredential, *, issued_after: datetime | None = None
    ) -> ValidationData:
        """For a signing certificate and its issuers.

        Args:
            call: Deadline and ledger.
            ready: The credential.
            issued_after: Every answer must be issued then or later; waited for, as long as the settings say.

        Raises:
            SignerError: The certificate does not chain to an anchor.
            RevocationUnavailable: There is no answer, or none that is fresh enough in time.
        """
        signer = SignerCertificates(ready.credential.certificate, ready.credential.chain)
        try:
            # A grace period is asked for only where every certificate has a responder: a CRL is no answer then.
            return await self._collect(call, [signer], issued_after, ocsp_only=issued_after is not None)
        except PathFailure as error:
            raise SignerError(f"the signing certificate cannot be proven: {error}") from error

    async def of_authority(
        self, call: Call, signer: SignerCertificates, *, issued_after: datetime | None = None
    ) -> ValidationData:
        """For a time-stamping authority's certificate. Raises TSAError, RevocationUnavailable."""
        try:
            return await self._collect(call, [signer], issued_after)
        except PathFailure as error:
            raise TSAError(f"the time-stamping authority's certificate cannot be proven: {error}") from error

    async def of_others(self, call: Call, signers: Sequence[SignerCertificates]) -> ValidationData:
        """For whoever signed a document before. Raises NotExtendable, RevocationUnavailable."""
        try:
            return await self._collect(call, signers, None)
        except PathFailure as error:
            raise NotExtendable(f"a signature in the document cannot be proven: {error}") from error

    def require_responders(self, ready: ReadyCredential) -> None:
        """Refuse a grace period for a path on which a certificate names no OCSP responder: nothing fresh could be waited for.

        Raises:
            NotExtendable: Before anything is signed.
        """
        for certificate in ready.checked.path[:-1]:
            if not names_responder(certificate):
                raise NotExtendable("gracePolicy=fresh needs an OCSP responder for every certificate of the path")

    async def _collect(
        self,
        call: Call,
        signers: Sequence[SignerCertificates],
        issued_after: datetime | None,
        *,
        ocsp_only: bool = False,
    ) -> ValidationData:
        until = Deadline.after(self._grace_seconds)
        while True:
            collected = await self._material.collect(call, signers, at=self._clock.now(), issued_after=issued_after)
            oldest = collected.oldest_answer
            fresh = issued_after is None or oldest is None or oldest >= issued_after
            if fresh and not (ocsp_only and collected.data.crls):
                return collected.data
            if until.remaining < _ASK_AGAIN_SECONDS:
                raise RevocationUnavailable("no revocation data issued after the signing time came within the grace period")
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
