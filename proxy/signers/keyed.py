"""A key backend with certificates to its keys: what makes keys in KMS, an HSM or files a :class:`proxy.ports.SignerBackend`.

Every credential is held against its key when it is asked for: a certificate whose key is another one signs nothing.
"""

from collections.abc import Iterable, Sequence

import structlog

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotFound,
    KeyNotFound,
    NotSupported,
    ProxyError,
    SignerError,
)
from proxy.model import Credential, Digest, HeldKey, MaintenanceState, SignAlgorithm
from proxy.ports import KeyBackend
from proxy.signers.algorithms import check_request
from proxy.signers.bindings import Binding, credential_of
from proxy.trust.certificates import public_key_info

_UNUSABLE = (AlgorithmNotAllowed, CertificateKeyMismatch, SignerError)
"""What is wrong with one key or certificate, and leaves the others as they are."""

_log = structlog.get_logger("proxy.signers")


class KeyedSigner:
    """The keys of one backend, with the certificates that are bound to them.

    Args:
        keys: The backend.
        bindings: The settings' certificates to its keys.
    """

    def __init__(self, keys: KeyBackend, bindings: Iterable[Binding]) -> None:
        self.name = keys.name
        self.max_digests = keys.max_digests
        self._keys = keys
        self._bindings = {binding.certificate_id: binding for binding in bindings}
        self._told: dict[str, str] = {}

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`."""
        key, own = await self._held(call, self._bound(credential.certificate_id))
        check_request(own, sign_algorithm, digests, self.max_digests)
        try:
            return await self._keys.sign(call, key, sign_algorithm, digests)
        except KeyNotFound as error:
            raise SignerError("the key of this certificate is not there any more") from error

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """See :meth:`proxy.ports.CertificateSource.list_credentials`. What cannot be used is left out, and logged."""
        found: list[Credential] = []
        failed: SignerError | None = None
        for binding in self._bindings.values():
            try:
                found.append((await self._held(call, binding))[1])
            except _UNUSABLE as error:
                self._tell(binding, error)
                if isinstance(error, SignerError):
                    failed = error  # of this key alone, perhaps; if of all, that is no empty list
        if failed is not None and not found:
            raise failed
        return tuple(found)

    async def get_credential(self, call: Call, certificate_id: str) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.get_credential`.

        Raises:
            CertificateKeyMismatch: The key that the settings name is not the certificate's.
            AlgorithmNotAllowed: The key does nothing of what the certificate and the settings allow.
        """
        return (await self._held(call, self._bound(certificate_id)))[1]

    async def register_certificate(  # the port's signature
        self,
        call: Call,  # noqa: ARG002
        key_id: str,  # noqa: ARG002
        certificate: bytes,  # noqa: ARG002
        chain: Sequence[bytes],  # noqa: ARG002
    ) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.register_certificate`."""
        raise NotSupported("this deployment keeps no registered certificates")

    async def maintenance(self, call: Call) -> MaintenanceState:
        """Never in maintenance; raises as :meth:`proxy.ports.KeyBackend.check` where the keys cannot be used."""
        await self._keys.check(call)
        return MaintenanceState(in_maintenance=False)

    async def close(self) -> None:
        """Close the key backend."""
        await self._keys.close()

    def _bound(self, certificate_id: str) -> Binding:
        try:
            return self._bindings[certificate_id]
        except KeyError as error:
            raise CertificateNotFound("there is no certificate of this id") from error

    async def _held(self, call: Call, binding: Binding) -> tuple[HeldKey, Credential]:
        """The key of a binding, if it is the certificate's, and the credential they make."""
        try:
            key = await self._keys.get_key(call, binding.key)
        except KeyNotFound as error:
            raise SignerError("the key of this certificate is not there") from error
        if key.public_key != public_key_info(binding.certificate):
            raise CertificateKeyMismatch("the certificate does not hold the public key of the key it is bound to")
        return key, credential_of(binding, key)

    def _tell(self, binding: Binding, error: ProxyError) -> None:
        """Once for each thing that is wrong: lists are asked for often."""
        if self._told.get(binding.certificate_id) != error.detail:
            self._told[binding.certificate_id] = error.detail
            _log.error(
                "credential.unusable",
                certificateId=binding.certificate_id,
                backend=self.name,
                code=error.code,
                detail=error.detail,
            )
