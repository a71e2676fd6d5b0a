"""All signer backends of one application, and which of them has a certificate; their keys are ``signers.key_registry``'s.

A new backend that has certificates of its own is one line here; one that holds keys alone is one in ``signers.key_backends``.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable

from proxy.call import Call
from proxy.errors import CertificateNotFound, CertificateNotPermitted, SettingsError
from proxy.model import Credential
from proxy.outbound import Links
from proxy.ports import CertificateStore, Clock, SignerBackend
from proxy.settings import Settings
from proxy.signers.bindings import Binding, configured
from proxy.signers.central import CentralSigner
from proxy.signers.central_keys import CentralKeys
from proxy.signers.central_revocation import CentralRevocationSource
from proxy.signers.csc import CSCSigner
from proxy.signers.csc_timestamps import CSCTimestamps
from proxy.signers.key_backends import make_key_backends
from proxy.signers.key_registry import KeyRegistry
from proxy.signers.keyed import KeyedSigner
from proxy.signers.reservations import Reservations
from proxy.signers.verified import VerifiedSigner
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


class SignerRegistry:
    """Finds certificates and keys across the backends of the settings.

    Args:
        settings: Which backends there are.
        clock: For how long they keep what they know.
        store: Keeps certificates that are registered to keys of key backends, and who made keys; ``None`` where none is.
        links: Where their breakers are; their own alone, if none are given.

    Raises:
        SettingsError: A section or a credential cannot be used.

    Attributes:
        backends: In the order of look-up: key backends first.
        keys: The keys themselves, for clients who make them and have certificates issued.
    """

    def __init__(
        self, settings: Settings, clock: Clock, store: CertificateStore | None = None, links: Links | None = None
    ) -> None:
        links = links or Links()
        self._settings = settings
        self._clock = clock
        bindings: dict[str, list[Binding]] = defaultdict(list)
        for block in settings.credentials:
            bindings[block.backend].append(configured(block))
        self._reservations = Reservations(itertools.chain.from_iterable(bindings.values()))
        self._keyed = {
            keys.name: KeyedSigner(keys, bindings[keys.name], store, clock)
            for keys in make_key_backends(settings, clock, links)
        }
        made = (make(settings, clock, links) for make in _BACKENDS)
        others = tuple(backend for backend in made if backend is not None)
        self.backends: tuple[SignerBackend, ...] = (*self._keyed.values(), *others)
        seconds = settings.limits.coalesce_milliseconds / 1000
        self._signers = {backend.name: VerifiedSigner(backend, seconds, links) for backend in self.backends}
        self._central = next((backend for backend in others if isinstance(backend, CentralSigner)), None)
        sources = () if self._central is None else (CentralKeys(self._central.connection),)
        self.keys = KeyRegistry(self._keyed, others, sources, self._reservations, store)

    async def start(self) -> None:
        """Make the key backends ready, once, before the first call.

        Raises:
            SettingsError: What the settings say of one cannot be right.
        """
        await asyncio.gather(*(keyed.start() for keyed in self._keyed.values()))

    async def find(self, call: Call, certificate_id: str) -> tuple[VerifiedSigner, Credential]:
        """What signs with the first backend that has the certificate, and the credential.

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
            return self._signers[backend.name], credential
        raise CertificateNotFound("there is no certificate of this id")

    async def list_credentials(self, call: Call) -> tuple[Credential, ...]:
        """All certificates that the client may use; of two with one id, the one that :meth:`find` gives. Raises as that."""
        found: dict[str, Credential] = {}
        for backend in self.backends:
            for credential in await backend.list_credentials(call):
                found.setdefault(credential.certificate_id, credential)
        return tuple(credential for credential in found.values() if self._reservations.permit(call.client, credential))

    def central_revocation_source(self, finder: PathFinder) -> CentralRevocationSource:
        """The central signer's revocation relay; it shares the signer's connections.

        Args:
            finder: Finds the further issuers that the relay needs to see.

        Raises:
            SettingsError: There is no central signer.
        """
        if self._central is None:
            raise SettingsError("there is no central signer to ask for revocation data")
        return CentralRevocationSource(self._central.connection, finder, self._settings.revocation, self._clock)

    def csc_timestamps(self) -> CSCTimestamps | None:
        """The time-stamping of the provider of remote signatures, if there is one; it shares the signer's connections."""
        signers = (backend for backend in self.backends if isinstance(backend, CSCSigner))
        return next((CSCTimestamps(signer.connection) for signer in signers), None)

    async def close(self) -> None:
        """Close all backends."""
        for backend in self.backends:
            await backend.close()
