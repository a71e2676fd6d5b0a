"""A provider of remote signatures by the Cloud Signature Consortium's API, version 2 (:class:`proxy.ports.SignerBackend`).

This is the port; below it are the rooms ``csc_credentials``, ``csc_authorization``, ``csc_signing`` and ``csc_connection``, the
latter over ``csc_oauth`` and ``csc_exchange``.
"""

import asyncio
from collections.abc import Sequence

from proxy.call import Call
from proxy.errors import CertificateNotFound, Maintenance, NotSupported, SignerError
from proxy.model import Credential, Digest, MaintenanceState, SignAlgorithm
from proxy.outbound import Links
from proxy.ports import Clock
from proxy.settings import CSCSettings
from proxy.signers.algorithms import check_request
from proxy.signers.csc_connection import DESTINATION, CSCConnection
from proxy.signers.csc_credentials import MAX_DIGESTS, CSCCredential, CSCCredentials
from proxy.signers.csc_signing import CSCSigning

_AT_ONCE = 4
"""Batches of one call that are at the provider at a time."""


class CSCSigner:
    """The credentials of one provider.

    Args:
        settings: Where it is, who the proxy is there, and which credentials may be used.
        in_flight: How many requests at a time.
        clock: When a token is too old, and a credential is asked for again.
        links: Where its breaker is; its own alone, if none are given.

    Raises:
        SettingsError: A URL is not ``https``, or a file cannot be used.

    Attributes:
        connection: For other uses of the same provider: its timestamps.
    """

    name = DESTINATION
    max_digests = MAX_DIGESTS

    def __init__(self, settings: CSCSettings, in_flight: int, clock: Clock, links: Links | None = None) -> None:
        self.connection = CSCConnection(settings, in_flight, clock, links or Links())
        self._credentials = CSCCredentials(settings, self.connection, clock)
        self._signing = CSCSigning(settings, self.connection, clock)

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`. One request to sign for every ``multisign`` digests."""
        check_request(credential, sign_algorithm, digests, self.max_digests)
        held = await self._credentials.find(call, credential.certificate_id)
        if held.credential.certificate != credential.certificate:
            raise SignerError("the credential has another certificate now")
        try:
            if len(digests) <= held.credential.multisign:
                return await self._signing.sign(call, held, sign_algorithm, digests)
            return await self._in_batches(call, held, sign_algorithm, digests)
        except CertificateNotFound:
            self.forget(credential.certificate_id)
            raise

    async def _in_batches(
        self, call: Call, held: CSCCredential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """What one authorization does not cover. The first failure ends all."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def sign(batch: Sequence[Digest]) -> tuple[bytes, ...]:
            async with turns:
                return await self._signing.sign(call, held, sign_algorithm, batch)

        multisign = held.credential.multisign
        batches = [digests[start : start + multisign] for start in range(0, len(digests), multisign)]
        tasks = [asyncio.ensure_future(sign(batch)) for batch in batches]
        try:
            return tuple(value for values in await asyncio.gather(*tasks) for value in values)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """See :meth:`proxy.ports.CertificateSource.list_credentials`. What cannot be used is left out, and logged."""
        return tuple(held.credential for held in await self._credentials.all(call))

    async def get_credential(self, call: Call, certificate_id: str) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.get_credential`.

        Raises:
            AlgorithmNotAllowed: Its key is of a kind that the contract does not have.
        """
        return (await self._credentials.find(call, certificate_id)).credential

    def forget(self, certificate_id: str) -> None:
        """See :meth:`proxy.ports.CertificateSource.forget`."""
        self._credentials.forget(certificate_id)

    async def register_certificate(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.register_certificate`: a provider issues its certificates itself."""
        del call, key_id, certificate, chain
        raise NotSupported("the provider of remote signatures takes no registrations")

    async def maintenance(self, call: Call) -> MaintenanceState:
        """See :meth:`proxy.ports.CertificateSource.maintenance`."""
        try:
            await self.connection.info(call)
        except Maintenance:
            return MaintenanceState(in_maintenance=True)
        return MaintenanceState(in_maintenance=False)

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.close()
