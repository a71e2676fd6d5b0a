"""All signer backends of one application, and which of them has a certificate.

A new backend that has certificates of its own is one line here; one that holds keys alone is one in ``signers.key_backends``.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

from proxy.call import Call
from proxy.errors import CertificateNotFound, CertificateNotPermitted, KeyNotFound, NotSupported, ProxyError, SettingsError
from proxy.model import Credential
from proxy.outbound import Links
from proxy.ports import CertificateStore, Clock, SignerBackend
from proxy.settings import Settings
from proxy.signers.bindings import Binding, configured
from proxy.signers.central import CentralSigner
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.signers.csc import CSCSigner
from proxy.signers.csc_timestamps import CSCTimestamps
from proxy.signers.key_backends import make_key_backends
from proxy.signers.keyed import KeyedSigner
from proxy.signers.reservations import Reservations
from proxy.trust.certificates import public_key_info
from proxy.trust.paths import PathFinder

_BACKENDS: tuple[Callable[[Settings, Clock, Links], SignerBackend | None], ...] = (
    lambda settings, clock, links: (
        CentralSigner(settings.central, settings.limits.upstream_in_flight, clock, links) if settings.central else None
    ),
    lambda settings, clock, links: (
        CSCSigner(settings.csc, settings.limits.upstream_in_flight, clock, links) if settings.csc else None
    ),
)
"""One line a backend, in the order of look-up."""


KEY_SEPARATOR = ":"
"""Between a key backend's name and a key's id there, in the ids that callers know keys by."""


class SignerRegistry:
    """Finds certificates and keys across the backends of the settings.

    Args:
        settings: Which backends there are.
        clock: For how long they keep what they know.
        store: Keeps certificates that are registered to keys of key backends; ``None`` where none is registered.
        links: Where their breakers are; their own alone, if none are given.

    Raises:
        SettingsError: A section or a credential cannot be used.

    Attributes:
        backends: In the order of look-up: keys with certificates of the settings or the store first.
    """

    def __init__(
        self, settings: Settings, clock: Clock, store: CertificateStore | None = None, links: Links | None = None
    ) -> None:
        links = links or Links()
        self._settings = settings
        self._keeps_certificates = store is not None
        bindings: dict[str, list[Binding]] = defaultdict(list)
        for block in settings.credentials:
            bindings[block.backend].append(configured(block))
        self._reservations = Reservations(itertools.chain.from_iterable(bindings.values()))
        self._keyed = {
            keys.name: KeyedSigner(keys, bindings[keys.name], store, clock)
            for keys in make_key_backends(settings, clock, links)
        }
        made = (make(settings, clock, links) for make in _BACKENDS)
        self._others = tuple(backend for backend in made if backend is not None)
        self.backends: tuple[SignerBackend, ...] = (*self._keyed.values(), *self._others)

    async def find(self, call: Call, certificate_id: str) -> tuple[SignerBackend, Credential]:
        """The first backend that has the certificate, and the credential.

        Raises:
            CertificateNotFound: None has it.
            CertificateNotPermitted: The settings keep its key for other clients.
            AlgorithmNotAllowed, CertificateKeyMismatch: It cannot be used.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed on the way.
        """
        for backend in self.backends:
            try:
                credential = await backend.get_credential(call, certificate_id)
            except CertificateNotFound:
                continue
            if not self._reservations.permit(call.client, credential):
                raise CertificateNotPermitted("you may not use this signing certificate")
            return backend, credential
        raise CertificateNotFound("there is no certificate of this id")

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """All certificates that the client may use; of two with one id, the one that :meth:`find` gives. Raises as that."""
        found: dict[str, Credential] = {}
        for backend in self.backends:
            for credential in await backend.list_credentials(call):
                found.setdefault(credential.certificate_id, credential)
        return tuple(credential for credential in found.values() if self._reservations.permit(call.client, credential))

    async def require_key(self, call: Call, public_key: bytes, allowed: Callable[[str], bool]) -> None:
        """That a client may have to do with a key: it may use every certificate that the key has, at whichever backend.

        Args:
            call: Who asks.
            public_key: DER of its SubjectPublicKeyInfo.
            allowed: Which certificates the client may use, by id.

        Raises:
            KeyNotFound: It may not; that there is such a key is not told.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        ids: list[str] = []
        for keyed in self._keyed.values():
            ids += await keyed.certificates_of(public_key)
        for backend in self._others:
            credentials = await backend.list_credentials(call)
            ids += [one.certificate_id for one in credentials if public_key_info(one.certificate) == public_key]
        if not self._reservations.permit_key(call.client, public_key) or not all(allowed(one) for one in ids):
            raise KeyNotFound("there is no key of this id")

    async def register(self, call: Call, key_id: str, certificate: bytes, chain: Sequence[bytes]) -> Credential:
        """Bind an issued certificate (DER) to its key.

        The id of a key of a key backend begins with the backend's name: ``kms:1234abcd-…``. Such an id is looked for there and
        nowhere else; any other is that of a backend with keys and certificates of its own.

        Raises:
            KeyNotFound: No backend that takes registrations has the key.
            NotSupported: No backend takes registrations, or the one of the key does not.
            CertificateKeyMismatch, InvalidParameter: As the backend says.
            SignerError, SignerUnavailable, Maintenance, DeadlineExceeded: A backend failed.
        """
        name, _, own_id = key_id.partition(KEY_SEPARATOR)
        if name in self._keyed:
            return await self._keyed[name].register_certificate(call, own_id, certificate, chain)
        refusal: ProxyError = NotSupported("this deployment takes no registrations")
        if self._keyed and self._keeps_certificates:
            refusal = KeyNotFound("there is no key of this id")
        for backend in self._others:
            try:
                return await backend.register_certificate(call, key_id, certificate, chain)
            except KeyNotFound as error:
                refusal = error
            except NotSupported:
                continue
        raise refusal

    def central_revocation_source(self, finder: PathFinder) -> CentralRevocationSource:
        """The central signer's revocation relay; it shares the signer's connections.

        Args:
            finder: Finds the further issuers that the relay needs to see.

        Raises:
            SettingsError: There is no central signer.
        """
        for backend in self._others:
            if isinstance(backend, CentralSigner):
                return CentralRevocationSource(backend.connection, finder, self._settings.revocation.max_bytes)
        raise SettingsError("there is no central signer to ask for revocation data")

    def csc_timestamps(self) -> CSCTimestamps | None:
        """The time-stamping of the provider of remote signatures, if there is one; it shares the signer's connections."""
        signers = (backend for backend in self.backends if isinstance(backend, CSCSigner))
        return next((CSCTimestamps(signer.connection) for signer in signers), None)

    async def close(self) -> None:
        """Close all backends."""
        for backend in self.backends:
            await backend.close()
