"""Signing one batch of digests at a provider (CSC API v2.0, 11.10 and 11.12).

What leaves is a credential's id, algorithms, and digests. A request to sign is never made again when its answer was lost or
failed: the provider may have signed. It is made again when it was refused for its access token or its authorization, once each,
and when it was throttled: then nothing was signed (docs/adr/0017).
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence

from proxy.call import Call
from proxy.errors import SignerError
from proxy.model import Digest, SignAlgorithm
from proxy.ports import Clock
from proxy.settings import CSCSettings
from proxy.signers.csc_algorithms import HASH_OIDS, ecdsa_value, sign_algo, sign_algo_params
from proxy.signers.csc_answers import SignaturesAnswer
from proxy.signers.csc_authorization import CSCAuthorization
from proxy.signers.csc_connection import CSCConnection
from proxy.signers.csc_credentials import CSCCredential
from proxy.signers.csc_failures import SADRefused, TokenRefused


class CSCSigning:
    """Has batches signed.

    Args:
        settings: How the provider wants to be asked.
        connection: To the provider.
        clock: When a secret is read again.
    """

    def __init__(self, settings: CSCSettings, connection: CSCConnection, clock: Clock) -> None:
        self._connection = connection
        self._authorization: CSCAuthorization | None = None
        if settings.authorization == "explicit":
            self._authorization = CSCAuthorization(connection, clock)
        self._sad_in_header = settings.sad_in == "authorization"
        self._encode = b64encode if settings.hash_encoding == "base64" else urlsafe_b64encode
        self._asynchronous = settings.asynchronous

    async def sign(
        self, call: Call, held: CSCCredential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """Sign digests of one hash algorithm, ``held.credential.multisign`` at most.

        Returns:
            A value a digest, in the order of the provider: PKCS#1 octets, or DER for ECDSA.

        Raises:
            SignerError, SignerUnavailable, Maintenance, CertificateNotFound, AlgorithmNotAllowed, DeadlineExceeded: As named.
        """
        hash_algorithm = digests[0].algorithm
        hashes = [self._encode(digest.value).decode("ascii") for digest in digests]
        body: dict[str, object] = {
            "credentialID": held.credential_id,
            "hashes": hashes,
            "hashAlgorithmOID": HASH_OIDS[hash_algorithm],
            "signAlgo": sign_algo(held.key_algorithms, sign_algorithm, hash_algorithm),
        }
        parameters = sign_algo_params(sign_algorithm, hash_algorithm)
        if parameters is not None:
            body["signAlgoParams"] = b64encode(parameters).decode("ascii")
        if self._asynchronous:
            body["operationMode"] = "A"
        values = await self._finished(call, await self._begun(call, held, digests, hashes, body))
        if sign_algorithm is SignAlgorithm.ECDSA:
            values = [ecdsa_value(value) for value in values]
        return tuple(values)

    async def _begun(
        self, call: Call, held: CSCCredential, digests: Sequence[Digest], hashes: Sequence[str], body: dict[str, object]
    ) -> SignaturesAnswer:
        """Ask with the access token alone, or with an authorization, and with a second one where the first is refused."""
        if self._authorization is None:
            return await self._asked(call, body, None)
        sad = await self._authorization.authorize(call, held, digests[0].algorithm, hashes)
        try:
            return await self._asked(call, body, sad)
        except (SADRefused, TokenRefused):
            # Providers differ in how they say that an authorization has ended: 400 with a sentence, or 401.
            sad = await self._authorization.authorize(call, held, digests[0].algorithm, hashes)
        return await self._asked(call, body, sad)

    async def _asked(self, call: Call, body: dict[str, object], sad: str | None) -> SignaturesAnswer:
        in_header = sad if self._sad_in_header else None
        in_body = sad if not self._sad_in_header else None
        return await self._connection.ask(
            call,
            "signatures/signHash",
            body if in_body is None else {**body, "SAD": in_body},
            SignaturesAnswer,
            repeatable=False,
            bearer=in_header,
            secrets=() if in_body is None else (in_body,),
        )

    async def _finished(self, call: Call, answer: SignaturesAnswer) -> list[bytes]:
        """The values, which may still be underway. Whatever is refused from here on, the provider has begun to sign."""
        request_id = answer.response_id
        while answer.signatures is None:
            if request_id is None:
                raise SignerError("the provider gave neither signatures nor an id to ask for them by")
            await self._connection.pause(call)
            answer = await self._connection.ask(
                call, "signatures/signPolling", {"requestID": request_id}, SignaturesAnswer, repeatable=True
            )
        return answer.signatures
