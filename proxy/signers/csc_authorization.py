"""Authorizing a batch of digests: signature activation data for exactly these, and no more (CSC API v2.0, 11.6 and 11.7).

Every batch has an authorization of its own, bound to its digests also where the provider would not insist (SCAL1): one that
outlives its batch, or is for any digest, could be used for what nobody asked for (docs/adr/0017).
"""

import asyncio
from collections.abc import Sequence

import structlog

from proxy.call import Call
from proxy.errors import SignerError
from proxy.model import HashAlgorithm
from proxy.ports import Clock
from proxy.signers.csc_algorithms import HASH_OIDS
from proxy.signers.csc_answers import AuthorizationAnswer
from proxy.signers.csc_connection import CSCConnection
from proxy.signers.csc_credentials import CSCCredential
from proxy.signers.csc_failures import AuthDataRefused
from proxy.signers.csc_secrets import Secrets

_log = structlog.get_logger("proxy.signers")


class CSCAuthorization:
    """Gets signature activation data by secrets that the settings name.

    Args:
        connection: To the provider.
        clock: When a secret is read again.
    """

    def __init__(self, connection: CSCConnection, clock: Clock) -> None:
        self._connection = connection
        self._secrets = Secrets(clock)
        self._proven: dict[str, dict[str, str]] = {}
        self._refused: dict[str, dict[str, str]] = {}
        self._proving = asyncio.Lock()

    async def authorize(self, call: Call, held: CSCCredential, hash_algorithm: HashAlgorithm, hashes: Sequence[str]) -> str:
        """Signature activation data for these digests.

        A provider locks a credential after a few wrong secrets. So secrets that were refused are not sent again until they are
        others, and new ones are tried by one request while the others wait.

        Args:
            call: Deadline and ledger; its time bounds the wait for an authorization that is still underway.
            held: The credential.
            hash_algorithm: Of the digests.
            hashes: The digests as they will be sent to be signed, ``held.credential.multisign`` at most.

        Raises:
            SignerError: The secrets cannot be read, or are or were refused, or the provider failed.
            SignerUnavailable, Maintenance, CertificateNotFound, DeadlineExceeded: As named.
        """
        secrets = {name: await self._secrets.value(call, reference) for name, reference in held.auth_data.items()}
        body = {
            "credentialID": held.credential_id,
            "numSignatures": len(hashes),
            "hashes": hashes,
            "hashAlgorithmOID": HASH_OIDS[hash_algorithm],
            "authData": [{"id": name, "value": value} for name, value in secrets.items()],
        }
        if self._proven.get(held.credential_id) == secrets:
            return await self._finished(call, await self._ask(call, held, body, secrets))
        async with call.deadline.enforce(), self._proving:
            answer = await self._ask(call, held, body, secrets)
        return await self._finished(call, answer)

    async def _ask(
        self, call: Call, held: CSCCredential, body: dict[str, object], secrets: dict[str, str]
    ) -> AuthorizationAnswer:
        if self._refused.get(held.credential_id) == secrets:
            raise SignerError("the provider refused the credential's authentication data, and it is still the same")
        try:
            answer = await self._connection.ask(
                call, "credentials/authorize", body, AuthorizationAnswer, repeatable=False, secrets=tuple(secrets.values())
            )
        except AuthDataRefused:
            self._proven.pop(held.credential_id, None)
            self._refused[held.credential_id] = secrets
            _log.error("csc.authentication_data_refused", certificateId=held.credential.certificate_id)
            raise
        self._proven[held.credential_id] = secrets
        return answer

    async def _finished(self, call: Call, answer: AuthorizationAnswer) -> str:
        handle = answer.handle
        while answer.sad is None:
            if handle is None:
                raise SignerError("the provider gave neither an authorization nor a handle for one")
            await self._connection.pause(call)
            answer = await self._connection.ask(
                call, "credentials/authorizeCheck", {"handle": handle}, AuthorizationAnswer, repeatable=True
            )
            handle = answer.handle or handle
        return answer.sad
