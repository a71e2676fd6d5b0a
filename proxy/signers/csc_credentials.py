"""The credentials of a provider: which there are, and what each can do (CSC API v2.0, 11.4 and 11.5).

Callers' ids are looked up in what the settings name or the provider lists; only those are asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.call import Call
from proxy.errors import AlgorithmNotAllowed, CertificateNotFound, SignerError
from proxy.model import Credential
from proxy.ports import Clock
from proxy.secrets import SecretReference
from proxy.settings import CSCCredentialSettings, CSCSettings
from proxy.signers.algorithms import capabilities
from proxy.signers.csc_algorithms import declared_capabilities
from proxy.signers.csc_answers import CredentialInfo, CredentialsAnswer
from proxy.signers.csc_connection import DESTINATION, CSCConnection
from proxy.trust.anchors import load_anchors
from proxy.trust.certificates import UnknownKeyAlgorithm, issued_by, read_certificate
from proxy.trust.memory import Memory

MAX_DIGESTS = 100
"""That one call of the port takes, whatever a provider does."""

_REMEMBERED = 4096
_MOST_PAGES = 100
_LONGEST_CHAIN = 8

UNUSABLE = (AlgorithmNotAllowed, CertificateNotFound, SignerError)
"""Why nothing is known of a credential, while the provider itself answers."""

_log = structlog.get_logger("proxy.signers")


@dataclass(frozen=True, slots=True)
class CSCCredential:
    """A credential, and what it is asked for by.

    Attributes:
        credential: As the port has it.
        credential_id: The provider's name of it.
        key_algorithms: Object identifiers that ``signAlgo`` may be.
        auth_data: Secrets that authorize its use, by the ids of the provider's authentication objects.
    """

    credential: Credential
    credential_id: str
    key_algorithms: tuple[str, ...]
    auth_data: Mapping[str, SecretReference]


class CSCCredentials:
    """Finds credentials, and keeps what it learnt for a while.

    Args:
        settings: Which may be used, the secrets that authorize them, and what completes their chains.
        connection: To the provider.
        clock: When a credential is asked for again.

    Raises:
        SettingsError: A file of issuers cannot be read.
    """

    def __init__(self, settings: CSCSettings, connection: CSCConnection, clock: Clock) -> None:
        self._settings = settings
        self._connection = connection
        self._clock = clock
        self._cache_time = timedelta(seconds=settings.credential_cache_seconds)
        self._named = {one.certificate_id or one.id: one for one in settings.credentials}
        self._issuers = load_anchors(settings.issuers).certificates
        self._known: Memory[str, CSCCredential] = Memory(clock, _REMEMBERED, failures=UNUSABLE)
        self._lists: Memory[str, Mapping[str, CSCCredentialSettings]] = Memory(clock, 1)
        self._listed: dict[str, CredentialInfo] = {}

    async def find(self, call: Call, certificate_id: str) -> CSCCredential:
        """The credential that callers know by an id.

        Raises:
            CertificateNotFound: There is none.
            AlgorithmNotAllowed: Its key is of a kind that the contract does not have.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: The provider failed, or it cannot be used.
        """
        asked = (await self._permitted(call)).get(certificate_id)
        if asked is None:
            raise CertificateNotFound("there is no certificate of this id")

        async def load() -> tuple[CSCCredential, datetime]:
            try:
                return await self._load(call, certificate_id, asked), self._clock.now() + self._cache_time
            except UNUSABLE as error:
                _log.warning("csc.unusable_credential", certificateId=certificate_id, detail=error.detail)
                raise

        return await self._known.recall(call, certificate_id, load)

    async def all(self, call: Call) -> tuple[CSCCredential, ...]:
        """Those that can be used. Raises as :meth:`find` when there are some and none of them can."""
        found = []
        failed: SignerError | None = None
        for certificate_id in await self._permitted(call):
            try:
                found.append(await self.find(call, certificate_id))
            except SignerError as error:
                failed = error
            except (AlgorithmNotAllowed, CertificateNotFound):
                continue
        if failed is not None and not found:
            raise failed
        return tuple(found)

    def forget(self, certificate_id: str) -> None:
        """Ask for a credential anew the next time."""
        self._known.forget(certificate_id)

    async def _permitted(self, call: Call) -> Mapping[str, CSCCredentialSettings]:
        if self._named:
            return self._named

        async def load() -> tuple[Mapping[str, CSCCredentialSettings], datetime]:
            return await self._list(call), self._clock.now() + self._cache_time

        return await self._lists.recall(call, "", load)

    async def _list(self, call: Call) -> Mapping[str, CSCCredentialSettings]:
        body: dict[str, object] = {"credentialInfo": True, "certificates": "chain", "authInfo": True}
        if self._settings.user_id is not None:
            body["userID"] = self._settings.user_id
        if self._settings.page_size is not None:
            body["maxResults"] = self._settings.page_size
        found: dict[str, CSCCredentialSettings] = {}
        self._listed.clear()
        for _ in range(_MOST_PAGES):
            page = await self._connection.ask(call, "credentials/list", body, CredentialsAnswer, repeatable=True)
            found |= {credential_id: CSCCredentialSettings(id=credential_id) for credential_id in page.credential_ids}
            self._listed |= page.infos
            if page.next_page_token is None:
                return found
            body["pageToken"] = page.next_page_token
        raise SignerError("the provider's list of credentials does not end")

    async def _load(self, call: Call, certificate_id: str, asked: CSCCredentialSettings) -> CSCCredential:
        info = self._listed.pop(asked.id, None)
        chain = () if info is None else self._chain(info)
        if info is None or len(chain) == 1:
            body = {"credentialID": asked.id, "certificates": "chain", "authInfo": True}
            info = await self._connection.ask(call, "credentials/info", body, CredentialInfo, repeatable=True)
            chain = self._chain(info)
        if info.key.status.lower() != "enabled":
            raise SignerError("the provider has disabled the credential")
        if info.auth.mode.lower() == "oauth2code" and self._settings.authorization == "explicit":
            raise SignerError("the credential is authorized by a person in a browser, which a service cannot do")
        listed = asked.key_algorithms or tuple(info.key.algo)
        able = declared_capabilities(capabilities(read_certificate(chain[0])), listed)
        credential = Credential(
            certificate_id=certificate_id,
            certificate=chain[0],
            chain=chain[1:],
            sign_algorithms=able.sign_algorithms,
            hash_algorithms=able.hash_algorithms,
            backend=DESTINATION,
            multisign=min(info.multisign, MAX_DIGESTS),
        )
        auth_data = self._settings.auth_data if asked.auth_data is None else asked.auth_data
        return CSCCredential(credential, asked.id, listed, auth_data)

    def _chain(self, info: CredentialInfo) -> tuple[bytes, ...]:
        """The signing certificate and its issuers in order, completed by those of the settings."""
        certificates = info.cert.certificates
        try:
            chain = [read_certificate(certificates[0])]
            others = [read_certificate(der) for der in (*certificates[1:], *self._issuers)]
        except UnknownKeyAlgorithm as error:
            raise AlgorithmNotAllowed("the certificate's kind of key is not known") from error
        except ValueError as error:
            raise SignerError("the provider's certificate cannot be read") from error
        while len(chain) < _LONGEST_CHAIN:
            issuer = next((one for one in others if one not in chain and issued_by(chain[-1], one)), None)
            if issuer is None:
                break
            chain.append(issuer)
        return tuple(one.public_bytes(Encoding.DER) for one in chain)
