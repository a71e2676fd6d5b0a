"""The backends that hold keys without certificates. A new one is one line here; its certificates are ``signers.keyed``'s."""

from collections.abc import Callable

from proxy.outbound import Links
from proxy.ports import Clock, KeyBackend
from proxy.settings import Settings
from proxy.signers.kms import KMSKeys
from proxy.signers.pkcs11.keys import PKCS11Keys
from proxy.signers.software import SoftwareKeys

_KEY_BACKENDS: tuple[Callable[[Settings, Clock, Links], KeyBackend | None], ...] = (
    lambda settings, _clock, _links: SoftwareKeys(settings.software) if settings.software else None,
    lambda settings, clock, links: (
        KMSKeys(settings.kms, settings.limits.upstream_in_flight, clock, links) if settings.kms else None
    ),
    lambda settings, clock, links: PKCS11Keys(settings.pkcs11, clock, links) if settings.pkcs11 else None,
)
"""One line a backend; its name is its section's."""


def make_key_backends(settings: Settings, clock: Clock, links: Links) -> tuple[KeyBackend, ...]:
    """The backends that the settings have a section for.

    Raises:
        SettingsError: A section cannot be used.
    """
    made = (make(settings, clock, links) for make in _KEY_BACKENDS)
    return tuple(backend for backend in made if backend is not None)
