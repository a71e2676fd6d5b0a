"""The backends that hold keys without certificates. A new one is one line here; its certificates are ``signers.keyed``'s."""

from collections.abc import Callable

from proxy.ports import Clock, KeyBackend
from proxy.settings import Settings
from proxy.signers.kms import KMSKeys
from proxy.signers.software import SoftwareKeys

_KEY_BACKENDS: tuple[Callable[[Settings, Clock], KeyBackend | None], ...] = (
    lambda settings, _: SoftwareKeys(settings.software) if settings.software else None,
    lambda settings, clock: KMSKeys(settings.kms, settings.limits.upstream_in_flight, clock) if settings.kms else None,
)
"""One line a backend; its name is its section's."""


def make_key_backends(settings: Settings, clock: Clock) -> tuple[KeyBackend, ...]:
    """The backends that the settings have a section for.

    Raises:
        SettingsError: A section cannot be used.
    """
    made = (make(settings, clock) for make in _KEY_BACKENDS)
    return tuple(backend for backend in made if backend is not None)
