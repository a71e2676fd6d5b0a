"""Who watches the links to all that the proxy stands on."""

from typing import Protocol

from proxy.model import BreakerState


class LinkObserver(Protocol):
    """Sees what happens on the links to all that the proxy stands on, beyond the exchanges in each call's spans.

    It is told while calls go on: it neither blocks nor raises.
    """

    def repeated(self, destination: str) -> None:
        """An attempt failed, and another one is about to be made."""
        ...

    def breaker_changed(self, destination: str, state: BreakerState) -> None:
        """The breaker of a destination changed to this state."""
        ...
