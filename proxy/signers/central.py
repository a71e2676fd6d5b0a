"""The central signer: the same contract as the proxy's own, over mutual TLS.

What it is sent for a signature is a certificate id, the names of two algorithms and digests.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, CertificateNotFound, InvalidParameter, SignerError
from proxy.model import Credential, Digest, HashAlgorithm, MaintenanceState, SignAlgorithm
from proxy.outbound import Links
from proxy.ports import Clock
from proxy.settings import CentralSettings
from proxy.signers.algorithms import Capabilities, capabilities, check_request
from proxy.signers.central_answers import (
    CertificatesAnswer,
    ChainAnswer,
    MaintenanceAnswer,
    RegistrationAnswer,
    SignaturesAnswer,
    known,
)
from proxy.signers.central_connection import DESTINATION, CentralConnection, segment
from proxy.trust.certificates import UnknownKeyAlgorithm, read_certificate
from proxy.trust.memory import Memory

_REMEMBERED = 4096
_PAGE = 1000
_MOST_PAGES = 20

_log = structlog.get_logger("proxy.signers")


class CentralSigner:
    """The backend behind a central signer's REST contract (:class:`proxy.ports.SignerBackend`).

    Args:
        settings: URL, TLS files, timeout, and how long certificates are kept.
        in_flight: How many requests at a time.
        clock: When a certificate is asked for again.
        links: Where its breaker is; its own alone, if none are given.

    Raises:
        SettingsError: The URL is not ``https``, or a file cannot be used.

    Attributes:
        connection: For other uses of the same central signer, such as its revocation relay.
    """

    name = DESTINATION
    max_digests = 100

    def __init__(self, settings: CentralSettings, in_flight: int, clock: Clock, links: Links | None = None) -> None:
        self.connection = CentralConnection(settings, in_flight, links or Links())
        self._clock = clock
        self._keys = settings.idempotency_keys
        self._cache_time = timedelta(seconds=settings.certificate_cache_seconds)
        self._credentials: Memory[str, Credential] = Memory(clock, _REMEMBERED)
        self._lists: Memory[str, tuple[str, ...]] = Memory(clock, 1)

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`."""
        hash_algorithm = check_request(credential, sign_algorithm, digests, self.max_digests)
        body = {
            "certificateId": credential.certificate_id,
            "hashAlgorithm": hash_algorithm,
            "signAlgorithm": sign_algorithm,
            "hashes": [b64encode(digest.value).decode("ascii") for digest in digests],
        }
        try:
            answer = await self.connection.post(
                call, "/v1/signatures/hash", body, SignaturesAnswer, idempotency_key=call.upstream_key if self._keys else None
            )
        except CertificateNotFound:
            self.forget(credential.certificate_id)
            raise
        except InvalidParameter as error:
            raise SignerError("the central signer does not understand the request") from error
        return tuple(answer.signatures)

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """See :meth:`proxy.ports.CertificateSource.list_credentials`."""

        async def load() -> tuple[tuple[str, ...], datetime]:
            return await self._certificate_ids(call), self._clock.now() + self._cache_time

        credentials = []
        for certificate_id in await self._lists.recall(call, "", load):
            try:
                credentials.append(await self.get_credential(call, certificate_id))
            except CertificateNotFound:
                continue  # gone since the list was made
            except AlgorithmNotAllowed as error:
                _log.warning("central.unusable_certificate", certificateId=certificate_id, detail=error.detail)
        return tuple(credentials)

    async def get_credential(self, call: Call, certificate_id: str) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.get_credential`.

        Raises:
            AlgorithmNotAllowed: Its key is of a kind that the contract does not have.
        """
        name = segment(certificate_id)
        if name is None:
            raise CertificateNotFound("there is no certificate of this id")

        async def load() -> tuple[Credential, datetime]:
            answer = await self.connection.get(call, f"/v1/certificates/{name}/chain", ChainAnswer)
            return _credential(certificate_id, answer), self._clock.now() + self._cache_time

        return await self._credentials.recall(call, certificate_id, load)

    def forget(self, certificate_id: str) -> None:
        """See :meth:`proxy.ports.CertificateSource.forget`."""
        self._credentials.forget(certificate_id)

    async def register_certificate(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.register_certificate`."""
        body = {
            "keyId": key_id,
            "certificate": b64encode(certificate).decode("ascii"),
            "chain": [b64encode(der).decode("ascii") for der in chain],
        }
        answer = await self.connection.post(call, "/v1/certificates", body, RegistrationAnswer)
        self._lists.forget("")
        self.forget(answer.certificate_id)
        return await self.get_credential(call, answer.certificate_id)

    async def maintenance(self, call: Call) -> MaintenanceState:
        """See :meth:`proxy.ports.CertificateSource.maintenance`."""
        answer = await self.connection.get(call, "/v1/maintenance", MaintenanceAnswer)
        return MaintenanceState(answer.in_maintenance, answer.starts, answer.ends, answer.message)

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.close()

    async def _certificate_ids(self, call: Call) -> tuple[str, ...]:
        found: dict[str, None] = {}
        cursor = ""
        for _ in range(_MOST_PAGES):
            page = await self.connection.get(call, f"/v1/certificates?limit={_PAGE}{cursor}", CertificatesAnswer)
            found.update(dict.fromkeys(entry.certificate_id for entry in page.certificates))
            if not page.next_cursor or not (following := segment(page.next_cursor)):
                return tuple(found)
            cursor = f"&cursor={following}"
        raise SignerError("the central signer's list of certificates does not end")


def _credential(certificate_id: str, answer: ChainAnswer) -> Credential:
    try:
        leaf = read_certificate(answer.certificates[0])
        for issuer in answer.certificates[1:]:
            read_certificate(issuer)
    except UnknownKeyAlgorithm as error:
        raise AlgorithmNotAllowed("the certificate's kind of key is not known") from error
    except ValueError as error:
        raise SignerError("the central signer's certificate cannot be read") from error
    declared = Capabilities(known(SignAlgorithm, answer.sign_algorithms), known(HashAlgorithm, answer.hash_algorithms))
    able = capabilities(leaf).restricted(declared)
    return Credential(
        certificate_id=certificate_id,
        certificate=answer.certificates[0],
        chain=tuple(answer.certificates[1:]),
        sign_algorithms=able.sign_algorithms,
        hash_algorithms=able.hash_algorithms,
        backend=CentralSigner.name,
        multisign=CentralSigner.max_digests,
    )
