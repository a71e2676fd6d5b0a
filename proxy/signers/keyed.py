"""A key backend with certificates to its keys: what makes keys in KMS, an HSM or files a :class:`proxy.ports.SignerBackend`.

Every credential is held against its key when it is asked for: a certificate whose key is another one signs nothing.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import structlog

from proxy.call import Call
from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotFound,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    ProxyError,
    SignerError,
)
from proxy.model import (
    Credential,
    Digest,
    HeldKey,
    KeyAlgorithm,
    MaintenanceState,
    RegisteredCertificate,
    RequestedCertificate,
    SignAlgorithm,
)
from proxy.ports import CertificateStore, Clock, KeyBackend
from proxy.signers.algorithms import check_request
from proxy.signers.bindings import Binding, check_certificates, credential_of, limited
from proxy.signers.certification_requests import request, request_info
from proxy.trust.certificates import public_key_info

_UNUSABLE = (AlgorithmNotAllowed, CertificateKeyMismatch, SignerError)
"""What is wrong with one key or certificate, and leaves the others as they are."""

_log = structlog.get_logger("proxy.signers")


class KeyedSigner:
    """The keys of one backend, with the certificates that are bound to them.

    Args:
        keys: The backend.
        bindings: The settings' certificates to its keys.
        store: Keeps those that are registered; ``None`` where none is.
        clock: When one is registered.
    """

    def __init__(self, keys: KeyBackend, bindings: Iterable[Binding], store: CertificateStore | None, clock: Clock) -> None:
        self.name = keys.name
        self.max_digests = keys.max_digests
        self._keys = keys
        self._configured = {binding.certificate_id: binding for binding in bindings}
        self._store = store
        self._clock = clock
        self._registered: dict[str, Binding] = {}
        self._told: dict[str, str] = {}

    async def start(self) -> None:
        """Make the key backend ready. Raises as :meth:`proxy.ports.KeyBackend.start`."""
        await self._keys.start()

    async def sign_digests(
        self, call: Call, credential: Credential, sign_algorithm: SignAlgorithm, digests: Sequence[Digest]
    ) -> tuple[bytes, ...]:
        """See :meth:`proxy.ports.DigestSigner.sign_digests`."""
        key, own = await self._held(call, await self._bound(credential.certificate_id))
        check_request(own, sign_algorithm, digests, self.max_digests)
        try:
            return await self._keys.sign(call, key, sign_algorithm, digests)
        except KeyNotFound as error:
            raise SignerError("the key of this certificate is not there any more") from error

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """See :meth:`proxy.ports.CertificateSource.list_credentials`. What cannot be used is left out, and logged."""
        found: list[Credential] = []
        failed: SignerError | None = None
        for binding in await self.bindings():
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
        return (await self._held(call, await self._bound(certificate_id)))[1]

    def forget(self, certificate_id: str) -> None:
        """Nothing to forget: a certificate is held against its key each time."""

    async def register_certificate(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """See :meth:`proxy.ports.CertificateSource.register_certificate`.

        The id is the first half of the certificate's SHA-256: registering it again changes nothing but its chain. One that the
        settings name is registered already.
        """
        if self._store is None:
            raise NotSupported("this deployment keeps no registered certificates")
        key = await self.get_key(call, key_id)
        check_certificates(certificate, chain)
        if public_key_info(certificate) != key.public_key:
            raise CertificateKeyMismatch("the certificate does not hold the public key of this key id")
        for binding in self._configured.values():
            if binding.certificate == certificate:
                return (await self._held(call, binding))[1]
        registered = RegisteredCertificate(
            certificate_id=sha256(certificate).hexdigest()[:32],
            backend=self.name,
            key_id=key_id,
            certificate=certificate,
            chain=tuple(chain),
            client=call.client,
            at=self._clock.now(),
        )
        if registered.certificate_id in self._configured:
            raise InvalidParameter("the settings give this certificate's id to another certificate")
        binding = _binding(registered)
        credential = self._credential(binding, key)
        await self._store.put(registered)
        self._registered[binding.certificate_id] = binding
        return credential

    async def list_keys(self, call: Call) -> tuple[HeldKey, ...]:
        """See :meth:`proxy.ports.KeySource.list_keys`."""
        return await self._keys.list_keys(call)

    async def get_key(self, call: Call, key_id: str) -> HeldKey:
        """One key, by its id alone. Raises as :meth:`proxy.ports.KeyBackend.get_key`."""
        key = await self._keys.get_key(call, key_id)
        if key.key_id != key_id:
            raise KeyNotFound("there is no key of this id")
        return key

    async def create_key(self, call: Call, algorithm: KeyAlgorithm, label: str | None) -> HeldKey:
        """See :meth:`proxy.ports.KeyBackend.create_key`."""
        return await self._keys.create_key(call, algorithm, label)

    async def certification_request(self, call: Call, key_id: str, wanted: RequestedCertificate) -> bytes:
        """See :meth:`proxy.ports.KeySource.certification_request`. What the key signs is a digest, as ever."""
        key = await self.get_key(call, key_id)
        able = limited(key, self._same_key(key))
        sign_algorithm = wanted.sign_algorithm or able.sign_algorithms[0]
        hash_algorithm = wanted.hash_algorithm or able.hash_algorithms[0]
        if sign_algorithm not in able.sign_algorithms or hash_algorithm not in able.hash_algorithms:
            raise AlgorithmNotAllowed(f"the key does not sign {sign_algorithm} with {hash_algorithm}")
        info = request_info(key.public_key, wanted)
        digest = Digest.of(info, hash_algorithm)
        call.facts.digests.append(digest.value.hex())
        (value,) = await self._keys.sign(call, key, sign_algorithm, [digest])
        return request(info, sign_algorithm, hash_algorithm, value)

    async def bindings(self) -> tuple[Binding, ...]:
        """All certificates: those of the settings, then those that are registered, by this process or another."""
        if self._store is not None:
            self._registered |= {one.certificate_id: _binding(one) for one in await self._store.list(self.name)}
        return tuple((self._configured | {**self._registered, **self._configured}).values())

    async def maintenance(self, call: Call) -> MaintenanceState:
        """Never in maintenance; raises as :meth:`proxy.ports.KeyBackend.check` where the keys cannot be used."""
        await self._keys.check(call)
        return MaintenanceState(in_maintenance=False)

    async def close(self) -> None:
        """Close the key backend."""
        await self._keys.close()

    async def _bound(self, certificate_id: str) -> Binding:
        found = self._configured.get(certificate_id) or self._registered.get(certificate_id)
        if found is None and self._store is not None:
            registered = await self._store.get(certificate_id)
            if registered is not None and registered.backend == self.name:
                found = self._registered[certificate_id] = _binding(registered)
        if found is None:
            raise CertificateNotFound("there is no certificate of this id")
        return found

    async def _held(self, call: Call, binding: Binding) -> tuple[HeldKey, Credential]:
        """The key of a binding, if it is the certificate's, and the credential they make."""
        try:
            key = await self._keys.get_key(call, binding.key)
        except KeyNotFound as error:
            raise SignerError("the key of this certificate is not there") from error
        if key.public_key != public_key_info(binding.certificate):
            raise CertificateKeyMismatch("the certificate does not hold the public key of the key it is bound to")
        return key, self._credential(binding, key)

    def _credential(self, binding: Binding, key: HeldKey) -> Credential:
        """What a binding and its key make. A registered one may do what every certificate of the settings with its key may."""
        if binding.certificate_id in self._configured:
            return credential_of(binding, key, (binding,))
        return credential_of(binding, key, self._same_key(key))

    def _same_key(self, key: HeldKey) -> list[Binding]:
        """The settings' certificates of a key."""
        return [one for one in self._configured.values() if public_key_info(one.certificate) == key.public_key]

    def _tell(self, binding: Binding, error: ProxyError) -> None:
        """Once for each thing that is wrong: lists are asked for often."""
        if self._told.get(binding.certificate_id) != error.detail:
            self._told[binding.certificate_id] = error.detail
            _log.warning(
                "credential.unusable",
                certificateId=binding.certificate_id,
                backend=self.name,
                code=error.code,
                detail=error.detail,
            )


def _binding(registered: RegisteredCertificate) -> Binding:
    return Binding(
        certificate_id=registered.certificate_id,
        key=registered.key_id,
        certificate=registered.certificate,
        chain=registered.chain,
        registered_by=registered.client,
    )
